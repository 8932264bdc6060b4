// SPDX-License-Identifier: Apache-2.0
//! `clear-text-password`: a password stands in the image as it is typed.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "clear-text-password",
        title: "Password in clear text",
        theme: Theme::Accounts,
        mildest: Severity::High,
        worst: Severity::High,
        how: "Fires for accounts whose password a configuration or script holds in clear text.",
        false_positives: "Examples and comments that look like settings.",
        false_negatives: "Passwords inside programs.",
        remedy: "Do not ship passwords. Keep a salted hash of one that is unique to each device.",
        references: &[Cwe(256), Cwe(798), Etsi("5.4-3"), Cra("I(2)(d)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let judge = |account: &kakoi_model::Account| match &account.password {
        Password::ClearText { .. } => {
            let message = format!("The password of `{}` stands in clear text.", account.name);
            of_account(Weakness::new(Severity::High, message), account)
        }
        _ => Verdict::Clear,
    };
    scan.facts.accounts().map(judge).collect()
}
