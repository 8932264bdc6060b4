// SPDX-License-Identifier: Apache-2.0
//! `tftp-at-boot`: files are served or taken without asking who it is.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "tftp-at-boot",
        title: "TFTP server starts at boot",
        theme: Theme::Exposure,
        mildest: Severity::Medium,
        worst: Severity::Medium,
        how: "Fires for a TFTP service that start-up is known to start. TFTP has no login.",
        false_positives: "Recovery modes that are not reached in use.",
        false_negatives: "Servers inside other programs.",
        remedy: "Do not start it outside recovery.",
        references: &[Cwe(306), Etsi("5.6-1"), Cra("I(2)(d)"), Cra("I(2)(j)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    find_at_boot(scan, &["tftp"], Severity::Medium, "A TFTP service starts at boot")
}
