// SPDX-License-Identifier: Apache-2.0
//! What one instruction does to the state, and which references it makes.

use super::facts::Reference;
use super::state::{State, Test};
use super::value::{Abstract, Element};
use super::walk::Walk;
use crate::isa::{Address, Effect, Operation, Register, Value};
use crate::object::Relocated;

impl Walk<'_, '_> {
    pub(crate) fn apply(&mut self, at: u64, effects: &[Effect], state: &mut State) {
        for effect in effects {
            self.apply_one(at, effect, state);
        }
    }

    fn apply_one(&mut self, at: u64, effect: &Effect, state: &mut State) {
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
    fn fit(&self, number: u64) -> u64 {
        if self.place.object.wide { number } else { number & 0xffff_ffff }
    }

    fn is_code(&self, value: Abstract) -> bool {
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

    /// Every constant that may be an address of this file is a reference. In files that are not moved
    /// small numbers may be taken for one; that only adds.
    pub(crate) fn refer(&mut self, value: Abstract) {
        let found: Vec<u64> = self.sets.constants(&value).unwrap_or_default().to_vec();
        for address in found {
            if address >= LEAST_ADDRESS && self.place.object.image.segment(address).is_some() {
                self.findings.references.insert(Reference::Address(address));
            }
        }
        if let Abstract::Symbol(symbol) = value {
            self.findings.references.insert(Reference::Symbol(symbol));
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

    fn is_data(&self, address: u64) -> bool {
        let image = &self.place.object.image;
        address >= LEAST_ADDRESS && image.segment(address).is_some() && !image.is_code(address)
    }

    fn signed(&self, number: u64) -> i64 {
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

    fn change_element(&mut self, element: u32, change: impl Fn(&mut Element)) -> Abstract {
        let Some(mut found) = self.elements.get(element as usize).copied() else {
            return Abstract::Unknown;
        };
        change(&mut found);
        self.element(found)
    }

    fn element(&mut self, found: Element) -> Abstract {
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

    /// The address of an operand, where it is known, and the index that is added.
    fn address(
        &self,
        address: &Address,
        state: &State,
    ) -> (Abstract, Option<(Abstract, Register, u8)>) {
        if address.segment {
            return (Abstract::Unknown, None);
        }
        let mut displacement = address.displacement;
        let mut index =
            address.index.map(|(register, scale)| (state.register(register), register, scale));
        if let Some((Abstract::Constant(by), _, scale)) = index
            && (address.base.is_none_or(|base| state.register(base) != Abstract::Unknown))
        {
            let by = self.signed(by.checked_shl(u32::from(scale)).unwrap_or(0));
            displacement = displacement.wrapping_add(by);
            index = None;
        }
        let add = |number: u64| self.fit(number.wrapping_add(displacement as u64));
        let Some(base) = address.base else { return (Abstract::Constant(add(0)), index) };
        let found = match state.register(base) {
            Abstract::Constant(base) => Abstract::Constant(add(base)),
            Abstract::Stack(at) => Abstract::Stack(at.wrapping_add(displacement)),
            Abstract::Element(element) if displacement == 0 && index.is_none() => {
                Abstract::Element(element)
            }
            Abstract::Table(table) if index.is_none() => {
                return (Abstract::Constant(add(table)), Some((Abstract::Unknown, base, 0)));
            }
            // Without displacement: index and base may have changed places.
            other => match index {
                Some((Abstract::Constant(table), _, 0)) => {
                    return (Abstract::Constant(add(table)), Some((other, base, 0)));
                }
                _ => Abstract::Unknown,
            },
        };
        (found, index)
    }

    pub(crate) fn load(
        &mut self,
        at: u64,
        address: &Address,
        bytes: u8,
        signed: bool,
        state: &State,
    ) -> Abstract {
        let (place, index) = self.address(address, state);
        self.read(place, index.is_some(), u16::from(bytes));
        if let Some(pointee) = pointee(address, bytes, state) {
            return pointee;
        }
        match (place, index) {
            (Abstract::Constant(place), None) => self.load_constant(at, place, bytes, signed),
            (Abstract::Constant(table), Some((index, register, scale))) => {
                self.load_element(table, bytes, signed, index, register, scale, state)
            }
            (Abstract::Stack(place), None) => state.slot(place),
            _ => Abstract::Unknown,
        }
    }

    fn load_constant(&mut self, at: u64, place: u64, bytes: u8, signed: bool) -> Abstract {
        if place >= self.place.bounds.start && place < self.place.bounds.end {
            // A literal between the instructions.
            self.cover(place, u64::from(bytes));
            self.findings.literals.insert(place, place.saturating_add(u64::from(bytes)));
        }
        let constant = self.place.object.image.is_constant(place);
        let word = u64::from(bytes) == self.place.object.image.word_size();
        match self.relocated(place) {
            Some((Relocated::Address(address), slot)) if word && (constant || slot) => {
                Abstract::Constant(address)
            }
            // What a chooser gives: calling the chooser instead leads to all that it may give.
            Some((Relocated::Chosen(chooser), _)) if word => Abstract::Constant(chooser),
            Some((Relocated::Symbol(symbol, 0), slot)) if word && (constant || slot) => {
                Abstract::Symbol(symbol)
            }
            None if word && self.is_static_slot(place) => {
                self.place.object.image.word(place).map_or(Abstract::Unknown, Abstract::Constant)
            }
            None if constant && place != at => {
                self.place.object.image.number(place, bytes).map_or(Abstract::Unknown, |number| {
                    Abstract::Constant(self.fit(extend(number, bytes, signed)))
                })
            }
            _ => Abstract::Unknown,
        }
    }

    /// A place of the GOT of a static MIPS program: near the global pointer, and it holds an address. Small variables lie there too; one
    /// that holds an address of code at start is called through like a slot, and what it is set to later is referred to elsewhere.
    fn is_static_slot(&self, place: u64) -> bool {
        const REACH: u64 = 0x8000;
        let object = self.place.object;
        let near = !object.independent
            && object.global_pointer().is_some_and(|global| global.abs_diff(place) <= REACH);
        // An entry may also be the page that an address lies in.
        const PAGE: u64 = 0x1_0000;
        let is_address = |value: u64| {
            let segments = &object.image.segments;
            let within = |end: u64| segments.iter().any(|s| s.address < end && value < s.end());
            let page = value.is_multiple_of(PAGE) && within(value.saturating_add(PAGE));
            value >= LEAST_ADDRESS && (page || object.image.segment(value).is_some())
        };
        object.image.word(place).is_some_and(|value| near && is_address(value))
    }

    #[allow(clippy::too_many_arguments)]
    fn load_element(
        &mut self,
        table: u64,
        bytes: u8,
        signed: bool,
        index: Abstract,
        register: Register,
        scale: u8,
        state: &State,
    ) -> Abstract {
        let stride = 1_u64.checked_shl(u32::from(scale)).unwrap_or(0);
        let index = match index {
            Abstract::Entry(register, add) if stride == u64::from(bytes) => Some((register, add)),
            Abstract::Scaled(register, add, by) if scale == 0 && 1 << by == bytes => {
                Some((register, add))
            }
            _ if stride == u64::from(bytes) || scale == 0 => None,
            _ => return Abstract::Unknown,
        };
        self.table_bounds.insert(table, state.bound(register));
        self.element(Element { table, bytes, signed, shift: 0, add: 0, index })
    }

    /// The target of a jump by a table of distances, whose entry is `found`.
    pub(crate) fn distance(&mut self, found: Abstract, shift: u8, base: u64) -> Abstract {
        let add = |number: u64| {
            let sum = (number << (shift & 7)).wrapping_add(base);
            sum & 0xffff_ffff
        };
        match found {
            Abstract::Element(element) => self.change_element(element, |element| {
                element.shift = shift;
                element.add = base;
            }),
            other => self.sets.map(other, add),
        }
    }

    /// The target of a jump into a run of branches.
    pub(crate) fn steps(
        &mut self,
        base: u64,
        index: Register,
        shift: u8,
        state: &State,
    ) -> Abstract {
        const MOST_STEPS: u64 = 1024;
        let step = |number: u64| (number << (shift & 7)).wrapping_add(base) & 0xffff_ffff;
        let value = state.register(index);
        if self.sets.constants(&value).is_some() {
            return self.sets.map(value, step);
        }
        let last = match (state.bound(index), shift) {
            (Some(bound), _) => bound.min(MOST_STEPS),
            (None, 0) => return Abstract::Unknown,
            (None, _) => MOST_STEPS,
        };
        self.runs.push((0..=last).map(step).collect());
        Abstract::Run((self.runs.len() - 1) as u32)
    }

    fn touch(&mut self, address: &Address, bytes: u16, state: &State) {
        let (place, index) = self.address(address, state);
        self.read(place, index.is_some(), bytes);
    }

    /// Memory is read. At a place that is known only what lies there counts, not the object around it.
    fn read(&mut self, place: Abstract, is_indexed: bool, bytes: u16) {
        match place {
            // What a slot holds is referred to where it goes.
            Abstract::Constant(address) if !is_indexed && self.is_static_slot(address) => {}
            Abstract::Constant(address) if !is_indexed => {
                let known = self.findings.words.entry(address).or_default();
                *known = bytes.max(*known);
            }
            other => self.refer(other),
        }
    }

    fn overwrite(&mut self, address: &Address, bytes: u16, state: &mut State) {
        let (place, index) = self.address(address, state);
        match (place, index) {
            (Abstract::Stack(place), None) => state.clear_slots(place, bytes),
            (Abstract::Stack(place), Some(_)) => state.forget_slots(&[place]),
            (Abstract::Unknown, _) if !address.segment => state.forget_slots(&self.escaped),
            _ => {}
        }
    }

    fn store(&mut self, address: &Address, value: Value, bytes: u8, state: &mut State) {
        let (place, index) = self.address(address, state);
        let value = self.value(value, state);
        self.refer(value);
        match (place, index) {
            (Abstract::Stack(place), None) => state.set_slot(place, bytes, value),
            (Abstract::Stack(place), Some(_)) => state.forget_slots(&[place]),
            (Abstract::Unknown, _) if !address.segment => state.forget_slots(&self.escaped),
            _ => {}
        }
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

/// The first word of what an entry register points to.
fn pointee(address: &Address, bytes: u8, state: &State) -> Option<Abstract> {
    let plain =
        address.index.is_none() && address.displacement == 0 && !address.segment && bytes >= 4;
    match state.register(address.base.filter(|_| plain)?) {
        Abstract::Entry(register, 0) if register.0 < 32 => {
            Some(Abstract::Entry(Register(POINTEE + register.0), 0))
        }
        _ => None,
    }
}

/// Below this no program is mapped (`vm.mmap_min_addr`).
const LEAST_ADDRESS: u64 = 0x1000;

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
