// SPDX-License-Identifier: Apache-2.0
//! `encrypted-content`: a part of the image is encrypted.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "encrypted-content",
        title: "Encrypted content",
        theme: Theme::Coverage,
        mildest: Severity::Info,
        worst: Severity::Info,
        how: "Fires where a format says that its content is encrypted. It may be good practice; what it \
              holds was not judged.",
        false_positives: "None known.",
        false_negatives: "Encryption without a header shows as an unexplained region.",
        remedy: "Scan the decrypted image to have its content judged.",
        references: &[],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let encrypted = scan.facts.problems().filter(|it| it.code == ProblemCode::Encrypted);
    encrypted
        .map(|problem| {
            let subject = match &problem.path {
                Some(path) => path.absolute(),
                None => problem.subject.to_string(),
            };
            Weakness::new(Severity::Info, "This content is encrypted and was not judged.")
                .about(subject)
                .because([Evidence::at(problem.subject.to_string(), problem.offset)])
                .found()
        })
        .collect()
}
