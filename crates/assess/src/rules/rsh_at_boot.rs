// SPDX-License-Identifier: Apache-2.0
//! `rsh-at-boot`: logins that trust whoever says so.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "rsh-at-boot",
        title: "rlogin, rsh or rexec starts at boot",
        theme: Theme::Exposure,
        mildest: Severity::High,
        worst: Severity::High,
        how: "Fires for an rlogin, rsh or rexec service that start-up is known to start.",
        false_positives: "A start-up line behind a condition that is never true.",
        false_negatives: "Servers under other names.",
        remedy: "Remove it; use SSH with keys.",
        references: &[Cwe(319), Cwe(290), Etsi("5.6-1"), Cra("I(2)(d)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let services = ["rlogin", "rsh", "rexec", "shell", "login", "exec"];
    find_at_boot(scan, &services, Severity::High, "A login without proof starts at boot")
}
