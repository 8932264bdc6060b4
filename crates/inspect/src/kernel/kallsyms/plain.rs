// SPDX-License-Identifier: Apache-2.0
//! Names without tokens: those that share prefixes (2.6.9 and before) and OpenWrt's uncompressed
//! ones. Both follow a count, and only a true count is followed by that many well-formed names.

use kakoi_model::Endian;

use super::MAX_SYMBOLS;
use crate::kernel::words::Words;

/// Fewer names than the smallest kernel has are not looked for.
const MIN_SYMBOLS: usize = 500;
/// Longest name of these versions (`KSYM_NAME_LEN`).
const MAX_PLAIN_NAME: usize = 127;
/// Padding between the count and the names, and the upper half of a wide count.
const MAX_PADDING: usize = 264;
/// Types that `nm` prints for what a kernel keeps.
const KINDS: &[u8] = b"aAbBcCdDgGiInNrRsStTuUvVwW?";

/// A run of names that agrees with its count.
pub(super) struct Plain {
    pub(super) count_at: usize,
    pub(super) start: usize,
    pub(super) endian: Endian,
    pub(super) symbols: Vec<(u8, String)>,
}

type Reader = fn(&[u8], usize, usize, &mut usize) -> Option<Vec<(u8, String)>>;

/// Looks at each aligned word as if it were a count.
pub(super) fn find_plain(content: &[u8]) -> Option<Plain> {
    // Names read in vain; a hostile image could make every word a count.
    let mut budget = content.len().saturating_mul(2);
    (0..content.len()).step_by(4).find_map(|at| {
        let head = content.get(at..at + 8)?;
        // Cheap test first: a count is below 2^20, so one of its outer bytes is zero.
        if head.first() != Some(&0) && head.get(3) != Some(&0) {
            return None;
        }
        [Endian::Little, Endian::Big].into_iter().find_map(|endian| {
            let count = Words { bytes: content, endian }.u32(at)?;
            let count = usize::try_from(count).ok()?;
            (MIN_SYMBOLS..=MAX_SYMBOLS)
                .contains(&count)
                .then(|| names_after(content, at, count, endian, &mut budget))?
        })
    })
}

fn names_after(
    content: &[u8],
    count_at: usize,
    count: usize,
    endian: Endian,
    budget: &mut usize,
) -> Option<Plain> {
    let after = count_at.checked_add(4)?;
    let head = content.get(after..content.len().min(after.checked_add(MAX_PADDING)?))?;
    let zeros = head.iter().position(|byte| *byte != 0)?;
    let readers: [(Reader, usize); 2] = [(read_lengths, 0), (read_prefixes, 1)];
    readers.into_iter().find_map(|(read, back)| {
        // A first name that shares nothing starts with a zero itself.
        let start = (after + zeros).checked_sub(back).filter(|start| *start >= after)?;
        Some(Plain { count_at, start, endian, symbols: read(content, start, count, budget)? })
    })
}

/// Length, type, name.
fn read_lengths(
    content: &[u8],
    start: usize,
    count: usize,
    budget: &mut usize,
) -> Option<Vec<(u8, String)>> {
    let mut symbols = Vec::new();
    let mut at = start;
    for _ in 0..count {
        *budget = budget.checked_sub(1)?;
        let length = usize::from(*content.get(at)?);
        let next = at.checked_add(1 + length)?;
        let (kind, name) = content.get(at + 1..next)?.split_first()?;
        if !KINDS.contains(kind) || length > MAX_PLAIN_NAME || !is_name(name) {
            return None;
        }
        symbols.push((*kind, String::from_utf8_lossy(name).into_owned()));
        at = next;
    }
    Some(symbols)
}

/// Number of bytes shared with the name before, the rest, zero. Types were not kept then.
fn read_prefixes(
    content: &[u8],
    start: usize,
    count: usize,
    budget: &mut usize,
) -> Option<Vec<(u8, String)>> {
    let mut symbols: Vec<(u8, String)> = Vec::new();
    let mut at = start;
    let mut name: Vec<u8> = Vec::new();
    for _ in 0..count {
        *budget = budget.checked_sub(1)?;
        let shared = usize::from(*content.get(at)?);
        let rest = content.get(at + 1..content.len().min(at.checked_add(2 + MAX_PLAIN_NAME)?))?;
        let rest = rest.get(..memchr::memchr(0, rest)?)?;
        if shared > name.len() || shared + rest.len() > MAX_PLAIN_NAME {
            return None;
        }
        name.truncate(shared);
        name.extend_from_slice(rest);
        if !is_name(&name) {
            return None;
        }
        symbols.push((b'?', String::from_utf8_lossy(&name).into_owned()));
        at = at.checked_add(2 + rest.len())?;
    }
    Some(symbols)
}

fn is_name(name: &[u8]) -> bool {
    let first = name.first().copied().unwrap_or_default();
    (first.is_ascii_alphabetic() || matches!(first, b'_' | b'.' | b'$'))
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$'))
}
