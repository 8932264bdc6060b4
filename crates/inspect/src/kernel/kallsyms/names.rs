// SPDX-License-Identifier: Apache-2.0
//! The names, made of tokens, and the markers that count them in steps of 256.

use super::tokens::Tokens;
use super::{MAX_NAME, MAX_NAME_BYTES, MAX_SYMBOLS};
use crate::kernel::words::Words;

/// How far before the tokens the markers are looked for: an index by name of 3 bytes for each
/// symbol may lie between.
const MAX_BACKWARDS: usize = 4 << 20;
/// Names between two markers.
const STEP: usize = 256;
/// Bytes of 256 names: at least a length and a token each.
const MIN_STEP_BYTES: u64 = 2 * STEP as u64;
/// Bytes of 256 names at most: far above what a table with long names has.
const MAX_STEP_BYTES: u64 = 100 * STEP as u64;
/// The same for the names after the last marker, in the width of an address.
const MAX_LAST_BLOCK: usize = 100 * STEP;
/// Starts that are tried for all markers together; the right one is among the first thousands.
const MAX_TRIES: usize = 1 << 20;
/// Padding between the count and the names (256 on 64-bit PowerPC).
const MAX_PADDING: usize = 256;

/// A run of names that agrees with its count and its markers.
pub(super) struct Names {
    /// Byte offset of the count; on big-endian 64-bit kernels of its lower half.
    pub(super) count_at: usize,
    /// First byte of the names.
    pub(super) start: usize,
    /// Number of names.
    pub(super) count: usize,
}

/// Finds the names that belong to a token table.
pub(super) fn find_names(content: &[u8], tokens: &Tokens<'_>) -> Option<Names> {
    let words = Words { bytes: content, endian: tokens.endian };
    let lowest = tokens.start.saturating_sub(MAX_BACKWARDS);
    let mut at = tokens.start;
    let mut tries = MAX_TRIES;
    while let Some(next) = at.checked_sub(4).filter(|next| *next >= lowest) {
        at = next;
        if words.u32(at) != Some(0) {
            continue;
        }
        let found = [4, 8].into_iter().find_map(|width| names_before(words, at, width, &mut tries));
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Tries markers of this width at `at`.
fn names_before(words: Words<'_>, at: usize, width: usize, tries: &mut usize) -> Option<Names> {
    let markers = read_markers(words, at, width);
    // The run may go on by chance into what follows the markers.
    (2..=markers.len()).rev().take(3).find_map(|length| {
        let markers = markers.get(..length)?;
        let last = usize::try_from(*markers.last()?).ok()?;
        let nearest = last.checked_next_multiple_of(4)?;
        (nearest..nearest.saturating_add(MAX_LAST_BLOCK)).step_by(4).find_map(|back| {
            *tries = tries.checked_sub(1)?;
            check_start(words, at.checked_sub(back)?, at, markers)
        })
    })
}

fn read_markers(words: Words<'_>, at: usize, width: usize) -> Vec<u64> {
    let mut markers: Vec<u64> = Vec::new();
    while let Some(marker) = words.word(at.saturating_add(markers.len() * width), width) {
        let grows = match markers.last() {
            None => marker == 0,
            Some(last) => (last.saturating_add(MIN_STEP_BYTES)
                ..=last.saturating_add(MAX_STEP_BYTES))
                .contains(&marker),
        };
        if !grows || markers.len() > MAX_SYMBOLS / STEP {
            break;
        }
        markers.push(marker);
    }
    markers
}

/// Do names start here: is there a count before it that fits the markers, and do they agree?
fn check_start(words: Words<'_>, start: usize, end: usize, markers: &[u64]) -> Option<Names> {
    let (count_at, count) = read_count(words, start)?;
    if count.div_ceil(STEP) != markers.len() || count > MAX_SYMBOLS {
        return None;
    }
    let mut at = start;
    for index in 0..count {
        if index % STEP == 0 && markers.get(index / STEP).copied() != u64::try_from(at - start).ok()
        {
            return None;
        }
        let (_, next) = entry(words.bytes, at)?;
        if next > end {
            return None;
        }
        at = next;
    }
    Some(Names { count_at, start, count })
}

/// The first number before `start` that is not zero.
fn read_count(words: Words<'_>, start: usize) -> Option<(usize, usize)> {
    (4..=MAX_PADDING + 8).step_by(4).find_map(|back| {
        let at = start.checked_sub(back)?;
        let count = words.u32(at).filter(|count| *count != 0)?;
        Some((at, usize::try_from(count).ok()?))
    })
}

/// The tokens of the name at `at`, and where the next name starts.
fn entry(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let first = usize::from(*bytes.get(at)?);
    let (length, head) = if first & 0x80 == 0 {
        (first, 1)
    } else {
        (first & 0x7f | usize::from(*bytes.get(at + 1)?) << 7, 2)
    };
    let next = at.checked_add(head + length)?;
    let tokens = bytes.get(at + head..next)?;
    (!tokens.is_empty()).then_some((tokens, next))
}

/// The names in full, each with its type. None when a name is longer than names are.
pub(super) fn expand(
    content: &[u8],
    tokens: &Tokens<'_>,
    names: &Names,
) -> Option<Vec<(u8, String)>> {
    let mut symbols = Vec::with_capacity(names.count);
    let mut at = names.start;
    let mut total = 0;
    let mut name = Vec::new();
    for _ in 0..names.count {
        let (own, next) = entry(content, at)?;
        at = next;
        name.clear();
        for token in own {
            name.extend_from_slice(tokens.strings.get(usize::from(*token))?);
            if name.len() > MAX_NAME {
                return None;
            }
        }
        total += name.len();
        let (kind, rest) = name.split_first()?;
        if total > MAX_NAME_BYTES || !kind.is_ascii_graphic() {
            return None;
        }
        symbols.push((*kind, String::from_utf8_lossy(rest).into_owned()));
    }
    Some(symbols)
}
