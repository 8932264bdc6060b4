// SPDX-License-Identifier: Apache-2.0
//! Instruction decoders: every offset of the input, in every set.
#![no_main]

use kakoi_model::Endian;
use kakoi_syscalls::isa::{A32, A64, Decoder, MOST_EFFECTS, Mips, Mips16, MipsRevision, Thumb};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((address, code)) = data.split_first_chunk::<8>() else { return };
    let address = u64::from_le_bytes(*address);
    sweep(&A64, code, address);
    for order in [Endian::Little, Endian::Big] {
        sweep(&A32 { order }, code, address);
        sweep(&Thumb { order }, code, address);
        sweep(&Mips16 { order }, code, address);
        for revision in [MipsRevision::BeforeSix, MipsRevision::Six] {
            for wide in [false, true] {
                sweep(&Mips { order, wide, revision }, code, address);
            }
        }
    }
});

fn sweep(decoder: &dyn Decoder, code: &[u8], address: u64) {
    for offset in 0..code.len() {
        if let Some(instruction) = decoder.decode_in(code, offset, address.wrapping_add(offset as u64)) {
            assert!(matches!(instruction.size, 2 | 4));
            assert!(instruction.effects.len() <= MOST_EFFECTS);
        }
    }
}
