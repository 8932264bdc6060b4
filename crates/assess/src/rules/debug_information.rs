// SPDX-License-Identifier: Apache-2.0
//! `debug-information`: a map of the program is shipped with it.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "debug-information",
        title: "Debug information left in",
        theme: Theme::Programs,
        mildest: Severity::Info,
        worst: Severity::Info,
        how: "Fires where a program or library holds debug sections.",
        false_positives: "Development images.",
        false_negatives: "Symbol tables without debug information are not counted.",
        remedy: "Strip before packing: `strip --strip-unneeded`.",
        references: &[Cwe(215), Etsi("5.6-6")],
    },
    check: Check::Binary(check),
};

fn check(binary: &Binary<'_>) -> Verdict {
    match &binary.elf.symbols {
        Observed::Present(Symbols::Debug) => {
            Weakness::new(Severity::Info, "It holds debug information, which eases its analysis.")
                .because([Evidence::new("debug sections")])
                .found()
        }
        Observed::Undetermined(_) => Verdict::CannotTell,
        _ => Verdict::Clear,
    }
}
