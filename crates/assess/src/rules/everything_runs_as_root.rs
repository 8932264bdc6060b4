// SPDX-License-Identifier: Apache-2.0
//! `everything-runs-as-root`: one hole in any service is a hole in all.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "everything-runs-as-root",
        title: "Every service runs as root",
        theme: Theme::StartUp,
        mildest: Severity::Medium,
        worst: Severity::Medium,
        how: "Fires where three or more services start at boot and none of them has another user than \
              root.",
        false_positives: "Services that change their user themselves after start: the image shows only \
                          how they are started.",
        false_negatives: "Images where one harmless service has a user of its own.",
        remedy: "Start services as users of their own (procd `user`, systemd `User=`, `su`, \
                 `start-stop-daemon --chuid`), with only the capabilities that they need.",
        references: &[Cwe(250), Etsi("5.6-7"), Cra("I(2)(k)")],
    },
    check: Check::Image(check),
};

/// Fewer services than this say nothing about how a device is built.
const FEW: usize = 3;

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let services: Vec<_> = scan.facts.start_ups().filter(|start| start.service).collect();
    if services.len() < FEW {
        return vec![Verdict::CannotTell];
    }
    if services.iter().any(|start| !matches!(start.user.as_str(), "root" | "0" | "")) {
        return vec![Verdict::Clear];
    }
    let message =
        format!("All {} services that start at boot are started as root.", services.len());
    let evidence = services.iter().take(8).filter_map(|start| start.chain.last().cloned());
    vec![
        Weakness::new(Severity::Medium, message)
            .about("services")
            .because(evidence)
            .at_boot(Boot::Starts)
            .found(),
    ]
}
