// SPDX-License-Identifier: Apache-2.0
//! Loads and stores.

use super::super::{Address, Effect, Instruction};
use super::{Place, address, clobbering, general, nothing, plain, read, rt, short, writing};

/// Opcodes 0x1a and 0x1b, and 0x20 to 0x3f.
pub(super) fn access(place: Place, word: u32, code: u32) -> Option<Instruction> {
    let wide = place.machine.wide;
    let at = address(word, short(word));
    match code {
        // The unaligned ones in two halves: left and right part of a word or doubleword.
        0x22 | 0x26 if !place.is_six() => Some(clobbering(rt(word))),
        0x1a | 0x1b if wide && !place.is_six() => Some(clobbering(rt(word))),
        0x2a | 0x2e if !place.is_six() => Some(around(at, 4)),
        0x2c | 0x2d if wide && !place.is_six() => Some(around(at, 8)),
        0x22 => None,
        0x20..=0x25 => {
            let bytes = [1, 2, 4, 4][(code & 3) as usize];
            let is_word = code & 3 == 3;
            Some(load(word, at, bytes, if is_word { wide } else { code < 0x24 }))
        }
        0x27 if wide => Some(load(word, at, 4, false)),
        0x37 if wide => Some(load(word, at, 8, false)),
        0x28 => Some(store(word, at, 1)),
        0x29 => Some(store(word, at, 2)),
        0x2b => Some(store(word, at, 4)),
        0x3f if wide => Some(store(word, at, 8)),
        0x30 if !place.is_six() => Some(load(word, at, 4, wide)),
        0x34 if wide && !place.is_six() => Some(load(word, at, 8, false)),
        0x38 if !place.is_six() => Some(conditional(word, at, 4)),
        0x3c if wide && !place.is_six() => Some(conditional(word, at, 8)),
        0x2f | 0x33 if !place.is_six() => Some(nothing()),
        0x31 | 0x35 => Some(nothing()),
        0x32 | 0x36 if !place.is_six() => Some(nothing()),
        0x39 => Some(plain(vec![Effect::Overwrite { address: at, bytes: 4 }])),
        0x3d => Some(plain(vec![Effect::Overwrite { address: at, bytes: 8 }])),
        0x3a if !place.is_six() => Some(plain(vec![Effect::Overwrite { address: at, bytes: 4 }])),
        0x3e if !place.is_six() => Some(plain(vec![Effect::Overwrite { address: at, bytes: 8 }])),
        _ => None,
    }
}

pub(super) fn load(word: u32, address: Address, bytes: u8, signed: bool) -> Instruction {
    let register = rt(word);
    writing(register, Effect::Load { register: general(register), address, bytes, signed })
}

pub(super) fn store(word: u32, address: Address, bytes: u8) -> Instruction {
    plain(vec![Effect::Store { address, value: read(rt(word)), bytes }])
}

/// `sc`: stores perhaps, and says whether it did.
pub(super) fn conditional(word: u32, address: Address, bytes: u16) -> Instruction {
    let mut instruction = plain(vec![Effect::Overwrite { address, bytes }]);
    instruction.effects.extend(clobbering(rt(word)).effects);
    instruction
}

/// Part of the aligned word around the address.
fn around(at: Address, bytes: u16) -> Instruction {
    let before = i64::from(bytes) - 1;
    let address = Address { displacement: at.displacement - before, ..at };
    plain(vec![Effect::Overwrite { address, bytes: 2 * bytes - 1 }])
}
