// SPDX-License-Identifier: Apache-2.0
//! Branches, exceptions and system instructions (C4.1.93).

use super::super::bytes::{bit, field, signed};
use super::super::{Condition, Effect, Flow, Instruction, Target, Value};
use super::memory::at;
use super::{LINK, clobbering, condition, general, plain, rd, read, rn};

pub(super) fn branch(word: u32, address: u64) -> Option<Instruction> {
    match field(word, 29, 3) {
        0 | 4 => Some(direct(word, address)),
        1 | 5 => Some(by_register_value(word, address)),
        2 => by_flags(word, address),
        6 if bit(word, 25) => indirect(word, address),
        6 => system(word),
        _ => None,
    }
}

fn target(address: u64, words: i32) -> Target {
    Target::Direct(address.wrapping_add_signed(i64::from(words) * 4))
}

fn link(address: u64) -> Vec<Effect> {
    let value = Value::Constant(address.wrapping_add(4));
    vec![Effect::Set { register: general(LINK), value, bits: 64 }]
}

/// `b`, `bl`.
fn direct(word: u32, address: u64) -> Instruction {
    let target = target(address, signed(field(word, 0, 26), 26));
    if bit(word, 31) {
        plain(link(address)).going(Flow::Call(target))
    } else {
        plain(Vec::new()).going(Flow::Jump(target))
    }
}

/// `cbz`, `cbnz`; `tbz`, `tbnz` look at one bit.
fn by_register_value(word: u32, address: u64) -> Instruction {
    if bit(word, 25) {
        let target = target(address, signed(field(word, 5, 14), 14));
        return plain(vec![Effect::Compare { left: Value::Unknown, right: Value::Unknown }])
            .going(Flow::Jump(target))
            .when(Condition::Other);
    }
    let target = target(address, signed(field(word, 5, 19), 19));
    let compare = Effect::Compare { left: read(rd(word)), right: Value::Constant(0) };
    let taken = if bit(word, 24) { Condition::NotEqual } else { Condition::Equal };
    plain(vec![compare]).going(Flow::Jump(target)).when(taken)
}

fn by_flags(word: u32, address: u64) -> Option<Instruction> {
    if field(word, 24, 2) != 0 {
        return None;
    }
    let jump = Flow::Jump(target(address, signed(field(word, 5, 19), 19)));
    Some(match field(word, 0, 4) {
        14 | 15 => plain(Vec::new()).going(jump),
        field => plain(Vec::new()).going(jump).when(condition(field)),
    })
}

/// `br`, `blr`, `ret`, with pointer authentication or without.
fn indirect(word: u32, address: u64) -> Option<Instruction> {
    let target = Target::Register(general(rn(word)));
    Some(match field(word, 21, 4) {
        0 | 8 => plain(Vec::new()).going(Flow::Jump(target)),
        1 | 9 => plain(link(address)).going(Flow::Call(target)),
        2 | 4 | 5 => plain(Vec::new()).going(Flow::Return),
        _ => return None,
    })
}

fn system(word: u32) -> Option<Instruction> {
    if !bit(word, 24) {
        return Some(match (field(word, 21, 3), field(word, 0, 5)) {
            (0, 1) => plain(Vec::new()).going(Flow::SystemCall(0)),
            _ => plain(Vec::new()).going(Flow::Stop),
        });
    }
    // `mrs`, `sysl` read into a register; `dc zva` clears memory.
    Some(match (field(word, 22, 2), bit(word, 21)) {
        (0, true) => clobbering(rd(word)),
        _ if is_clearing(word) => {
            plain(vec![Effect::Overwrite { address: at(rd(word), 0), bytes: 2048 }])
        }
        // `cfinv`, `axflag`, `msr nzcv`: flags.
        _ => plain(vec![Effect::ClobberFlags]),
    })
}

/// `dc zva`, `dc gva`, `dc gzva`: op1 3, CRn 7, CRm 4.
const fn is_clearing(word: u32) -> bool {
    field(word, 8, 11) == 0b011_0111_0100
}
