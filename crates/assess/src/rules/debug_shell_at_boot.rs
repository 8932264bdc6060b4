// SPDX-License-Identifier: Apache-2.0
//! `debug-shell-at-boot`: a shell or debugger waits on the network.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "debug-shell-at-boot",
        title: "Debug shell on the network",
        theme: Theme::Exposure,
        mildest: Severity::Critical,
        worst: Severity::Critical,
        how: "Fires for services that give a shell or a debugger without login (adb, gdbserver, vendor \
              debug daemons, `nc -e`) and that start-up is known to start.",
        false_positives: "Development images; a start-up line behind a condition that is never true.",
        false_negatives: "Vendor backdoors that nobody has described.",
        remedy: "Remove the program and the line that starts it from release images.",
        references: &[Cwe(489), Cwe(306), Etsi("5.6-4A"), Cra("I(2)(j)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let services = ["debug-shell", "debugger", "debug", "adb", "gdbserver"];
    find_at_boot(scan, &services, Severity::Critical, "A debug shell starts at boot")
}
