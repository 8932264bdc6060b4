// SPDX-License-Identifier: Apache-2.0
//! `no-stack-clash-protection`: a large frame can jump over the guard page.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "no-stack-clash-protection",
        title: "No stack clash protection",
        theme: Theme::Programs,
        mildest: Severity::Info,
        worst: Severity::Low,
        how: "Fires for programs that start at boot whose large stack frames are not probed page by \
              page, where that can be told.",
        false_positives: "Large frames that input cannot grow.",
        false_negatives: "Programs that only others start; machines on which probes cannot be told \
                          from other code.",
        remedy: "Compile with `-fstack-clash-protection` (GCC 8, Clang 11 or later).",
        references: &[Cwe(770), Etsi("5.6-8"), Cra("I(2)(k)")],
    },
    check: Check::Binary(check),
};

fn check(binary: &Binary<'_>) -> Verdict {
    if binary.exposure == Exposure::Dormant {
        return Verdict::Clear;
    }
    let clash = &binary.elf.hardening.stack_clash;
    mitigation(binary, clash, Severity::Info, "does not probe large stack frames").verdict()
}
