// SPDX-License-Identifier: Apache-2.0
//! What loads give, what stores change, and which places of the file are read.

use super::effect::{LEAST_ADDRESS, POINTEE, extend};
use super::facts::Reference;
use super::listing::Point;
use super::state::State;
use super::value::{Abstract, Element};
use super::walk::Walk;
use crate::isa::{Address, Register, Value};
use crate::object::Relocated;

impl Walk<'_, '_> {
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

    pub(super) fn touch(&mut self, address: &Address, bytes: u16, state: &State) {
        let (place, index) = self.address(address, state);
        self.read(place, index.is_some(), bytes);
        if let (Abstract::Constant(place), None) = (place, index) {
            self.refer_to_slots(place, bytes);
        }
    }

    /// Slots of the GOT that go into a vector register are not seen where they go from there (compilers fill tables of functions so).
    fn refer_to_slots(&mut self, place: u64, bytes: u16) {
        let end = place.saturating_add(u64::from(bytes));
        let list = &self.place.object.relocations;
        let from = list.partition_point(|relocation| relocation.place < place);
        let within = list.iter().skip(from).take_while(|relocation| relocation.place < end);
        for relocation in within.filter(|relocation| relocation.slot) {
            self.findings.references.insert(Reference::of(relocation.value));
        }
    }

    /// Memory is read. At a place that is known only what lies there counts, not the object around it.
    fn read(&mut self, place: Abstract, is_indexed: bool, bytes: u16) {
        match place {
            // What a slot holds is referred to where it goes.
            Abstract::Constant(address) if !is_indexed && self.is_static_slot(address) => {}
            Abstract::Constant(address) if !is_indexed => {
                self.note_place(address);
                let known = self.findings.words.entry(address).or_default();
                *known = bytes.max(*known);
            }
            other => self.refer(other),
        }
    }

    fn note_written(&mut self, place: Abstract) {
        if let Abstract::Constant(address) = place {
            self.note_place(address);
        }
    }

    fn note_place(&mut self, address: u64) {
        if self.place.object.image.segment(address).is_some() {
            self.note(Point::Address(address));
        }
    }

    pub(super) fn overwrite(&mut self, address: &Address, bytes: u16, state: &mut State) {
        let (place, index) = self.address(address, state);
        self.note_written(place);
        match (place, index) {
            (Abstract::Stack(place), None) => state.clear_slots(place, bytes),
            (Abstract::Stack(place), Some(_)) => state.forget_slots(&[place]),
            (Abstract::Unknown, _) if !address.segment => state.forget_slots(&self.escaped),
            _ => {}
        }
    }

    pub(super) fn store(&mut self, address: &Address, value: Value, bytes: u8, state: &mut State) {
        let (place, index) = self.address(address, state);
        let value = self.value(value, state);
        self.note_written(place);
        self.refer(value);
        match (place, index) {
            (Abstract::Stack(place), None) => state.set_slot(place, bytes, value),
            (Abstract::Stack(place), Some(_)) => state.forget_slots(&[place]),
            (Abstract::Unknown, _) if !address.segment => state.forget_slots(&self.escaped),
            _ => {}
        }
    }
}

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
