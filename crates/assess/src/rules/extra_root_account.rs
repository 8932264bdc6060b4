// SPDX-License-Identifier: Apache-2.0
//! `extra-root-account`: a second name for root.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "extra-root-account",
        title: "Account other than root with user number 0",
        theme: Theme::Accounts,
        mildest: Severity::Low,
        worst: Severity::High,
        how: "Fires for accounts with user number 0 whose name is not `root`: high where the account has \
              a password of its own or none and `root` exists too, low where it is locked; medium where \
              it stands in place of root.",
        false_positives: "Devices that rename root to `admin` and show it to the user.",
        false_negatives: "Accounts that scripts add at boot.",
        remedy: "Remove the account, or give it a user number other than 0.",
        references: &[Cwe(798), Cwe(250), Etsi("5.4-3"), Cra("I(2)(d)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let has_root = scan.facts.accounts().any(|account| account.name == "root");
    let extra = scan.facts.accounts().filter(|it| it.uid == Some(0) && it.name != "root");
    extra
        .map(|account| {
            if !is_named(account) {
                return Verdict::CannotTell;
            }
            let severity = match (&account.password, has_root) {
                (Password::Locked, _) => Severity::Low,
                (_, true) => Severity::High,
                (_, false) => Severity::Medium,
            };
            let message = format!("Account `{}` has the rights of root.", account.name);
            of_account(Weakness::new(severity, message), account)
        })
        .collect()
}
