// SPDX-License-Identifier: Apache-2.0
//! `text-relocations`: code pages are written at start, so they cannot stay read-only.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "text-relocations",
        title: "Text relocations",
        theme: Theme::Programs,
        mildest: Severity::Info,
        worst: Severity::Medium,
        how: "Fires where the dynamic section has DT_TEXTREL or DF_TEXTREL: the dynamic linker makes \
              code writable to patch it.",
        false_positives: "None known; the flag may be set without a relocation that needs it.",
        false_negatives: "Code that is made writable at run time.",
        remedy: "Compile everything that goes into the file with `-fPIC` or `-fPIE`; link with \
                 `-Wl,-z,text` so that the linker refuses.",
        references: &[Cwe(1188), Etsi("5.6-8"), Cra("I(2)(k)")],
    },
    check: Check::Binary(check),
};

fn check(binary: &Binary<'_>) -> Verdict {
    match &binary.elf.hardening.text_relocations {
        Observed::Present(()) => {
            let message = format!("{} has its code patched at start.", binary.described());
            Weakness::new(binary.graded(Severity::Info), message)
                .because([Evidence::new("DT_TEXTREL in the dynamic section")])
                .found()
        }
        Observed::Absent => Verdict::Clear,
        Observed::Undetermined(_) => Verdict::CannotTell,
    }
}
