// SPDX-License-Identifier: Apache-2.0
//! A32, the instruction set of 32-bit words.

use kakoi_model::Endian;

use super::super::bytes::{bit, compute, field, signed, word};
use super::super::{Decoder, Effect, Flow, Instruction, Operation, Target, Value};
use super::block::Block;
use super::coprocessor::{coprocessor, elements};
use super::data::{Arithmetic, Data, Operand, shifted};
use super::media::{halfword_multiply, media};
use super::memory::{Indexing, Transfer};
use super::{COUNTER, Offset, Place, STACK, condition, constant, direct, general, set};

/// Decoder of A32. The order is that of instructions: little also in BE8 images, whose data is big.
#[derive(Debug, Clone, Copy)]
pub struct A32 {
    /// Byte order of instructions.
    pub order: Endian,
}

/// `mov lr, pc`, without its condition.
const LINK_BY_HAND: u32 = 0x01a0_e00f;

impl Decoder for A32 {
    fn decode(&self, bytes: &[u8], address: u64) -> Option<Instruction> {
        let word = word(bytes, self.order)?;
        let place = Place { counter: (address as u32).wrapping_add(8), size: 4, thumb: false };
        match word >> 28 {
            15 => unconditional(place, word),
            field => {
                let instruction = conditional(place, word)?;
                Some(Instruction { condition: condition(field), ..instruction })
            }
        }
    }

    /// Before ARMv5 a call through a register was `mov lr, pc` and a jump.
    fn decode_in(&self, code: &[u8], offset: usize, address: u64) -> Option<Instruction> {
        let mut instruction = self.decode(code.get(offset..)?, address)?;
        if let Flow::Jump(
            target @ (Target::Register(_) | Target::Memory(_) | Target::Steps { .. }),
        ) = instruction.flow
        {
            let before =
                offset.checked_sub(4).and_then(|before| word(code.get(before..)?, self.order));
            if before.is_some_and(|before| before & 0x0fff_ffff == LINK_BY_HAND) {
                instruction.flow = Flow::Call(target);
            }
        }
        Some(instruction)
    }

    fn operation(&self, bytes: &[u8]) -> u32 {
        let Some(word) = word(bytes, self.order) else { return 0 };
        match (word >> 25) & 7 {
            _ if matches!(word, 0xe1a0_0000 | 0xe320_f000) => 0,
            5 => word & 0xff00_0000,
            0 if word & 0x90 == 0x90 => word & 0xfff0_00f0,
            6 | 7 => word & 0xfff0_00f0,
            _ => word & 0xfff0_0000,
        }
    }

    fn alignment(&self) -> u64 {
        4
    }
}

fn conditional(place: Place, word: u32) -> Option<Instruction> {
    match field(word, 25, 3) {
        0 => registers(place, word),
        1 => immediate(place, word),
        2 => Some(load_store(place, word, constant_offset(word))),
        3 if bit(word, 4) => media(place, word),
        3 => Some(load_store(place, word, register_offset(word))),
        4 => block(place, word),
        5 => Some(branch(place, word)),
        6 => coprocessor(place, word),
        _ if bit(word, 24) => {
            Some(place.instruction(Vec::new()).going(Flow::SystemCall(field(word, 0, 24))))
        }
        _ => coprocessor(place, word),
    }
}

/// Data processing with a register operand, multiplications, halfword transfers, and the rest.
fn registers(place: Place, word: u32) -> Option<Instruction> {
    let is_misc = field(word, 23, 2) == 2 && !bit(word, 20);
    match (bit(word, 7), bit(word, 4)) {
        (true, true) => match (field(word, 5, 2), bit(word, 24)) {
            (0, false) => multiply(place, word),
            (0, true) => synchronise(place, word),
            _ => halfword(place, word),
        },
        (false, _) if is_misc => miscellaneous(place, word),
        (true, false) if is_misc => Some(halfword_multiply(place, word)),
        (_, true) => Some(data(word, Operand::Unknown).decode(place)),
        (_, false) => {
            let operand = shifted(place, field(word, 0, 4), field(word, 5, 2), field(word, 7, 5));
            Some(data(word, operand).decode(place))
        }
    }
}

fn data(word: u32, second: Operand) -> Data {
    Data {
        arithmetic: Arithmetic::from_field(field(word, 21, 4)),
        flags: bit(word, 20),
        destination: field(word, 12, 4),
        first: field(word, 16, 4),
        second,
    }
}

/// Data processing with a constant, `movw`, `movt`, and hints.
fn immediate(place: Place, word: u32) -> Option<Instruction> {
    let (low, long) = (field(word, 12, 4), field(word, 16, 4) << 12 | field(word, 0, 12));
    match field(word, 20, 5) {
        0b10000 if low == COUNTER => Some(place.clobbering(&[])),
        0b10000 => Some(place.instruction(vec![set(low, constant(long))])),
        0b10100 if low == COUNTER => Some(place.clobbering(&[])),
        0b10100 => Some(place.instruction(vec![Effect::Insert {
            register: general(low),
            value: constant(long),
            lowest: 16,
            count: 16,
        }])),
        0b10010 if field(word, 16, 4) == 0 => Some(place.clobbering(&[])),
        0b10010 | 0b10110 => Some(place.instruction(vec![Effect::ClobberFlags])),
        _ => {
            let number = field(word, 0, 8).rotate_right(2 * field(word, 8, 4));
            Some(data(word, Operand::Value(constant(number))).decode(place))
        }
    }
}

fn multiply(place: Place, word: u32) -> Option<Instruction> {
    let (low, high) = (field(word, 12, 4), field(word, 16, 4));
    let mut instruction = match field(word, 21, 3) {
        0 => {
            let factor = |lowest| Value::Register(general(field(word, lowest, 4)));
            let product = compute(general(high), Operation::Multiply, factor(0), factor(8), 32);
            place.instruction(if high == COUNTER { Vec::new() } else { vec![product] })
        }
        1 => place.clobbering(&[high]),
        2 if !bit(word, 20) => place.clobbering(&[low, high]),
        3 if !bit(word, 20) => place.clobbering(&[high]),
        4..=7 => place.clobbering(&[low, high]),
        _ => return None,
    };
    if bit(word, 20) {
        instruction.effects.push(Effect::ClobberFlags);
    }
    Some(instruction)
}

/// `swp`, `ldrex`, `strex`, and those of ARMv8 with acquire and release.
fn synchronise(place: Place, word: u32) -> Option<Instruction> {
    let (low, base) = (field(word, 12, 4), field(word, 16, 4));
    let is_load = bit(word, 20);
    let is_exclusive = bit(word, 23) && bit(word, 9);
    let bytes = [4, 8, 1, 2][field(word, 21, 2) as usize];
    let is_swap = !bit(word, 23) && field(word, 20, 2) == 0;
    let register = if is_load { low } else { field(word, 0, 4) };
    let access = |bytes: u8, second| Transfer {
        load: is_load,
        bytes,
        signed: false,
        register,
        second,
        base,
        offset: Offset::Constant(0),
        indexing: Indexing::Offset,
    };
    let mut instruction = match bytes {
        _ if is_swap => access(if bit(word, 22) { 1 } else { 4 }, None).decode(place),
        _ if !bit(word, 23) => return None,
        8 => access(4, Some((register + 1) & 15)).decode(place),
        bytes => access(bytes, None).decode(place),
    };
    if is_swap || (!is_load && is_exclusive) {
        instruction.effects.extend(super::clobbers(&[low]));
    }
    instruction.flow = Flow::Next;
    Some(instruction)
}

/// `ldrh`, `ldrsb`, `ldrsh`, `ldrd`, `strh`, `strd`.
fn halfword(place: Place, word: u32) -> Option<Instruction> {
    let bytes = (field(word, 8, 4) << 4 | field(word, 0, 4)).cast_signed();
    let register = field(word, 12, 4);
    let offset = match (bit(word, 22), bit(word, 23)) {
        (true, true) => Offset::Constant(bytes),
        (true, false) => Offset::Constant(-bytes),
        (false, true) => Offset::Plus(field(word, 0, 4), 0),
        (false, false) => Offset::Minus(field(word, 0, 4)),
    };
    let (load, bytes, signed, is_double) = match (bit(word, 20), field(word, 5, 2)) {
        (true, 1) => (true, 2, false, false),
        (true, 2) => (true, 1, true, false),
        (true, 3) => (true, 2, true, false),
        (false, 1) => (false, 2, false, false),
        (load, 2) => (!load, 4, false, true),
        _ => (false, 4, false, true),
    };
    let mut instruction = Transfer {
        load,
        bytes,
        signed,
        register,
        second: is_double.then_some((register + 1) & 15),
        base: field(word, 16, 4),
        offset,
        indexing: Indexing::from_bits(bit(word, 24), bit(word, 21)),
    }
    .decode(place);
    instruction.flow = Flow::Next;
    Some(instruction)
}

/// Status registers, `bx`, `blx`, `clz`, saturating sums, and traps.
fn miscellaneous(place: Place, word: u32) -> Option<Instruction> {
    let (low, register, kind) = (field(word, 12, 4), field(word, 0, 4), field(word, 21, 2));
    match (field(word, 4, 3), kind) {
        // `mrs` of a banked register, `mrs`, `msr`.
        (0, 0 | 2) => Some(place.clobbering(&[low])),
        (0, _) => Some(place.instruction(vec![Effect::ClobberFlags])),
        (1 | 2, 1) => Some(place.instruction(Vec::new()).going(place.jump_to(register))),
        (1, 3) => Some(place.clobbering(&[low])),
        (3, 1) if register == COUNTER => Some(place.call(direct(place.counter))),
        (3, 1) => Some(place.call(Target::Register(general(register)))),
        // `crc32`, saturating sums.
        (4, 0..=2) | (5, _) => Some(place.clobbering(&[low])),
        (6, 3) => Some(place.instruction(Vec::new()).going(Flow::Return)),
        (7, 0 | 1) => Some(place.instruction(Vec::new()).going(Flow::Stop)),
        // `hvc`, `smc`: registers are whatever the monitor leaves.
        (7, _) => Some(place.clobbering(&[0, 1, 2, 3])),
        _ => None,
    }
}

fn constant_offset(word: u32) -> Offset {
    let bytes = field(word, 0, 12).cast_signed();
    Offset::Constant(if bit(word, 23) { bytes } else { -bytes })
}

fn register_offset(word: u32) -> Offset {
    let index = field(word, 0, 4);
    match (field(word, 5, 2), field(word, 7, 5), bit(word, 23)) {
        (0, shift, true) if index != COUNTER => Offset::Plus(index, shift as u8),
        (0, 0, false) if index != COUNTER => Offset::Minus(index),
        _ => Offset::Unknown,
    }
}

fn load_store(place: Place, word: u32, offset: Offset) -> Instruction {
    let is_byte = bit(word, 22);
    let instruction = Transfer {
        load: bit(word, 20),
        bytes: if is_byte { 1 } else { 4 },
        signed: false,
        register: field(word, 12, 4),
        second: None,
        base: field(word, 16, 4),
        offset,
        indexing: Indexing::from_bits(bit(word, 24), bit(word, 21)),
    }
    .decode(place);
    if is_byte { instruction.going(Flow::Next) } else { instruction }
}

fn block(place: Place, word: u32) -> Option<Instruction> {
    Block {
        load: bit(word, 20),
        base: field(word, 16, 4),
        list: field(word, 0, 16),
        up: bit(word, 23),
        before: bit(word, 24),
        write_back: bit(word, 21),
        exception: bit(word, 22),
    }
    .decode(place)
}

fn branch(place: Place, word: u32) -> Instruction {
    let distance = signed(field(word, 0, 24), 24) << 2;
    let target = direct(place.counter.wrapping_add_signed(distance));
    if bit(word, 24) {
        place.call(target)
    } else {
        place.instruction(Vec::new()).going(Flow::Jump(target))
    }
}

/// The space of condition 15: `blx`, barriers, hints to caches, vectors.
fn unconditional(place: Place, word: u32) -> Option<Instruction> {
    match field(word, 20, 8) {
        0x10 => Some(place.clobbering(&[])),
        0x20..=0x3f => Some(place.clobbering(&[])),
        0x40 | 0x42 | 0x44 | 0x46 | 0x48 | 0x4a | 0x4c | 0x4e => elements(place, word),
        0x41 | 0x45 | 0x49 | 0x4d | 0x51 | 0x55 | 0x57 | 0x59 | 0x5d => Some(place.clobbering(&[])),
        0x61 | 0x65 | 0x69 | 0x6d | 0x71 | 0x75 | 0x79 | 0x7d if !bit(word, 4) => {
            Some(place.clobbering(&[]))
        }
        0x80..=0x9f => exception(place, word),
        0xa0..=0xbf => {
            let half = field(word, 24, 1) << 1;
            let distance = (signed(field(word, 0, 24), 24) << 2).cast_unsigned() | half;
            Some(place.call(direct(place.counter.wrapping_add(distance) | 1)))
        }
        0xc0..=0xef => coprocessor(place, word),
        _ => None,
    }
}

/// `srs` and `rfe`: the kernel's way into and out of exceptions.
fn exception(place: Place, word: u32) -> Option<Instruction> {
    match (bit(word, 22), bit(word, 20)) {
        (true, false) if bit(word, 21) => Some(place.clobbering(&[STACK])),
        (true, false) => Some(place.clobbering(&[])),
        (false, true) => {
            let base = field(word, 16, 4);
            let written: &[u32] = if bit(word, 21) { &[base] } else { &[] };
            Some(place.clobbering(written).going(Flow::Return))
        }
        _ => None,
    }
}
