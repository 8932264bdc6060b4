// SPDX-License-Identifier: Apache-2.0
//! The media instructions of A32: bits 27 to 25 = 011, bit 4 set (manual, A5.4).

use super::super::bytes::{bit, compute, field};
use super::super::{Effect, Flow, Instruction, Operation, Register, Value};
use super::{COUNTER, Place, general};

pub(super) fn media(place: Place, word: u32) -> Option<Instruction> {
    let low = field(word, 12, 4);
    let high = field(word, 16, 4);
    match (field(word, 20, 5), field(word, 5, 3)) {
        (0b00001..=0b00011 | 0b00101..=0b00111, 0..=4 | 7) => Some(place.clobbering(&[low])),
        (0b01000..=0b01111, _) => pack(place, word),
        (0b10000, 0..=3) | (0b10001 | 0b10011, 0) | (0b10101, 0 | 1 | 6 | 7) | (0b11000, 0) => {
            Some(place.clobbering(&[high]))
        }
        (0b10100, 0..=3) => Some(place.clobbering(&[low, high])),
        (0b11010 | 0b11011, 2 | 6) => Some(extract(place, word, Operation::ShiftRightSigned)),
        (0b11110 | 0b11111, 2 | 6) => Some(extract(place, word, Operation::ShiftRight)),
        (0b11100 | 0b11101, 0 | 4) => insert(place, word),
        (0b11111, 7) if word >> 28 == 14 => Some(place.instruction(Vec::new()).going(Flow::Stop)),
        _ => None,
    }
}

/// Packing, saturation, extension, reversal.
fn pack(place: Place, word: u32) -> Option<Instruction> {
    let (kind, low) = (field(word, 20, 3), field(word, 12, 4));
    match (kind, field(word, 5, 3)) {
        (0, even) | (2 | 3 | 6 | 7, even) if even & 1 == 0 => Some(place.clobbering(&[low])),
        (0, 5) | (2 | 6 | 3 | 7, 1) | (3 | 7, 5) => Some(place.clobbering(&[low])),
        (0 | 2 | 3 | 4 | 6 | 7, 3) => {
            let plain = field(word, 16, 4) == COUNTER && field(word, 10, 2) == 0 && low != COUNTER;
            Some(if plain {
                place.instruction(extend(low, field(word, 0, 4), kind))
            } else {
                place.clobbering(&[low])
            })
        }
        _ => None,
    }
}

/// Sign or zero extension: 2 `sxtb`, 3 `sxth`, 6 `uxtb`, 7 `uxth`; the others are not modelled.
pub(super) fn extend(destination: u32, source: u32, kind: u32) -> Vec<Effect> {
    let register = general(destination);
    let source = Value::Register(general(source));
    match kind {
        2 => shift_twice(register, source, 24, 24, Operation::ShiftRightSigned),
        3 => shift_twice(register, source, 16, 16, Operation::ShiftRightSigned),
        6 => vec![compute(register, Operation::And, source, Value::Constant(0xff), 32)],
        7 => vec![compute(register, Operation::And, source, Value::Constant(0xffff), 32)],
        _ => vec![Effect::Clobber(register)],
    }
}

fn shift_twice(
    register: Register,
    source: Value,
    left: u32,
    right: u32,
    operation: Operation,
) -> Vec<Effect> {
    let amount = |bits: u32| Value::Constant(u64::from(bits));
    let first = match left {
        0 => Effect::Set { register, value: source, bits: 32 },
        _ => compute(register, Operation::ShiftLeft, source, amount(left), 32),
    };
    let second = Effect::Compute {
        register,
        operation,
        left: Value::Register(register),
        right: amount(right),
        bits: 32,
    };
    vec![first, second]
}

fn extract(place: Place, word: u32, operation: Operation) -> Instruction {
    if field(word, 12, 4) == COUNTER {
        return place.clobbering(&[]);
    }
    let (lowest, width) = (field(word, 7, 5), field(word, 16, 5) + 1);
    let effects = bit_field(field(word, 12, 4), field(word, 0, 4), lowest, width, operation);
    place.instruction(effects)
}

/// `destination` = `width` (1 to 32) bits of `source` from `lowest` (0 to 31) on.
pub(super) fn bit_field(
    destination: u32,
    source: u32,
    lowest: u32,
    width: u32,
    operation: Operation,
) -> Vec<Effect> {
    let register = general(destination);
    if lowest + width > 32 {
        return vec![Effect::Clobber(register)];
    }
    let source = Value::Register(general(source));
    shift_twice(register, source, 32 - lowest - width, 32 - width, operation)
}

/// `bfi`, and `bfc` where the source is the counter.
fn insert(place: Place, word: u32) -> Option<Instruction> {
    if field(word, 12, 4) == COUNTER {
        return Some(place.clobbering(&[]));
    }
    let (lowest, highest) = (field(word, 7, 5), field(word, 16, 5));
    Some(place.instruction(vec![insertion(field(word, 12, 4), field(word, 0, 4), lowest, highest)]))
}

/// Bits `lowest` to `highest` of the register replaced by those of the source, 15 for zero.
pub(super) fn insertion(destination: u32, source: u32, lowest: u32, highest: u32) -> Effect {
    let register = general(destination);
    if highest < lowest {
        return Effect::Clobber(register);
    }
    let value = match source {
        COUNTER => Value::Constant(0),
        _ => Value::Register(general(source)),
    };
    Effect::Insert { register, value, lowest: lowest as u8, count: (highest - lowest + 1) as u8 }
}

/// Halfword multiplications of A32: bits 27 to 23 = 00010, bits 7 and 4 = 1 and 0.
pub(super) fn halfword_multiply(place: Place, word: u32) -> Instruction {
    let high = field(word, 16, 4);
    match field(word, 21, 2) {
        2 => place.clobbering(&[field(word, 12, 4), high]),
        _ if bit(word, 20) => place.clobbering(&[]),
        _ => place.clobbering(&[high]),
    }
}
