// SPDX-License-Identifier: Apache-2.0
//! `weak-key`: a key is short enough to be computed.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "weak-key",
        title: "Short key",
        theme: Theme::Secrets,
        mildest: Severity::Low,
        worst: Severity::High,
        how: "Fires for RSA and DSA keys below 2048 bits and elliptic-curve keys below 224 bits (NIST SP \
              800-57), in private keys and certificates. High for RSA below 1024; low for certificates \
              whose private key is elsewhere, such as those of authorities.",
        false_positives: "Keys of test suites and examples.",
        false_negatives: "Keys made from bad randomness.",
        remedy: "Use RSA with 3072 bits or an elliptic curve of 256 bits.",
        references: &[Cwe(326), Etsi("5.5-1"), Cra("I(2)(e)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let judge = |secret: &kakoi_model::Secret| {
        let (algorithm, bits) = match &secret.kind {
            SecretKind::PrivateKey { algorithm, bits, .. } => (algorithm.as_str(), *bits),
            SecretKind::Certificate { key, .. } => {
                let (name, length) = key.split_once(' ').unwrap_or((key, ""));
                (name, length.parse().ok())
            }
            _ => return Verdict::Clear,
        };
        let Some(bits) = bits else { return Verdict::CannotTell };
        let least = match algorithm.to_ascii_lowercase().as_str() {
            "rsa" | "dsa" => 2048,
            "ec" | "ecdsa" => 224,
            _ => return Verdict::Clear,
        };
        if bits >= least {
            return Verdict::Clear;
        }
        let listed =
            matches!(secret.kind, SecretKind::Certificate { private_key_present: false, .. });
        if listed {
            let message = format!(
                "This certificate has a key of {bits} bits ({algorithm}); {least} are the least."
            );
            return of_secret(Weakness::new(Severity::Low, message), secret);
        }
        let severity = if bits < 1024 && least == 2048 { Severity::High } else { Severity::Medium };
        let message =
            format!("It holds a key of {bits} bits ({algorithm}); {least} are the least.");
        of_secret(Weakness::new(severity, message), secret)
    };
    scan.facts.secrets().map(judge).collect()
}
