// SPDX-License-Identifier: Apache-2.0
//! `checksum-mismatch`: bytes of the image are not those that its checksums were made for.

use super::prelude::*;
use std::collections::BTreeMap;

pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "checksum-mismatch",
        title: "Checksum does not match",
        theme: Theme::Coverage,
        mildest: Severity::Info,
        worst: Severity::Info,
        how: "Fires where a checksum of a container or file does not match the bytes that it covers: the \
              image is damaged, was changed, or uses the field in its own way.",
        false_positives: "Vendors that compute the sum in their own way.",
        false_negatives: "Formats without checksums.",
        remedy: "Fetch the image again and compare it with the vendor's digest.",
        references: &[Cwe(353)],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let mut by_subject: BTreeMap<String, Vec<Evidence>> = BTreeMap::new();
    for problem in scan.facts.problems().filter(|it| it.code == ProblemCode::BadChecksum) {
        let place = problem.path.as_ref().map(|path| path.absolute());
        let subject = place.unwrap_or_else(|| problem.subject.to_string());
        let evidence = Evidence::at(problem.detail.clone(), problem.offset);
        by_subject.entry(subject).or_default().push(evidence);
    }
    let found = |(subject, evidence): (String, Vec<Evidence>)| {
        Weakness::new(Severity::Info, "A checksum does not match the bytes that it covers.")
            .about(subject)
            .because(evidence.into_iter().take(4))
            .found()
    };
    by_subject.into_iter().map(found).collect()
}
