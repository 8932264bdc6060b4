// SPDX-License-Identifier: Apache-2.0
//! What only the neighbours on the same line tell about a sub-command.

use kakoi_model::{Purpose, Stage};
use kakoi_shell::Joint;

use super::judge::Meaning;
use super::walk::{Means, Places};

/// A sub-command and what its neighbours may need to know.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) meaning: Meaning,
    pub(super) means: Means,
    pub(super) places: Places,
    /// What stands after it.
    pub(super) joint: Joint,
}

impl Default for Part {
    fn default() -> Self {
        Self::of(Joint::Then)
    }
}

impl Part {
    pub(super) fn of(joint: Joint) -> Self {
        let (means, places) = (Means::default(), Places::default());
        Self { meaning: Meaning::Nothing, means, places, joint }
    }
}

const fn stage(stage: Stage) -> Meaning {
    Meaning::Sure(Purpose::Stage(stage))
}

/// Settles what stands next to each other.
pub(super) fn resolve(parts: &mut [Part], has_payload: bool) {
    for at in 1..parts.len() {
        let (before, after) = parts.split_at_mut(at);
        if let (Some(part), Some(next)) = (before.last_mut(), after.first()) {
            resolve_pair(part, next, has_payload);
        }
    }
    for chain in parts.split_inclusive_mut(|part| part.joint != Joint::And) {
        resolve_chain(chain);
    }
}

fn resolve_pair(part: &mut Part, next: &Part, has_payload: bool) {
    // `ping; sh`: a tool without arguments tempts a vendor's command line.
    if part.meaning == Meaning::AskTool && next.meaning == stage(Stage::S1) {
        part.meaning = next.meaning;
    }
    // A file that nobody brought, run before the system is looked over: its error is wanted.
    if part.meaning == stage(Stage::S6b) && next.meaning == stage(Stage::S3) && !has_payload {
        part.meaning = next.meaning;
    }
    // `>/var/.x && cd /var`: whatever the file was, the directory is tried.
    if part.joint == Joint::And && part.meaning == stage(Stage::S5) && tries(part, next) {
        part.meaning = stage(Stage::S2);
    }
}

/// Is the directory of the file that was created the one that is entered next?
fn tries(part: &Part, next: &Part) -> bool {
    let (Some(file), Some(entered)) = (&part.places.created, &next.places.entered) else {
        return false;
    };
    let directory = file.rsplit_once('/').map(|(directory, _)| directory);
    directory == Some(entered.trim_end_matches('/'))
}

/// In a chain of `&&` that only serves settings, going home serves them too.
fn resolve_chain(chain: &mut [Part]) {
    const OUTSIDE: Meaning = Meaning::Sure(Purpose::Outside);
    let serves = |part: &Part| matches!(part.meaning, OUTSIDE | Meaning::Nothing | Meaning::Home);
    if chain.iter().all(serves) && chain.iter().any(|part| part.meaning == OUTSIDE) {
        chain.iter_mut().for_each(|part| part.meaning = OUTSIDE);
    }
}
