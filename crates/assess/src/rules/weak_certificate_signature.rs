// SPDX-License-Identifier: Apache-2.0
//! `weak-certificate-signature`: a certificate is signed over a hash that can be forged.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "weak-certificate-signature",
        title: "Certificate signed with MD5 or SHA-1",
        theme: Theme::Secrets,
        mildest: Severity::Low,
        worst: Severity::Medium,
        how: "Fires for certificates that another one issued and whose signature is over MD2, MD4, MD5 \
              (medium) or SHA-1 (low). The signature of a self-issued certificate proves nothing and is \
              passed over.",
        false_positives: "Authorities that are trusted by being listed.",
        false_negatives: "Signatures of firmware and packages.",
        remedy: "Sign with SHA-256 or better.",
        references: &[Cwe(328), Etsi("5.5-1"), Cra("I(2)(e)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let judge = |secret: &kakoi_model::Secret| {
        let SecretKind::Certificate { subject, issuer, signature, .. } = &secret.kind else {
            return Verdict::Clear;
        };
        let algorithm = signature.to_ascii_lowercase();
        let severity = match algorithm.as_str() {
            _ if subject == issuer => return Verdict::Clear,
            name if name.contains("md5") || name.contains("md4") || name.contains("md2") => {
                Severity::Medium
            }
            name if name.contains("sha1") || name.contains("sha-1") => Severity::Low,
            _ => return Verdict::Clear,
        };
        let message = format!("This certificate is signed with {signature}.");
        of_secret(Weakness::new(severity, message), secret)
    };
    scan.facts.secrets().map(judge).collect()
}
