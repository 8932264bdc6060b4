// SPDX-License-Identifier: Apache-2.0
//! Profiles of one program put together, and compared.

use std::collections::BTreeSet;

use super::{AllowedCall, Profile};

/// Why two profiles do not go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict(pub String);

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Conflict {}

/// Everything that either allows.
///
/// # Errors
/// When they are for different ABIs.
pub fn merge(mut into: Profile, other: &Profile) -> Result<Profile, Conflict> {
    if into.arch != other.arch {
        return Err(Conflict(format!("one is for {}, the other for {}", into.arch, other.arch)));
    }
    for (name, call) in &other.calls {
        match into.calls.get_mut(name) {
            Some(known) => merge_call(known, call),
            None => drop(into.calls.insert(name.clone(), call.clone())),
        }
    }
    into.absent.extend(other.absent.iter().cloned());
    into.files.extend(other.files.iter().cloned());
    into.files.sort();
    into.files.dedup();
    into.unresolved.extend(other.unresolved.iter().cloned());
    into.unresolved.sort();
    into.unresolved.dedup();
    if into.serving_from != other.serving_from {
        into.serving_from = into.serving_from.or_else(|| other.serving_from.clone());
    }
    Ok(into)
}

/// Arguments stay bound only where both bind them.
fn merge_call(known: &mut AllowedCall, other: &AllowedCall) {
    known.source.extend(&other.source);
    known.phase = known.phase.max(other.phase);
    known.seen = known.seen.saturating_add(other.seen);
    known.arguments.retain(|number, _| other.arguments.contains_key(number));
    for (number, values) in &mut known.arguments {
        values.extend(other.arguments.get(number).into_iter().flatten());
    }
    if known.why.is_empty() {
        known.why.clone_from(&other.why);
    }
}

/// What distinguishes two profiles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Calls that only the first has.
    pub removed: BTreeSet<String>,
    /// Calls that only the second has.
    pub added: BTreeSet<String>,
    /// Calls whose phase or arguments differ.
    pub changed: BTreeSet<String>,
}

/// Compares two profiles.
#[must_use]
pub fn diff(before: &Profile, after: &Profile) -> Difference {
    let only = |one: &Profile, other: &Profile| {
        one.calls.keys().filter(|name| !other.calls.contains_key(*name)).cloned().collect()
    };
    let changed = before.calls.iter().filter_map(|(name, call)| {
        let other = after.calls.get(name)?;
        let same = call.phase == other.phase && call.arguments == other.arguments;
        (!same).then(|| name.clone())
    });
    Difference {
        removed: only(before, after),
        added: only(after, before),
        changed: changed.collect(),
    }
}
