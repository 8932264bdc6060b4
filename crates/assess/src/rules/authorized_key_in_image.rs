// SPDX-License-Identifier: Apache-2.0
//! `authorized-key-in-image`: somebody can log in to every device.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "authorized-key-in-image",
        title: "Authorised SSH key in the image",
        theme: Theme::Secrets,
        mildest: Severity::High,
        worst: Severity::Critical,
        how: "Fires for public keys in files that SSH servers take for authorised. Critical where an SSH \
              server starts at boot.",
        false_positives: "Images made for one owner.",
        false_negatives: "Keys that scripts fetch or write at boot.",
        remedy: "Remove the file from the image; let the owner add keys.",
        references: &[Cwe(798), Etsi("5.4-3"), Cra("I(2)(d)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let severity = if has_at_boot(scan, "ssh") { Severity::Critical } else { Severity::High };
    let judge = |secret: &kakoi_model::Secret| match &secret.kind {
        SecretKind::AuthorizedKey { key } => {
            let message = format!("The owner of `{key}` can log in to every device.");
            of_secret(Weakness::new(severity, message), secret)
        }
        _ => Verdict::Clear,
    };
    scan.facts.secrets().map(judge).collect()
}
