// SPDX-License-Identifier: Apache-2.0
//! `expired-certificate`: a certificate was over when the image was scanned.

use super::prelude::*;
use kakoi_model::Date;

pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "expired-certificate",
        title: "Expired certificate",
        theme: Theme::Secrets,
        mildest: Severity::Low,
        worst: Severity::Medium,
        how: "Compares the end of validity with the time of the scan. Medium where the private key is in \
              the image too, because the device then shows this certificate itself.",
        false_positives: "Collections of authorities keep expired ones without harm.",
        false_negatives: "Scans without a time stamp cannot tell.",
        remedy: "Renew the certificate on the device; ship a current collection of authorities.",
        references: &[Cwe(298), Etsi("5.5-1"), Cra("I(2)(e)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let judge = |secret: &kakoi_model::Secret| {
        let SecretKind::Certificate { not_after, private_key_present, .. } = &secret.kind else {
            return Verdict::Clear;
        };
        let Some(now) = scan.time else { return Verdict::CannotTell };
        if *not_after >= now {
            return Verdict::Clear;
        }
        let severity = if *private_key_present { Severity::Medium } else { Severity::Low };
        let end = Date::of(*not_after).map_or_else(|| "long ago".to_owned(), |day| day.to_string());
        let message = format!("This certificate expired on {end}.");
        of_secret(Weakness::new(severity, message), secret)
    };
    scan.facts.secrets().map(judge).collect()
}
