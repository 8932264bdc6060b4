// SPDX-License-Identifier: Apache-2.0
//! One automaton for all patterns of a policy: every byte of a path is looked at once, whatever the
//! number of patterns. Built by the subset construction (Rabin and Scott 1959).

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

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
    free: Vec<u32>,
    steps: Vec<(Bytes, u32)>,
    meaning: Option<Meaning>,
}

/// How a place comes from the one before it. Patterns with the same beginning share its places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    Byte(u8),
    One,
    Star,
    Beneath,
    Gap,
}

/// The places of all patterns; 0 begins paths, 1 names.
#[derive(Debug)]
struct Places {
    all: Vec<Place>,
    ways: HashMap<(u32, Way), u32>,
}

/// The automaton of all patterns with what each means.
pub(crate) fn build<'a>(
    patterns: impl Iterator<Item = (&'a Pattern, Meaning)>,
) -> Result<Automaton, TooLarge> {
    let mut places = Places { all: Vec::new(), ways: HashMap::new() };
    places.add();
    places.add();
    for (pattern, meaning) in patterns {
        let last = match pattern {
            Pattern::Path(path) => places.add_path(path),
            Pattern::Applet(name) => vec![places.add_part(1, name)],
        };
        let end = places.add();
        places.all[end as usize].meaning = Some(meaning);
        for place in last {
            places.all[place as usize].free.push(end);
        }
    }
    Ok(minimize(&determine(&places.all)?))
}

impl Places {
    fn add(&mut self) -> u32 {
        self.all.push(Place::default());
        (self.all.len() - 1) as u32
    }

    /// The place behind `from`; `join` says how it is reached when it is new.
    fn behind(&mut self, from: u32, way: Way, join: impl FnOnce(&mut Self, u32)) -> u32 {
        if let Some(place) = self.ways.get(&(from, way)) {
            return *place;
        }
        let to = self.add();
        self.ways.insert((from, way), to);
        join(self, to);
        to
    }

    fn step(&mut self, from: u32, to: u32, bytes: Bytes) {
        self.all[from as usize].steps.push((bytes, to));
    }

    fn byte(&mut self, from: u32, byte: u8) -> u32 {
        self.behind(from, Way::Byte(byte), |places, to| places.step(from, to, Bytes::One(byte)))
    }

    /// A slash and anything after it.
    fn beneath(&mut self, from: u32) -> u32 {
        self.behind(from, Way::Beneath, |places, to| {
            places.step(from, to, Bytes::One(b'/'));
            places.step(to, to, Bytes::Any);
        })
    }

    /// Returns the places in which the pattern is complete.
    fn add_path(&mut self, path: &str) -> Vec<u32> {
        let mut at = 0;
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        for (index, part) in parts.iter().enumerate() {
            let last = index + 1 == parts.len();
            match (*part, last) {
                // The directory itself (not before the first slash), or anything after another slash.
                ("**", true) => {
                    let beneath = self.beneath(at);
                    return if index == 0 { vec![beneath] } else { vec![at, beneath] };
                }
                // A slash, and then any whole parts, each with its slash.
                ("**", false) => {
                    let inside = self.beneath(at);
                    at = self.behind(at, Way::Gap, |places, to| {
                        places.step(at, to, Bytes::One(b'/'));
                        places.step(inside, to, Bytes::One(b'/'));
                    });
                }
                (part, _) => {
                    // After `**/` the slash is already taken.
                    let after_gap = index > 0 && parts[index - 1] == "**";
                    let from = if after_gap { at } else { self.byte(at, b'/') };
                    at = self.add_part(from, part);
                }
            }
        }
        vec![at]
    }

    fn add_part(&mut self, from: u32, part: &str) -> u32 {
        part.bytes().fold(from, |at, byte| match byte {
            b'*' => self.behind(at, Way::Star, |places, to| {
                places.all[at as usize].free.push(to);
                places.step(to, to, Bytes::NotSlash);
            }),
            b'?' => self.behind(at, Way::One, |places, to| places.step(at, to, Bytes::NotSlash)),
            byte => self.byte(at, byte),
        })
    }
}

/// Places in which the automaton may be at once, in ascending order.
type Set = Vec<u32>;

fn close(places: &[Place], mut set: Set) -> Set {
    let mut done = 0;
    while let Some(place) = set.get(done).copied() {
        done += 1;
        for next in &places[place as usize].free {
            if !set.contains(next) {
                set.push(*next);
            }
        }
    }
    set.sort_unstable();
    set.dedup();
    set
}

#[derive(Default)]
struct Numbering {
    numbers: HashMap<Set, u16>,
    waiting: VecDeque<Set>,
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
        self.waiting.push_back(set);
        Ok(number)
    }
}

fn determine(places: &[Place]) -> Result<Automaton, TooLarge> {
    let mut numbering = Numbering::default();
    let mut classes = vec![BTreeSet::new()];
    numbering.number(Set::new())?;
    let start_path = numbering.number(close(places, vec![0]))?;
    let start_name = numbering.number(close(places, vec![1]))?;
    let mut states = Vec::new();
    // In the order of their numbers.
    while let Some(set) = numbering.waiting.pop_front() {
        let meanings: BTreeSet<Meaning> =
            set.iter().filter_map(|&place| places[place as usize].meaning).collect();
        let class = class_of(&mut classes, meanings)?;
        states.push(transitions(places, &set, class, &mut numbering)?);
    }
    Ok(Automaton { states, classes, start_path, start_name })
}

/// What two states must share to stay one: block, block of the default, and the other steps.
type Likeness = (u16, u16, Vec<(u8, u16)>);

/// The automaton with the fewest states that does the same: states are taken for equal until a class
/// or a step tells them apart (Moore 1956). The same names stand in many directories.
fn minimize(automaton: &Automaton) -> Automaton {
    let states = &automaton.states;
    let mut block: Vec<u16> = states.iter().map(|state| state.class).collect();
    let mut count = 0;
    loop {
        let mut numbers: HashMap<Likeness, u16> = HashMap::new();
        let next: Vec<u16> = states
            .iter()
            .zip(&block)
            .map(|(state, own)| {
                let default = block[usize::from(state.default)];
                let edges = state.edges.iter().map(|(byte, to)| (*byte, block[usize::from(*to)]));
                let edges = edges.filter(|(_, to)| *to != default).collect();
                let new = numbers.len() as u16;
                *numbers.entry((*own, default, edges)).or_insert(new)
            })
            .collect();
        block = next;
        if numbers.len() == count {
            return merged(automaton, &block, count);
        }
        count = numbers.len();
    }
}

/// One state for each block, numbered as their first members are; so the dead one stays the first.
fn merged(automaton: &Automaton, block: &[u16], count: usize) -> Automaton {
    let mut states: Vec<State> = Vec::with_capacity(count);
    for (state, own) in automaton.states.iter().zip(block) {
        if usize::from(*own) < states.len() {
            continue;
        }
        let default = block[usize::from(state.default)];
        let edges = state.edges.iter().map(|(byte, to)| (*byte, block[usize::from(*to)]));
        let edges = edges.filter(|(_, to)| *to != default).collect();
        states.push(State { default, edges, class: state.class });
    }
    Automaton {
        states,
        classes: automaton.classes.clone(),
        start_path: block[usize::from(automaton.start_path)],
        start_name: block[usize::from(automaton.start_name)],
    }
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
    let steps: Vec<(Bytes, u32)> =
        set.iter().flat_map(|&place| places[place as usize].steps.iter().copied()).collect();
    named.extend(steps.iter().filter_map(|(bytes, _)| match bytes {
        Bytes::One(byte) => Some(*byte),
        Bytes::NotSlash | Bytes::Any => None,
    }));
    let mut target = |byte: Option<u8>| {
        let holds =
            |bytes: Bytes| byte.map_or(!matches!(bytes, Bytes::One(_)), |byte| bytes.holds(byte));
        let mut next: Set =
            steps.iter().filter(|(bytes, _)| holds(*bytes)).map(|(_, to)| *to).collect();
        next.sort_unstable();
        next.dedup();
        numbering.number(close(places, next))
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
