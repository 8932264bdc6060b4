// SPDX-License-Identifier: Apache-2.0
//! A64, the instruction set of 64-bit ARM (Arm Architecture Reference Manual for A-profile, chapter C4 "A64 Instruction Set
//! Encoding").
//!
//! Not modelled, so clobbered: sums with carry, shifts by a register, division, bit-field moves other than shifts and
//! extensions, and what vector instructions write into general registers. Vector registers are no registers here; what their
//! stores write is [`Effect::Overwrite`].

mod branch;
mod immediate;
mod memory;
mod register;

use super::bytes::{bit, field, word};
use super::{Condition, Decoder, Effect, Flow, Instruction, Operation, Register, Value};
use kakoi_model::Endian;

/// Decoder of A64, whose instructions are little-endian always.
#[derive(Debug, Clone, Copy)]
pub struct A64;

impl Decoder for A64 {
    fn decode(&self, bytes: &[u8], address: u64) -> Option<Instruction> {
        let word = word(bytes, Endian::Little)?;
        match field(word, 25, 4) {
            0b0000 if word >> 16 == 0 => Some(plain(Vec::new()).going(Flow::Stop)),
            // SME.
            0b0000 if bit(word, 31) => Some(scalable(word)),
            0b0010 => Some(scalable(word)),
            0b1000 | 0b1001 => immediate::immediate(word, address),
            0b1010 | 0b1011 => branch::branch(word, address),
            0b0100 | 0b0110 | 0b1100 | 0b1110 => memory::memory(word, address),
            0b0101 | 0b1101 => register::register(word),
            0b0111 | 0b1111 => Some(vector(word)),
            _ => None,
        }
    }

    /// Arm ARM C4.1: fields of registers and numbers are left out by class.
    fn operation(&self, bytes: &[u8]) -> u32 {
        let Some(word) = word(bytes, Endian::Little) else { return 0 };
        if word & 0xffff_f01f == 0xd503_201f {
            return 0;
        }
        match field(word, 25, 4) {
            0b1000 => word & 0x9f00_0000,
            0b1010 | 0b1011 if field(word, 26, 5) == 0b00101 => word & 0xfc00_0000,
            0b1010 | 0b1011 if word >> 24 == 0x54 => word & 0xff00_000f,
            0b1010 | 0b1011 => word & 0xff00_0000,
            0b0111 | 0b1111 | 0b0101 | 0b1101 => word & 0xffe0_fc00,
            _ => word & 0xffe0_0000,
        }
    }

    fn alignment(&self) -> u64 {
        4
    }
}

/// The stack pointer, and the zero register, by the same number.
const STACK: u32 = 31;
const LINK: u32 = 30;

fn plain(effects: Vec<Effect>) -> Instruction {
    Instruction::next(4, effects)
}

const fn general(number: u32) -> Register {
    Register((number & 31) as u8)
}

/// What a read gives where 31 is the zero register.
fn read(number: u32) -> Value {
    if number == STACK { Value::Constant(0) } else { Value::Register(general(number)) }
}

/// What a read gives where 31 is the stack pointer.
fn read_stack(number: u32) -> Value {
    Value::Register(general(number))
}

/// An instruction that writes one register, unless it is the zero register.
fn writing(register: u32, effect: Effect) -> Instruction {
    if register == STACK { plain(Vec::new()) } else { plain(vec![effect]) }
}

fn clobbering(register: u32) -> Instruction {
    writing(register, Effect::Clobber(general(register)))
}

fn compute(register: u32, operation: Operation, left: Value, right: Value, bits: u8) -> Effect {
    Effect::Compute { register: general(register), operation, left, right, bits }
}

/// Fields that most instructions have.
const fn rd(word: u32) -> u32 {
    field(word, 0, 5)
}
const fn rn(word: u32) -> u32 {
    field(word, 5, 5)
}
const fn rm(word: u32) -> u32 {
    field(word, 16, 5)
}

/// Width of the operation, by bit 31.
const fn width(word: u32) -> u8 {
    if bit(word, 31) { 64 } else { 32 }
}

/// Cuts a number to the width of the operation.
const fn cut(number: u64, bits: u8) -> u64 {
    if bits == 32 { number & 0xffff_ffff } else { number }
}

fn condition(field: u32) -> Condition {
    match field {
        0 => Condition::Equal,
        1 => Condition::NotEqual,
        2 => Condition::AboveOrEqual,
        3 => Condition::Below,
        8 => Condition::Above,
        9 => Condition::BelowOrEqual,
        _ => Condition::Other,
    }
}

/// SVE and SME: a general register can only be named by the lowest field, memory only by the second.
fn scalable(word: u32) -> Instruction {
    let mut effects = vec![Effect::ClobberFlags];
    if field(word, 29, 3) == 0b111 {
        let address = memory::at(rn(word), 0);
        effects.push(Effect::Overwrite { address, bytes: 1024 });
    }
    if rd(word) != STACK {
        effects.push(Effect::Clobber(general(rd(word))));
    }
    plain(effects)
}

/// Vector and floating point: conversions and element moves write general registers, comparisons the flags.
fn vector(word: u32) -> Instruction {
    let scalar = field(word, 24, 5) == 0b11110;
    if scalar && bit(word, 21) && field(word, 10, 6) == 0 {
        // To vector registers: 2, 3 and 7.
        let from_general = matches!(field(word, 16, 3), 2 | 3 | 7);
        return if from_general { plain(Vec::new()) } else { clobbering(rd(word)) };
    }
    if scalar && !bit(word, 21) && !bit(word, 30) {
        let to_general = field(word, 16, 3) < 2;
        return if to_general { clobbering(rd(word)) } else { plain(Vec::new()) };
    }
    let compares = field(word, 10, 4) == 0b1000 || field(word, 10, 2) == 0b01;
    if scalar && bit(word, 21) && compares {
        return plain(vec![Effect::ClobberFlags]);
    }
    let copies = field(word, 21, 8) == 0b0111_0000 && !bit(word, 15) && bit(word, 10);
    if copies && matches!(field(word, 11, 4), 0b0101 | 0b0111) {
        return clobbering(rd(word));
    }
    plain(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::super::{Target, Value};
    use super::*;

    fn decode(word: u32) -> Instruction {
        A64.decode(&word.to_le_bytes(), 0x1_0000).unwrap()
    }

    #[test]
    fn a_number_is_put_into_x8_and_the_kernel_is_called() {
        let set = Effect::Set { register: Register(8), value: Value::Constant(0x5e), bits: 64 };
        assert_eq!(decode(0xd280_0bc8).effects, [set]);
        assert_eq!(decode(0xd400_0001).flow, Flow::SystemCall(0));
    }

    #[test]
    fn pages_and_branches_count_from_the_instruction() {
        // adrp x0, +0x1000; bl +8; cbz w0, +16
        let page = Value::Constant(0x1_1000);
        assert_eq!(
            decode(0xb000_0000).effects,
            [Effect::Set { register: Register(0), value: page, bits: 64 }]
        );
        assert_eq!(decode(0x9400_0002).flow, Flow::Call(Target::Direct(0x1_0008)));
        let zero = decode(0x3400_0080);
        assert_eq!(zero.flow, Flow::Jump(Target::Direct(0x1_0010)));
        assert_eq!(zero.condition, Some(Condition::Equal));
    }

    #[test]
    fn a_pair_is_pushed_below_the_stack_pointer() {
        // stp x29, x30, [sp, #-32]!
        let pushed = decode(0xa9be_7bfd).effects;
        assert_eq!(pushed.len(), 3);
        assert!(matches!(
            pushed[0],
            Effect::Compute { register: Register(31), operation: Operation::Add, .. }
        ));
    }

    #[test]
    fn masks_of_logical_instructions_are_spread() {
        // and w0, w1, #0xff; orr x0, xzr, #0x5555555555555555
        assert!(matches!(
            decode(0x1200_1c20).effects[..],
            [Effect::Compute { right: Value::Constant(0xff), .. }]
        ));
        assert!(matches!(
            decode(0xb200_f3e0).effects[..],
            [Effect::Set { value: Value::Constant(0x5555_5555_5555_5555), .. }]
        ));
    }

    #[test]
    fn any_word_decodes_or_does_not() {
        let mut seed = 1_u64;
        for _ in 0..200_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let _ = A64.decode(&((seed >> 32) as u32).to_le_bytes(), 0x1000);
        }
    }
}
