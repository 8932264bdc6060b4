// SPDX-License-Identifier: Apache-2.0
//! From a profile to what the filter compiler takes.

use std::collections::{BTreeMap, BTreeSet};

use super::{AllowedCall, Phase, Profile};
use crate::filter::Selection;

/// Which calls of a profile a filter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// All, from the entry on.
    FromEntry,
    /// Those that are made once the program serves.
    Serving,
}

/// The calls of a profile with what binds their arguments.
#[must_use]
pub fn selection(profile: &Profile, which: Calls) -> Selection {
    let wanted = |call: &AllowedCall| which == Calls::FromEntry || call.phase == Phase::Serving;
    let calls = profile.calls.iter().filter(|(_, call)| wanted(call));
    let mut selection = Selection::default();
    for (name, call) in calls {
        selection.calls.insert(name.clone(), arguments(call));
        if call.seen > 0 {
            selection.frequency.insert(name.clone(), call.seen);
        }
    }
    selection
}

/// A key that is no number of an argument binds nothing; [`super::parse`] lets none through.
fn arguments(call: &AllowedCall) -> BTreeMap<u8, BTreeSet<u64>> {
    let bound = call.arguments.iter();
    bound.filter_map(|(place, values)| Some((place.parse().ok()?, values.clone()))).collect()
}
