// SPDX-License-Identifier: Apache-2.0
//! The opcodes SPECIAL, SPECIAL2 and SPECIAL3.

use super::super::bytes::{bit, compute, field, signed};
use super::super::{Effect, Flow, Instruction, Operation, Value};
use super::{
    Place, address, branch, clobbering, general, memory, nothing, plain, rd, read, rs, rt, writing,
};

pub(super) fn special(place: Place, word: u32) -> Option<Instruction> {
    let wide = place.machine.wide;
    match field(word, 0, 6) {
        0x00 | 0x02 | 0x03 => Some(shift(word, 0)),
        0x38 | 0x3a | 0x3b | 0x3c | 0x3e | 0x3f if wide => Some(shift(word, 32)),
        0x04 | 0x06 | 0x07 => Some(clobbering(rd(word))),
        0x14 | 0x16 | 0x17 if wide => Some(clobbering(rd(word))),
        0x08 => Some(branch::register(place, word, 0)),
        0x09 => Some(branch::register(place, word, branch::linked(word))),
        // `movf`, `movt`, `movz`, `movn`.
        0x01 | 0x0a | 0x0b => Some(choose(word)),
        0x0c => Some(nothing().going(Flow::SystemCall(0))),
        0x0d => Some(nothing().going(Flow::Stop)),
        0x0f => Some(nothing()),
        0x10 | 0x12 => Some(clobbering(rd(word))),
        0x11 | 0x13 | 0x18..=0x1b => Some(nothing()),
        0x1c..=0x1f if wide => Some(nothing()),
        0x30..=0x34 | 0x36 => Some(trap(word)),
        // `lsa`, `dlsa` of the vector module.
        0x05 => Some(scaled(word, 32)),
        0x15 if wide => Some(scaled(word, 64)),
        code => arithmetic(place, word, code),
    }
}

/// Three registers.
fn arithmetic(place: Place, word: u32, code: u32) -> Option<Instruction> {
    let (operation, bits) = match code {
        0x20 | 0x21 => (Operation::Add, 32),
        0x22 | 0x23 => (Operation::Subtract, 32),
        0x24 => (Operation::And, place.bits()),
        0x25 => (Operation::Or, place.bits()),
        0x26 => (Operation::ExclusiveOr, place.bits()),
        0x27 => return Some(nor(place, word)),
        0x2a => (Operation::Less, place.bits()),
        0x2b => (Operation::Below, place.bits()),
        0x2c | 0x2d if place.machine.wide => (Operation::Add, 64),
        0x2e | 0x2f if place.machine.wide => (Operation::Subtract, 64),
        _ => return None,
    };
    Some(writing(
        rd(word),
        compute(general(rd(word)), operation, read(rs(word)), read(rt(word)), bits),
    ))
}

fn nor(place: Place, word: u32) -> Instruction {
    let (register, bits) = (general(rd(word)), place.bits());
    if rd(word) == 0 {
        return nothing();
    }
    let either = compute(register, Operation::Or, read(rs(word)), read(rt(word)), bits);
    let all = place.number(-1);
    let flipped = compute(register, Operation::ExclusiveOr, Value::Register(register), all, bits);
    plain(vec![either, flipped])
}

/// Shifts by a constant; a bit of another field makes the right ones rotations.
fn shift(word: u32, first_wide: u32) -> Instruction {
    let code = field(word, 0, 6);
    let operation = match code & 3 {
        0 => Operation::ShiftLeft,
        2 if bit(word, 21) => return clobbering(rd(word)),
        2 => Operation::ShiftRight,
        _ => Operation::ShiftRightSigned,
    };
    let is_upper = first_wide != 0 && code >= 0x3c;
    let amount = field(word, 6, 5) + if is_upper { 32 } else { 0 };
    let amount = Value::Constant(u64::from(amount));
    let bits = if first_wide == 0 { 32 } else { 64 };
    writing(rd(word), compute(general(rd(word)), operation, read(rt(word)), amount, bits))
}

fn choose(word: u32) -> Instruction {
    writing(rd(word), Effect::Choose { register: general(rd(word)), value: read(rs(word)) })
}

/// `teq $zero, $zero` and the like always trap; others are checks that programs pass.
fn trap(word: u32) -> Instruction {
    let always = rs(word) == rt(word) && matches!(field(word, 0, 6), 0x30 | 0x31 | 0x34);
    if always { nothing().going(Flow::Stop) } else { nothing() }
}

/// `rd = (rs << 1 to 4) + rt`.
pub(super) fn scaled(word: u32, bits: u8) -> Instruction {
    let (register, amount) = (general(rd(word)), Value::Constant(u64::from(field(word, 6, 2) + 1)));
    if rd(word) == rt(word) || rd(word) == 0 {
        return clobbering(rd(word));
    }
    let shifted = compute(register, Operation::ShiftLeft, read(rs(word)), amount, bits);
    plain(vec![
        shifted,
        compute(register, Operation::Add, Value::Register(register), read(rt(word)), bits),
    ])
}

pub(super) fn special2(place: Place, word: u32) -> Option<Instruction> {
    match field(word, 0, 6) {
        0x00 | 0x01 | 0x04 | 0x05 => Some(nothing()),
        0x02 => {
            let product =
                compute(general(rd(word)), Operation::Multiply, read(rs(word)), read(rt(word)), 32);
            Some(writing(rd(word), product))
        }
        // The same register in two fields, or so the manual asks.
        0x20 | 0x21 => Some(clobbering_each(&[rt(word), rd(word)])),
        0x24 | 0x25 if place.machine.wide => Some(clobbering_each(&[rt(word), rd(word)])),
        0x3f => Some(nothing().going(Flow::Stop)),
        // A vendor's own.
        _ => Some(clobbering_each(&[rs(word), rt(word), rd(word)])),
    }
}

fn clobbering_each(fields: &[u32]) -> Instruction {
    let mut registers = fields.to_vec();
    registers.dedup();
    plain(
        registers
            .iter()
            .filter(|register| **register != 0)
            .map(|r| Effect::Clobber(general(*r)))
            .collect(),
    )
}

pub(super) fn special3(place: Place, word: u32) -> Option<Instruction> {
    let wide = place.machine.wide;
    let at = address(word, signed(field(word, 7, 9), 9));
    match field(word, 0, 6) {
        0x00 => Some(extract(word)),
        0x01..=0x03 if wide => Some(clobbering(rt(word))),
        0x04 => Some(insert(word)),
        0x05..=0x07 if wide => Some(clobbering(rt(word))),
        0x20 => Some(shuffle(word)),
        0x24 if wide => Some(clobbering(rd(word))),
        0x3b => Some(clobbering(rt(word))),
        // Release 6.
        0x36 if place.is_six() => Some(memory::load(word, at, 4, wide)),
        0x37 if place.is_six() && wide => Some(memory::load(word, at, 8, false)),
        0x26 if place.is_six() => Some(memory::conditional(word, at, 4)),
        0x27 if place.is_six() && wide => Some(memory::conditional(word, at, 8)),
        0x25 | 0x35 if place.is_six() => Some(nothing()),
        // Access to user memory by the kernel (EVA).
        0x19 | 0x1a | 0x28..=0x2f => Some(clobbering(rt(word))),
        0x1b..=0x1f | 0x21..=0x23 | 0x33 => Some(clobbering(rt(word))),
        // The DSP module: a result in one of two fields.
        0x08..=0x18 | 0x30..=0x32 | 0x34 | 0x38..=0x3a | 0x3c => {
            Some(clobbering_each(&[rt(word), rd(word)]))
        }
        _ => None,
    }
}

/// `ext`: bits `lowest` to `lowest + size` of `rs`.
fn extract(word: u32) -> Instruction {
    let (lowest, size) = (field(word, 6, 5), field(word, 11, 5) + 1);
    let register = general(rt(word));
    if rt(word) == 0 {
        return nothing();
    }
    if lowest + size > 32 {
        return clobbering(rt(word));
    }
    let mask = Value::Constant((1 << size) - 1);
    let shifted = compute(
        register,
        Operation::ShiftRight,
        read(rs(word)),
        Value::Constant(u64::from(lowest)),
        32,
    );
    plain(vec![shifted, compute(register, Operation::And, Value::Register(register), mask, 32)])
}

fn insert(word: u32) -> Instruction {
    let (lowest, highest) = (field(word, 6, 5), field(word, 11, 5));
    if highest < lowest {
        return clobbering(rt(word));
    }
    let count = (highest - lowest + 1) as u8;
    let effect = Effect::Insert {
        register: general(rt(word)),
        value: read(rs(word)),
        lowest: lowest as u8,
        count,
    };
    writing(rt(word), effect)
}

/// `seb`, `seh`; byte swaps are not modelled.
fn shuffle(word: u32) -> Instruction {
    let amount = match field(word, 6, 5) {
        0x10 => Value::Constant(24),
        0x18 => Value::Constant(16),
        _ => return clobbering(rd(word)),
    };
    if rd(word) == 0 {
        return nothing();
    }
    let register = general(rd(word));
    let left = compute(register, Operation::ShiftLeft, read(rt(word)), amount, 32);
    plain(vec![
        left,
        compute(register, Operation::ShiftRightSigned, Value::Register(register), amount, 32),
    ])
}
