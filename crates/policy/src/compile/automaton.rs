// SPDX-License-Identifier: Apache-2.0
//! One automaton for all patterns of a policy: every byte of a path is looked at once, whatever the
//! number of patterns. Built by the subset construction (Rabin and Scott 1959).

use std::collections::{BTreeMap, BTreeSet};

use crate::pattern::Pattern;

/// Most states; `u16` numbers them.
const MOST_STATES: usize = 60_000;

/// What matching a pattern means; a class is a set of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Meaning {
    Label(u16),
    Program(u8),
    Protect(u8),
}

/// A deterministic automaton. State 0 is dead; class 0 means nothing.
#[derive(Debug)]
pub(crate) struct Automaton {
    pub states: Vec<State>,
    pub classes: Vec<BTreeSet<Meaning>>,
    pub start_path: u16,
    pub start_name: u16,
}

#[derive(Debug)]
pub(crate) struct State {
    /// Where most bytes lead.
    pub default: u16,
    /// Where the others lead.
    pub edges: BTreeMap<u8, u16>,
    pub class: u16,
}

/// The automaton would be larger than what a device can be asked to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Bytes that one step of a pattern takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bytes {
    One(u8),
    NotSlash,
    Any,
}

impl Bytes {
    const fn holds(self, byte: u8) -> bool {
        match self {
            Self::One(one) => one == byte,
            Self::NotSlash => byte != b'/',
            Self::Any => true,
        }
    }
}

#[derive(Debug, Default)]
struct Place {
    /// Reached without taking a byte.
    free: Vec<usize>,
    steps: Vec<(Bytes, usize)>,
    meaning: Option<Meaning>,
}

/// The automaton of all patterns with what each means.
pub(crate) fn build<'a>(
    patterns: impl Iterator<Item = (&'a Pattern, Meaning)>,
) -> Result<Automaton, TooLarge> {
    let mut places = vec![Place::default(), Place::default()];
    for (pattern, meaning) in patterns {
        let last = match pattern {
            Pattern::Path(path) => add_path(&mut places, path),
            Pattern::Applet(name) => add_part(&mut places, 1, name),
        };
        let end = add(&mut places);
        places[end].meaning = Some(meaning);
        for place in last {
            places[place].free.push(end);
        }
    }
    determine(&places)
}

fn add(places: &mut Vec<Place>) -> usize {
    places.push(Place::default());
    places.len() - 1
}

fn step(places: &mut Vec<Place>, from: usize, bytes: Bytes) -> usize {
    let to = add(places);
    places[from].steps.push((bytes, to));
    to
}

/// Returns the places in which the pattern is complete.
fn add_path(places: &mut Vec<Place>, path: &str) -> Vec<usize> {
    let mut at = 0;
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    for (index, part) in parts.iter().enumerate() {
        let last = index + 1 == parts.len();
        match (*part, last) {
            // The directory itself (not before the first slash), or anything after another slash.
            ("**", true) => {
                let beneath = step(places, at, Bytes::One(b'/'));
                places[beneath].steps.push((Bytes::Any, beneath));
                return if index == 0 { vec![beneath] } else { vec![at, beneath] };
            }
            // A slash, and then any whole parts, each with its slash.
            ("**", false) => {
                let inside = step(places, at, Bytes::One(b'/'));
                places[inside].steps.push((Bytes::Any, inside));
                let next = add(places);
                places[at].steps.push((Bytes::One(b'/'), next));
                places[inside].steps.push((Bytes::One(b'/'), next));
                at = next;
            }
            (part, _) => {
                // After `**/` the slash is already taken.
                let after_gap = index > 0 && parts[index - 1] == "**";
                let from = if after_gap { at } else { step(places, at, Bytes::One(b'/')) };
                at = match add_part(places, from, part).first() {
                    Some(end) => *end,
                    None => from,
                };
            }
        }
    }
    vec![at]
}

fn add_part(places: &mut Vec<Place>, from: usize, part: &str) -> Vec<usize> {
    let mut at = add(places);
    places[from].free.push(at);
    for byte in part.bytes() {
        at = match byte {
            b'*' => {
                let repeat = add(places);
                places[at].free.push(repeat);
                places[repeat].steps.push((Bytes::NotSlash, repeat));
                repeat
            }
            b'?' => step(places, at, Bytes::NotSlash),
            byte => step(places, at, Bytes::One(byte)),
        };
    }
    vec![at]
}

type Set = BTreeSet<usize>;

fn close(places: &[Place], set: &mut Set) {
    let mut waiting: Vec<usize> = set.iter().copied().collect();
    while let Some(place) = waiting.pop() {
        for &next in &places[place].free {
            if set.insert(next) {
                waiting.push(next);
            }
        }
    }
}

#[derive(Default)]
struct Numbering {
    numbers: BTreeMap<Set, u16>,
    waiting: Vec<(u16, Set)>,
}

impl Numbering {
    fn number(&mut self, set: Set) -> Result<u16, TooLarge> {
        if let Some(&number) = self.numbers.get(&set) {
            return Ok(number);
        }
        let number = self.numbers.len();
        if number >= MOST_STATES {
            return Err(TooLarge);
        }
        let number = u16::try_from(number).map_err(|_| TooLarge)?;
        self.numbers.insert(set.clone(), number);
        self.waiting.push((number, set));
        Ok(number)
    }
}

fn determine(places: &[Place]) -> Result<Automaton, TooLarge> {
    let mut numbering = Numbering::default();
    let mut classes = vec![BTreeSet::new()];
    numbering.number(Set::new())?;
    let mut start = |place: usize| {
        let mut set = Set::from([place]);
        close(places, &mut set);
        numbering.number(set)
    };
    let (start_path, start_name) = (start(0)?, start(1)?);
    let mut states: BTreeMap<u16, State> = BTreeMap::new();
    while let Some((number, set)) = numbering.waiting.pop() {
        let meanings: BTreeSet<Meaning> =
            set.iter().filter_map(|&place| places[place].meaning).collect();
        let class = class_of(&mut classes, meanings)?;
        states.insert(number, transitions(places, &set, class, &mut numbering)?);
    }
    Ok(Automaton { states: states.into_values().collect(), classes, start_path, start_name })
}

fn class_of(
    classes: &mut Vec<BTreeSet<Meaning>>,
    meanings: BTreeSet<Meaning>,
) -> Result<u16, TooLarge> {
    let known = classes.iter().position(|class| *class == meanings);
    let index = known.unwrap_or_else(|| {
        classes.push(meanings);
        classes.len() - 1
    });
    u16::try_from(index).ok().filter(|index| *index < u16::MAX).ok_or(TooLarge)
}

fn transitions(
    places: &[Place],
    set: &Set,
    class: u16,
    numbering: &mut Numbering,
) -> Result<State, TooLarge> {
    // Bytes that no step names all lead to one place, and the slash to another.
    let mut named: BTreeSet<u8> = BTreeSet::from([b'/']);
    let steps: Vec<(Bytes, usize)> =
        set.iter().flat_map(|&place| places[place].steps.iter().copied()).collect();
    named.extend(steps.iter().filter_map(|(bytes, _)| match bytes {
        Bytes::One(byte) => Some(*byte),
        Bytes::NotSlash | Bytes::Any => None,
    }));
    let mut target = |byte: Option<u8>| {
        let holds =
            |bytes: Bytes| byte.map_or(!matches!(bytes, Bytes::One(_)), |byte| bytes.holds(byte));
        let mut next: Set =
            steps.iter().filter(|(bytes, _)| holds(*bytes)).map(|(_, to)| *to).collect();
        close(places, &mut next);
        numbering.number(next)
    };
    let default = target(None)?;
    let mut edges = BTreeMap::new();
    for byte in named {
        let next = target(Some(byte))?;
        if next != default {
            edges.insert(byte, next);
        }
    }
    Ok(State { default, edges, class })
}
