// SPDX-License-Identifier: Apache-2.0
//! Data processing with registers (C4.1.95).

use super::super::bytes::{bit, field};
use super::super::{Effect, Instruction, Operation, SCRATCH, Value};
use super::{
    STACK, clobbering, compute, general, plain, rd, read, read_stack, rm, rn, width, writing,
};

pub(super) fn register(word: u32) -> Option<Instruction> {
    match (bit(word, 28), field(word, 21, 4)) {
        (false, kind) if kind & 8 == 0 => Some(logical(word)),
        (false, kind) if kind & 1 == 0 => Some(sum(word)),
        (false, _) => Some(extended_sum(word)),
        (true, 0) => Some(with_flags(word)),
        (true, 2) => Some(plain(vec![Effect::ClobberFlags])),
        (true, 4) => Some(select(word)),
        (true, 6) => Some(clobbering(rd(word))),
        (true, kind) if kind & 8 != 0 => Some(multiply(word)),
        _ => None,
    }
}

/// Sums with carry, and changes of the flags alone.
fn with_flags(word: u32) -> Instruction {
    let mut effects = vec![Effect::ClobberFlags];
    if field(word, 10, 6) == 0 && rd(word) != STACK {
        effects.push(Effect::Clobber(general(rd(word))));
    }
    plain(effects)
}

/// The second operand after its shift, and the effect that makes it; none where it is not modelled.
fn shifted(word: u32, bits: u8) -> Option<(Value, Option<Effect>)> {
    let amount = field(word, 10, 6);
    let value = read(rm(word));
    if amount == 0 {
        return Some((value, None));
    }
    let operation = match field(word, 22, 2) {
        0 => Operation::ShiftLeft,
        1 => Operation::ShiftRight,
        2 => Operation::ShiftRightSigned,
        _ => return None,
    };
    let right = Value::Constant(u64::from(amount));
    let makes = Effect::Compute { register: SCRATCH, operation, left: value, right, bits };
    Some((Value::Register(SCRATCH), Some(makes)))
}

fn logical(word: u32) -> Instruction {
    let (bits, flags) = (width(word), field(word, 29, 2) == 3);
    let mut effects = Vec::new();
    if flags {
        effects.push(Effect::ClobberFlags);
    }
    if rd(word) == STACK {
        return plain(effects);
    }
    let left = read(rn(word));
    let second = shifted(word, bits).filter(|_| !bit(word, 21));
    let Some((right, makes)) = second else {
        effects.push(inverted(word, bits));
        return plain(effects);
    };
    effects.extend(makes);
    let operation = match field(word, 29, 2) {
        1 => Operation::Or,
        2 => Operation::ExclusiveOr,
        _ => Operation::And,
    };
    // `mov`
    let copies = operation == Operation::Or && left == Value::Constant(0);
    effects.push(if copies {
        Effect::Set { register: general(rd(word)), value: right, bits }
    } else {
        compute(rd(word), operation, left, right, bits)
    });
    plain(effects)
}

/// `mvn` of a register is its difference from all ones; the other inversions are not modelled.
fn inverted(word: u32, bits: u8) -> Effect {
    let mvn = bit(word, 21) && field(word, 29, 2) == 1 && rn(word) == STACK;
    if !mvn || field(word, 10, 6) != 0 {
        return Effect::Clobber(general(rd(word)));
    }
    let ones = if bits == 32 { 0xffff_ffff } else { u64::MAX };
    compute(rd(word), Operation::ExclusiveOr, read(rm(word)), Value::Constant(ones), bits)
}

fn sum(word: u32) -> Instruction {
    let bits = width(word);
    match shifted(word, bits) {
        Some((right, makes)) => {
            finish_sum(word, read(rn(word)), right, makes.into_iter().collect(), false)
        }
        None => clobbering(rd(word)),
    }
}

/// The second operand is a part of a register, widened and shifted; 31 as the first is the stack pointer.
fn extended_sum(word: u32) -> Instruction {
    let option = field(word, 13, 3);
    let amount = field(word, 10, 3);
    let scratch = Value::Register(SCRATCH);
    let mut effects = Vec::new();
    let mut make = |operation, left, right: u64| {
        let right = Value::Constant(right);
        effects.push(Effect::Compute { register: SCRATCH, operation, left, right, bits: 64 });
    };
    let value = read(rm(word));
    match option {
        0 => make(Operation::And, value, 0xff),
        1 => make(Operation::And, value, 0xffff),
        2 => make(Operation::And, value, 0xffff_ffff),
        4..=6 => make(Operation::SignExtend, value, 8 << (option & 3)),
        _ => make(Operation::Add, value, 0),
    }
    if amount != 0 {
        make(Operation::ShiftLeft, scratch, u64::from(amount));
    }
    finish_sum(word, read_stack(rn(word)), scratch, effects, true)
}

fn finish_sum(
    word: u32,
    left: Value,
    right: Value,
    mut effects: Vec<Effect>,
    to_stack: bool,
) -> Instruction {
    let flags = bit(word, 29);
    let operation = if bit(word, 30) { Operation::Subtract } else { Operation::Add };
    if flags {
        effects.push(match operation {
            Operation::Subtract => Effect::Compare { left, right },
            _ => Effect::ClobberFlags,
        });
    }
    if rd(word) != STACK || (to_stack && !flags) {
        effects.push(compute(rd(word), operation, left, right, width(word)));
    }
    plain(effects)
}

/// `csel`, `csinc`, `csinv`, `csneg`: the first operand, or the second, changed.
fn select(word: u32) -> Instruction {
    let (bits, target) = (width(word), rd(word));
    if target == STACK {
        return plain(Vec::new());
    }
    let (first, second) = (read(rn(word)), read(rm(word)));
    let register = general(target);
    let changed = |operation, left, right| Effect::Compute {
        register: SCRATCH,
        operation,
        left,
        right,
        bits,
    };
    let ones = Value::Constant(if bits == 32 { 0xffff_ffff } else { u64::MAX });
    let makes = match (bit(word, 30), field(word, 10, 2)) {
        (false, 0) => changed(Operation::Add, second, Value::Constant(0)),
        (false, 1) => changed(Operation::Add, second, Value::Constant(1)),
        (true, 0) => changed(Operation::ExclusiveOr, second, ones),
        (true, 1) => changed(Operation::Subtract, Value::Constant(0), second),
        _ => return clobbering(target),
    };
    plain(vec![
        makes,
        Effect::Set { register, value: first, bits },
        Effect::Choose { register, value: Value::Register(SCRATCH) },
    ])
}

fn multiply(word: u32) -> Instruction {
    let plain_product = field(word, 21, 3) == 0 && !bit(word, 15) && field(word, 10, 5) == STACK;
    if !plain_product {
        return clobbering(rd(word));
    }
    let effect =
        compute(rd(word), Operation::Multiply, read(rn(word)), read(rm(word)), width(word));
    writing(rd(word), effect)
}
