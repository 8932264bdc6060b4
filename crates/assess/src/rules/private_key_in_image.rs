// SPDX-License-Identifier: Apache-2.0
//! `private-key-in-image`: everybody who has the image has the key.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "private-key-in-image",
        title: "Private key in the image",
        theme: Theme::Secrets,
        mildest: Severity::Medium,
        worst: Severity::High,
        how: "Fires for private keys: high without, medium with a pass phrase.",
        false_positives: "Keys of test suites and examples; a key that the device replaces at first boot.",
        false_negatives: "Keys inside encrypted containers and in formats that are not known.",
        remedy: "Make the key on the device at first boot, or at production, one for each device.",
        references: &[Cwe(321), Etsi("5.4-3"), Etsi("5.4-4"), Cra("I(2)(e)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let judge = |secret: &kakoi_model::Secret| {
        let SecretKind::PrivateKey { algorithm, bits, encrypted, encoding, .. } = &secret.kind
        else {
            return Verdict::Clear;
        };
        let length = bits.map(|bits| format!("{bits}-bit ")).unwrap_or_default();
        let (severity, how) = match encrypted {
            true => (Severity::Medium, ", protected by a pass phrase"),
            false => (Severity::High, ""),
        };
        let message = format!("It holds a {length}{algorithm} private key ({encoding}{how}).");
        of_secret(Weakness::new(severity, message), secret)
    };
    scan.facts.secrets().map(judge).collect()
}
