// SPDX-License-Identifier: Apache-2.0
//! `empty-password`: an account asks for no password.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "empty-password",
        title: "Account without password",
        theme: Theme::Accounts,
        mildest: Severity::Low,
        worst: Severity::Critical,
        how: "Fires for accounts whose password field is empty. Critical where the account can log in \
              and a remote login (telnet, SSH, FTP) starts at boot; high where it can log in; low where \
              its shell refuses (`false`, `nologin`).",
        false_positives: "SSH servers refuse empty passwords unless told otherwise; start-up scripts \
                          may replace the file.",
        false_negatives: "Programs that keep accounts of their own.",
        remedy: "Lock the account (`*` in the password field), or set a password that is unique to each \
                 device at production.",
        references: &[Cwe(258), Cwe(1393), Etsi("5.1-1"), Cra("I(2)(d)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let remote = ["telnet", "ssh", "ftp"].iter().any(|service| has_at_boot(scan, service));
    let empty = scan.facts.accounts().filter(|account| account.password == Password::Empty);
    empty
        .map(|account| {
            if !is_named(account) {
                return Verdict::CannotTell;
            }
            let severity = match (can_log_in(account), remote) {
                (true, true) => Severity::Critical,
                (true, false) => Severity::High,
                (false, _) => Severity::Low,
            };
            let message = format!("Account `{}` asks for no password.", account.name);
            of_account(Weakness::new(severity, message), account)
        })
        .collect()
}
