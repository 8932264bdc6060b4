// SPDX-License-Identifier: Apache-2.0
//! `shared-password`: several accounts have one password.

use super::prelude::*;
use std::collections::BTreeMap;

pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "shared-password",
        title: "Accounts with one password",
        theme: Theme::Accounts,
        mildest: Severity::Medium,
        worst: Severity::Medium,
        how: "Fires where the hash field (salt included) of two accounts with different names is equal.",
        false_positives: "Two names for one person.",
        false_negatives: "Equal passwords under different salts.",
        remedy: "Give each account its own password, or lock those that nobody uses.",
        references: &[Cwe(1391), Etsi("5.1-1"), Cra("I(2)(d)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let mut by_hash: BTreeMap<&str, BTreeMap<&str, &Evidence>> = BTreeMap::new();
    for account in scan.facts.accounts() {
        if let Password::Hash { field, .. } = &account.password {
            by_hash.entry(field).or_default().insert(&account.name, &account.evidence);
        }
    }
    let shared = by_hash.into_values().filter(|accounts| accounts.len() > 1);
    shared
        .map(|accounts| {
            let names = accounts.keys().copied().collect::<Vec<_>>().join(", ");
            Weakness::new(Severity::Medium, format!("Accounts {names} have one password."))
                .about(names)
                .because(accounts.into_values().cloned())
                .found()
        })
        .collect()
}
