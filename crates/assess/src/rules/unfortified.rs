// SPDX-License-Identifier: Apache-2.0
//! `unfortified`: copies of known size are not checked.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "unfortified",
        title: "Unchecked copies (no FORTIFY_SOURCE)",
        theme: Theme::Programs,
        mildest: Severity::Info,
        worst: Severity::Low,
        how: "Fires where a file calls functions that the C library has checked variants of, and calls \
              none of those variants.",
        false_positives: "Calls whose sizes the compiler could prove or could not know stay unchecked \
                          even with the option.",
        false_negatives: "Files that call one checked variant count as fortified; the share is among \
                          their facts.",
        remedy: "Compile with `-O2 -D_FORTIFY_SOURCE=2` (3 from GCC 12 and glibc 2.34).",
        references: &[Cwe(120), Etsi("5.6-8"), Cra("I(2)(k)")],
    },
    check: Check::Binary(check),
};

fn check(binary: &Binary<'_>) -> Verdict {
    let fortify = &binary.elf.hardening.fortify;
    let draft = mitigation(binary, fortify, Severity::Info, "calls only unchecked copy functions");
    if fortify.absence == Some(Absence::ToolchainCannot) {
        return draft.remedy(
            "The C library has no checked variants: move to one that has (glibc, or musl with \
             fortify-headers), or review the copies by hand.",
        );
    }
    draft.verdict()
}
