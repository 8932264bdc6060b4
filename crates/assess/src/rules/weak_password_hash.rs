// SPDX-License-Identifier: Apache-2.0
//! `weak-password-hash`: the password can be computed from its hash in little time.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "weak-password-hash",
        title: "Weak password hash",
        theme: Theme::Accounts,
        mildest: Severity::Medium,
        worst: Severity::High,
        how: "Fires for hashes of traditional DES crypt (at most eight characters count; high) and of \
              MD5 crypt (medium).",
        false_positives: "A long random password resists even so.",
        false_negatives: "A weak password under a strong hash.",
        remedy: "Use `$6$` (SHA-512) or `$y$` (yescrypt), and a password unique to each device.",
        references: &[Cwe(916), Etsi("5.1-3"), Cra("I(2)(d)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let judge = |account: &kakoi_model::Account| {
        let Password::Hash { scheme, .. } = &account.password else { return Verdict::Clear };
        let severity = match scheme.as_str() {
            "des" | "bsdi" => Severity::High,
            "md5" => Severity::Medium,
            _ => return Verdict::Clear,
        };
        let message = format!("The password of `{}` is hashed with {scheme}.", account.name);
        of_account(Weakness::new(severity, message), account)
    };
    scan.facts.accounts().map(judge).collect()
}
