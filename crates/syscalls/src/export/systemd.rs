// SPDX-License-Identifier: Apache-2.0
//! systemd: `SystemCallFilter=` of a service.

use std::fmt::Write;

use super::Subject;
use crate::filter::Action;

pub(super) fn render(subject: &Subject<'_>) -> String {
    let calls = subject.calls();
    let names: Vec<&str> = calls.keys().copied().collect();
    let mut text = format!(
        "# System calls of {}, by kakoi. systemd adds its set @default, which has execve.\n[Service]\n\
         NoNewPrivileges=yes\nSystemCallArchitectures=native\n",
        subject.quoted_program()
    );
    // Writing to memory does not fail.
    let _ = match subject.rules.action {
        Action::Log => writeln!(text, "SystemCallLog=~{}", names.join(" ")),
        Action::Fail(_) => {
            writeln!(text, "SystemCallFilter={}\nSystemCallErrorNumber=EPERM", names.join(" "))
        }
        _ => writeln!(text, "SystemCallFilter={}", names.join(" ")),
    };
    // A later line with an error number of its own answers single calls (systemd 239).
    let missing: Vec<String> =
        subject.missing().into_iter().map(|name| format!("{name}:ENOSYS")).collect();
    if matches!(subject.rules.action, Action::Kill) && !missing.is_empty() {
        let _ = writeln!(
            text,
            "# Not allowed, and tried first by newer libraries: {}",
            missing.join(" ")
        );
    }
    for (name, rule) in calls.iter().filter(|(_, rule)| !rule.checks.is_empty()) {
        let _ = writeln!(
            text,
            "# {name}: {} of its arguments could be checked, not by systemd",
            rule.checks.len()
        );
    }
    text
}
