// SPDX-License-Identifier: Apache-2.0
//! What changes from one policy to another, rule by rule.

use std::collections::{BTreeMap, BTreeSet};

use super::describe_rule;
use crate::pattern::Pattern;
use crate::policy::{Domain, Policy};
use crate::words::Control;

/// One line per difference, with `stricter`, `looser` or `other` where an action changed. Order and
/// comments make no difference.
#[must_use]
pub fn differences(old: &Policy, new: &Policy) -> Vec<String> {
    let mut found = Vec::new();
    if old.audit != new.audit {
        found.push(
            if new.audit {
                "mode: enforce -> audit (looser)"
            } else {
                "mode: audit -> enforce (stricter)"
            }
            .to_owned(),
        );
    }
    let by_name = |policy| -> BTreeMap<String, Domain> {
        let policy: &Policy = policy;
        policy.domains.iter().map(|domain| (domain.name.clone(), domain.clone())).collect()
    };
    let (before, after) = (by_name(old), by_name(new));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        match (before.get(name), after.get(name)) {
            (Some(_), None) => found.push(format!("{name}: removed (looser)")),
            (None, Some(_)) => found.push(format!("{name}: added (stricter)")),
            (Some(before), Some(after)) => compare(old, new, before, after, &mut found),
            (None, None) => {}
        }
    }
    lists("programs", &old.programs, &new.programs, |kind| kind.word(), &mut found);
    lists("protect", &old.protect, &new.protect, |kind| kind.word(), &mut found);
    if granted(old) != granted(new) {
        found.push(format!("override: {} -> {}", granted(old), granted(new)));
    }
    found
}

fn compare(old: &Policy, new: &Policy, before: &Domain, after: &Domain, found: &mut Vec<String>) {
    let name = &after.name;
    let entry = |policy: &Policy, domain: &Domain| super::entry_of(policy, domain);
    if entry(old, before) != entry(new, after) {
        found.push(format!("{name}: entered by {} -> {}", entry(old, before), entry(new, after)));
    }
    if before.taints != after.taints {
        found.push(format!("{name}: taint {} -> {}", before.taints, after.taints));
    }
    if before.syscalls != after.syscalls {
        found.push(format!("{name}: syscalls {:?} -> {:?}", before.syscalls, after.syscalls));
    }
    for control in Control::ALL {
        let words = |domain: &Domain| {
            domain
                .rules
                .get(control)
                .map_or("allow".to_owned(), |rule| describe_rule(domain, *control, rule))
        };
        let (was, is) = (words(before), words(after));
        if was != is {
            found.push(format!(
                "{name}: {control}: {was} -> {is} ({})",
                direction(before, after, *control)
            ));
        }
    }
}

fn direction(before: &Domain, after: &Domain, control: Control) -> &'static str {
    let strictness =
        |domain: &Domain| domain.rules.get(&control).map(|rule| (!rule.audit, rule.action));
    match strictness(before).cmp(&strictness(after)) {
        std::cmp::Ordering::Less => "stricter",
        std::cmp::Ordering::Greater => "looser",
        std::cmp::Ordering::Equal => "other",
    }
}

fn lists<K: Ord + Copy>(
    what: &str,
    old: &BTreeMap<K, BTreeSet<Pattern>>,
    new: &BTreeMap<K, BTreeSet<Pattern>>,
    word: fn(K) -> &'static str,
    found: &mut Vec<String>,
) {
    let empty = BTreeSet::new();
    let kinds: BTreeSet<&K> = old.keys().chain(new.keys()).collect();
    for kind in kinds {
        let (before, after) = (old.get(kind).unwrap_or(&empty), new.get(kind).unwrap_or(&empty));
        found.extend(
            before
                .difference(after)
                .map(|pattern| format!("{what}.{}: without {pattern}", word(*kind))),
        );
        found.extend(
            after
                .difference(before)
                .map(|pattern| format!("{what}.{}: with {pattern}", word(*kind))),
        );
    }
}

fn granted(policy: &Policy) -> String {
    match &policy.maintenance {
        None => "none".to_owned(),
        Some(granted) => {
            let lifts: Vec<&str> = granted.lifts.iter().map(|control| control.word()).collect();
            format!(
                "{} lifts {} for {} minutes",
                granted.authority.join(" or "),
                lifts.join(", "),
                granted.minutes
            )
        }
    }
}
