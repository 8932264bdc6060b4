// SPDX-License-Identifier: Apache-2.0
//! Addresses of the symbols: absolute, or as offsets from a base or from their own place.
//!
//! The table is sorted by address, so the right reading is the one that ascends.

use std::cell::Cell;

use crate::kernel::words::Words;

/// Padding between tables (256 on 64-bit PowerPC).
const MAX_PADDING: usize = 256;

/// Tables that are read whole before giving up.
const MAX_READS: usize = 1024;

/// Width of a kernel pointer, when something told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kernel) enum Width {
    /// 4 bytes.
    Bits32,
    /// 8 bytes.
    Bits64,
    /// Nothing told.
    Unknown,
}

impl Width {
    fn bytes(self) -> &'static [usize] {
        match self {
            Self::Bits32 => &[4],
            Self::Bits64 => &[8],
            Self::Unknown => &[8, 4],
        }
    }
}

/// Where address tables may lie.
pub(super) struct Place {
    before: usize,
    after: Option<usize>,
    count: usize,
    /// Whole tables that may still be read in vain.
    reads: Cell<usize>,
}

impl Place {
    /// Before the count at `before` (up to 6.3), or after the token index that ends at `after`.
    pub(super) fn new(before: usize, after: Option<usize>, count: usize) -> Self {
        Self { before, after, count, reads: Cell::new(MAX_READS) }
    }

    /// The number of addresses to read, while there is a reading left.
    fn spend(&self) -> Option<usize> {
        self.reads.set(self.reads.get().checked_sub(1)?);
        Some(self.count)
    }
}

/// The addresses, in the order of the names; none when no reading of the bytes ascends.
pub(super) fn find_addresses(words: Words<'_>, width: Width, place: &Place) -> Option<Vec<u64>> {
    let after = place.after.and_then(|at| after_tokens(words, width, at, place));
    after.or_else(|| before_count(words, width, place))
}

/// 6.4 and later.
fn after_tokens(words: Words<'_>, width: Width, end: usize, place: &Place) -> Option<Vec<u64>> {
    paddings(end, true).find_map(|start| {
        let table = start.checked_add(place.count.checked_mul(4)?)?;
        let based = width.bytes().iter().find_map(|bytes| {
            let base = words.word(table.next_multiple_of(*bytes), *bytes)?;
            is_base(base, *bytes).then(|| relative(words, start, place, base))?
        });
        // Absolute addresses ascend without exception; so would they as offsets from their places.
        based
            .or_else(|| absolute(words, start, place, 4).filter(|all| all.is_sorted()))
            .or_else(|| own_place(words, start, place))
    })
}

/// Up to 6.3: `before` is where the count lies.
fn before_count(words: Words<'_>, width: Width, place: &Place) -> Option<Vec<u64>> {
    let known = paddings(place.before, false).find_map(|end| {
        based(words, width, place, end, |base| base != 0).or_else(|| {
            width.bytes().iter().find_map(|bytes| {
                let start = end.checked_sub(place.count.checked_mul(*bytes)?)?;
                absolute(words, start, place, *bytes)
            })
        })
    });
    // Padding looks like a base that relocations fill in, so that comes last.
    known.or_else(|| {
        paddings(place.before, false)
            .find_map(|end| based(words, width, place, end, |base| base == 0))
    })
}

/// Offsets whose base ends at `end` and is one that `fits`.
fn based(
    words: Words<'_>,
    width: Width,
    place: &Place,
    end: usize,
    fits: fn(u64) -> bool,
) -> Option<Vec<u64>> {
    width.bytes().iter().find_map(|bytes| {
        let base_at = end.checked_sub(*bytes)?;
        let base = words.word(base_at, *bytes)?;
        // A wide base read half a word off may look like another one.
        if base_at % bytes != 0 || !is_base(base, *bytes) || !fits(base) {
            return None;
        }
        paddings(base_at, false).find_map(|end| {
            relative(words, end.checked_sub(place.count.checked_mul(4)?)?, place, base)
        })
    })
}

/// `at` and the places that padding may have moved it to.
fn paddings(at: usize, forwards: bool) -> impl Iterator<Item = usize> {
    (0..=MAX_PADDING).step_by(4).filter_map(move |padding| {
        if forwards { at.checked_add(padding) } else { at.checked_sub(padding) }
    })
}

/// A base that a kernel has: in the upper half, or zero where relocations fill it in (64 bits).
fn is_base(base: u64, bytes: usize) -> bool {
    if bytes == 8 {
        base == 0 || base >> 62 != 0 && base != u64::MAX
    } else {
        base != 0 && base != u64::from(u32::MAX)
    }
}

fn absolute(words: Words<'_>, start: usize, place: &Place, bytes: usize) -> Option<Vec<u64>> {
    let read = |index: usize| words.word(start.checked_add(index * bytes)?, bytes);
    ascending((0..place.spend()?).map(read).collect::<Option<Vec<_>>>()?)
}

/// Offsets from a base. With `KALLSYMS_ABSOLUTE_PERCPU` those that are not negative are addresses
/// themselves, the others count from one below the base.
fn relative(words: Words<'_>, start: usize, place: &Place, base: u64) -> Option<Vec<u64>> {
    let offset = |index: usize| words.u32(start.checked_add(index * 4)?);
    if offset(0)? != 0 {
        return None;
    }
    let offsets = (0..place.spend()?).map(offset).collect::<Option<Vec<u32>>>()?;
    let mixed = offsets.iter().any(|offset| offset.cast_signed() < 0);
    let address = |offset: u32| match offset.cast_signed() {
        signed if signed < 0 => base.wrapping_sub(1).wrapping_add_signed(-i64::from(signed)),
        _ if mixed => u64::from(offset),
        _ => base.wrapping_add(u64::from(offset)),
    };
    ascending(offsets.into_iter().map(address).collect())
}

/// Offsets from the place of each; what comes out counts from the lowest symbol.
fn own_place(words: Words<'_>, start: usize, place: &Place) -> Option<Vec<u64>> {
    let target = |index: usize| {
        let offset = words.u32(start.checked_add(index * 4)?)?.cast_signed();
        Some(i64::from(offset) + i64::try_from(index * 4).ok()?)
    };
    let targets = (0..place.spend()?).map(target).collect::<Option<Vec<i64>>>()?;
    let first = *targets.first()?;
    ascending(
        targets
            .into_iter()
            .map(|target| u64::try_from(target - first).ok())
            .collect::<Option<_>>()?,
    )
}

/// The addresses, if they ascend but for one in a hundred, are not all alike, and lie in 4 GB but for
/// those that are no addresses (per-processor variables, which come first).
fn ascending(addresses: Vec<u64>) -> Option<Vec<u64>> {
    let allowed = addresses.len() / 100;
    let falls =
        addresses.windows(2).filter(|pair| pair.first() > pair.last()).take(allowed + 1).count();
    let middle = addresses.get(addresses.len() / 2)?;
    let near = addresses.last()?.checked_sub(*middle).is_some_and(|span| span < 1 << 32);
    (falls <= allowed && near && addresses.first() < addresses.last()).then_some(addresses)
}
