// SPDX-License-Identifier: Apache-2.0
//! Which decoder reads which function of a file.

use std::cell::RefCell;
use std::collections::HashMap;

use kakoi_model::Endian;

use crate::isa::{A32, A64, Decoder, Mips, Mips16, MipsRevision, Thumb, X86};
use crate::object::{Machine, Object};

/// Decoders of one file: one for each of up to two encodings.
pub(crate) struct Decoders {
    main: Box<dyn Decoder>,
    /// For functions whose addresses have bit 0 set; missing where the file has none.
    second: Option<Box<dyn Decoder>>,
    /// Registers that functions may change, by address; kept here because it is the same for all callers.
    pub(crate) changed: RefCell<HashMap<u64, u32>>,
}

/// Instructions are little-endian though data is big-endian (ELF for the Arm Architecture, §5.2).
const EF_ARM_BE8: u32 = 0x0080_0000;
/// The file has MIPS16 code; without it bit 0 of an address means microMIPS, or nothing.
const EF_MIPS_ARCH_ASE_M16: u32 = 0x0400_0000;

impl Decoders {
    pub(crate) fn of(object: &Object<'_>) -> Self {
        let order = if object.big { Endian::Big } else { Endian::Little };
        let changed = RefCell::default();
        let (main, second): (Box<dyn Decoder>, Option<Box<dyn Decoder>>) = match object.machine {
            Machine::X86_64 => (Box::new(X86::wide()), None),
            Machine::I386 => (Box::new(X86::narrow()), None),
            Machine::Aarch64 => (Box::new(A64), None),
            Machine::Arm => {
                let be8 = object.flags & EF_ARM_BE8 != 0;
                let order = if be8 { Endian::Little } else { order };
                (Box::new(A32 { order }), Some(Box::new(Thumb { order })))
            }
            Machine::MipsO32 | Machine::MipsN64 | Machine::MipsN32 => {
                let wide = object.machine != Machine::MipsO32;
                let second: Option<Box<dyn Decoder>> = (object.flags & EF_MIPS_ARCH_ASE_M16 != 0)
                    .then(|| Box::new(Mips16 { order }) as _);
                let revision = revision(object.flags);
                (Box::new(Mips { order, wide, revision }), second)
            }
        };
        Self { main, second, changed }
    }

    /// The decoder of a function; `mode` is bit 0 of its address.
    pub(crate) fn by_mode(&self, mode: u8) -> Option<&dyn Decoder> {
        if mode == 0 { Some(self.main.as_ref()) } else { self.second.as_deref() }
    }
}

/// `EF_MIPS_ARCH`: 9 and 10 are release 6.
fn revision(flags: u32) -> MipsRevision {
    if matches!(flags >> 28, 9 | 10) { MipsRevision::Six } else { MipsRevision::BeforeSix }
}
