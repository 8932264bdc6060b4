// SPDX-License-Identifier: Apache-2.0
//! ARM in its 32-bit state: A32 and Thumb, ARMv4 to ARMv8 (Arm Architecture Reference Manual ARMv7-A, chapters A5 to A8).
//!
//! Not modelled, so clobbered: sums with carry, rotations, saturating and parallel arithmetic, division, and shifts by a
//! register. Vector and floating-point registers are no registers here; what their stores write is [`Effect::Overwrite`].
//! Encodings that the manual calls unpredictable decode as what processors do with the reserved bits ignored.

mod a32;
mod block;
mod coprocessor;
mod data;
mod media;
mod memory;
mod thumb;
mod thumb16;
mod thumb32;
mod wide_memory;

pub use a32::A32;
pub use thumb::Thumb;

use super::{Address, Condition, Effect, Flow, Instruction, Register, Target, Value};

const STACK: u32 = 13;
const LINK: u32 = 14;
const COUNTER: u32 = 15;

/// Where an instruction stands.
#[derive(Clone, Copy)]
struct Place {
    /// Value that a read of the program counter gives.
    counter: u32,
    /// Length of the instruction in bytes.
    size: u8,
    /// Bit 0 of return addresses.
    thumb: bool,
}

impl Place {
    /// What a read of the register gives.
    #[inline]
    fn read(self, register: u32) -> Value {
        if register == COUNTER {
            constant(self.counter)
        } else {
            Value::Register(general(register))
        }
    }

    /// The counter as the base of addresses: a multiple of four.
    #[inline]
    fn aligned_counter(self) -> u32 {
        self.counter & !3
    }

    /// Value of the link register after a call from here.
    #[inline]
    fn link(self) -> u32 {
        let ahead = if self.thumb { 4 } else { 8 };
        let next = self.counter.wrapping_sub(ahead).wrapping_add(u32::from(self.size));
        next | u32::from(self.thumb)
    }

    #[inline]
    fn instruction(self, effects: Vec<Effect>) -> Instruction {
        Instruction::next(self.size, effects)
    }

    /// An instruction that writes these registers in a way that is not modelled.
    #[inline]
    fn clobbering(self, registers: &[u32]) -> Instruction {
        self.instruction(clobbers(registers))
    }

    #[inline]
    fn call(self, target: Target) -> Instruction {
        self.instruction(vec![set(LINK, constant(self.link()))]).going(Flow::Call(target))
    }

    /// Control goes to what the register holds.
    #[inline]
    fn jump_to(self, register: u32) -> Flow {
        match register {
            LINK => Flow::Return,
            COUNTER => Flow::Jump(direct(self.aligned_counter())),
            _ => Flow::Jump(Target::Register(general(register))),
        }
    }
}

/// The register of a number below 16.
#[inline]
const fn general(number: u32) -> Register {
    Register((number & 15) as u8)
}

#[inline]
fn constant(number: u32) -> Value {
    Value::Constant(u64::from(number))
}

#[inline]
fn direct(address: u32) -> Target {
    Target::Direct(u64::from(address))
}

/// `register = value`; of the counter nothing, its writes are flows.
#[inline]
fn set(register: u32, value: Value) -> Effect {
    Effect::Set { register: general(register), value, bits: 32 }
}

/// Registers that hold something unknown afterwards; the counter is none.
fn clobbers(registers: &[u32]) -> Vec<Effect> {
    registers
        .iter()
        .filter(|register| **register != COUNTER)
        .map(|register| Effect::Clobber(general(*register)))
        .collect()
}

/// Distance from a base register to the place in memory.
#[derive(Clone, Copy)]
enum Offset {
    Constant(i32),
    /// A register, shifted left.
    Plus(u32, u8),
    /// A register, taken off.
    Minus(u32),
    Unknown,
}

/// The place in memory; none where the IR has no words for it.
#[inline]
fn address(place: Place, base: u32, offset: Offset) -> Option<Address> {
    let (register, origin) = match base {
        COUNTER => (None, i64::from(place.aligned_counter())),
        _ => (Some(general(base)), 0),
    };
    let (index, displacement) = match offset {
        Offset::Constant(bytes) => (None, origin + i64::from(bytes)),
        Offset::Plus(index, shift) => (Some((general(index), shift)), origin),
        Offset::Minus(_) | Offset::Unknown => return None,
    };
    Some(Address { base: register, index, displacement, segment: false })
}

/// The condition field; none for "always".
#[inline]
fn condition(field: u32) -> Option<Condition> {
    Some(match field {
        0 => Condition::Equal,
        1 => Condition::NotEqual,
        2 => Condition::AboveOrEqual,
        3 => Condition::Below,
        8 => Condition::Above,
        9 => Condition::BelowOrEqual,
        14 | 15 => return None,
        other => Condition::Coded((other & 15) as u8),
    })
}
