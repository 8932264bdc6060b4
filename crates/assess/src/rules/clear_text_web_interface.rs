// SPDX-License-Identifier: Apache-2.0
//! `clear-text-web-interface`: the web interface is not encrypted.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "clear-text-web-interface",
        title: "Web interface without encryption",
        theme: Theme::Exposure,
        mildest: Severity::Low,
        worst: Severity::Low,
        how: "Fires where an HTTP service is known to start at boot and no HTTPS service is seen.",
        false_positives: "A server that speaks TLS on a port that its configuration sets at run time; \
                          redirections to HTTPS.",
        false_negatives: "HTTP beside HTTPS without redirection.",
        remedy: "Serve HTTPS with a certificate made on the device, and redirect HTTP to it.",
        references: &[Cwe(319), Etsi("5.5-1"), Cra("I(2)(e)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    if scan.facts.listeners().any(|listener| listener.service == "https") {
        return vec![Verdict::Clear];
    }
    let message = "A web interface without encryption starts at boot";
    find_at_boot(scan, &["http"], Severity::Low, message)
}
