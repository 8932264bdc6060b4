// SPDX-License-Identifier: Apache-2.0
//! The token table: 256 strings, and 256 offsets into them.
//!
//! A character that names use stands for itself, so the ten digits follow each other; from there
//! the strings are counted, and the offsets must agree with them. That also tells the byte order.

use kakoi_model::Endian;
use memchr::{memchr, memmem};

use crate::kernel::words::Words;

/// The strings of the tokens `0` to `9`.
const DIGITS: &[u8] = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00";
/// Tokens that come before the digit zero.
const BEFORE_DIGITS: usize = 0x30;
/// No token is longer than a name.
const MAX_TOKEN: usize = 512;
/// `.align 8` means 256 bytes on PowerPC; this much padding may follow the strings.
const MAX_PADDING: usize = 256;

/// Places that are tried; tables of character sets in a kernel make about ten.
const MAX_DIGITS: usize = 256;

/// A token table that agrees with its index.
pub(super) struct Tokens<'a> {
    /// First byte of the table.
    pub(super) start: usize,
    /// First byte after the index.
    pub(super) end: usize,
    /// Byte order of the index.
    pub(super) endian: Endian,
    /// The strings, by token.
    pub(super) strings: Vec<&'a [u8]>,
}

/// Token tables in the order of their offsets; there is one in most kernels.
pub(super) fn find_tokens(content: &[u8]) -> impl Iterator<Item = Tokens<'_>> {
    memmem::find_iter(content, DIGITS)
        .take(MAX_DIGITS)
        .filter_map(|digits| parse_table(content, digits))
}

fn parse_table(content: &[u8], digits: usize) -> Option<Tokens<'_>> {
    let mut ends = Vec::with_capacity(256 - BEFORE_DIGITS);
    let mut at = digits;
    for _ in BEFORE_DIGITS..256 {
        ends.push(at);
        let rest = content.get(at..content.len().min(at.checked_add(MAX_TOKEN)?))?;
        at = at.checked_add(memchr(0, rest)? + 1)?;
    }
    (0..=MAX_PADDING).find_map(|padding| {
        [Endian::Little, Endian::Big].into_iter().find_map(|endian| {
            parse_index(Words { bytes: content, endian }, at.checked_add(padding)?, &ends)
        })
    })
}

/// Accepts an index at `at` if all 256 offsets name strings of one table that holds `known`, the
/// places of the strings from the digits on.
fn parse_index<'a>(words: Words<'a>, at: usize, known: &[usize]) -> Option<Tokens<'a>> {
    let digits = *known.first()?;
    let index = |token: usize| words.u16(at.checked_add(token * 2)?).map(usize::from);
    if index(0)? != 0 {
        return None;
    }
    let start = digits.checked_sub(index(BEFORE_DIGITS)?)?;
    let agrees = |(token, place): (usize, &usize)| {
        index(BEFORE_DIGITS + token).is_some_and(|offset| start + offset == *place)
    };
    if !known.iter().enumerate().all(agrees) {
        return None;
    }
    let mut strings = Vec::with_capacity(256);
    for token in 0..256 {
        let string = words.bytes.get(start.checked_add(index(token)?)?..)?;
        strings.push(string.get(..memchr(0, string)?)?);
    }
    let total: usize = strings.iter().take(BEFORE_DIGITS).map(|string| string.len() + 1).sum();
    (start + total == digits).then_some(Tokens {
        start,
        end: at.checked_add(512)?,
        endian: words.endian,
        strings,
    })
}
