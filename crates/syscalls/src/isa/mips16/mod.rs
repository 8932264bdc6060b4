// SPDX-License-Identifier: Apache-2.0
//! MIPS16e: halfwords with a prefix for longer constants (MIPS32 for Programmers, volume IV-a, MD00076). Only the 32-bit machine:
//! no firmware that we have uses the 64-bit instructions. It has no `syscall`; programs reach it through MIPS32.
//!
//! Not modelled, so clobbered: HI and LO, and shifts by a register.

mod extended;
mod frame;
mod registers;

use kakoi_model::Endian;

use super::bytes::{bit, compute, field, half, signed};
use super::{
    Address, Condition, Decoder, Effect, Flow, Instruction, Operation, Register, Target, Value,
};

/// Decoder of MIPS16e. Addresses of targets have bit 0 set where they stay in MIPS16e.
#[derive(Debug, Clone, Copy)]
pub struct Mips16 {
    /// Byte order.
    pub order: Endian,
}

/// Comparisons write it, and branches read it.
const FLAG: u32 = 24;
const STACK: u32 = 29;
const RETURN_ADDRESS: u32 = 31;

impl Decoder for Mips16 {
    fn decode(&self, bytes: &[u8], address: u64) -> Option<Instruction> {
        let first = half(bytes, self.order)?;
        let place = Place { address: address as u32, size: 2 };
        let code = first >> 11;
        if code != 0x1e && code != 0x03 {
            return decode(place, first, Constants::short(first));
        }
        let second = half(bytes.get(2..)?, self.order)?;
        let place = Place { size: 4, ..place };
        if code == 0x03 {
            Some(jump_and_link(place, first, second))
        } else {
            extended::extended(place, first, second)
        }
    }

    fn operation(&self, bytes: &[u8]) -> u32 {
        let Some(first) = half(bytes, self.order) else { return 0 };
        match first >> 11 {
            _ if first == 0x6500 => 0,
            0x1d => first & 0xf81f,
            code => code << 11 | 1,
        }
    }

    fn alignment(&self) -> u64 {
        2
    }
}

/// Where an instruction stands.
#[derive(Clone, Copy)]
struct Place {
    address: u32,
    size: u8,
}

impl Place {
    fn next(self) -> u32 {
        self.address.wrapping_add(u32::from(self.size))
    }

    /// The base of addresses that are relative to the counter.
    fn aligned(self) -> u32 {
        self.address & !3
    }

    fn instruction(self, effects: Vec<Effect>) -> Instruction {
        Instruction::next(self.size, effects)
    }

    fn one(self, effect: Effect) -> Option<Instruction> {
        Some(self.instruction(vec![effect]))
    }
}

/// The constants of an instruction, from its own bits or with those of its prefix. Distances are in bytes.
#[derive(Clone, Copy)]
struct Constants {
    /// Eight bits without sign, or sixteen (`li`, `cmpi`, comparisons).
    plain: u32,
    /// Eight bits with sign, or sixteen (`addiu`).
    sum: i32,
    /// Sum of two registers' instruction: four bits with sign, or fifteen.
    short_sum: i32,
    /// From the stack pointer or the counter: eight bits times four, or sixteen with sign.
    far: i32,
    /// Of the stack pointer: eight bits with sign times eight, or sixteen.
    frame: i32,
    /// From a base register: five bits, to be multiplied by the size of the access; or sixteen with sign as they are.
    near: Near,
    /// Of a branch by eight bits.
    branch: i32,
    /// Of a branch by eleven bits.
    long_branch: i32,
    /// Of a shift.
    amount: u32,
}

#[derive(Clone, Copy)]
enum Near {
    Scaled(i32),
    Bytes(i32),
}

impl Constants {
    fn short(half: u32) -> Self {
        let byte = field(half, 0, 8).cast_signed();
        let amount = field(half, 2, 3);
        Self {
            plain: field(half, 0, 8),
            sum: signed(half, 8),
            short_sum: signed(half, 4),
            far: byte * 4,
            frame: signed(half, 8) * 8,
            near: Near::Scaled(field(half, 0, 5).cast_signed()),
            branch: signed(half, 8) * 2,
            long_branch: signed(half, 11) * 2,
            amount: if amount == 0 { 8 } else { amount },
        }
    }

    fn near(self, bytes: u8) -> i32 {
        match self.near {
            Near::Scaled(count) => count * i32::from(bytes),
            Near::Bytes(distance) => distance,
        }
    }
}

/// The register of a field of three bits.
const fn wide(code: u32) -> u32 {
    if code & 7 < 2 { 16 + (code & 7) } else { code & 7 }
}

const fn general(number: u32) -> Register {
    Register((number & 31) as u8)
}

fn read(number: u32) -> Value {
    if number == 0 { Value::Constant(0) } else { Value::Register(general(number)) }
}

fn constant(number: i32) -> Value {
    Value::Constant(u64::from(number.cast_unsigned()))
}

fn at(base: u32, displacement: i32) -> Address {
    Address {
        base: Some(general(base)),
        index: None,
        displacement: displacement.into(),
        segment: false,
    }
}

fn sum(register: u32, left: u32, right: i32) -> Effect {
    compute(general(register), Operation::Add, read(left), constant(right), 32)
}

fn decode(place: Place, half: u32, constants: Constants) -> Option<Instruction> {
    let (x, y) = (wide(field(half, 8, 3)), wide(field(half, 5, 3)));
    let Constants { plain, far, .. } = constants;
    match half >> 11 {
        0x00 => place.one(sum(x, STACK, far)),
        0x01 => place.one(set(x, place.aligned().wrapping_add_signed(far))),
        0x02 => Some(place.instruction(Vec::new()).going(jump(place, constants.long_branch))),
        0x04 => Some(branch(place, x, Condition::Equal, constants.branch)),
        0x05 => Some(branch(place, x, Condition::NotEqual, constants.branch)),
        0x06 => shift(place, half, constants.amount),
        0x08 if !bit(half, 4) => place.one(sum(y, x, constants.short_sum)),
        0x09 => place.one(sum(x, x, constants.sum)),
        0x0a => flag(place, Operation::Less, read(x), comparand(half, constants)),
        0x0b => flag(place, Operation::Below, read(x), comparand(half, constants)),
        0x0c => stack(place, half, constants),
        0x0d => place.one(set(x, plain)),
        0x0e => flag(place, Operation::ExclusiveOr, read(x), Value::Constant(u64::from(plain))),
        0x12 => place.one(load(x, at(STACK, far), 4, false)),
        0x16 => {
            let displacement = i64::from(place.aligned().wrapping_add_signed(far));
            place.one(load(
                x,
                Address { base: None, index: None, displacement, segment: false },
                4,
                false,
            ))
        }
        0x1a => place.one(Effect::Store { address: at(STACK, far), value: read(x), bytes: 4 }),
        code @ (0x10 | 0x11 | 0x13..=0x15) => {
            let bytes = [1, 2, 4, 4][(code & 3) as usize];
            place.one(load(y, at(x, constants.near(bytes)), bytes, code < 0x12))
        }
        code @ (0x18 | 0x19 | 0x1b) => {
            let bytes = [1, 2, 4, 4][(code & 3) as usize];
            place.one(Effect::Store {
                address: at(x, constants.near(bytes)),
                value: read(y),
                bytes,
            })
        }
        0x1c => registers::three(place, half),
        0x1d => registers::two(place, half),
        _ => None,
    }
}

/// Comparisons extend eight bits with zeroes, sixteen with the sign.
fn comparand(half: u32, constants: Constants) -> Value {
    match constants.near {
        Near::Scaled(_) => Value::Constant(u64::from(field(half, 0, 8))),
        Near::Bytes(_) => constant(constants.sum),
    }
}

fn set(register: u32, number: u32) -> Effect {
    Effect::Set { register: general(register), value: Value::Constant(u64::from(number)), bits: 32 }
}

fn load(register: u32, address: Address, bytes: u8, signed: bool) -> Effect {
    Effect::Load { register: general(register), address, bytes, signed }
}

fn flag(place: Place, operation: Operation, left: Value, right: Value) -> Option<Instruction> {
    place.one(compute(general(FLAG), operation, left, right, 32))
}

fn jump(place: Place, distance: i32) -> Flow {
    let target = place.next().wrapping_add_signed(distance);
    Flow::Jump(Target::Direct(u64::from(target | 1)))
}

fn branch(place: Place, register: u32, taken: Condition, distance: i32) -> Instruction {
    let effect = Effect::Compare { left: read(register), right: Value::Constant(0) };
    place.instruction(vec![effect]).going(jump(place, distance)).when(taken)
}

fn shift(place: Place, half: u32, amount: u32) -> Option<Instruction> {
    let operation = match half & 3 {
        0 => Operation::ShiftLeft,
        2 => Operation::ShiftRight,
        3 => Operation::ShiftRightSigned,
        _ => return None,
    };
    let (x, y) = (wide(field(half, 8, 3)), wide(field(half, 5, 3)));
    place.one(compute(general(x), operation, read(y), Value::Constant(u64::from(amount)), 32))
}

/// Branches by the flag, the stack pointer, moves from and to all registers.
fn stack(place: Place, half: u32, constants: Constants) -> Option<Instruction> {
    match field(half, 8, 3) {
        0 => Some(branch(place, FLAG, Condition::Equal, constants.branch)),
        1 => Some(branch(place, FLAG, Condition::NotEqual, constants.branch)),
        2 => place.one(Effect::Store {
            address: at(STACK, constants.far),
            value: read(RETURN_ADDRESS),
            bytes: 4,
        }),
        3 => place.one(sum(STACK, STACK, constants.frame)),
        4 => Some(frame::frame(place, half, None)),
        5 => {
            let register = field(half, 5, 3) | field(half, 3, 2) << 3;
            let copy =
                Effect::Set { register: general(register), value: read(wide(half)), bits: 32 };
            Some(place.instruction(if register == 0 { Vec::new() } else { vec![copy] }))
        }
        7 => {
            let value = read(field(half, 0, 5));
            place.one(Effect::Set { register: general(wide(field(half, 5, 3))), value, bits: 32 })
        }
        _ => None,
    }
}

/// `jal`, `jalx`: the halves of the target's upper part are exchanged. The delay slot is one halfword.
fn jump_and_link(place: Place, first: u32, second: u32) -> Instruction {
    let index = field(first, 0, 5) << 21 | field(first, 5, 5) << 16 | second;
    let target = (place.next() & 0xf000_0000) | index << 2;
    let mode = u32::from(!bit(first, 10));
    let link = set(RETURN_ADDRESS, (place.next().wrapping_add(2)) | 1);
    let target = Target::Direct(u64::from(target | mode));
    place.instruction(vec![link]).going(Flow::Call(target)).delayed(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(halves: [u16; 2]) -> Instruction {
        let bytes = halves.map(u16::to_be_bytes).concat();
        Mips16 { order: Endian::Big }.decode(&bytes, 0x40_0100).unwrap()
    }

    #[test]
    fn a_frame_is_made_and_taken_down() {
        // save 32, ra, s0-s1 (as OpenWrt's gcc begins functions), and its counterpart
        let save = decoded([0x64f4, 0]);
        let ra = Effect::Store { address: at(STACK, -4), value: read(31), bytes: 4 };
        assert_eq!(save.effects.first(), Some(&ra));
        assert_eq!(save.effects.last(), Some(&sum(STACK, STACK, -32)));
        assert_eq!(save.effects.len(), 4);
        let restore = decoded([0x6474, 0]);
        assert_eq!(restore.effects.first(), Some(&load(31, at(STACK, 28), 4, false)));
        assert_eq!(restore.effects.last(), Some(&sum(STACK, STACK, 32)));
    }

    #[test]
    fn a_call_to_mips32_leaves_the_mode() {
        let call = decoded([0x1c00, 0x0010]);
        assert_eq!(call.flow, Flow::Call(Target::Direct(0x40)));
        assert_eq!(call.effects, [set(31, 0x40_0107)]);
        assert_eq!(call.delay_slot, Some(false));
    }

    #[test]
    fn a_prefix_widens_the_constant() {
        assert_eq!(decoded([0xf222, 0x6d05]).effects, [set(5, 0x1225)]);
        assert_eq!(decoded([0x6a7f, 0]).effects, [set(2, 0x7f)]);
    }
}
