// SPDX-License-Identifier: Apache-2.0
//! `snmp-at-boot`: a management protocol waits behind a well-known word.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "snmp-at-boot",
        title: "SNMP starts at boot",
        theme: Theme::Exposure,
        mildest: Severity::Low,
        worst: Severity::Low,
        how: "Fires for an SNMP service that start-up is known to start. Versions 1 and 2c have a \
              community name in clear text for a password.",
        false_positives: "SNMPv3 with authentication and encryption.",
        false_negatives: "Servers under other names.",
        remedy: "Leave it off until the user asks; offer SNMPv3 only.",
        references: &[Cwe(319), Etsi("5.6-1"), Cra("I(2)(b)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    find_at_boot(scan, &["snmp"], Severity::Low, "An SNMP service starts at boot")
}
