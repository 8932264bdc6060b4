// SPDX-License-Identifier: Apache-2.0
//! Constant data that functions refer to: tables whose content may be what a patch changes.

use std::collections::{BTreeMap, BTreeSet};

use kakoi_syscalls::object::Object;

use crate::hash::of_bytes;
use crate::program::{Function, Refer};

/// The first bytes that are hashed; then twice as many, up to the next place that is referred to.
const FIRST: u64 = 4;
/// What lies beyond that is not looked at.
const MOST: u64 = 1 << 16;

/// Hashes of ever longer beginnings of each constant object. An object ends at the latest where the next begins; of the last one
/// in a segment nothing tells the end, so it is left out, and so is what holds addresses or distances to code.
pub(crate) fn find_data(
    object: &Object<'_>,
    functions: &[Function],
    tables: &BTreeSet<u64>,
) -> BTreeMap<u64, Vec<u64>> {
    let refers = functions.iter().flat_map(|f| &f.tokens).flat_map(|token| &token.refers);
    let places: BTreeSet<u64> = refers
        .filter_map(|refer| match refer {
            Refer::Data(address) if object.image.is_constant(*address) => Some(*address),
            _ => None,
        })
        .collect();
    let borders: Vec<u64> = places.iter().copied().collect();
    borders
        .windows(2)
        .filter_map(|pair| {
            let &[start, next] = pair else { return None };
            let segment = object.image.segment(start)?;
            let is_jumped_by = tables.contains(&start) || is_table(object, start);
            (next < segment.end() && !is_jumped_by).then_some(())?;
            Some((start, hashes(object, start, next.min(start.saturating_add(MOST)))))
        })
        .filter(|(_, hashes)| !hashes.is_empty())
        .collect()
}

/// Does it begin with the address of code, or the distance to some: a jump table?
fn is_table(object: &Object<'_>, start: u64) -> bool {
    let distance = object.image.number(start, 4).map(|n| i64::from(n as u32 as i32) as u64);
    let relative = distance.is_some_and(|by| object.image.is_code(start.wrapping_add(by)));
    let absolute = object.image.word(start).is_some_and(|address| object.image.is_code(address));
    object.image.is_code(start) || relative || absolute
}

fn hashes(object: &Object<'_>, start: u64, end: u64) -> Vec<u64> {
    let from = object.relocations.partition_point(|relocation| relocation.place < start);
    let written = object.relocations.get(from).map_or(u64::MAX, |relocation| relocation.place);
    let Some(bytes) = object.image.bytes_at(start) else { return Vec::new() };
    let length = end.min(written).saturating_sub(start);
    let mut found = Vec::new();
    let mut size = FIRST;
    while size <= length {
        let Some(part) = usize::try_from(size).ok().and_then(|size| bytes.get(..size)) else {
            break;
        };
        found.push(of_bytes(part));
        size *= 2;
    }
    found
}
