// SPDX-License-Identifier: Apache-2.0
//! What the walk over one function found: system calls, calls, references.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::state::join_guards;
use super::value::{Allowed, MOST_CONSTANTS};
use crate::isa::Register;
use crate::object::Relocated;

/// What a register holds at a call, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// One of these.
    Constants(Vec<u64>),
    /// What the register held when the calling function was entered, plus a number.
    Entry(u8, i32),
    /// The address of a dynamic symbol, by its index.
    Symbol(u32),
}

/// Registers with known content, in order.
pub type Inputs = Vec<(u8, Input)>;

/// Under which entry values a fact holds; registers that are not named are free.
pub type Guards = Vec<(u8, Allowed)>;

/// The door into the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Door {
    /// The usual one of the architecture.
    Usual,
    /// That of 32-bit code (`int 0x80`).
    Narrow,
    /// The number is in the instruction (ARM OABI).
    Coded(u32),
}

/// A system-call instruction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Where, with bias.
    pub address: u64,
    /// Which door.
    pub door: Door,
    /// The number; `None` when it is not known.
    pub number: Option<Input>,
    /// Registers with known content.
    pub inputs: Inputs,
    /// When it is reached.
    pub guards: Guards,
}

/// Where a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Callee {
    /// To this address.
    Address(u64),
    /// To a dynamic symbol, by its index.
    Symbol(u32),
    /// To what the entry register holds.
    Entry(u8),
    /// To an address that is not known.
    Unknown,
}

/// A call or a jump out of the function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Where, with bias.
    pub address: u64,
    /// Where to.
    pub callee: Callee,
    /// Registers with known content.
    pub inputs: Inputs,
    /// When it is made.
    pub guards: Guards,
}

/// Something whose address the function takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reference {
    /// An address of the same file.
    Address(u64),
    /// A dynamic symbol, by its index.
    Symbol(u32),
}

impl Reference {
    pub(crate) fn of(value: Relocated) -> Self {
        match value {
            Relocated::Address(address) | Relocated::Chosen(address) => Self::Address(address),
            Relocated::Symbol(symbol, _) | Relocated::Copy(symbol) => Self::Symbol(symbol),
        }
    }
}

/// Everything found, while the walk goes on; later rounds only add.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    sites: BTreeMap<u64, Site>,
    calls: BTreeMap<(u64, Callee), Call>,
    pub(crate) references: BTreeSet<Reference>,
    /// Places that are read, with the bytes that are.
    pub(crate) words: BTreeMap<u64, u16>,
    /// Places that control reaches and that hold no instruction that is known.
    pub(crate) undecoded: BTreeSet<u64>,
    /// Constants among the instructions: first byte and the byte behind.
    pub(crate) literals: BTreeMap<u64, u64>,
}

impl Findings {
    pub(crate) fn site(&mut self, found: Site) {
        match self.sites.get_mut(&found.address) {
            Some(known) => {
                known.number = match (known.number.take(), found.number) {
                    (Some(left), Some(right)) => join(left, &right),
                    _ => None,
                };
                join_inputs(&mut known.inputs, &found.inputs);
                known.guards = widen(&known.guards, &found.guards);
            }
            None => drop(self.sites.insert(found.address, found)),
        }
    }

    pub(crate) fn call(&mut self, found: Call) {
        match self.calls.get_mut(&(found.address, found.callee)) {
            Some(known) => {
                join_inputs(&mut known.inputs, &found.inputs);
                known.guards = widen(&known.guards, &found.guards);
            }
            None => drop(self.calls.insert((found.address, found.callee), found)),
        }
    }

    /// Sites and calls. After a call that does not come back the walk may have run into constants: what lies there is left
    /// out.
    pub(crate) fn into_parts(self) -> (Vec<Site>, Vec<Call>, Option<u64>) {
        let literals = self.literals;
        let is_code = |address: u64| {
            literals.range(..=address).next_back().is_none_or(|(_, end)| *end <= address)
        };
        let sites = self.sites.into_values().filter(|site| is_code(site.address));
        let calls = self.calls.into_values().filter(|call| is_code(call.address));
        let undecoded = self.undecoded.into_iter().find(|address| is_code(*address));
        (sites.collect(), calls.collect(), undecoded)
    }
}

fn join(left: Input, right: &Input) -> Option<Input> {
    match (left, right) {
        (Input::Constants(mut left), Input::Constants(right)) => {
            left.extend(right);
            left.sort_unstable();
            left.dedup();
            (left.len() <= MOST_CONSTANTS).then_some(Input::Constants(left))
        }
        (left, right) => (left == *right).then_some(left),
    }
}

fn join_inputs(known: &mut Inputs, found: &Inputs) {
    let earlier = std::mem::take(known);
    *known = earlier
        .into_iter()
        .filter_map(|(register, left)| {
            let (_, right) = found.iter().find(|(other, _)| *other == register)?;
            Some((register, join(left, right)?))
        })
        .collect();
}

fn widen(left: &Guards, right: &Guards) -> Guards {
    let typed = |guards: &Guards| -> Vec<_> {
        guards.iter().map(|(register, allowed)| (Register(*register), *allowed)).collect()
    };
    join_guards(&typed(left), &typed(right))
        .into_iter()
        .map(|(r, allowed)| (r.0, allowed))
        .collect()
}
