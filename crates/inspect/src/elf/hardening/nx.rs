// SPDX-License-Identifier: Apache-2.0
//! Non-executable stack and data.
//!
//! `PT_GNU_STACK` asks; the kernel decides (fs/binfmt_elf.c, `elf_read_implies_exec` of each
//! architecture). On MIPS the request has force only on processors that can inhibit execution
//! (RIXI: required from release 6 on, else an option that router cores such as 4K, 24K, 34K, 74K,
//! 1004K lack), and since Linux 4.8, which moved the branch delay slots of the floating-point
//! emulator off the stack and made the heap follow the request as well.

use kakoi_model::{Absence, Evidence, Mitigation};

use super::{HEADERS_DAMAGED, Subject, undetermined_with};
use crate::elf::machine::{EM_AARCH64, EM_PPC64, EM_RISCV, EM_X86_64, is_mips};
use crate::elf::segment::{PT_GNU_STACK, Segment};

/// Release 6 in `EF_MIPS_ARCH`.
const MIPS_RELEASE_6: [u32; 2] = [9, 10];
/// Octeon+, Octeon II and III in `EF_MIPS_MACH`: they have RIXI (Linux cavium-octeon
/// cpu-feature-overrides.h).
const OCTEONS: [u32; 3] = [0x8c, 0x8d, 0x8e];

pub(super) fn find_nx(subject: &Subject<'_>) -> Mitigation<()> {
    if !subject.is_linked() {
        return Mitigation::absent(Absence::NotApplicable, Vec::new());
    }
    let segments = &subject.elf.segments;
    match segments.first(PT_GNU_STACK) {
        Some(stack) if stack.is_executable() => executable(subject, stack),
        Some(stack) => requested(subject, stack),
        None if !segments.intact => Mitigation::undetermined(
            HEADERS_DAMAGED,
            "the program headers are damaged; PT_GNU_STACK may be among the lost ones",
        ),
        None => unsaid(subject),
    }
}

fn requested(subject: &Subject<'_>, stack: &Segment) -> Mitigation<()> {
    let mut evidence = vec![stack.evidence("PT_GNU_STACK")];
    let header = &subject.elf.header;
    if !is_mips(header.machine) {
        return Mitigation::present((), evidence);
    }
    let level = header.flags >> 28;
    let model = header.flags >> 16 & 0xff;
    if MIPS_RELEASE_6.contains(&level) || OCTEONS.contains(&model) {
        evidence.push(Evidence::at("built for a processor with execute inhibit (RIXI)", 36));
        return Mitigation::present((), evidence);
    }
    evidence.push(Evidence::new(
        "requested, not enforced: MIPS processors before release 6 lack execute inhibit (RIXI) \
         unless their maker added it, and without it Linux runs code anywhere",
    ));
    Mitigation::absent(Absence::NotEnforced, evidence)
}

fn executable(subject: &Subject<'_>, stack: &Segment) -> Mitigation<()> {
    absent(subject, vec![stack.evidence("PT_GNU_STACK")])
}

/// GCC marks objects for MIPS as not needing an executable stack from version 10 on; before, one
/// had to tell the linker, and few did. A tool chain without a name may be of either kind.
fn absent(subject: &Subject<'_>, mut evidence: Vec<Evidence>) -> Mitigation<()> {
    if !is_mips(subject.elf.header.machine) || subject.compilers.any_from(10) {
        return Mitigation::absent(Absence::NotRequested, evidence);
    }
    let Some(age) = subject.compilers.all_before(10, 0) else {
        return Mitigation::absent(Absence::Unknown, evidence);
    };
    evidence.push(age);
    evidence.push(Evidence::new("GCC for MIPS asks for it from version 10 on"));
    Mitigation::absent(Absence::ToolchainCannot, evidence)
}

/// No `PT_GNU_STACK`: the default of the architecture. 64-bit kernels changed it in Linux 5.8.
fn unsaid(subject: &Subject<'_>) -> Mitigation<()> {
    let header = &subject.elf.header;
    let table = Evidence::at("program headers without PT_GNU_STACK", header.segments_at);
    match header.machine {
        EM_X86_64 | EM_AARCH64 if subject.elf.file.is_wide() => undetermined_with(
            "kernel-decides",
            "without PT_GNU_STACK everything readable is executable before Linux 5.8, nothing after",
            vec![table],
        ),
        EM_PPC64 | EM_RISCV => undetermined_with(
            "kernel-decides",
            "without PT_GNU_STACK the kernel of this architecture decides",
            vec![table],
        ),
        _ => {
            let default = Evidence::new("the default of this architecture is an executable stack");
            absent(subject, vec![table, default])
        }
    }
}
