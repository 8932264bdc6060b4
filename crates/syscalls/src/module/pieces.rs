// SPDX-License-Identifier: Apache-2.0
//! Data with addresses in it, cut into objects, so that a table of functions counts only when
//! something that runs refers to it.
//!
//! Stripped files do not say where objects begin. Every address that code or data refers to is taken
//! for a begin, unless a symbol with a size covers it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::function::{Function, Reference};
use crate::object::{Object, Relocated, SymbolKind};

/// A part of the data that holds addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// First address, with bias.
    pub start: u64,
    /// Address behind it.
    pub end: u64,
    /// What it holds the addresses of.
    pub targets: Vec<Reference>,
}

/// The piece that an address lies in.
pub(crate) fn piece_at(pieces: &[Piece], address: u64) -> Option<usize> {
    let after = pieces.partition_point(|piece| piece.start <= address);
    let index = after.checked_sub(1)?;
    (address < pieces.get(index)?.end).then_some(index)
}

pub(super) fn find_pieces(object: &Object<'_>, functions: &[Function]) -> Vec<Piece> {
    let holds = find_pointers(object);
    let begins = find_begins(object, functions, &holds);
    let mut pieces: Vec<Piece> = Vec::new();
    for (place, target) in holds {
        let start = begins.range(..=place).next_back().copied().unwrap_or(place);
        if let Some(piece) = pieces.last_mut().filter(|piece| piece.start == start) {
            piece.targets.push(target);
            continue;
        }
        let segment = object.image.segment(place).map_or(place, crate::object::Segment::end);
        let end = begins.range(place.saturating_add(1)..).next().copied().unwrap_or(segment);
        pieces.push(Piece { start, end: end.min(segment), targets: vec![target] });
    }
    for piece in &mut pieces {
        piece.targets.sort_unstable();
        piece.targets.dedup();
    }
    pieces
}

/// Places of data with what they hold, in order.
fn find_pointers(object: &Object<'_>) -> Vec<(u64, Reference)> {
    let mut holds: Vec<(u64, Reference)> = object
        .relocations
        .iter()
        .filter_map(|relocation| {
            let target = match relocation.value {
                Relocated::Address(address) | Relocated::Chosen(address) => Reference::Address(address),
                Relocated::Symbol(symbol, _) | Relocated::Copy(symbol) => Reference::Symbol(symbol),
            };
            // The GOT is read place by place; each read refers to what it holds.
            (!relocation.slot).then_some((relocation.place, target))
        })
        .collect();
    if !object.independent {
        holds.extend(find_bare_pointers(object));
        holds.sort_unstable();
        holds.dedup_by_key(|(place, _)| *place);
    }
    holds
}

/// In files that are not moved, words of data that look like addresses.
fn find_bare_pointers(object: &Object<'_>) -> Vec<(u64, Reference)> {
    let word = object.image.word_size();
    let data = object.image.segments.iter().filter(|segment| !segment.executable);
    let places = data.flat_map(|segment| {
        let first = segment.address.next_multiple_of(word);
        let last = segment.address.saturating_add(segment.bytes.len() as u64);
        (first..last).step_by(word as usize)
    });
    places
        .filter_map(|place| {
            let value = object.image.word(place)?;
            object.image.segment(value).map(|_| (place, Reference::Address(value)))
        })
        .collect()
}

fn find_begins(
    object: &Object<'_>,
    functions: &[Function],
    holds: &[(u64, Reference)],
) -> BTreeSet<u64> {
    let referred = functions.iter().flat_map(|function| &function.references);
    let held = holds.iter().map(|(_, target)| target);
    let mut begins: BTreeSet<u64> = referred
        .chain(held)
        .filter_map(|reference| match reference {
            Reference::Address(address) => Some(*address),
            Reference::Symbol(_) => None,
        })
        .filter(|address| !object.image.is_code(*address))
        .collect();
    let objects = object.symbols.iter().filter(|symbol| symbol.defined && symbol.kind == SymbolKind::Object);
    for symbol in objects {
        let end = symbol.value.saturating_add(symbol.size);
        let inside: Vec<u64> = begins.range(symbol.value..end).copied().collect();
        for begin in inside {
            begins.remove(&begin);
        }
        begins.insert(symbol.value);
        begins.insert(end);
    }
    begins
}
