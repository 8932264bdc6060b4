// SPDX-License-Identifier: Apache-2.0
//! What release 6 changed: compact branches without delay slots, and opcodes that were given another meaning (MD00086 revision
//! 6.06, chapter 4 and appendix A).

use super::super::bytes::{bit, compute, field, signed};
use super::super::{Condition, Effect, Flow, Instruction, Operation, Target, Value};
use super::branch::{link_at, near};
use super::special::scaled;
use super::{
    Place, RETURN_ADDRESS, clobbering, general, nothing, plain, rd, read, rs, rt, short, writing,
};

/// The instruction if release 6 gave the word another meaning; `Some(None)`: none at all.
pub(super) fn changed(place: Place, word: u32) -> Option<Option<Instruction>> {
    let (s, t) = (rs(word), rt(word));
    Some(match word >> 26 {
        0x00 => return special(place, word),
        0x06 | 0x07 if t != 0 => Some(zero_or_two(place, word)),
        0x04..=0x07 => return None,
        0x08 | 0x18 => Some(ordered_or_overflow(place, word)),
        // POP26 and POP27 compare with sign.
        0x16 | 0x17 if t != 0 => Some(compact(place, word, Condition::Other)),
        0x1d if place.machine.wide && s != 0 => Some(upper(place, word)),
        0x32 => Some(nothing().going(Flow::Jump(far(place, word)))),
        0x3a => Some(plain(link_at(place, RETURN_ADDRESS, 4)).going(Flow::Call(far(place, word)))),
        0x36 | 0x3e if s != 0 => Some(against_zero(place, word)),
        0x36 | 0x3e => Some(indexed_jump(place, word)),
        0x3b => from_counter(place, word),
        0x14..=0x17 | 0x1c | 0x1d | 0x13 | 0x1a | 0x1b => None,
        0x01 if matches!(t, 0x06 | 0x1e) && place.machine.wide => Some(clobbering(s)),
        0x01 if t == 0x17 => Some(nothing().going(Flow::Stop)),
        _ => return None,
    })
}

fn special(place: Place, word: u32) -> Option<Option<Instruction>> {
    let wide = place.machine.wide;
    Some(match field(word, 0, 6) {
        0x05 => Some(scaled(word, 32)),
        0x15 if wide => Some(scaled(word, 64)),
        0x0e => Some(nothing().going(Flow::Stop)),
        0x10 | 0x11 | 0x35 | 0x37 => Some(clobbering(rd(word))),
        0x12 | 0x13 if wide => Some(clobbering(rd(word))),
        0x18 if field(word, 6, 5) == 2 => {
            let product =
                compute(general(rd(word)), Operation::Multiply, read(rs(word)), read(rt(word)), 32);
            Some(writing(rd(word), product))
        }
        0x18..=0x1b if matches!(field(word, 6, 5), 2 | 3) => Some(clobbering(rd(word))),
        0x1c..=0x1f if wide && matches!(field(word, 6, 5), 2 | 3) => Some(clobbering(rd(word))),
        0x01 | 0x08 | 0x0a | 0x0b | 0x12 | 0x13 | 0x18..=0x1f => None,
        _ => return None,
    })
}

fn compact(place: Place, word: u32, condition: Condition) -> Instruction {
    let effect = Effect::Compare { left: read(rs(word)), right: read(rt(word)) };
    plain(vec![effect]).going(Flow::Jump(near(place, word))).when(condition)
}

/// A branch that links also where it is not taken; as a call it goes on to the next either way.
fn linking(place: Place, word: u32) -> Instruction {
    plain(vec![Effect::Clobber(general(RETURN_ADDRESS))]).going(Flow::Call(near(place, word)))
}

/// POP06 and POP07: one register against zero, with link, or two without sign.
fn zero_or_two(place: Place, word: u32) -> Instruction {
    let (s, t) = (rs(word), rt(word));
    if s == 0 || s == t {
        return linking(place, word);
    }
    compact(place, word, if bit(word, 26) { Condition::Below } else { Condition::AboveOrEqual })
}

/// POP10 and POP30: `beqc`, `bnec`, with link against zero, or by overflow.
fn ordered_or_overflow(place: Place, word: u32) -> Instruction {
    let (s, t) = (rs(word), rt(word));
    let is_different = word >> 26 == 0x18;
    match (s, t) {
        _ if s >= t => compact(place, word, Condition::Other),
        (0, _) => linking(place, word),
        _ => {
            compact(place, word, if is_different { Condition::NotEqual } else { Condition::Equal })
        }
    }
}

/// `lwc2`, `swc2`, `ldc2`, `sdc2`.
pub(super) fn coprocessor2_memory(word: u32) -> Instruction {
    let bytes = match rs(word) {
        11 => 4,
        15 => 8,
        _ => return nothing(),
    };
    let base = rd(word);
    let address = super::Address {
        base: (base != 0).then(|| general(base)),
        index: None,
        displacement: i64::from(signed(field(word, 0, 11), 11)),
        segment: false,
    };
    plain(vec![Effect::Overwrite { address, bytes }])
}

/// `beqzc`, `bnezc`.
fn against_zero(place: Place, word: u32) -> Instruction {
    let distance = i64::from(signed(field(word, 0, 21), 21)) << 2;
    let target = Target::Direct(place.relative(4 + distance));
    let condition = if word >> 26 == 0x36 { Condition::Equal } else { Condition::NotEqual };
    plain(vec![Effect::Compare { left: read(rs(word)), right: Value::Constant(0) }])
        .going(Flow::Jump(target))
        .when(condition)
}

/// `jic`, `jialc`: register plus displacement.
fn indexed_jump(place: Place, word: u32) -> Instruction {
    let index = rt(word);
    let Value::Constant(base) = place.number(short(word)) else { return nothing() };
    let target = match (index, base) {
        (0, _) => Target::Direct(base),
        (_, 0) => Target::Register(general(index)),
        _ => Target::Steps { base, index: general(index), shift: 0 },
    };
    match (word >> 26, target) {
        (0x36, Target::Register(register)) if u32::from(register.0) == RETURN_ADDRESS => {
            nothing().going(Flow::Return)
        }
        (0x36, _) => nothing().going(Flow::Jump(target)),
        _ => plain(link_at(place, RETURN_ADDRESS, 4)).going(Flow::Call(target)),
    }
}

/// `bc`, `balc`.
fn far(place: Place, word: u32) -> Target {
    Target::Direct(place.relative(4 + (i64::from(signed(field(word, 0, 26), 26)) << 2)))
}

/// `daui`.
fn upper(place: Place, word: u32) -> Instruction {
    let number = place.number((field(word, 0, 16) << 16).cast_signed());
    writing(rt(word), compute(general(rt(word)), Operation::Add, read(rs(word)), number, 64))
}

/// `addiupc`, `lwpc`, `lwupc`, `ldpc`, `auipc`, `aluipc`.
fn from_counter(place: Place, word: u32) -> Option<Instruction> {
    let register = general(rs(word));
    let words = i64::from(signed(field(word, 0, 19), 19)) << 2;
    let upper = i64::from((field(word, 0, 16) << 16).cast_signed());
    let set =
        |number: u64| Effect::Set { register, value: Value::Constant(number), bits: place.bits() };
    let load = |at: u64, bytes: u8, signed: bool| {
        let displacement = at.cast_signed();
        let address = super::Address { base: None, index: None, displacement, segment: false };
        Effect::Load { register, address, bytes, signed }
    };
    let effect = match field(word, 16, 5) {
        0..=7 => set(place.relative(words)),
        8..=15 => load(place.relative(words), 4, place.machine.wide),
        16..=23 if place.machine.wide => load(place.relative(words), 4, false),
        24..=27 if place.machine.wide => {
            let doublewords = i64::from(signed(field(word, 0, 18), 18)) << 3;
            let base = place.address & !7;
            load(base.wrapping_add_signed(doublewords), 8, false)
        }
        30 => set(place.relative(upper)),
        31 => set(place.relative(upper) & !0xffff),
        _ => return None,
    };
    Some(writing(rs(word), effect))
}
