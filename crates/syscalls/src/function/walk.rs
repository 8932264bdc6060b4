// SPDX-License-Identifier: Apache-2.0
//! Forward propagation of constants over one function, to a fixpoint.
//!
//! Blocks are found on the way: a state is kept at every place that a jump leads to. Bytes that no
//! path reached (landing pads, what follows a call that does not return) are walked last, with
//! nothing known, so that nothing inside the extent of a function is left out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use super::ends::Ends;
use super::facts::{Callee, Findings};
use super::listing::{Notes, Step};
use super::state::State;
use super::value::{Abstract, Element, Sets};
use super::{Bounds, NOWHERE};
use crate::arch::Convention;
use crate::isa::{Condition, Decoder, Flow, Instruction, Register, Target};
use crate::module::decoders::Decoders;
use crate::object::{Object, Relocated};

/// The surroundings of a function.
pub(crate) struct Place<'o, 'f> {
    pub(crate) object: &'o Object<'f>,
    pub(crate) decoders: &'o Decoders,
    pub(crate) decoder: &'o dyn Decoder,
    pub(crate) convention: Convention,
    pub(crate) bounds: Bounds,
    /// Bit 0 of its address.
    pub(crate) mode: u8,
}

/// How a straight run of instructions ended.
pub(crate) enum Straight {
    /// By a jump to what memory or a register holds.
    Left,
    /// By a jump to this address, with mode bit.
    Jumped(u64),
    /// In another way.
    Other,
}

/// The walk.
pub(crate) struct Walk<'o, 'f> {
    pub(crate) place: Place<'o, 'f>,
    pub(crate) sets: Sets,
    pub(crate) elements: Vec<Element>,
    pub(crate) findings: Findings,
    /// Stack addresses that were taken.
    pub(crate) escaped: Vec<i64>,
    /// Bytes of the function that were walked or hold data.
    pub(crate) covered: Vec<bool>,
    /// Instructions and the places in the function that control goes on at, for phases.
    pub(crate) edges: BTreeSet<(u64, u64)>,
    /// Returns and jumps out of the function.
    pub(crate) leaves: BTreeSet<u64>,
    /// The last instruction of the straight run from each such place.
    extents: BTreeMap<u64, u64>,
    /// Largest index of jump tables, by their address; `None` where nothing bounds it.
    pub(crate) table_bounds: HashMap<u64, Option<u64>>,
    /// Runs of branches that jumps lead into.
    pub(crate) runs: Vec<Vec<u64>>,
    /// Instructions by their distance from the start.
    decoded: Vec<Option<Rc<Instruction>>>,
    states: Places<State>,
    /// Which distances from the start have a state.
    kept: Vec<bool>,
    work: BTreeSet<u64>,
    /// What registers got under conditions, since the last instruction without one.
    pub(super) predicated: Vec<(Register, Condition, Abstract)>,
    /// The jump at hand has its target in the instruction.
    pub(crate) jumps_directly: bool,
    /// The jump at hand goes where a register tells.
    pub(crate) jumps_by_register: bool,
    /// The global pointer, where the function computed it.
    pub(crate) global: Option<u64>,
    /// A jump inside the function goes where nothing tells.
    pub(crate) jumps_anywhere: bool,
    /// The walk gave up: too many steps.
    pub(crate) exhausted: bool,
    /// What instructions make of addresses, where it is asked for.
    pub(super) notes: Option<Notes>,
    /// Calls that do not come back; none: all do, which only adds.
    pub(super) ends: Option<&'o Ends>,
    /// Places behind calls that did not come back.
    behind: BTreeSet<u64>,
    /// Tables that jumps were taken from.
    pub(super) jump_tables: BTreeSet<u64>,
}

/// By address; addresses need no defence against whoever chooses them, since a function has at most two million.
type Places<T> = HashMap<u64, T, BuildHasherDefault<PlaceHasher>>;

/// Spreads addresses over the table by one multiplication.
#[derive(Default)]
pub(crate) struct PlaceHasher(u64);

impl Hasher for PlaceHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 29);
    }
}

/// Steps per byte of a function before the walk gives up with everything unknown.
const STEPS_PER_BYTE: u64 = 64;
/// Longest function that is walked, in bytes; longer ones are cut, and that is said.
pub(crate) const LONGEST: u64 = 1 << 21;

impl<'o, 'f> Walk<'o, 'f> {
    pub(crate) fn new(place: Place<'o, 'f>) -> Self {
        let length =
            usize::try_from((place.bounds.end.saturating_sub(place.bounds.start)).min(LONGEST))
                .unwrap_or(0);
        Self {
            place,
            sets: Sets::default(),
            elements: Vec::new(),
            findings: Findings::default(),
            escaped: Vec::new(),
            covered: vec![false; length],
            edges: BTreeSet::new(),
            leaves: BTreeSet::new(),
            extents: BTreeMap::new(),
            table_bounds: HashMap::new(),
            runs: Vec::new(),
            decoded: vec![None; length],
            states: Places::default(),
            kept: vec![false; length],
            work: BTreeSet::new(),
            predicated: Vec::new(),
            jumps_directly: false,
            jumps_by_register: false,
            global: None,
            jumps_anywhere: false,
            exhausted: false,
            notes: None,
            ends: None,
            behind: BTreeSet::new(),
            jump_tables: BTreeSet::new(),
        }
    }

    pub(crate) fn run(&mut self) {
        let mut entry = State::entry();
        entry.set(self.place.convention.stack, Abstract::Stack(0));
        self.enter_function(&mut entry);
        let before_call = i64::from(self.place.convention.stacked.return_bytes);
        for (register, place) in self.stacked_places(before_call) {
            entry.set_slot(place, 4, Abstract::Entry(register, 0));
        }
        self.reach(self.place.bounds.start, &entry);
        self.settle();
        self.run_behind();
        if self.place.bounds.pads || self.jumps_anywhere {
            self.run_gaps();
        }
    }

    /// What lies behind calls that do not come back, and that nothing else leads to.
    fn run_behind(&mut self) {
        while let Some(at) = self.behind.pop_first() {
            if self.covered.get(self.distance_of(at)).copied().unwrap_or(true) {
                continue;
            }
            let Some(found) = self.decode(at) else { continue };
            // Padding would carry the unknown state into what follows it.
            if found.effects.is_empty() && found.flow == Flow::Next {
                self.behind.insert(at.saturating_add(u64::from(found.size)));
                continue;
            }
            let mut state = State::unknown();
            self.set_global(&mut state);
            self.reach(at, &state);
            self.settle();
        }
    }

    /// What no path reached: landing pads, and targets of jumps that are not known.
    fn run_gaps(&mut self) {
        let start = self.place.bounds.start;
        // Data among the instructions is walked into here, and what is none of either is no loss.
        let undecoded = self.findings.undecoded.clone();
        let mut from = 0;
        while let Some(gap) = self.next_gap(from) {
            from = gap + 1;
            let at = start.saturating_add(gap as u64);
            // Padding would carry the unknown state into what follows it.
            let padding = self
                .decode(at)
                .is_none_or(|found| found.effects.is_empty() && found.flow == Flow::Next);
            if padding {
                continue;
            }
            let mut state = State::unknown();
            self.set_global(&mut state);
            self.reach(at, &state);
            self.settle();
        }
        self.findings.undecoded = undecoded;
    }

    /// A few instructions up to a jump: a PLT entry is no longer.
    pub(crate) fn run_straight(&mut self) -> Straight {
        let mut state = State::entry();
        self.enter_function(&mut state);
        let mut at = self.place.bounds.start;
        for _ in 0..6 {
            let Some(found) = self.decode(at) else { return Straight::Other };
            let next = at.saturating_add(u64::from(found.size));
            match found.flow {
                Flow::Next if found.condition.is_none() => {}
                Flow::Jump(Target::Memory(_) | Target::Register(_)) => {
                    self.step(at, next, &found, &mut state);
                    return Straight::Left;
                }
                Flow::Jump(Target::Direct(to)) if at == self.place.bounds.start => {
                    return Straight::Jumped(to);
                }
                _ => return Straight::Other,
            }
            self.step(at, next, &found, &mut state);
            at = next;
        }
        Straight::Other
    }

    fn enter_function(&self, entry: &mut State) {
        if let Some(register) = self.place.convention.entered {
            entry.set(register, Abstract::Constant(self.place.bounds.start));
        }
        self.set_global(entry);
    }

    fn set_global(&self, state: &mut State) {
        let value = self.place.object.global_pointer();
        if let (Some(register), Some(value)) = (self.place.convention.global, value) {
            state.set(register, Abstract::Constant(value));
        }
    }

    fn settle(&mut self) {
        let budget = STEPS_PER_BYTE.saturating_mul(self.covered.len() as u64).max(4096);
        let mut steps = 0;
        while let Some(at) = self.work.pop_first() {
            let Some(state) = self.states.get(&at).cloned() else { continue };
            steps += self.straight(at, state);
            if steps > budget {
                self.exhausted = true;
                self.work.clear();
                return;
            }
        }
    }

    /// Edges between places. A run that was walked before a place within it was known goes on there.
    pub(crate) fn all_edges(&self) -> Vec<(u64, u64)> {
        let mut edges = self.edges.clone();
        let ends = self.extents.iter().filter_map(|(from, last)| {
            let within = self.extents.range(*from..).nth(1).filter(|(place, _)| *place <= last);
            // The last byte before the place is one of the instruction before it.
            within.map(|(place, _)| (place.saturating_sub(1), *place))
        });
        edges.extend(ends);
        let led_to: BTreeSet<u64> = edges.iter().map(|(_, to)| *to).collect();
        let alone = self.extents.keys().filter(|place| !led_to.contains(place));
        edges.extend(alone.map(|place| (NOWHERE, *place)));
        edges.into_iter().collect()
    }

    /// The next byte from `from` on that nothing covers and that is no padding.
    fn next_gap(&self, from: usize) -> Option<usize> {
        let step = self.place.decoder.alignment() as usize;
        let bytes = self.place.object.image.bytes_at(self.place.bounds.start)?;
        let free = |at: &usize| {
            let covered = self.covered.get(*at).copied().unwrap_or(true);
            // nop of one byte, int3, zero
            !covered && !matches!(bytes.get(*at), Some(0x90 | 0xcc | 0) | None)
        };
        (from..self.covered.len()).filter(|at| at % step == 0).find(free)
    }

    /// Another way leads to this place.
    pub(crate) fn reach(&mut self, at: u64, state: &State) {
        let at = self.place.object.without_mode(at);
        if at < self.place.bounds.start || at >= self.place.bounds.end {
            return;
        }
        match self.states.get_mut(&at) {
            Some(known) => {
                if known.join(state, &mut self.sets) {
                    self.work.insert(at);
                }
            }
            None => {
                self.states.insert(at, state.clone());
                let distance = self.distance_of(at);
                if let Some(kept) = self.kept.get_mut(distance) {
                    *kept = true;
                }
                self.work.insert(at);
            }
        }
    }

    /// Distance from the start; beyond every place where the address lies before it.
    fn distance_of(&self, at: u64) -> usize {
        let distance = at.checked_sub(self.place.bounds.start);
        distance.and_then(|distance| usize::try_from(distance).ok()).unwrap_or(usize::MAX)
    }

    pub(super) fn decode(&mut self, at: u64) -> Option<Rc<Instruction>> {
        let distance = self.distance_of(at);
        if let Some(Some(known)) = self.decoded.get(distance) {
            return Some(Rc::clone(known));
        }
        let (code, offset) = self.place.object.image.code_at(at)?;
        let found = Rc::new(self.place.decoder.decode_in(code, offset, at)?);
        self.cover(at, u64::from(found.size));
        if let Some(place) = self.decoded.get_mut(distance) {
            *place = Some(Rc::clone(&found));
        }
        Some(found)
    }

    /// Marks bytes as walked, or as data.
    pub(crate) fn cover(&mut self, at: u64, bytes: u64) {
        let Some(from) = at.checked_sub(self.place.bounds.start) else { return };
        let (from, to) = (from as usize, from.saturating_add(bytes) as usize);
        let length = self.covered.len();
        if let Some(range) = self.covered.get_mut(from.min(length)..to.min(length)) {
            range.fill(true);
        }
    }

    /// From one place on until control leaves or another such place is met. Gives the steps.
    fn straight(&mut self, from: u64, state: State) -> u64 {
        let mut last = from;
        let steps = self.straight_to(from, state, &mut last);
        self.extents.insert(from, last);
        steps
    }

    fn straight_to(&mut self, from: u64, mut state: State, last: &mut u64) -> u64 {
        let mut at = from;
        let mut steps = 0;
        loop {
            steps += 1;
            *last = at;
            let Some(found) = self.decode(at) else {
                // On x86 every instruction is known; only a table read too far leads between them.
                if self.place.decoder.alignment() > 1 {
                    self.findings.undecoded.insert(at);
                }
                return steps;
            };
            let next = at.saturating_add(u64::from(found.size));
            let comes_back = self.step(at, next, &found, &mut state);
            let after = next.saturating_add(self.slot_size(&found, next));
            if !comes_back {
                if self.ends.is_some() && matches!(found.flow, Flow::Call(_)) {
                    self.behind.insert(after);
                }
                return steps;
            }
            if after >= self.place.bounds.end {
                self.fall_off(at, after, &found, &state);
                return steps;
            }
            if self.kept.get(self.distance_of(after)).copied().unwrap_or(false) {
                self.edges.insert((at, after));
                self.reach(after, &state);
                return steps;
            }
            at = after;
        }
    }

    /// Unwind tables of hand-written code may end in its middle (glibc's `clone3`); what ends with a call
    /// ends with one that does not return.
    fn fall_off(&mut self, at: u64, after: u64, found: &Instruction, state: &State) {
        let is_call = matches!(found.flow, Flow::Call(_));
        let ends = self.place.bounds.closed && self.place.bounds.exact;
        if !is_call && !ends && self.place.object.image.is_code(after) {
            self.tail(at, Callee::Address(after | u64::from(self.place.mode)), state);
        }
    }

    fn slot_size(&mut self, found: &Instruction, next: u64) -> u64 {
        match found.delay_slot {
            Some(_) => self.decode(next).map_or(0, |slot| u64::from(slot.size)),
            None => 0,
        }
    }

    /// Goes through every block once more, with what was found to hold there, and tells of each instruction what it makes of
    /// addresses. Gives the instructions in order, and where blocks begin.
    pub(super) fn replay(&mut self) -> (Vec<Step>, Vec<u64>) {
        let mut heads: Vec<u64> = self.states.keys().copied().collect();
        heads.sort_unstable();
        self.notes = Some(Notes::default());
        for head in &heads {
            if let Some(state) = self.states.get(head).cloned() {
                self.straight(*head, state);
            }
        }
        self.work.clear();
        let mut notes = self.notes.take().unwrap_or_default();
        let literals = &self.findings.literals;
        let is_code = |address: u64| {
            literals.range(..=address).next_back().is_none_or(|(_, end)| *end <= address)
        };
        let places = (self.place.bounds.start..).zip(&self.decoded);
        let decoded = places.filter_map(|(address, found)| Some((address, found.as_ref()?)));
        let steps = decoded
            .filter(|(address, _)| is_code(*address))
            .map(|(address, found)| Step {
                address,
                operation: self.operation(address),
                instruction: Instruction::clone(found),
                points: notes.take(address, &self.jump_tables),
            })
            .collect();
        (steps, heads)
    }

    fn operation(&self, address: u64) -> u32 {
        let bytes = self.place.object.image.bytes_at(address).unwrap_or_default();
        self.place.decoder.operation(bytes)
    }

    pub(crate) fn relocated(&self, address: u64) -> Option<(Relocated, bool)> {
        let list = &self.place.object.relocations;
        let index = list.binary_search_by_key(&address, |relocation| relocation.place).ok()?;
        list.get(index).map(|relocation| (relocation.value, relocation.slot))
    }
}
