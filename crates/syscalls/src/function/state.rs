// SPDX-License-Identifier: Apache-2.0
//! All registers, stack slots and the condition at one place of a function.

use super::value::{Abstract, Allowed, Sets};
use crate::isa::{Register, SCRATCH};

/// What is known before an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    registers: [Abstract; 34],
    /// Stack slots by their distance from the stack pointer at entry, in order.
    slots: Vec<(i64, Abstract)>,
    /// What the flags come from.
    pub(crate) compared: Option<(Abstract, Abstract)>,
    /// The register that was compared, until it changes.
    pub(crate) compared_register: Option<Register>,
    /// What was compared is a [`Test`]: "different" means below, "equal" above or equal.
    pub(crate) compared_below: bool,
    /// A register that tells whether another is below a number without sign, which it then was.
    pub(crate) test: Option<Test>,
    /// Registers that hold at most this.
    bounds: Vec<(Register, u64)>,
    /// Under which entry values this place is reached; registers that are not named are free.
    pub(crate) guards: Vec<(Register, Allowed)>,
}

/// `result` is 1 where `tested` is below `bound` (MIPS `sltiu`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Test {
    pub(crate) result: Register,
    pub(crate) tested: Register,
    pub(crate) value: Abstract,
    pub(crate) bound: u64,
}

/// Where unknown registers are kept in order not to fail on a bad number.
const NOWHERE: usize = 32;
/// Where a register is kept; one of a bad number is unknown always.
fn place(register: Register) -> usize {
    let number = usize::from(register.0);
    if number < NOWHERE || register == SCRATCH { number } else { NOWHERE }
}

/// Slots beyond that are forgotten.
const MOST_SLOTS: usize = 64;

impl State {
    /// At the entry of a function: every register holds what it held.
    pub(crate) fn entry() -> Self {
        Self {
            registers: std::array::from_fn(|number| Abstract::Entry(Register(number as u8), 0)),
            slots: Vec::new(),
            compared: None,
            compared_register: None,
            compared_below: false,
            test: None,
            bounds: Vec::new(),
            guards: Vec::new(),
        }
    }

    /// Nothing is known.
    pub(crate) fn unknown() -> Self {
        Self { registers: [Abstract::Unknown; 34], ..Self::entry() }
    }

    pub(crate) fn register(&self, register: Register) -> Abstract {
        self.registers.get(place(register)).copied().unwrap_or(Abstract::Unknown)
    }

    pub(crate) fn set(&mut self, register: Register, value: Abstract) {
        if let Some(known) = self.registers.get_mut(place(register)) {
            *known = value;
        }
        self.registers[NOWHERE] = Abstract::Unknown;
    }

    /// Forgets every register whose bit is not set.
    pub(crate) fn keep(&mut self, mask: u32) {
        for (number, value) in self.registers.iter_mut().enumerate() {
            if number >= 32 || mask >> number & 1 == 0 {
                *value = Abstract::Unknown;
            }
        }
        self.forget_compared();
        self.test = None;
        self.bounds.retain(|(register, _)| register.0 < 32 && mask >> register.0 & 1 == 1);
    }

    /// The register holds at most this.
    pub(crate) fn set_bound(&mut self, register: Register, most: u64) {
        self.forget_bound_of(register);
        self.bounds.push((register, most));
        self.bounds.sort_by_key(|(register, _)| *register);
    }

    pub(crate) fn bound(&self, register: Register) -> Option<u64> {
        self.bounds.iter().find(|(known, _)| *known == register).map(|(_, most)| *most)
    }

    /// Is any register bound?
    pub(crate) fn has_bounds(&self) -> bool {
        !self.bounds.is_empty()
    }

    /// A register takes over what is known of another.
    pub(crate) fn copy_bound(&mut self, from: Register, to: Register) {
        if from == to {
            return;
        }
        self.forget_bound(to);
        if let Some(most) = self.bound(from) {
            self.set_bound(to, most);
        }
    }

    /// The register is written.
    pub(crate) fn forget_bound(&mut self, register: Register) {
        self.forget_bound_of(register);
        if self.compared_register == Some(register) {
            self.compared_register = None;
        }
        if self.test.is_some_and(|test| test.result == register || test.tested == register) {
            self.test = None;
        }
    }

    fn forget_bound_of(&mut self, register: Register) {
        self.bounds.retain(|(known, _)| *known != register);
    }

    /// The flags come from nothing that is known.
    pub(crate) fn forget_compared(&mut self) {
        self.compared = None;
        self.compared_register = None;
        self.compared_below = false;
    }

    pub(crate) fn slot(&self, at: i64) -> Abstract {
        let found = self.slots.binary_search_by_key(&at, |(at, _)| *at);
        found
            .ok()
            .and_then(|index| self.slots.get(index))
            .map_or(Abstract::Unknown, |(_, value)| *value)
    }

    /// Writes a slot; what overlaps it is forgotten.
    pub(crate) fn set_slot(&mut self, at: i64, bytes: u8, value: Abstract) {
        let end = at.saturating_add(i64::from(bytes));
        self.slots.retain(|(other, _)| {
            *other >= end || other.saturating_add(8) <= at || (*other < at && at - *other >= 4)
        });
        if value == Abstract::Unknown || self.slots.len() >= MOST_SLOTS {
            return;
        }
        let place = self.slots.partition_point(|(other, _)| *other < at);
        self.slots.insert(place, (at, value));
    }

    /// Forgets slots that overlap these bytes.
    pub(crate) fn clear_slots(&mut self, at: i64, bytes: u16) {
        let end = at.saturating_add(i64::from(bytes));
        self.slots.retain(|(other, _)| *other >= end || other.saturating_add(8) <= at);
    }

    /// Forgets slots that a pointer to `escaped` may reach.
    pub(crate) fn forget_slots(&mut self, escaped: &[i64]) {
        const REACH: i64 = 256;
        self.slots.retain(|(at, _)| !escaped.iter().any(|from| *from <= *at && at - from < REACH));
    }

    /// Narrows the values of an entry register that lead here. False: none is left.
    pub(crate) fn guard(&mut self, register: Register, allowed: Allowed) -> bool {
        match self.guards.iter_mut().find(|(known, _)| *known == register) {
            Some((_, known)) => {
                *known = known.and(allowed);
                *known != Allowed::NONE
            }
            None => {
                self.guards.push((register, allowed));
                self.guards.sort_by_key(|(register, _)| *register);
                allowed != Allowed::NONE
            }
        }
    }

    /// Takes in another way to the same place. True: something changed.
    pub(crate) fn join(&mut self, other: &Self, sets: &mut Sets) -> bool {
        let mut changed = false;
        for (own, other) in self.registers.iter_mut().zip(&other.registers) {
            if own != other && *own != Abstract::Unknown {
                let joined = sets.join(*own, *other);
                changed |= joined != *own;
                *own = joined;
            }
        }
        changed |= self.join_slots(other, sets);
        if self.compared != other.compared && self.compared.is_some() {
            self.compared = None;
            changed = true;
        }
        if self.compared_register != other.compared_register && self.compared_register.is_some() {
            self.compared_register = None;
            changed = true;
        }
        if self.compared_below != other.compared_below {
            changed |= self.compared.is_some();
            self.forget_compared();
        }
        if self.test != other.test && self.test.is_some() {
            self.test = None;
            changed = true;
        }
        changed |= self.join_bounds(other);
        let guards = join_guards(&self.guards, &other.guards);
        changed |= guards != self.guards;
        self.guards = guards;
        changed
    }

    /// Bounds that grow on the way round a loop are given up.
    fn join_bounds(&mut self, other: &Self) -> bool {
        let before = self.bounds.len();
        self.bounds
            .retain(|(register, most)| other.bound(*register).is_some_and(|other| other <= *most));
        before != self.bounds.len()
    }

    fn join_slots(&mut self, other: &Self, sets: &mut Sets) -> bool {
        let mut changed = false;
        self.slots.retain_mut(|(at, value)| {
            let joined = sets.join(*value, other.slot(*at));
            changed |= joined != *value;
            *value = joined;
            joined != Abstract::Unknown
        });
        changed
    }
}

/// A register is bound only where it is bound on both ways.
pub(crate) fn join_guards(
    left: &[(Register, Allowed)],
    right: &[(Register, Allowed)],
) -> Vec<(Register, Allowed)> {
    left.iter()
        .filter_map(|(register, allowed)| {
            let (_, other) = right.iter().find(|(other, _)| other == register)?;
            let both = allowed.or(*other);
            (both != Allowed::ALL).then_some((*register, both))
        })
        .collect()
}
