// SPDX-License-Identifier: Apache-2.0
//! What one instruction does to the state, and which references it makes.

use super::facts::Reference;
use super::listing::Point;
use super::state::{State, Test};
use super::value::{Abstract, Element};
use super::walk::Walk;
use crate::isa::{Effect, Operation, Register, Value};

impl Walk<'_, '_> {
    pub(crate) fn apply(&mut self, at: u64, effects: &[Effect], state: &mut State) {
        for effect in effects {
            self.apply_one(at, effect, state);
        }
    }

    fn apply_one(&mut self, at: u64, effect: &Effect, state: &mut State) {
        if let Some(notes) = &mut self.notes {
            notes.turn_to(at);
        }
        match effect {
            Effect::Set { register, value, bits } => {
                let found = self.value(*value, state);
                let kept = matches!(value, Value::Register(from) if from == register);
                let found = self.truncate(found, *bits, state.register(*register));
                if let Value::Register(from) = value {
                    state.copy_bound(*from, *register);
                }
                let keeps = kept || matches!(value, Value::Register(_));
                let made = if let Value::Constant(_) = value { Made::InParts } else { Made::Whole };
                self.write(*register, found, keeps, made, state);
            }
            Effect::Compute { register, operation, left, right, bits } => {
                let narrowed = *operation == Operation::And && *left == Value::Register(*register);
                let test = self.test(*register, *operation, (*left, *right), state);
                let (left, right) = (self.value(*left, state), self.value(*right, state));
                let found = self.compute(*operation, left, right);
                let found = self.truncate(found, *bits, state.register(*register));
                self.write(*register, found, narrowed, Made::Whole, state);
                state.test = test.or(state.test);
            }
            Effect::Insert { register, value, lowest, count } => {
                let old = state.register(*register);
                let found = self.value(*value, state);
                let found = self.insert(old, found, *lowest, *count);
                self.write(*register, found, false, Made::Whole, state);
            }
            Effect::Load { register, address, bytes, signed } => {
                let found = self.load(at, address, *bytes, *signed, state);
                if let Some(notes) = &mut self.notes {
                    notes.load(found);
                }
                self.write(*register, found, false, Made::InParts, state);
            }
            Effect::Store { address, value, bytes } => self.store(address, *value, *bytes, state),
            Effect::Clobber(register) => {
                self.write(*register, Abstract::Unknown, false, Made::Whole, state);
            }
            Effect::Choose { register, value } => {
                let other = self.value(*value, state);
                let found = self.sets.join(state.register(*register), other);
                self.write(*register, found, false, Made::Whole, state);
            }
            Effect::Compare { left, right } => self.compare(*left, *right, state),
            Effect::ClobberFlags => state.forget_compared(),
            Effect::Overwrite { address, bytes } => self.overwrite(address, *bytes, state),
            Effect::Touch { address, bytes } => self.touch(address, *bytes, state),
        }
    }

    fn write(
        &mut self,
        register: Register,
        value: Abstract,
        keeps_bound: bool,
        made: Made,
        state: &mut State,
    ) {
        let value = self.global_or(register, value);
        // In the register that callees are entered by an address is there to be called; the call tells.
        let called = self.place.convention.entered == Some(register) && self.is_code(value);
        if !called && (made == Made::Whole || !self.is_page(value)) {
            self.refer(value);
        } else {
            self.note_part(value, called);
        }
        if let Abstract::Stack(to) = value
            && register != self.place.convention.stack
            && !self.escaped.contains(&to)
        {
            self.escaped.push(to);
        }
        if !keeps_bound {
            state.forget_bound(register);
        }
        state.set(register, value);
    }

    /// In MIPS code the global pointer holds the same everywhere; what it is saved in may be forgotten in between.
    fn global_or(&mut self, register: Register, value: Abstract) -> Abstract {
        if self.place.convention.global != Some(register) {
            return value;
        }
        match value {
            Abstract::Constant(address) if self.place.object.image.segment(address).is_some() => {
                self.global = Some(address);
                value
            }
            Abstract::Unknown => {
                let known = self.global.or_else(|| self.place.object.global_pointer());
                known.map_or(value, Abstract::Constant)
            }
            other => other,
        }
    }

    /// A comparison whose result goes into a register, to be branched on later.
    fn test(
        &self,
        result: Register,
        operation: Operation,
        operands: (Value, Value),
        state: &State,
    ) -> Option<Test> {
        let (Operation::Below, Value::Register(tested), bound) =
            (operation, operands.0, operands.1)
        else {
            return None;
        };
        let Abstract::Constant(bound) = self.value(bound, state) else { return None };
        let value = state.register(tested);
        (tested != result).then_some(Test { result, tested, value, bound })
    }

    fn compare(&mut self, left: Value, right: Value, state: &mut State) {
        state.compared_below = false;
        if let (Some(test), Value::Register(left), Value::Constant(0)) = (state.test, left, right)
            && test.result == left
        {
            state.compared_register = Some(test.tested);
            state.compared = Some((test.value, Abstract::Constant(test.bound)));
            state.compared_below = true;
            return;
        }
        state.compared_register = match left {
            Value::Register(register) => Some(register),
            _ => None,
        };
        state.compared = match (left, right) {
            (Value::Unknown, _) | (_, Value::Unknown) => None,
            _ => Some((self.value(left, state), self.value(right, state))),
        };
    }

    pub(crate) fn value(&self, value: Value, state: &State) -> Abstract {
        match value {
            Value::Constant(number) => Abstract::Constant(self.fit(number)),
            Value::Register(register) => state.register(register),
            Value::Unknown => Abstract::Unknown,
        }
    }

    /// A number in the width of addresses.
    pub(super) fn fit(&self, number: u64) -> u64 {
        if self.place.object.wide { number } else { number & 0xffff_ffff }
    }

    pub(super) fn is_code(&self, value: Abstract) -> bool {
        let object = self.place.object;
        match value {
            Abstract::Constant(address) => object.image.is_code(object.without_mode(address)),
            Abstract::Symbol(_) => true,
            _ => false,
        }
    }

    /// Is the value the begin of a page: a step on the way to an address (`adrp`, `lui`)?
    fn is_page(&self, value: Abstract) -> bool {
        self.place.decoder.alignment() > 1
            && matches!(value, Abstract::Constant(address) if address & 0xfff == 0)
    }

    /// An address that is no reference by itself: a page, or where a call goes.
    fn note_part(&mut self, value: Abstract, called: bool) {
        /// What a page entry or `lui` may lie below the address by, and above it.
        const NEAR: u64 = 0x1_0000;
        if let Abstract::Symbol(symbol) = value {
            self.note(Point::Symbol(symbol));
        }
        let Abstract::Constant(address) = value else { return };
        let segments = &self.place.object.image.segments;
        let is_near = segments.iter().any(|segment| {
            address < segment.end().saturating_add(NEAR)
                && segment.address < address.saturating_add(NEAR)
        });
        let Some(notes) = self.notes.as_mut().filter(|_| address != 0 && is_near) else { return };
        notes.add(if called { Point::Address(address) } else { Point::Page });
    }

    /// Every constant that may be an address of this file is a reference. In files that are not moved
    /// small numbers may be taken for one; that only adds.
    pub(crate) fn refer(&mut self, value: Abstract) {
        match value {
            Abstract::Constant(address) => self.refer_to(address),
            Abstract::Set(_) => {
                let found: Vec<u64> = self.sets.constants(&value).unwrap_or_default().to_vec();
                found.into_iter().for_each(|address| self.refer_to(address));
            }
            _ => {}
        }
        if let Abstract::Symbol(symbol) = value {
            self.note(Point::Symbol(symbol));
            self.findings.references.insert(Reference::Symbol(symbol));
        }
    }

    pub(super) fn note(&mut self, point: Point) {
        if let Some(notes) = &mut self.notes {
            notes.add(point);
        }
    }

    fn refer_to(&mut self, address: u64) {
        if address >= LEAST_ADDRESS && self.place.object.image.segment(address).is_some() {
            self.findings.references.insert(Reference::Address(address));
            self.note(Point::Address(address));
        }
    }

    fn truncate(&mut self, value: Abstract, bits: u8, old: Abstract) -> Abstract {
        match bits {
            64.. => value,
            32 => match value {
                Abstract::Constant(_) | Abstract::Set(_) => {
                    self.sets.map(value, |n| n & 0xffff_ffff)
                }
                // Numbers of calls and their arguments fit; addresses that are cut are no addresses.
                Abstract::Stack(_) | Abstract::Symbol(_) if self.place.object.wide => {
                    Abstract::Unknown
                }
                other => other,
            },
            narrow => {
                let mask = (1_u64 << narrow) - 1;
                match (old, value) {
                    (Abstract::Constant(old), Abstract::Constant(new)) => {
                        Abstract::Constant(old & !mask | new & mask)
                    }
                    _ => Abstract::Unknown,
                }
            }
        }
    }

    fn compute(&mut self, operation: Operation, left: Abstract, right: Abstract) -> Abstract {
        use Abstract::{Constant, Entry, Scaled, Stack};
        match (operation, left, right) {
            (Operation::Add, Stack(at), Constant(add))
            | (Operation::Add, Constant(add), Stack(at)) => {
                Stack(at.wrapping_add(self.signed(add)))
            }
            (Operation::Subtract, Stack(at), Constant(less)) => {
                Stack(at.wrapping_sub(self.signed(less)))
            }
            (Operation::And, Stack(at), Constant(_)) => Stack(at),
            (Operation::Add, Entry(register, add), Constant(more))
            | (Operation::Add, Constant(more), Entry(register, add)) => {
                shift_entry(register, add, self.signed(more))
            }
            (Operation::Subtract, Entry(register, add), Constant(less)) => {
                shift_entry(register, add, self.signed(less).wrapping_neg())
            }
            (Operation::ShiftLeft, Entry(register, add), Constant(by @ 1..=3)) => {
                Scaled(register, add, by as u8)
            }
            (Operation::And, Entry(..), Constant(0xffff_ffff))
            | (Operation::SignExtend, Entry(..), Constant(32)) => left,
            // The value as it is (a64 decodes moves so).
            (Operation::Add, _, Constant(0)) => left,
            (Operation::SignExtend, Abstract::Element(element), Constant(bits)) => {
                let same = |found: &Element| u64::from(found.bytes) * 8 == bits && found.shift == 0;
                match self.elements.get(element as usize).filter(|found| same(found)) {
                    Some(_) => self.change_element(element, |found| found.signed = true),
                    None => Abstract::Unknown,
                }
            }
            (Operation::And, Abstract::Element(element), Constant(mask)) => {
                // What was loaded has no more bits.
                let bits = self.elements.get(element as usize).map(|found| found.bytes * 8);
                let keeps = bits.is_some_and(|bits| bits < 64 && mask == (1 << bits) - 1);
                if keeps { left } else { Abstract::Unknown }
            }
            (Operation::Add, Abstract::Element(element), base)
            | (Operation::Add, base, Abstract::Element(element)) => {
                self.add_to_element(element, base)
            }
            (Operation::ShiftLeft, Abstract::Element(element), Constant(by @ 1..=3)) => {
                self.change_element(element, |found| found.shift = by as u8)
            }
            (Operation::Add, Constant(table), Abstract::Unknown | Scaled(..))
            | (Operation::Add, Abstract::Unknown | Scaled(..), Constant(table))
                if self.is_data(table) =>
            {
                Abstract::Table(table)
            }
            _ => self.compute_constants(operation, left, right),
        }
    }

    pub(super) fn is_data(&self, address: u64) -> bool {
        let image = &self.place.object.image;
        address >= LEAST_ADDRESS && image.segment(address).is_some() && !image.is_code(address)
    }

    pub(super) fn signed(&self, number: u64) -> i64 {
        if self.place.object.wide { number as i64 } else { i64::from(number as u32 as i32) }
    }

    fn compute_constants(
        &mut self,
        operation: Operation,
        left: Abstract,
        right: Abstract,
    ) -> Abstract {
        let wide = self.place.object.wide;
        match (left, right) {
            (left, Abstract::Constant(right)) => {
                self.sets.map(left, |left| calculate(operation, left, right, wide))
            }
            (Abstract::Constant(left), right) => {
                self.sets.map(right, |right| calculate(operation, left, right, wide))
            }
            _ => Abstract::Unknown,
        }
    }

    fn add_to_element(&mut self, element: u32, base: Abstract) -> Abstract {
        match base {
            Abstract::Constant(base) => {
                self.change_element(element, |found| found.add = found.add.wrapping_add(base))
            }
            _ => Abstract::Unknown,
        }
    }

    pub(super) fn change_element(
        &mut self,
        element: u32,
        change: impl Fn(&mut Element),
    ) -> Abstract {
        let Some(mut found) = self.elements.get(element as usize).copied() else {
            return Abstract::Unknown;
        };
        change(&mut found);
        self.element(found)
    }

    pub(super) fn element(&mut self, found: Element) -> Abstract {
        let known = self.elements.iter().position(|element| *element == found);
        let number = known.unwrap_or_else(|| {
            self.elements.push(found);
            self.elements.len() - 1
        });
        Abstract::Element(number as u32)
    }

    fn insert(&mut self, old: Abstract, value: Abstract, lowest: u8, count: u8) -> Abstract {
        let mask = 1_u64.checked_shl(u32::from(count)).map_or(u64::MAX, |top| top.wrapping_sub(1));
        let (Some(mask), Abstract::Constant(value)) = (mask.checked_shl(lowest.into()), value)
        else {
            return Abstract::Unknown;
        };
        let value = value.checked_shl(lowest.into()).unwrap_or(0) & mask;
        self.sets.map(old, |old| old & !mask | value)
    }
}

/// Whether an address may still lack its lower part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    /// It may.
    InParts,
    /// It does not.
    Whole,
}

/// Entry registers from this number on stand for the word that a register points to at entry: glibc
/// passes the number of a `set*id` call to all threads in a structure.
pub(crate) const POINTEE: u8 = 64;

/// Entry registers from this number on stand for arguments on the stack.
pub(crate) const STACKED: u8 = 96;

/// Below this no program is mapped (`vm.mmap_min_addr`).
pub(super) const LEAST_ADDRESS: u64 = 0x1000;

fn shift_entry(register: Register, add: i32, more: i64) -> Abstract {
    let sum = i64::from(add).checked_add(more).and_then(|sum| i32::try_from(sum).ok());
    sum.map_or(Abstract::Unknown, |sum| Abstract::Entry(register, sum))
}

pub(crate) fn extend(number: u64, bytes: u8, signed: bool) -> u64 {
    match (signed, bytes) {
        (true, 1) => number as i8 as u64,
        (true, 2) => number as i16 as u64,
        (true, 4) => number as i32 as u64,
        _ => number,
    }
}

fn calculate(operation: Operation, left: u64, right: u64, wide: bool) -> u64 {
    let count = u32::try_from(right).unwrap_or(u32::MAX);
    let result = match operation {
        Operation::Add => left.wrapping_add(right),
        Operation::Subtract => left.wrapping_sub(right),
        Operation::And => left & right,
        Operation::Or => left | right,
        Operation::ExclusiveOr => left ^ right,
        Operation::ShiftLeft => left.checked_shl(count).unwrap_or(0),
        Operation::ShiftRight => left.checked_shr(count).unwrap_or(0),
        Operation::ShiftRightSigned if wide => (left as i64).checked_shr(count).unwrap_or(0) as u64,
        Operation::ShiftRightSigned => {
            i64::from(left as u32 as i32).checked_shr(count).unwrap_or(0) as u64
        }
        Operation::Multiply => left.wrapping_mul(right),
        Operation::SignExtend => extend(left, (right / 8) as u8, true),
        Operation::Below => u64::from(left < right),
        Operation::Less if wide => u64::from((left as i64) < right as i64),
        Operation::Less => u64::from((left as u32 as i32) < right as u32 as i32),
    };
    if wide { result } else { result & 0xffff_ffff }
}
