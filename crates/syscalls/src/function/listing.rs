// SPDX-License-Identifier: Apache-2.0
//! The instructions of one function, each with the addresses that it makes or uses: what a comparison of two builds
//! needs, in which every address differs.

use std::collections::{BTreeSet, HashMap};

use super::Function;
use super::value::Abstract;
use crate::isa::Instruction;

/// An address, or a number from among the instructions, that an instruction makes or uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// A part of an address that other instructions complete (`adrp`, `lui`, a page entry of the GOT).
    Page,
    /// An address of this file.
    Address(u64),
    /// The address of a table that a jump is taken from; its content is another in every build.
    Table(u64),
    /// The address of a dynamic symbol, by its index.
    Symbol(u32),
    /// A number that was loaded from constant memory, mostly from between the instructions.
    Number(u64),
}

/// One instruction in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Where, with bias.
    pub address: u64,
    /// [`Decoder::operation`](crate::isa::Decoder::operation); 0 for padding.
    pub operation: u32,
    /// What it does.
    pub instruction: Instruction,
    /// Addresses that it makes or uses, in the order of its effects. Where there is one, the numbers of the instruction
    /// are parts of it.
    pub points: Vec<Point>,
}

/// One function with its instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Where it lies, and what it calls.
    pub function: Function,
    /// Instructions that control reaches, in the order of their addresses.
    pub steps: Vec<Step>,
    /// Where blocks begin, in order.
    pub heads: Vec<u64>,
    /// It only leads to other files (the PLT).
    pub is_stub: bool,
}

/// Points by the address of the instruction.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    at: u64,
    points: HashMap<u64, Vec<Point>>,
}

impl Notes {
    /// What follows is of the instruction at this address.
    pub(super) fn turn_to(&mut self, at: u64) {
        self.at = at;
    }

    pub(super) fn add(&mut self, point: Point) {
        let points = self.points.entry(self.at).or_default();
        if !points.contains(&point) {
            points.push(point);
        }
    }

    /// Where the loaded value is known, it counts, and not the place that it was in: slots and literals move. What comes from the
    /// stack was told where it was put there.
    pub(super) fn load(&mut self, value: Abstract) {
        match value {
            Abstract::Constant(number) if self.points.remove(&self.at).is_some() => {
                self.add(Point::Number(number));
            }
            Abstract::Symbol(_) => drop(self.points.remove(&self.at)),
            _ => {}
        }
    }

    pub(super) fn take(&mut self, at: u64, tables: &BTreeSet<u64>) -> Vec<Point> {
        let mut points = self.points.remove(&at).unwrap_or_default();
        for point in &mut points {
            if let Point::Address(address) = *point
                && tables.contains(&address)
            {
                *point = Point::Table(address);
            }
        }
        // A number that turned out to be an address, or a part of one, is told as that.
        if points.iter().any(|point| !matches!(point, Point::Number(_))) {
            points.retain(|point| !matches!(point, Point::Number(_)));
        }
        points
    }
}
