// SPDX-License-Identifier: Apache-2.0
//! `writable-executable-segment`: memory that can be written and run.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "writable-executable-segment",
        title: "Segment both writable and executable",
        theme: Theme::Programs,
        mildest: Severity::Low,
        worst: Severity::High,
        how: "Fires where a PT_LOAD program header asks for writing and execution at once.",
        false_positives: "Old PowerPC (BSS-PLT) and SPARC binaries need it by their ABI.",
        false_negatives: "Memory that is mapped so at run time.",
        remedy: "Link without `-Wl,-N` or `--omagic`, with `-Wl,-z,separate-code`; on PowerPC use \
                 `-msecure-plt`.",
        references: &[Cwe(119), Etsi("5.6-8"), Cra("I(2)(k)")],
    },
    check: Check::Binary(check),
};

fn check(binary: &Binary<'_>) -> Verdict {
    let headers = match &binary.elf.hardening.writable_executable {
        Observed::Present(headers) => headers,
        Observed::Absent => return Verdict::Clear,
        Observed::Undetermined(_) => return Verdict::CannotTell,
    };
    let message =
        format!("{} has memory that is writable and executable at once.", binary.described());
    let evidence =
        headers.iter().map(|index| Evidence::new(format!("program header {index}: RWX")));
    Weakness::new(binary.graded(Severity::Low), message).because(evidence).found()
}
