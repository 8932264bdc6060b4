// SPDX-License-Identifier: Apache-2.0
//! `telnet-at-boot`: a login without encryption waits for everybody.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "telnet-at-boot",
        title: "Telnet starts at boot",
        theme: Theme::Exposure,
        mildest: Severity::High,
        worst: Severity::Critical,
        how: "Fires for a telnet service that start-up is known to start. Critical where an account asks \
              for no password or has a known one. Telnet is how malware of the Mirai family enters.",
        false_positives: "A start-up line behind a condition that is never true; a firewall that lets \
                          nobody in.",
        false_negatives: "Telnet under another name; servers that a web page switches on.",
        remedy: "Remove the line that starts it (see evidence) and the applet (`# CONFIG_TELNETD is not \
                 set` in BusyBox); use SSH with keys if a shell is needed.",
        references: &[Cwe(319), Cwe(1188), Etsi("5.6-1"), Cra("I(2)(b)"), Cra("I(2)(j)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let open = |password: &Password| match password {
        Password::Empty => true,
        Password::Hash { field, .. } => crate::tables::known_hash::find_password(field).is_some(),
        _ => false,
    };
    let open = scan.facts.accounts().any(|account| open(&account.password) && can_log_in(account));
    let severity = if open { Severity::Critical } else { Severity::High };
    find_at_boot(scan, &["telnet"], severity, "A telnet service starts at boot")
}
