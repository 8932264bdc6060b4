// SPDX-License-Identifier: Apache-2.0
//! `unused-remote-shell`: a remote login is there although nothing starts it.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "unused-remote-shell",
        title: "Remote login in the image that start-up does not start",
        theme: Theme::Exposure,
        mildest: Severity::Info,
        worst: Severity::Info,
        how: "Fires for telnet, rlogin, rsh and debug services whose program is in the image and that \
              start-up is known not to start. An intruder, or a hidden web page, can start it.",
        false_positives: "Recovery systems.",
        false_negatives: "Programs that bring a server of their own.",
        remedy: "Leave the program or applet out of the build.",
        references: &[Cwe(1188), Etsi("5.6-6"), Cra("I(2)(j)")],
    },
    check: Check::Image(check),
};

const SERVICES: [&str; 5] = ["telnet", "rlogin", "rsh", "debug-shell", "debugger"];

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let shells = scan.facts.listeners().filter(|it| SERVICES.contains(&it.service.as_str()));
    shells
        .map(|listener| match listener.starts_at_boot {
            Observed::Present(()) => Verdict::Clear,
            Observed::Undetermined(_) => Verdict::CannotTell,
            Observed::Absent => {
                let message =
                    format!("A {} server is in the image; nothing starts it.", listener.service);
                let weakness = Weakness::new(Severity::Info, message)
                    .about(listener.service.as_str())
                    .because(listener.evidence.clone());
                match &listener.program {
                    Some(program) => weakness.in_file(program).found(),
                    None => weakness.found(),
                }
            }
        })
        .collect()
}
