// SPDX-License-Identifier: Apache-2.0
//! Thumb instructions of two halfwords (manual, A6.3). Both are looked at as one word, the first on top, so that the lower
//! 28 bits of coprocessor instructions are those of A32.

use super::super::bytes::{bit, compute, field, signed};
use super::super::{Effect, Flow, Instruction, Operation, Value};
use super::block::Block;
use super::coprocessor::{coprocessor, elements};
use super::data::{Arithmetic, Data, Operand, shifted};
use super::media::{bit_field, extend, insertion};
use super::wide_memory::{double, single};
use super::{COUNTER, Place, STACK, condition, constant, direct, general, set};

pub(super) fn wide(place: Place, first: u32, second: u32) -> Option<Instruction> {
    let word = first << 16 | second;
    match (field(word, 27, 2), field(word, 20, 7)) {
        (1, kind) if kind & 0b110_0100 == 0 => block(place, word),
        (1, kind) if kind & 0b110_0000 == 0 => double(place, word),
        (1, kind) if kind & 0b100_0000 == 0 => Some(shifted_register(place, word)),
        (2, _) if bit(word, 15) => branches(place, word),
        (2, kind) if kind & 0b010_0000 == 0 => Some(modified_constant(place, word)),
        (2, _) => plain_constant(place, word),
        (3, kind) if kind & 0b111_0001 == 0b001_0000 => elements(place, word),
        (3, kind) if kind & 0b110_0000 == 0 => single(place, word),
        (3, kind) if kind & 0b111_0000 == 0b010_0000 => by_register(place, word),
        (3, kind) if kind & 0b111_1000 == 0b011_0000 => multiply(place, word),
        (3, kind) if kind & 0b111_1000 == 0b011_1000 => long_multiply(place, word),
        // Vector arithmetic: 111x 1111.
        _ if field(word, 24, 4) == 15 => Some(place.clobbering(&[])),
        _ => coprocessor(place, word),
    }
}

fn block(place: Place, word: u32) -> Option<Instruction> {
    let (load, base, write_back) = (bit(word, 20), field(word, 16, 4), bit(word, 21));
    match (field(word, 23, 2), load) {
        (0 | 3, false) => Some(place.clobbering(if write_back { &[STACK] } else { &[] })),
        (0 | 3, true) if write_back => Some(place.clobbering(&[base]).going(Flow::Return)),
        (0 | 3, true) => Some(place.clobbering(&[]).going(Flow::Return)),
        (direction, _) => Block {
            load,
            base,
            list: field(word, 0, 16),
            up: direction == 1,
            before: direction == 2,
            write_back,
            exception: false,
        }
        .decode(place),
    }
}

/// Operation of a wide data-processing instruction; the destination 15 makes four of them tests.
fn arithmetic(word: u32) -> Option<Arithmetic> {
    let is_test = field(word, 8, 4) == COUNTER && bit(word, 20);
    Some(match (field(word, 21, 4), field(word, 16, 4)) {
        (0 | 4 | 8, _) if is_test => Arithmetic::Test,
        (13, _) if is_test => Arithmetic::Compare,
        (0, _) => Arithmetic::Two(Operation::And),
        (1, _) => Arithmetic::Clear,
        (2, COUNTER) => Arithmetic::Move,
        (2, _) => Arithmetic::Two(Operation::Or),
        (3, COUNTER) => Arithmetic::MoveNot,
        (4, _) => Arithmetic::Two(Operation::ExclusiveOr),
        (8, _) => Arithmetic::Two(Operation::Add),
        (10 | 11, _) => Arithmetic::Carry,
        (13, _) => Arithmetic::Two(Operation::Subtract),
        (14, _) => Arithmetic::Reverse,
        _ => return None,
    })
}

/// With a second operand. What has no arithmetic of its own (`orn`, `pkh`, reserved) is not modelled.
fn data(place: Place, word: u32, second: Operand) -> Instruction {
    let (destination, flags) = (field(word, 8, 4), bit(word, 20));
    match arithmetic(word) {
        Some(arithmetic @ (Arithmetic::Test | Arithmetic::Compare)) => {
            Data { arithmetic, flags, destination, first: field(word, 16, 4), second }.decode(place)
        }
        Some(arithmetic) if destination != COUNTER => {
            Data { arithmetic, flags, destination, first: field(word, 16, 4), second }.decode(place)
        }
        _ => {
            let mut instruction = place.clobbering(&[destination]);
            if flags {
                instruction.effects.push(Effect::ClobberFlags);
            }
            instruction
        }
    }
}

fn shifted_register(place: Place, word: u32) -> Instruction {
    let amount = field(word, 12, 3) << 2 | field(word, 6, 2);
    data(place, word, shifted(place, field(word, 0, 4), field(word, 4, 2), amount))
}

fn modified_constant(place: Place, word: u32) -> Instruction {
    data(place, word, Operand::Value(constant(expand(long_constant(word)))))
}

/// The twelve bits i:imm3:imm8.
fn long_constant(word: u32) -> u32 {
    field(word, 26, 1) << 11 | field(word, 12, 3) << 8 | field(word, 0, 8)
}

/// ThumbExpandImm (manual, A6.3.2).
fn expand(code: u32) -> u32 {
    let byte = code & 0xff;
    match code >> 8 {
        0 => byte,
        1 => byte << 16 | byte,
        2 => byte << 24 | byte << 8,
        3 => byte << 24 | byte << 16 | byte << 8 | byte,
        _ => (0x80 | code & 0x7f).rotate_right(code >> 7),
    }
}

/// `adr`, `addw`, `subw`, `movw`, `movt`, saturation, bit fields.
fn plain_constant(place: Place, word: u32) -> Option<Instruction> {
    let (low, base) = (field(word, 8, 4), field(word, 16, 4));
    let short = constant(long_constant(word));
    let long = constant(base << 12 | long_constant(word));
    let lowest = field(word, 12, 3) << 2 | field(word, 6, 2);
    let last = field(word, 0, 5);
    let register = general(low);
    let first = match base {
        COUNTER => constant(place.aligned_counter()),
        _ => place.read(base),
    };
    let effects = match field(word, 20, 5) {
        _ if low == COUNTER => return Some(place.clobbering(&[])),
        0b00000 => vec![compute(register, Operation::Add, first, short, 32)],
        0b01010 => vec![compute(register, Operation::Subtract, first, short, 32)],
        0b00100 => vec![set(low, long)],
        0b01100 => vec![Effect::Insert { register, value: long, lowest: 16, count: 16 }],
        0b10100 => bit_field(low, base, lowest, last + 1, Operation::ShiftRightSigned),
        0b11100 => bit_field(low, base, lowest, last + 1, Operation::ShiftRight),
        0b10110 => vec![insertion(low, base, lowest, last)],
        0b10000 | 0b10010 | 0b11000 | 0b11010 => vec![Effect::Clobber(register)],
        _ => return None,
    };
    Some(place.instruction(effects))
}

fn branches(place: Place, word: u32) -> Option<Instruction> {
    match (bit(word, 14), bit(word, 12)) {
        (false, false) if field(word, 23, 3) == 7 => control(place, word),
        (false, false) => {
            let distance = field(word, 26, 1) << 20
                | field(word, 11, 1) << 19
                | field(word, 13, 1) << 18
                | field(word, 16, 6) << 12
                | field(word, 0, 11) << 1;
            let target = direct(place.counter.wrapping_add_signed(signed(distance, 21)) | 1);
            let instruction = place.instruction(Vec::new()).going(Flow::Jump(target));
            Some(Instruction { condition: condition(field(word, 22, 4)), ..instruction })
        }
        (false, true) => {
            let target = direct(place.counter.wrapping_add_signed(far(word)) | 1);
            Some(place.instruction(Vec::new()).going(Flow::Jump(target)))
        }
        (true, true) => Some(place.call(direct(place.counter.wrapping_add_signed(far(word)) | 1))),
        (true, false) if bit(word, 0) => None,
        (true, false) => {
            Some(place.call(direct(place.aligned_counter().wrapping_add_signed(far(word)))))
        }
    }
}

/// Distance of `b.w`, `bl`, `blx`: S:I1:I2:imm10:imm11:0.
fn far(word: u32) -> i32 {
    let sign = field(word, 26, 1);
    let first = 1 ^ field(word, 13, 1) ^ sign;
    let second = 1 ^ field(word, 11, 1) ^ sign;
    let distance = sign << 24
        | first << 23
        | second << 22
        | field(word, 16, 10) << 12
        | field(word, 0, 11) << 1;
    signed(distance, 25)
}

/// Status registers, hints, barriers, traps.
fn control(place: Place, word: u32) -> Option<Instruction> {
    Some(match field(word, 20, 7) {
        0b011_1000 | 0b011_1001 => place.instruction(vec![Effect::ClobberFlags]),
        0b011_1010 | 0b011_1011 => place.clobbering(&[]),
        // `bxj`, `subs pc, lr`.
        0b011_1100 => place.clobbering(&[]).going(place.jump_to(field(word, 16, 4))),
        0b011_1101 => place.clobbering(&[]).going(Flow::Return),
        0b011_1110 | 0b011_1111 => place.clobbering(&[field(word, 8, 4)]),
        0b111_1110 | 0b111_1111 if !bit(word, 13) => place.clobbering(&[0, 1, 2, 3]),
        0b111_1111 => place.clobbering(&[]).going(Flow::Stop),
        _ => return None,
    })
}

/// Shifts by a register, extensions, parallel sums, reversals: 1111 1010.
fn by_register(place: Place, word: u32) -> Option<Instruction> {
    if field(word, 12, 4) != 15 {
        return None;
    }
    let (destination, base, source) = (field(word, 8, 4), field(word, 16, 4), field(word, 0, 4));
    match (field(word, 20, 4), bit(word, 7)) {
        (0..=7, false) if field(word, 4, 4) == 0 => {
            let mut instruction = place.clobbering(&[destination]);
            if bit(word, 20) {
                instruction.effects.push(Effect::ClobberFlags);
            }
            Some(instruction)
        }
        (kind @ 0..=5, true) => {
            let plain = base == COUNTER && field(word, 4, 2) == 0 && destination != COUNTER;
            // sxth, uxth, sxtb16, uxtb16, sxtb, uxtb.
            let kind = if plain { [3, 7, 0, 0, 2, 6].get(kind as usize).copied()? } else { 0 };
            Some(if plain {
                place.instruction(extend(destination, source, kind))
            } else {
                place.clobbering(&[destination])
            })
        }
        (8..=15, _) => Some(place.clobbering(&[destination])),
        _ => None,
    }
}

fn multiply(place: Place, word: u32) -> Option<Instruction> {
    let destination = field(word, 8, 4);
    let is_plain = field(word, 20, 3) == 0 && field(word, 4, 4) == 0 && field(word, 12, 4) == 15;
    if !is_plain || destination == COUNTER {
        return if bit(word, 7) || bit(word, 6) {
            None
        } else {
            Some(place.clobbering(&[destination]))
        };
    }
    let factor = |lowest| Value::Register(general(field(word, lowest, 4)));
    let product = compute(general(destination), Operation::Multiply, factor(16), factor(0), 32);
    Some(place.instruction(vec![product]))
}

/// Long multiplications write two registers, divisions one.
fn long_multiply(place: Place, word: u32) -> Option<Instruction> {
    let (low, high) = (field(word, 12, 4), field(word, 8, 4));
    match (field(word, 20, 3), field(word, 4, 4)) {
        (1 | 3, 15) => Some(place.clobbering(&[high])),
        (0 | 2 | 4 | 6, 0) | (4, 8..=13) | (5, 12 | 13) | (6, 6) => {
            Some(place.clobbering(&[low, high]))
        }
        _ => None,
    }
}
