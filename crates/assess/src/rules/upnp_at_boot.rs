// SPDX-License-Identifier: Apache-2.0
//! `upnp-at-boot`: programs inside the network open ports to the outside.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "upnp-at-boot",
        title: "UPnP port mapping starts at boot",
        theme: Theme::Exposure,
        mildest: Severity::Low,
        worst: Severity::Low,
        how: "Fires for a UPnP service that start-up is known to start. Which side it listens on is not \
              told by the image.",
        false_positives: "Media servers that map no ports.",
        false_negatives: "UPnP inside a larger program.",
        remedy: "Leave it off until the user asks; bind it to the inner network only.",
        references: &[Cwe(284), Etsi("5.6-1"), Cra("I(2)(b)"), Cra("I(2)(j)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    find_at_boot(scan, &["upnp", "ssdp"], Severity::Low, "A UPnP service starts at boot")
}
