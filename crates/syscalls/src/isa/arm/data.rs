// SPDX-License-Identifier: Apache-2.0
//! Data processing, in the sixteen operations that A32 and 32-bit Thumb share.

use super::super::bytes::compute;
use super::super::{Effect, Flow, Instruction, Operation, SCRATCH, Target, Value};
use super::{COUNTER, LINK, Place, constant, general, set};

/// Second operand.
#[derive(Clone, Copy)]
pub(super) enum Operand {
    Value(Value),
    /// A register, shifted by 1 to 31.
    Shifted(Operation, u32, u8),
    Unknown,
}

/// An operation in the numbering of A32.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Two(Operation),
    /// Operands exchanged.
    Reverse,
    /// And with the complement.
    Clear,
    Move,
    MoveNot,
    /// With carry.
    Carry,
    Compare,
    /// Sets flags only.
    Test,
}

impl Arithmetic {
    /// From bits 24 to 21 of an A32 instruction.
    #[inline]
    pub(super) fn from_field(field: u32) -> Self {
        match field {
            0 => Self::Two(Operation::And),
            1 => Self::Two(Operation::ExclusiveOr),
            2 => Self::Two(Operation::Subtract),
            3 => Self::Reverse,
            4 => Self::Two(Operation::Add),
            5..=7 => Self::Carry,
            10 => Self::Compare,
            8 | 9 | 11 => Self::Test,
            12 => Self::Two(Operation::Or),
            13 => Self::Move,
            14 => Self::Clear,
            _ => Self::MoveNot,
        }
    }
}

/// One data-processing instruction.
#[derive(Clone, Copy)]
pub(super) struct Data {
    pub(super) arithmetic: Arithmetic,
    /// Whether the flags are set.
    pub(super) flags: bool,
    pub(super) destination: u32,
    pub(super) first: u32,
    pub(super) second: Operand,
}

impl Data {
    pub(super) fn decode(self, place: Place) -> Instruction {
        let first = place.read(self.first);
        match self.arithmetic {
            Arithmetic::Compare => place.instruction(vec![compare(first, self.second)]),
            Arithmetic::Test => place.instruction(vec![Effect::ClobberFlags]),
            _ if self.destination == COUNTER => {
                place.instruction(Vec::new()).going(self.flow(place))
            }
            _ => {
                let mut effects = Vec::with_capacity(2);
                effects.extend(self.flags.then(|| self.flag_effect(first)));
                self.result(first, &mut effects);
                place.instruction(effects)
            }
        }
    }

    fn flag_effect(self, first: Value) -> Effect {
        match self.arithmetic {
            Arithmetic::Two(Operation::Subtract) => compare(first, self.second),
            _ => Effect::ClobberFlags,
        }
    }

    /// The destination's new content.
    fn result(self, first: Value, effects: &mut Vec<Effect>) {
        let destination = general(self.destination);
        let unknown = Effect::Clobber(destination);
        let second = match (self.arithmetic, self.second) {
            (Arithmetic::Carry, _) | (_, Operand::Unknown) => return effects.push(unknown),
            (_, Operand::Value(value)) => value,
            (_, Operand::Shifted(operation, register, amount)) => {
                let register = Value::Register(general(register));
                let amount = Value::Constant(u64::from(amount));
                if self.arithmetic == Arithmetic::Move {
                    return effects.push(compute(destination, operation, register, amount, 32));
                }
                effects.push(compute(SCRATCH, operation, register, amount, 32));
                Value::Register(SCRATCH)
            }
        };
        effects.push(self.combine(first, second));
    }

    fn combine(self, first: Value, second: Value) -> Effect {
        let destination = general(self.destination);
        let all = Value::Constant(0xffff_ffff);
        match (self.arithmetic, second) {
            (Arithmetic::Two(operation), _) => compute(destination, operation, first, second, 32),
            (Arithmetic::Reverse, _) => {
                compute(destination, Operation::Subtract, second, first, 32)
            }
            (Arithmetic::Move, _) => set(self.destination, second),
            (Arithmetic::MoveNot, Value::Constant(number)) => {
                set(self.destination, Value::Constant(!number & 0xffff_ffff))
            }
            (Arithmetic::MoveNot, _) => {
                compute(destination, Operation::ExclusiveOr, second, all, 32)
            }
            (Arithmetic::Clear, Value::Constant(number)) => {
                let kept = Value::Constant(!number & 0xffff_ffff);
                compute(destination, Operation::And, first, kept, 32)
            }
            _ => Effect::Clobber(destination),
        }
    }

    /// Where a write of the counter goes.
    fn flow(self, place: Place) -> Flow {
        use Arithmetic::{Move, Two};
        use Operation::{Add, ShiftLeft, Subtract};
        let base = place.counter;
        let target = match (self.arithmetic, self.first, self.second) {
            (Two(Add | Subtract), LINK, _) if self.flags => return Flow::Return,
            (Move, _, Operand::Value(Value::Register(register))) => {
                return place.jump_to(u32::from(register.0));
            }
            (Move, _, Operand::Value(Value::Constant(number))) => Target::Direct(number),
            (Two(Add), COUNTER, Operand::Value(Value::Constant(number))) => {
                Target::Direct(u64::from(base.wrapping_add(number as u32)))
            }
            (Two(Add), COUNTER, Operand::Value(Value::Register(index))) => {
                steps(base, index.0.into(), 0)
            }
            (Two(Add), COUNTER, Operand::Shifted(ShiftLeft, index, shift)) => {
                steps(base, index, shift)
            }
            (Two(Subtract), COUNTER, Operand::Value(Value::Constant(number))) => {
                Target::Direct(u64::from(base.wrapping_sub(number as u32)))
            }
            (Two(Add), index, Operand::Value(Value::Constant(number))) => {
                steps(number as u32, index, 0)
            }
            (Two(Subtract), index, Operand::Value(Value::Constant(number))) => {
                steps(0_u32.wrapping_sub(number as u32), index, 0)
            }
            _ => Target::Unknown,
        };
        Flow::Jump(target)
    }
}

fn steps(base: u32, index: u32, shift: u8) -> Target {
    Target::Steps { base: u64::from(base), index: general(index), shift }
}

fn compare(left: Value, second: Operand) -> Effect {
    match second {
        Operand::Value(right) => Effect::Compare { left, right },
        _ => Effect::ClobberFlags,
    }
}

/// A register shifted by an amount that stands in the instruction: kind 0 to 3 as encoded, amount 0 to 31.
#[inline]
pub(super) fn shifted(place: Place, register: u32, kind: u32, amount: u32) -> Operand {
    let shift = |operation| match register {
        COUNTER => Operand::Unknown,
        _ => Operand::Shifted(operation, register, amount as u8),
    };
    match (kind, amount) {
        (0, 0) => Operand::Value(place.read(register)),
        (0, _) => shift(Operation::ShiftLeft),
        (1, 0) => Operand::Value(constant(0)),
        (1, _) => shift(Operation::ShiftRight),
        (2, 1..) => shift(Operation::ShiftRightSigned),
        _ => Operand::Unknown,
    }
}
