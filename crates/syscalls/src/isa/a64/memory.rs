// SPDX-License-Identifier: Apache-2.0
//! Loads and stores (C4.1.94).

use super::super::bytes::{bit, field, signed};
use super::super::{Address, Effect, Instruction, Operation, Value};
use super::{STACK, compute, general, plain, rd, read, read_stack, rm, rn};

pub(super) fn memory(word: u32, address: u64) -> Option<Instruction> {
    let vector = bit(word, 26);
    match (field(word, 28, 2), field(word, 24, 2)) {
        (0, _) if vector => Some(structures(word)),
        (0, 0 | 1) => Some(exclusive(word)),
        (1, 0) => Some(literal(word, address)),
        (1, _) if vector => None,
        (1, _) => Some(ordered(word)),
        (2, _) => pair(word),
        (3, _) => single(word),
        _ => None,
    }
}

/// Base register and displacement.
pub(super) fn at(base: u32, displacement: i64) -> Address {
    Address { base: Some(general(base)), index: None, displacement, segment: false }
}

/// One register from or to memory.
struct Access {
    register: u32,
    bytes: u16,
    loads: bool,
    signed: bool,
    vector: bool,
}

impl Access {
    fn effect(&self, address: Address) -> Effect {
        let bytes = self.bytes;
        let narrow = bytes.min(8) as u8;
        match (self.loads, self.vector) {
            (true, true) => Effect::Touch { address, bytes },
            (false, true) => Effect::Overwrite { address, bytes },
            (true, false) if self.register == STACK => Effect::Touch { address, bytes },
            (true, false) => {
                let register = general(self.register);
                Effect::Load { register, address, bytes: narrow, signed: self.signed }
            }
            (false, false) => Effect::Store { address, value: read(self.register), bytes: narrow },
        }
    }
}

/// When the base register moves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Indexing {
    Offset,
    Before,
    After,
}

fn accesses(list: &[Access], base: u32, displacement: i64, indexing: Indexing) -> Instruction {
    let moves = compute(
        base,
        Operation::Add,
        read_stack(base),
        Value::Constant(displacement.cast_unsigned()),
        64,
    );
    let first = if indexing == Indexing::Offset { displacement } else { 0 };
    let mut effects = Vec::new();
    if indexing == Indexing::Before {
        effects.push(moves);
    }
    let mut place = first;
    for access in list {
        effects.push(access.effect(at(base, place)));
        place += i64::from(access.bytes);
    }
    // A base that is loaded into keeps the address for the second access only if it comes last.
    let spoils = list.len() == 2 && list.first().is_some_and(|a| loads_into(a, base));
    if spoils {
        effects.reverse();
    }
    if indexing == Indexing::After && !list.iter().any(|access| loads_into(access, base)) {
        effects.push(moves);
    }
    plain(effects)
}

fn loads_into(access: &Access, base: u32) -> bool {
    access.loads && !access.vector && access.register == base
}

/// `ldp`, `stp` and their kin.
fn pair(word: u32) -> Option<Instruction> {
    let (vector, kind, loads) = (bit(word, 26), field(word, 30, 2), bit(word, 22));
    let (bytes, signed_load) = match (vector, kind) {
        (true, 0..=2) => (4_u16 << kind, false),
        (false, 0) => (4, false),
        (false, 1) => (if loads { 4 } else { 16 }, loads),
        (false, 2) => (8, false),
        _ => return None,
    };
    let step = if !vector && kind == 1 && !loads { 16 } else { i64::from(bytes) };
    let displacement = i64::from(signed(field(word, 15, 7), 7)) * step;
    let access = |register| Access { register, bytes, loads, signed: signed_load, vector };
    let second = field(word, 10, 5);
    let indexing = match field(word, 23, 2) {
        1 => Indexing::After,
        3 => Indexing::Before,
        _ => Indexing::Offset,
    };
    Some(accesses(&[access(rd(word)), access(second)], rn(word), displacement, indexing))
}

fn single(word: u32) -> Option<Instruction> {
    let access = access_of(word);
    if bit(word, 24) {
        let displacement = i64::from(field(word, 10, 12));
        let Some(access) = access else { return Some(plain(Vec::new())) };
        let displacement = displacement * i64::from(access.bytes);
        return Some(accesses(&[access], rn(word), displacement, Indexing::Offset));
    }
    if bit(word, 21) {
        return match field(word, 10, 2) {
            0 => Some(atomic(word)),
            2 => {
                let address = indexed(word, scale_of(word));
                Some(plain(access.iter().map(|access| access.effect(address)).collect()))
            }
            // Loads with pointer authentication.
            _ => Some(super::clobbering(rd(word))),
        };
    }
    let displacement = i64::from(signed(field(word, 12, 9), 9));
    let indexing = match field(word, 10, 2) {
        1 => Indexing::After,
        3 => Indexing::Before,
        _ => Indexing::Offset,
    };
    match access {
        Some(access) => Some(accesses(&[access], rn(word), displacement, indexing)),
        None => Some(plain(Vec::new())),
    }
}

/// None for prefetches.
fn access_of(word: u32) -> Option<Access> {
    let (size, kind, vector) = (field(word, 30, 2), field(word, 22, 2), bit(word, 26));
    let (bytes, loads, signed_load) = match (vector, kind) {
        (true, 0 | 1) => (1 << size, kind == 1, false),
        (true, _) => (16, kind == 3, false),
        (false, 0) => (1 << size, false, false),
        (false, 1) => (1 << size, true, false),
        (false, 2) if size == 3 => return None,
        _ => (1 << size, true, true),
    };
    Some(Access { register: rd(word), bytes, loads, signed: signed_load, vector })
}

/// What an index register is shifted by, where it is.
fn scale_of(word: u32) -> u8 {
    let wide = bit(word, 26) && bit(word, 23);
    let scale = if wide { 4 } else { field(word, 30, 2) as u8 };
    if bit(word, 12) { scale } else { 0 }
}

fn indexed(word: u32, scale: u8) -> Address {
    let index = (rm(word) != STACK).then(|| (general(rm(word)), scale));
    Address { index, ..at(rn(word), 0) }
}

/// The address of a load is that of the literal.
fn literal(word: u32, address: u64) -> Instruction {
    let place = address.wrapping_add_signed(i64::from(signed(field(word, 5, 19), 19)) * 4);
    let address =
        Address { base: None, index: None, displacement: place.cast_signed(), segment: false };
    let (kind, vector) = (field(word, 30, 2), bit(word, 26));
    let bytes = match (vector, kind) {
        (true, _) => 4 << kind,
        (false, 1) => 8,
        (false, 3) => return plain(Vec::new()),
        _ => 4,
    };
    let access = Access { register: rd(word), bytes, loads: true, signed: kind == 2, vector };
    plain(vec![access.effect(address)])
}

/// Exclusive and ordered accesses, compare and swap.
fn exclusive(word: u32) -> Instruction {
    let (ordered, loads, pair) = (bit(word, 23), bit(word, 22), bit(word, 21));
    let bytes = 1_u16 << field(word, 30, 2);
    let address = at(rn(word), 0);
    let status = rm(word);
    if ordered && !pair {
        let access = Access { register: rd(word), bytes, loads, signed: false, vector: false };
        return plain(vec![access.effect(address)]);
    }
    let mut effects = Vec::new();
    let mut spoil = |register: u32| {
        if register != STACK {
            effects.push(Effect::Clobber(general(register)));
        }
    };
    if ordered || (pair && !bit(word, 31)) {
        // cas, casp
        spoil(status);
        spoil((status + 1) & 31);
    } else if loads {
        spoil(rd(word));
        if pair {
            spoil(field(word, 10, 5));
        }
    } else {
        spoil(status);
    }
    effects.push(Effect::Overwrite { address, bytes: bytes * 2 });
    plain(effects)
}

/// Unscaled ordered accesses, tags, and copies of memory: registers that are named change, memory too.
fn ordered(word: u32) -> Instruction {
    let plainly = !bit(word, 21) && field(word, 10, 2) == 0;
    if plainly && let Some(access) = access_of(word) {
        let displacement = i64::from(signed(field(word, 12, 9), 9));
        return accesses(&[access], rn(word), displacement, Indexing::Offset);
    }
    let address = at(rn(word), 0);
    let mut effects = vec![Effect::Overwrite { address, bytes: u16::MAX }, Effect::ClobberFlags];
    for register in [rd(word), rn(word), rm(word)].into_iter().filter(|r| *r != STACK) {
        effects.push(Effect::Clobber(general(register)));
    }
    plain(effects)
}

/// `ldadd`, `swp` and their kin: the old content comes back.
fn atomic(word: u32) -> Instruction {
    let bytes = 1_u16 << field(word, 30, 2);
    let mut effects = vec![Effect::Overwrite { address: at(rn(word), 0), bytes }];
    if rd(word) != STACK {
        effects.push(Effect::Clobber(general(rd(word))));
    }
    plain(effects)
}

/// Vector loads and stores of several registers.
fn structures(word: u32) -> Instruction {
    let address = at(rn(word), 0);
    let mut effects = vec![if bit(word, 22) {
        Effect::Touch { address, bytes: 64 }
    } else {
        Effect::Overwrite { address, bytes: 64 }
    }];
    if bit(word, 23) {
        effects.push(Effect::Clobber(general(rn(word))));
    }
    plain(effects)
}
