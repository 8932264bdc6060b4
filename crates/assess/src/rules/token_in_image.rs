// SPDX-License-Identifier: Apache-2.0
//! `token-in-image`: a password or token for something else is in the image.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "token-in-image",
        title: "Password or token in a file",
        theme: Theme::Secrets,
        mildest: Severity::Medium,
        worst: Severity::Medium,
        how: "Fires for text in configurations and scripts that looks like a password or an access token.",
        false_positives: "Placeholders, examples, defaults that the user is made to change.",
        false_negatives: "Tokens inside programs or in an unusual form.",
        remedy: "Give each device its own token at production, and revoke this one.",
        references: &[Cwe(798), Etsi("5.4-3"), Cra("I(2)(e)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let judge = |secret: &kakoi_model::Secret| match &secret.kind {
        SecretKind::Token { kind } => of_secret(
            Weakness::new(Severity::Medium, format!("It holds what looks like a secret ({kind}).")),
            secret,
        ),
        _ => Verdict::Clear,
    };
    scan.facts.secrets().map(judge).collect()
}
