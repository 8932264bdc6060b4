// SPDX-License-Identifier: Apache-2.0
//! Control-flow protection by the processor: Intel CET and AArch64 BTI and PAC.
//!
//! The linker writes the property only when every object has it, and the loader goes by it; the
//! one exception is PAC on AArch64, whose instructions work without it.

use kakoi_model::{Absence, ElfRole, Evidence, Mitigation};

use super::{HEADERS_DAMAGED, Subject};
use crate::elf::code::Code;
use crate::elf::machine::{EM_386, EM_AARCH64, EM_RISCV, EM_X86_64};
use crate::elf::note::Property;

const GNU_PROPERTY_X86_FEATURE_1_AND: u32 = 0xc000_0002;
/// The same number on AArch64 and RISC-V.
const GNU_PROPERTY_FEATURE_1_AND: u32 = 0xc000_0000;

/// `paciasp` and `pacibsp`.
const PAC_INSTRUCTIONS: [u32; 2] = [0xd503_233f, 0xd503_237f];

pub(super) fn find_control_flow(subject: &Subject<'_>) -> Mitigation<Vec<String>> {
    let (kind, names, gcc): (u32, &[&str], (u32, u32)) = match subject.elf.header.machine {
        EM_386 | EM_X86_64 => (GNU_PROPERTY_X86_FEATURE_1_AND, &["ibt", "shstk"], (8, 0)),
        EM_AARCH64 => (GNU_PROPERTY_FEATURE_1_AND, &["bti", "pac", "gcs"], (9, 0)),
        EM_RISCV => (GNU_PROPERTY_FEATURE_1_AND, &["zicfilp", "zicfiss"], (15, 0)),
        _ => {
            let machine = Evidence::at("e_machine", 18);
            return Mitigation::absent(Absence::ArchitectureCannot, vec![machine]);
        }
    };
    if matches!(subject.role, ElfRole::Kernel | ElfRole::KernelModule | ElfRole::Object) {
        return Mitigation::undetermined("kernel-decides", "a property of the linked kernel");
    }
    let property = subject.elf.notes.properties.iter().find(|property| property.kind == kind);
    let mut found = property.map(|property| features(property, names)).unwrap_or_default();
    let mut evidence: Vec<_> =
        property.iter().map(|p| Evidence::at(".note.gnu.property", p.at)).collect();
    if !found.iter().any(|name| name == "pac")
        && !subject.is_static()
        && let Some(at) = find_pac(subject)
    {
        found.push("pac".to_owned());
        evidence.push(Evidence::at("paciasp instruction at this address", at));
    }
    let segments = &subject.elf.segments;
    match (found.is_empty(), segments.intact && subject.elf.notes.whole) {
        _ if kind == GNU_PROPERTY_FEATURE_1_AND && !segments.loaded_whole => {
            Mitigation::undetermined(HEADERS_DAMAGED, "some of the code is lost")
        }
        (false, _) => Mitigation::present(found, evidence),
        (true, true) => subject.absent_since_gcc(gcc, evidence).into(),
        (true, false) => Mitigation::undetermined(HEADERS_DAMAGED, "the notes are damaged"),
    }
}

fn features(property: &Property, names: &[&str]) -> Vec<String> {
    let set = names.iter().enumerate().filter(|(bit, _)| property.value >> bit & 1 != 0);
    set.map(|(_, name)| (*name).to_owned()).collect()
}

fn find_pac(subject: &Subject<'_>) -> Option<u64> {
    if subject.elf.header.machine != EM_AARCH64 {
        return None;
    }
    let code = Code::of(subject.elf);
    let mut words = code.iter().flat_map(Code::words);
    words.find(|(_, word)| PAC_INSTRUCTIONS.contains(word)).map(|(at, _)| at)
}
