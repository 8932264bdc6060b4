// SPDX-License-Identifier: Apache-2.0
//! Coprocessors, floating point and vectors: A32 and Thumb share the lower 28 bits.

use super::super::bytes::{bit, field};
use super::super::{Effect, Instruction};
use super::memory::add_constant;
use super::{COUNTER, Offset, Place, STACK, address, clobbers, general};

/// Instructions with bits 27 to 25 = 110, and bits 27 to 24 = 1110.
pub(super) fn coprocessor(place: Place, word: u32) -> Option<Instruction> {
    match field(word, 24, 4) {
        0b1110 => Some(move_one(place, word)),
        0b1100 | 0b1101 => memory(place, word),
        _ => None,
    }
}

/// `cdp`, `mcr`, `mrc`, and floating-point arithmetic. Only `mrc` and its kin write a general register.
fn move_one(place: Place, word: u32) -> Instruction {
    let reads_coprocessor = bit(word, 4) && bit(word, 20);
    match field(word, 12, 4) {
        _ if !reads_coprocessor => place.instruction(Vec::new()),
        COUNTER => place.instruction(vec![Effect::ClobberFlags]),
        register => place.clobbering(&[register]),
    }
}

/// `ldc`, `stc`, `mcrr`, `mrrc`, and floating-point loads and stores.
fn memory(place: Place, word: u32) -> Option<Instruction> {
    let (before, up, write_back) = (bit(word, 24), bit(word, 23), bit(word, 21));
    if !before && !up && !write_back {
        return if bit(word, 22) { Some(move_two(place, word)) } else { None };
    }
    let base = field(word, 16, 4);
    let bytes = (field(word, 0, 8) * 4).cast_signed();
    let distance = if up { bytes } else { -bytes };
    let start = if before { distance } else { 0 };
    let mut effects = Vec::with_capacity(2);
    if !bit(word, 20) {
        let length = stored(word, bytes);
        // A list below its base ends at it.
        effects.extend(overwrite(place, base, start, length));
    }
    if write_back && base != COUNTER {
        effects.push(add_constant(base, distance));
    }
    Some(place.instruction(effects))
}

fn move_two(place: Place, word: u32) -> Instruction {
    if bit(word, 20) {
        place.clobbering(&[field(word, 12, 4), field(word, 16, 4)])
    } else {
        place.instruction(Vec::new())
    }
}

/// Bytes that a store writes: the list's length for `vstm`, else that of one register, at most sixteen words for an
/// unknown coprocessor.
fn stored(word: u32, list: i32) -> u16 {
    let is_vector = matches!(field(word, 8, 4), 10 | 11);
    let is_list = !bit(word, 24) || bit(word, 21);
    match (is_vector, is_list) {
        (true, true) => list as u16,
        (true, false) => 8,
        (false, _) => 64,
    }
}

fn overwrite(place: Place, base: u32, start: i32, bytes: u16) -> Option<Effect> {
    let address = address(place, base, Offset::Constant(start))?;
    Some(Effect::Overwrite { address, bytes })
}

/// Vector loads and stores of elements (`vld1` and so on): bit 21 tells a load, the lowest four bits the write-back: 15 none, 13
/// the number of bytes, else a register.
pub(super) fn elements(place: Place, word: u32) -> Option<Instruction> {
    let base = field(word, 16, 4);
    let mut effects = Vec::with_capacity(2);
    if !bit(word, 21) {
        effects.extend(overwrite(place, base, 0, 32));
    }
    match field(word, 0, 4) {
        COUNTER => {}
        STACK => effects.push(Effect::Clobber(general(base))),
        _ => effects.extend(clobbers(&[base])),
    }
    Some(place.instruction(effects))
}
