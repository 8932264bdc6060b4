// SPDX-License-Identifier: Apache-2.0
//! Reading instruction words and fields, and building decoded instructions.

use kakoi_model::Endian;

use super::{Condition, Effect, Flow, Instruction, Operation, Register, Value};

/// The 32-bit word that the bytes begin with.
#[inline]
pub(super) fn word(bytes: &[u8], order: Endian) -> Option<u32> {
    let bytes: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    Some(match order {
        Endian::Little => u32::from_le_bytes(bytes),
        Endian::Big => u32::from_be_bytes(bytes),
    })
}

/// The 16-bit word that the bytes begin with.
#[inline]
pub(super) fn half(bytes: &[u8], order: Endian) -> Option<u32> {
    let bytes: [u8; 2] = bytes.get(..2)?.try_into().ok()?;
    Some(u32::from(match order {
        Endian::Little => u16::from_le_bytes(bytes),
        Endian::Big => u16::from_be_bytes(bytes),
    }))
}

/// `count` (1 to 31) bits of the word from bit `lowest` (0 to 31) on.
#[inline]
pub(super) const fn field(word: u32, lowest: u32, count: u32) -> u32 {
    (word >> lowest) & ((1 << count) - 1)
}

/// Whether the bit is set.
#[inline]
pub(super) const fn bit(word: u32, place: u32) -> bool {
    (word >> place) & 1 == 1
}

/// The lowest `count` (1 to 32) bits of the word as a signed number.
#[inline]
pub(super) const fn signed(word: u32, count: u32) -> i32 {
    let unused = 32 - count;
    (word << unused).cast_signed() >> unused
}

impl Instruction {
    /// An instruction that goes on to the next.
    #[inline]
    pub(super) fn next(size: u8, effects: Vec<Effect>) -> Self {
        Self { size, effects, flow: Flow::Next, condition: None, delay_slot: None }
    }

    /// The same, going elsewhere.
    #[inline]
    pub(super) fn going(mut self, flow: Flow) -> Self {
        self.flow = flow;
        self
    }

    /// The same, under a condition.
    #[inline]
    pub(super) fn when(mut self, condition: Condition) -> Self {
        self.condition = Some(condition);
        self
    }

    /// The same, with a delay slot.
    #[inline]
    pub(super) fn delayed(mut self, likely: bool) -> Self {
        self.delay_slot = Some(likely);
        self
    }
}

/// `register = left operation right`, as a plain [`Effect::Set`] where that says the same.
#[inline]
pub(super) fn compute(
    register: Register,
    operation: Operation,
    left: Value,
    right: Value,
    bits: u8,
) -> Effect {
    use Operation::{Add, ExclusiveOr, Or, ShiftLeft, ShiftRight, ShiftRightSigned, Subtract};
    let value = match (operation, left, right) {
        (Add, Value::Constant(a), Value::Constant(b)) => {
            Value::Constant(narrow(a.wrapping_add(b), bits))
        }
        (Subtract, Value::Constant(a), Value::Constant(b)) => {
            Value::Constant(narrow(a.wrapping_sub(b), bits))
        }
        (Add | Or | ExclusiveOr, Value::Constant(0), other)
        | (
            Add | Subtract | Or | ExclusiveOr | ShiftLeft | ShiftRight | ShiftRightSigned,
            other,
            Value::Constant(0),
        ) => other,
        _ => return Effect::Compute { register, operation, left, right, bits },
    };
    Effect::Set { register, value, bits }
}

/// The number in `bits` (32 or 64) bits.
#[inline]
fn narrow(number: u64, bits: u8) -> u64 {
    if bits == 32 { number & 0xffff_ffff } else { number }
}
