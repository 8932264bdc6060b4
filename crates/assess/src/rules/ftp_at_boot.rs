// SPDX-License-Identifier: Apache-2.0
//! `ftp-at-boot`: files and passwords go over the network in clear.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "ftp-at-boot",
        title: "FTP starts at boot",
        theme: Theme::Exposure,
        mildest: Severity::Medium,
        worst: Severity::Medium,
        how: "Fires for an FTP service that start-up is known to start.",
        false_positives: "A start-up line behind a condition that is never true.",
        false_negatives: "Servers that a web page switches on.",
        remedy: "Do not start it; use SFTP or HTTPS.",
        references: &[Cwe(319), Etsi("5.6-1"), Cra("I(2)(b)"), Cra("I(2)(e)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    find_at_boot(scan, &["ftp"], Severity::Medium, "An FTP service starts at boot")
}
