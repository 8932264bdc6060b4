// SPDX-License-Identifier: Apache-2.0
//! `shared-tls-identity`: every device proves the same identity.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "shared-tls-identity",
        title: "Certificate and its private key in the image",
        theme: Theme::Secrets,
        mildest: Severity::High,
        worst: Severity::High,
        how: "Fires for certificates whose private key lies in the image too: whoever has the image can \
              pose as the device and read what it sends.",
        false_positives: "A pair that the device replaces at first boot.",
        false_negatives: "Keys in formats that are not known.",
        remedy: "Make key and certificate on the device at first boot.",
        references: &[Cwe(321), Cwe(295), Etsi("5.4-4"), Cra("I(2)(e)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let judge = |secret: &kakoi_model::Secret| match &secret.kind {
        SecretKind::Certificate { private_key_present: true, .. } => {
            let message = "The private key of this certificate is in the image too.";
            of_secret(Weakness::new(Severity::High, message), secret)
        }
        _ => Verdict::Clear,
    };
    scan.facts.secrets().map(judge).collect()
}
