// SPDX-License-Identifier: Apache-2.0
//! `no-stack-protector`: nothing notices when a stack buffer overflows into a return address.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "no-stack-protector",
        title: "No stack protector",
        theme: Theme::Programs,
        mildest: Severity::Info,
        worst: Severity::Medium,
        how: "Fires where no trace of the stack protector (canary check, failure function) is left in \
              a file that was looked at completely, and there are functions that it would protect.",
        false_positives: "Code without stack arrays that was compiled with the option; the C library \
                          and the dynamic linker, which may be built without it on purpose.",
        false_negatives: "A file where only some functions are protected counts as protected here; \
                          the share is among its facts.",
        remedy: "Compile with `-fstack-protector-strong`.",
        references: &[Cwe(121), Etsi("5.6-8"), Cra("I(2)(k)")],
    },
    check: Check::Binary(check),
};

fn check(binary: &Binary<'_>) -> Verdict {
    let protector = &binary.elf.hardening.stack_protector;
    mitigation(binary, protector, Severity::Info, "has no stack protector").verdict()
}
