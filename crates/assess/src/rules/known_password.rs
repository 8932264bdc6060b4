// SPDX-License-Identifier: Apache-2.0
//! `known-password`: the password is one of those that malware tries first.

use super::prelude::*;
use crate::tables::known_hash::find_password;

pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "known-password",
        title: "Password known to everybody",
        theme: Theme::Accounts,
        mildest: Severity::High,
        worst: Severity::Critical,
        how: "Looks the hash up in a table of hashes without salt, or with a salt that many devices \
              share, of passwords from malware dictionaries. Critical where a remote login starts at \
              boot.",
        false_positives: "A device that makes the user set a password before the network is up.",
        false_negatives: "Every password with a salt of its own: no cracking is tried.",
        remedy: "Remove the password from the image; set one that is unique to each device at \
                 production, or let the user set it at first use.",
        references: &[Cwe(1392), Cwe(798), Etsi("5.1-1"), Cra("I(2)(d)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let remote = ["telnet", "ssh", "ftp"].iter().any(|service| has_at_boot(scan, service));
    let severity = if remote { Severity::Critical } else { Severity::High };
    let judge = |account: &kakoi_model::Account| {
        let Password::Hash { field, .. } = &account.password else { return Verdict::Clear };
        let Some(password) = find_password(field) else { return Verdict::CannotTell };
        let message = match password {
            "" => format!("The password of `{}` is empty, behind a hash.", account.name),
            known => format!("The password of `{}` is `{known}`.", account.name),
        };
        of_account(Weakness::new(severity, message), account)
    };
    scan.facts.accounts().map(judge).collect()
}
