// SPDX-License-Identifier: Apache-2.0
//! Loads and stores of one or two registers.

use super::super::bytes::compute;
use super::super::{Address, Effect, Flow, Instruction, Operation, Target, Value};
use super::{COUNTER, Offset, Place, STACK, address, general};

/// How the offset takes part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Indexing {
    /// Added for this access.
    Offset,
    /// Added, and the sum kept in the base.
    Before,
    /// Added to the base after the access.
    After,
}

impl Indexing {
    /// From the bits P and W.
    pub(super) fn from_bits(before: bool, write_back: bool) -> Self {
        match (before, write_back) {
            (true, false) => Self::Offset,
            (true, true) => Self::Before,
            (false, _) => Self::After,
        }
    }
}

/// One load or store.
#[derive(Clone, Copy)]
pub(super) struct Transfer {
    pub(super) load: bool,
    /// Bytes of each register.
    pub(super) bytes: u8,
    pub(super) signed: bool,
    pub(super) register: u32,
    /// Register of the second word.
    pub(super) second: Option<u32>,
    pub(super) base: u32,
    pub(super) offset: Offset,
    pub(super) indexing: Indexing,
}

impl Transfer {
    pub(super) fn decode(self, place: Place) -> Instruction {
        let offset = match self.indexing {
            Indexing::After => Offset::Constant(0),
            _ => self.offset,
        };
        let at = address(place, self.base, offset);
        let mut effects = Vec::with_capacity(2);
        self.access(place, self.register, at, &mut effects);
        if let Some(second) = self.second {
            let at = at.map(|at| Address { displacement: at.displacement + 4, ..at });
            self.access(place, second, at, &mut effects);
        }
        effects.extend(self.write_back());
        let instruction = place.instruction(effects);
        if self.load && self.register == COUNTER && self.second.is_none() {
            return instruction.going(self.flow(at));
        }
        instruction
    }

    fn access(self, place: Place, register: u32, at: Option<Address>, effects: &mut Vec<Effect>) {
        let Self { bytes, signed, .. } = self;
        effects.extend(match at {
            _ if self.load && register == COUNTER => None,
            // The second word is read through the base that the first one overwrote.
            Some(at)
                if self.load && !(self.second == Some(register) && self.register == self.base) =>
            {
                Some(Effect::Load { register: general(register), address: at, bytes, signed })
            }
            _ if self.load => Some(Effect::Clobber(general(register))),
            Some(at) => Some(Effect::Store { address: at, value: place.read(register), bytes }),
            None => None,
        });
    }

    /// The base's new content.
    fn write_back(self) -> Option<Effect> {
        if self.indexing == Indexing::Offset || self.base == COUNTER {
            return None;
        }
        let base = general(self.base);
        let written = self.load && (self.register == self.base || self.second == Some(self.base));
        let add = |right| compute(base, Operation::Add, Value::Register(base), right, 32);
        Some(match self.offset {
            _ if written => Effect::Clobber(base),
            Offset::Constant(bytes) => add_constant(self.base, bytes),
            Offset::Plus(index, 0) => add(Value::Register(general(index))),
            Offset::Minus(index) => {
                let index = Value::Register(general(index));
                compute(base, Operation::Subtract, Value::Register(base), index, 32)
            }
            _ => Effect::Clobber(base),
        })
    }

    /// Where a load of the counter goes.
    fn flow(self, at: Option<Address>) -> Flow {
        match at {
            Some(_) if self.base == STACK && self.indexing == Indexing::After => Flow::Return,
            Some(at) => Flow::Jump(Target::Memory(at)),
            None => Flow::Jump(Target::Unknown),
        }
    }
}

/// `register = register + bytes`.
pub(super) fn add_constant(register: u32, bytes: i32) -> Effect {
    let operation = if bytes < 0 { Operation::Subtract } else { Operation::Add };
    let amount = Value::Constant(u64::from(bytes.unsigned_abs()));
    let register = general(register);
    compute(register, operation, Value::Register(register), amount, 32)
}
