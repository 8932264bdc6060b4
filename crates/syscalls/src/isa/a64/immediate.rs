// SPDX-License-Identifier: Apache-2.0
//! Data processing with a constant (C4.1.92).

use super::super::bytes::{bit, field, signed};
use super::super::{Effect, Instruction, Operation, SCRATCH, Value};
use super::{
    STACK, clobbering, compute, cut, general, plain, rd, read, read_stack, rn, width, writing,
};

pub(super) fn immediate(word: u32, address: u64) -> Option<Instruction> {
    match field(word, 23, 3) {
        0 | 1 => Some(relative(word, address)),
        2 => Some(sum(word)),
        3 => Some(clobbering(rd(word))),
        4 => logical(word),
        5 => wide(word),
        6 => bit_field(word),
        _ => Some(clobbering(rd(word))),
    }
}

/// `adr`, `adrp`.
fn relative(word: u32, address: u64) -> Instruction {
    let distance = i64::from(signed(field(word, 5, 19) << 2 | field(word, 29, 2), 21));
    let target = if bit(word, 31) {
        (address & !0xfff).wrapping_add_signed(distance << 12)
    } else {
        address.wrapping_add_signed(distance)
    };
    let value = Value::Constant(target);
    writing(rd(word), Effect::Set { register: general(rd(word)), value, bits: 64 })
}

/// `add`, `sub` and those that set flags. 31 is the stack pointer, except as the destination of the latter.
fn sum(word: u32) -> Instruction {
    let bits = width(word);
    let number = u64::from(field(word, 10, 12)) << if bit(word, 22) { 12 } else { 0 };
    let (left, right) = (read_stack(rn(word)), Value::Constant(number));
    let operation = if bit(word, 30) { Operation::Subtract } else { Operation::Add };
    let mut effects = Vec::new();
    let flags = bit(word, 29);
    if flags {
        effects.push(match operation {
            Operation::Subtract => Effect::Compare { left, right },
            _ => Effect::ClobberFlags,
        });
    }
    if !(flags && rd(word) == STACK) {
        effects.push(match number {
            0 => Effect::Set { register: general(rd(word)), value: left, bits },
            _ => compute(rd(word), operation, left, right, bits),
        });
    }
    plain(effects)
}

fn logical(word: u32) -> Option<Instruction> {
    let bits = width(word);
    let mask = mask(bit(word, 22), field(word, 16, 6), field(word, 10, 6), bits)?;
    let (left, right) = (read(rn(word)), Value::Constant(mask));
    let (operation, flags) = match field(word, 29, 2) {
        0 => (Operation::And, false),
        1 => (Operation::Or, false),
        2 => (Operation::ExclusiveOr, false),
        _ => (Operation::And, true),
    };
    let mut effects = Vec::new();
    if flags {
        effects.push(Effect::ClobberFlags);
    }
    if !(flags && rd(word) == STACK) {
        effects.push(match (operation, left) {
            (Operation::Or | Operation::ExclusiveOr, Value::Constant(0)) => {
                Effect::Set { register: general(rd(word)), value: right, bits }
            }
            _ => compute(rd(word), operation, left, right, bits),
        });
    }
    Some(plain(effects))
}

/// `DecodeBitMasks`: a run of ones, rotated within an element that is repeated.
fn mask(n: bool, rotate: u32, ones: u32, bits: u8) -> Option<u64> {
    if n && bits == 32 {
        return None;
    }
    let combined = u32::from(n) << 6 | (!ones & 0x3f);
    let length = combined.checked_ilog2()?;
    let size = 1_u32 << length;
    let levels = size - 1;
    let (ones, rotate) = (ones & levels, rotate & levels);
    if length == 0 || ones == levels {
        return None;
    }
    let element = u64::MAX >> (63 - ones);
    let within = if size == 64 { u64::MAX } else { (1 << size) - 1 };
    let rotated = match rotate {
        0 => element,
        _ => (element >> rotate | element.checked_shl(size - rotate).unwrap_or(0)) & within,
    };
    let copies = (0..64 / size).fold(0_u64, |all, copy| all | rotated << (copy * size));
    Some(cut(copies, bits))
}

/// `movn`, `movz`, `movk`.
fn wide(word: u32) -> Option<Instruction> {
    let bits = width(word);
    let lowest = field(word, 21, 2) * 16;
    if lowest >= u32::from(bits) {
        return None;
    }
    let number = u64::from(field(word, 5, 16));
    let register = general(rd(word));
    let shifted = number << lowest;
    let effect = match field(word, 29, 2) {
        0 => Effect::Set { register, value: Value::Constant(cut(!shifted, bits)), bits },
        2 => Effect::Set { register, value: Value::Constant(shifted), bits },
        3 => {
            let value = Value::Constant(number);
            Effect::Insert { register, value, lowest: lowest as u8, count: 16 }
        }
        _ => return None,
    };
    Some(writing(rd(word), effect))
}

/// Shifts and extensions are bit-field moves; all others are not modelled.
fn bit_field(word: u32) -> Option<Instruction> {
    let bits = width(word);
    let (rotate, last) = (field(word, 16, 6), field(word, 10, 6));
    let top = u32::from(bits) - 1;
    if rotate > top || last > top {
        return None;
    }
    let left = read(rn(word));
    let by = |number: u32| Value::Constant(u64::from(number));
    let effect = match (field(word, 29, 2), rotate, last) {
        (2, _, _) if last == top => {
            compute(rd(word), Operation::ShiftRight, left, by(rotate), bits)
        }
        (2, _, _) if last + 1 == rotate => {
            compute(rd(word), Operation::ShiftLeft, left, by(top - last), bits)
        }
        (2, 0, _) => {
            let mask = Value::Constant((1 << (last + 1)) - 1);
            compute(rd(word), Operation::And, left, mask, bits)
        }
        (0, 0, 7 | 15 | 31) => compute(rd(word), Operation::SignExtend, left, by(last + 1), bits),
        (0, _, _) if last == top => {
            compute(rd(word), Operation::ShiftRightSigned, left, by(rotate), bits)
        }
        // ubfiz: the lower bits, shifted up.
        (2, _, _) if rotate > last => {
            return Some(widened(word, last, u32::from(bits) - rotate, bits));
        }
        (0..=2, _, _) => Effect::Clobber(general(rd(word))),
        _ => return None,
    };
    Some(writing(rd(word), effect))
}

fn widened(word: u32, last: u32, shift: u32, bits: u8) -> Instruction {
    if rd(word) == STACK {
        return plain(Vec::new());
    }
    let mask = Value::Constant((1_u64 << (last + 1)) - 1);
    let scratch = Value::Register(SCRATCH);
    let masked = Effect::Compute {
        register: SCRATCH,
        operation: Operation::And,
        left: read(rn(word)),
        right: mask,
        bits: 64,
    };
    let by = Value::Constant(u64::from(shift));
    plain(vec![masked, compute(rd(word), Operation::ShiftLeft, scratch, by, bits)])
}
