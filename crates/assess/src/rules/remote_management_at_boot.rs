// SPDX-License-Identifier: Apache-2.0
//! `remote-management-at-boot`: the network operator's protocol waits for connections.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "remote-management-at-boot",
        title: "TR-069 (CWMP) starts at boot",
        theme: Theme::Exposure,
        mildest: Severity::Medium,
        worst: Severity::Medium,
        how: "Fires for a CWMP client that start-up is known to start. It waits for connection requests \
              (port 7547 or 30005) and lets the other side read and set any parameter and load firmware; \
              Mirai's variant of 2016 came in through this port.",
        false_positives: "A client that answers requests on an address of the operator's network only.",
        false_negatives: "Clients under other names, and those that a vendor's program starts.",
        remedy: "Leave it off unless the operator provisions the device; accept connection requests from \
                 the operator's addresses only, authenticated, over TLS.",
        references: &[Cwe(306), Etsi("5.6-1"), Cra("I(2)(j)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let message = "A client of the operator's remote management (TR-069) starts at boot";
    find_at_boot(scan, &["cwmp"], Severity::Medium, message)
}
