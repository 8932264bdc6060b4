// SPDX-License-Identifier: Apache-2.0
//! Data with addresses in it, cut into objects, so that a table of functions counts only when
//! something that runs refers to it.
//!
//! Stripped files do not say where objects begin. An address that data refers to, or that a symbol has,
//! is taken for a begin. One that only code refers to may lie within an object (a member that is
//! copied, the end of a loop), so a piece that counts takes along the pieces behind it that begin so.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::function::{Function, Reference};
use crate::object::{Object, SymbolKind};

/// A part of the data that holds addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// First address, with bias.
    pub start: u64,
    /// Address behind it.
    pub end: u64,
    /// What it holds the addresses of.
    pub targets: Vec<Reference>,
    /// It may be the rest of the object before it.
    pub continues: bool,
}

/// The piece that an address lies in.
pub(crate) fn piece_at(pieces: &[Piece], address: u64) -> Option<usize> {
    let after = pieces.partition_point(|piece| piece.start <= address);
    let index = after.checked_sub(1)?;
    (address < pieces.get(index)?.end).then_some(index)
}

pub(super) fn find_pieces(object: &Object<'_>, functions: &[Function]) -> Vec<Piece> {
    let holds = find_pointers(object);
    let firm = find_firm_begins(object, &holds);
    let begins = find_begins(object, functions, &firm);
    let apart = find_separate(object, functions, &begins);
    let mut pieces: Vec<Piece> = Vec::new();
    for (place, target) in holds {
        let start = begins.range(..=place).next_back().copied().unwrap_or(place);
        if let Some(piece) = pieces.last_mut().filter(|piece| piece.start == start) {
            piece.targets.push(target);
            continue;
        }
        let segment = object.image.segment(place).map_or(place, crate::object::Segment::end);
        let end = begins.range(place.saturating_add(1)..).next().copied().unwrap_or(segment);
        pieces.push(Piece {
            start,
            end: end.min(segment),
            targets: vec![target],
            continues: !firm.contains(&start) && !apart.contains(&start),
        });
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
            let target = Reference::of(relocation.value);
            // The GOT is read place by place; each read refers to what it holds.
            (!relocation.slot).then_some((relocation.place, target))
        })
        .collect();
    if !object.independent {
        let bare = bare_pointers(object);
        holds.extend(bare.map(|(place, address)| (place, Reference::Address(address))));
        holds.sort_unstable();
        holds.dedup_by_key(|(place, _)| *place);
    }
    holds
}

/// In files that are not moved, words of data that look like addresses, with their places.
pub(super) fn bare_pointers(object: &Object<'_>) -> impl Iterator<Item = (u64, u64)> {
    let word = object.image.word_size();
    let segments = object.image.segments.iter().filter(|_| !object.independent);
    let places = segments.flat_map(move |segment| {
        let first = segment.address.next_multiple_of(word);
        let last = segment.address.saturating_add(segment.bytes.len() as u64);
        (first..last).step_by(word as usize)
    });
    places.filter(|place| !object.image.is_code(*place)).filter_map(|place| {
        let value = object.image.word(place)?;
        object.image.segment(value).map(|_| (place, value))
    })
}

/// Begins that data or symbols tell. An address that is held close by is more likely a member.
fn find_firm_begins(object: &Object<'_>, holds: &[(u64, Reference)]) -> BTreeSet<u64> {
    const CLOSE: u64 = 256;
    let mut begins: BTreeSet<u64> = holds
        .iter()
        .filter_map(|(place, target)| match target {
            Reference::Address(address) if address.abs_diff(*place) > CLOSE => Some(*address),
            _ => None,
        })
        .filter(|address| !object.image.is_code(object.without_mode(*address)))
        .collect();
    begins.extend(objects(object).flat_map(|(start, end)| [start, end]));
    leave_out_members(object, &mut begins);
    begins.extend(object.image.code_borders());
    begins
}

/// Begins that only code tells, of constants that are aligned as compilers align objects and that no function uses together with what
/// lies before: a member is used where its object is.
fn find_separate(
    object: &Object<'_>,
    functions: &[Function],
    begins: &BTreeSet<u64>,
) -> BTreeSet<u64> {
    const ALIGNMENT: u64 = 32;
    let mut together = BTreeSet::new();
    for function in functions {
        let mut last = None;
        for reference in &function.references {
            let Reference::Address(address) = reference else { continue };
            let Some(begin) = begins.range(..=*address).next_back() else { continue };
            let before = begins.range(..*begin).next_back().copied();
            if before.is_some() && last == before {
                together.insert(*begin);
            }
            last = Some(*begin);
        }
    }
    let is_apart = |begin: &&u64| {
        begin.is_multiple_of(ALIGNMENT)
            && object.image.is_constant(**begin)
            && !together.contains(*begin)
    };
    begins.iter().filter(is_apart).copied().collect()
}

/// Start and end of the variables that symbols name.
fn objects(object: &Object<'_>) -> impl Iterator<Item = (u64, u64)> {
    let symbols = object.symbols.iter();
    symbols
        .filter(|symbol| symbol.defined && symbol.kind == SymbolKind::Object && symbol.size > 0)
        .map(|symbol| (symbol.value, symbol.value.saturating_add(symbol.size)))
}

fn leave_out_members(object: &Object<'_>, begins: &mut BTreeSet<u64>) {
    for (start, end) in objects(object) {
        let inside: Vec<u64> = begins
            .range(start.saturating_add(1)..end.max(start.saturating_add(1)))
            .copied()
            .collect();
        for begin in inside {
            begins.remove(&begin);
        }
    }
}

/// Firm begins, and what code refers to.
fn find_begins(object: &Object<'_>, functions: &[Function], firm: &BTreeSet<u64>) -> BTreeSet<u64> {
    let referred = functions.iter().flat_map(|function| &function.references);
    let mut begins: BTreeSet<u64> = referred
        .filter_map(|reference| match reference {
            Reference::Address(address) => Some(*address),
            Reference::Symbol(_) => None,
        })
        .filter(|address| !object.image.is_code(object.without_mode(*address)))
        .collect();
    leave_out_members(object, &mut begins);
    begins.extend(firm);
    begins
}
