// SPDX-License-Identifier: Apache-2.0
//! `no-pie`: a program always lies at the same addresses.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "no-pie",
        title: "Program at fixed addresses (no PIE)",
        theme: Theme::Programs,
        mildest: Severity::Info,
        worst: Severity::Medium,
        how: "Fires for executables of type ET_EXEC. Their code and data lie where the linker put \
              them, so address space randomisation does not move what return-oriented code uses.",
        false_positives: "Programs that handle no input of others.",
        false_negatives: "A position-independent program on a kernel that does not randomise.",
        remedy: "Compile with `-fPIE` and link with `-pie` (static programs: `-static-pie`).",
        references: &[Cwe(1188), Etsi("5.6-8"), Cra("I(2)(k)")],
    },
    check: Check::Binary(check),
};

fn check(binary: &Binary<'_>) -> Verdict {
    let pie = &binary.elf.hardening.pie;
    if binary.elf.role != ElfRole::Executable {
        return Verdict::Clear;
    }
    mitigation(binary, pie, Severity::Info, "lies at fixed addresses").verdict()
}
