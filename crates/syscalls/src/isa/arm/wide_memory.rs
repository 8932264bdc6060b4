// SPDX-License-Identifier: Apache-2.0
//! Loads, stores and table branches of 32-bit Thumb.

use super::super::bytes::{bit, field};
use super::super::{Address, Flow, Instruction, Target};
use super::memory::{Indexing, Transfer};
use super::{COUNTER, Offset, Place, clobbers, general};

/// One register: 1111 100x (manual, A6.3.7 to A6.3.10).
pub(super) fn single(place: Place, word: u32) -> Option<Instruction> {
    let (load, register, base) = (bit(word, 20), field(word, 12, 4), field(word, 16, 4));
    let (size, signed) = (field(word, 21, 2), bit(word, 24));
    if size == 3 || (!load && (signed || base == COUNTER)) || (size == 2 && signed) {
        return None;
    }
    let (offset, indexing) = placement(word, base)?;
    // Loads of part of a word into the counter are hints to caches.
    if load && register == COUNTER && size != 2 {
        return Some(place.clobbering(&[]));
    }
    let bytes = 1 << size;
    let transfer = Transfer { load, bytes, signed, register, second: None, base, offset, indexing };
    Some(transfer.decode(place))
}

fn placement(word: u32, base: u32) -> Option<(Offset, Indexing)> {
    let long = field(word, 0, 12).cast_signed();
    let short = field(word, 0, 8).cast_signed();
    let short = if bit(word, 9) { short } else { -short };
    Some(match (base, bit(word, 23)) {
        (COUNTER, up) => (Offset::Constant(if up { long } else { -long }), Indexing::Offset),
        (_, true) => (Offset::Constant(long), Indexing::Offset),
        _ if field(word, 6, 6) == 0 => {
            (Offset::Plus(field(word, 0, 4), field(word, 4, 2) as u8), Indexing::Offset)
        }
        // Unprivileged access.
        _ if field(word, 8, 4) == 0b1110 => (Offset::Constant(short), Indexing::Offset),
        _ if bit(word, 11) && (bit(word, 10) || bit(word, 8)) => {
            (Offset::Constant(short), Indexing::from_bits(bit(word, 10), bit(word, 8)))
        }
        _ => return None,
    })
}

/// Two registers, exclusive access, table branches: 1110 100x x1xx.
pub(super) fn double(place: Place, word: u32) -> Option<Instruction> {
    let (before, write_back) = (bit(word, 24), bit(word, 21));
    let bytes = (field(word, 0, 8) * 4).cast_signed();
    let access = Transfer {
        load: bit(word, 20),
        bytes: 4,
        signed: false,
        register: field(word, 12, 4),
        second: None,
        base: field(word, 16, 4),
        offset: Offset::Constant(bytes),
        indexing: Indexing::Offset,
    };
    if before || write_back {
        let offset = Offset::Constant(if bit(word, 23) { bytes } else { -bytes });
        let second = Some(field(word, 8, 4));
        let indexing = Indexing::from_bits(before, write_back);
        return Some(plain(Transfer { second, offset, indexing, ..access }.decode(place)));
    }
    if !bit(word, 23) {
        let instruction = plain(access.decode(place));
        return Some(if access.load {
            instruction
        } else {
            storing(instruction, field(word, 8, 4))
        });
    }
    match field(word, 4, 4) {
        kind @ (0 | 1) if access.load => Some(table(place, word, kind as u8 + 1)),
        kind => exclusive(place, word, kind, access),
    }
}

fn plain(mut instruction: Instruction) -> Instruction {
    instruction.flow = Flow::Next;
    instruction
}

/// A store-exclusive also tells whether it stored.
fn storing(mut instruction: Instruction, status: u32) -> Instruction {
    instruction.effects.extend(clobbers(&[status]));
    instruction
}

/// `tbb`, `tbh`: distances in halfwords from the next instruction.
fn table(place: Place, word: u32, bytes: u8) -> Instruction {
    let (base, origin) = match field(word, 16, 4) {
        COUNTER => (None, i64::from(place.counter)),
        base => (Some(general(base)), 0),
    };
    let index = Some((general(field(word, 0, 4)), bytes - 1));
    let entry = Address { base, index, displacement: origin, segment: false };
    let base = u64::from(place.counter | 1);
    place.instruction(Vec::new()).going(Flow::Jump(Target::Table { entry, bytes, shift: 1, base }))
}

/// `ldrexb` and so on; 8 to 11 are acquire and release without exclusion, 12 to 15 with.
fn exclusive(place: Place, word: u32, kind: u32, access: Transfer) -> Option<Instruction> {
    let second = (kind & 3 == 3).then_some(field(word, 8, 4));
    let bytes = match kind & 3 {
        3 => 4,
        size => 1 << size,
    };
    if !matches!(kind, 4 | 5 | 7..=10 | 12..=15) {
        return None;
    }
    let access = Transfer { bytes, second, offset: Offset::Constant(0), ..access };
    let instruction = plain(access.decode(place));
    let has_status = !access.load && !matches!(kind, 8..=10);
    Some(if has_status { storing(instruction, field(word, 0, 4)) } else { instruction })
}
