// SPDX-License-Identifier: Apache-2.0
//! `writable-got`: the table of imported functions stays writable after start-up.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "writable-got",
        title: "Writable table of imported functions (no or partial RELRO)",
        theme: Theme::Programs,
        mildest: Severity::Info,
        worst: Severity::Medium,
        how: "Fires where PT_GNU_RELRO is missing, or is there without immediate binding, so that \
              the part of the global offset table that holds function pointers stays writable.",
        false_positives: "MIPS and other targets where lazy binding uses a table that RELRO never \
                          covered in the toolchain of that time: the table is writable all the same.",
        false_negatives: "Function pointers of the program's own.",
        remedy: "Link with `-Wl,-z,relro,-z,now`.",
        references: &[Cwe(123), Etsi("5.6-8"), Cra("I(2)(k)")],
    },
    check: Check::Binary(check),
};

fn check(binary: &Binary<'_>) -> Verdict {
    let relro = &binary.elf.hardening.relro;
    if binary.elf.linkage.present() == Some(&Linkage::Static) {
        return Verdict::Clear;
    }
    if relro.observed == Observed::Present(Relro::Partial) {
        let message = format!(
            "{} keeps its procedure linkage table writable (partial RELRO).",
            binary.described()
        );
        let severity = binary.graded(Severity::Info).min(Severity::Low);
        return Weakness::new(severity, message)
            .because(relro.evidence.clone())
            .remedy("Add immediate binding: link with `-Wl,-z,now`.")
            .found();
    }
    let is_outside = |evidence: &&kakoi_model::Evidence| evidence.what == kakoi_model::WRITABLE_GOT;
    if let Some(outside) = relro.evidence.iter().find(is_outside) {
        let message = format!(
            "{} keeps its table of imported functions writable: the linker left it out of RELRO.",
            binary.described()
        );
        return Weakness::new(binary.graded(Severity::Info).min(Severity::Low), message)
            .because([outside.clone()])
            .remedy("The linkers for MIPS have no option for it; the other mitigations count more.")
            .found();
    }
    mitigation(binary, relro, Severity::Info, "keeps its table of imported functions writable")
        .verdict()
}
