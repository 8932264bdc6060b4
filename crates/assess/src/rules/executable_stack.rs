// SPDX-License-Identifier: Apache-2.0
//! `executable-stack`: what an attacker writes to the stack can be run.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "executable-stack",
        title: "Executable stack",
        theme: Theme::Programs,
        mildest: Severity::Info,
        worst: Severity::High,
        how: "Fires where the program headers ask for an executable stack, have no PT_GNU_STACK on a \
              machine where that means executable, or ask for a protected one that the kernel of \
              this architecture does not give. One executable stack in a library makes that of \
              every program that loads it executable.",
        false_positives: "Programs that need trampolines (nested functions of GNU C) work only so.",
        false_negatives: "Programs that change the protection at run time with mprotect.",
        remedy: "Link with `-Wl,-z,noexecstack`; give assembly sources \
                 `.section .note.GNU-stack,\"\",%progbits`.",
        references: &[Cwe(119), Etsi("5.6-8"), Cra("I(2)(k)")],
    },
    check: Check::Binary(check),
};

fn check(binary: &Binary<'_>) -> Verdict {
    let nx = &binary.elf.hardening.nx;
    let absence = match nx.observed {
        Observed::Present(()) => return Verdict::Clear,
        Observed::Undetermined(_) => return Verdict::CannotTell,
        Observed::Absent => nx.absence.unwrap_or(Absence::Unknown),
    };
    let found = |base, how: &str| {
        let message = format!("{} has a stack that is executable{how}.", binary.described());
        Weakness::new(binary.graded(base), message).because(nx.evidence.clone())
    };
    match absence {
        Absence::NotApplicable => Verdict::Clear,
        Absence::NotEnforced | Absence::ArchitectureCannot => {
            found(Severity::Info, " whatever the file asks for").remedy(
                "Build with `-Wl,-z,noexecstack` and use a kernel and processor that enforce it \
                 (MIPS: Linux 4.8 or later with RIXI, and a kernel FPU emulator off the stack).",
            )
        }
        .found(),
        _ => found(Severity::Low, "").found(),
    }
}
