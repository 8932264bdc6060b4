// SPDX-License-Identifier: Apache-2.0
//! Contents of files: extents, inline or elsewhere, compressed or not.

use std::io::Cursor;

use kakoi_model::{Problem, ProblemCode};

use super::tree::{Item, Volume};
use crate::codec::{Codec, decode, decode_into};

/// Types of extents.
const INLINE: u8 = 0;
const PREALLOCATED: u8 = 2;

/// Longest compressed extent, decoded.
const MAX_EXTENT: usize = 128 << 10;

/// LZO works by pages.
const PAGE: usize = 4096;

/// The content, `size` bytes long; what no extent covers is zeros.
pub(super) fn read(
    volume: &Volume<'_>,
    extents: &[Item<'_>],
    size: usize,
) -> Result<Vec<u8>, Problem> {
    let mut content = vec![0; size];
    let mut room = size.saturating_mul(2).saturating_add(1 << 20);
    for extent in extents {
        let at = usize::try_from(extent.offset).unwrap_or(usize::MAX);
        let bytes = read_extent(volume, extent)?;
        let Some(left) = room.checked_sub(bytes.len()) else {
            return Err(problem(ProblemCode::SizeLimit, "extents overlap too often"));
        };
        room = left;
        let target = content.get_mut(at..).unwrap_or_default();
        let length = bytes.len().min(target.len());
        target[..length].copy_from_slice(&bytes[..length]);
    }
    Ok(content)
}

fn problem(code: ProblemCode, words: &'static str) -> Problem {
    Problem::new(code, 0, "extent").because(words)
}

fn read_extent(volume: &Volume<'_>, extent: &Item<'_>) -> Result<Vec<u8>, Problem> {
    let to_size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let method = extent.u8(16);
    let decoded = to_size(extent.u64(8)).min(MAX_EXTENT);
    if extent.u8(17) != 0 || extent.u8(18) != 0 {
        return Err(problem(ProblemCode::Encrypted, "extent"));
    }
    let kind = extent.u8(20);
    if kind == INLINE {
        return unpack(method, extent.data.get(21..).unwrap_or_default(), decoded);
    }
    let (place, stored) = (extent.u64(21), to_size(extent.u64(29)));
    let (from, length) = (to_size(extent.u64(37)), to_size(extent.u64(45)));
    // Address 0 is a hole.
    if kind == PREALLOCATED || place == 0 {
        return Ok(Vec::new());
    }
    if method == 0 {
        let within = place.saturating_add(extent.u64(37));
        return volume.bytes(within, length).map(<[u8]>::to_vec);
    }
    let whole = unpack(method, volume.bytes(place, stored)?, decoded)?;
    let end = from.saturating_add(length).min(whole.len());
    Ok(whole.get(from..end).unwrap_or_default().to_vec())
}

fn unpack(method: u8, stored: &[u8], size: usize) -> Result<Vec<u8>, Problem> {
    let codec = match method {
        0 => return Ok(stored.to_vec()),
        1 => Codec::Zlib,
        2 => return unpack_lzo(stored, size),
        3 => return unpack_zstd(stored, size),
        _ => return Err(problem(ProblemCode::Unsupported, "compression")),
    };
    // What is written is a whole number of sectors.
    decode(codec, stored, size.next_multiple_of(PAGE)).map_err(|error| error.at(0, "extent"))
}

/// One frame; zeros follow it to the end of the sector.
fn unpack_zstd(stored: &[u8], size: usize) -> Result<Vec<u8>, Problem> {
    let mut content = vec![0; size.next_multiple_of(PAGE)];
    let mut target = Cursor::new(&mut content[..]);
    let decoded = decode_into(Codec::Zstd, stored, &mut target);
    decoded.map_err(|error| error.at(0, "extent"))?;
    let length = usize::try_from(target.position()).unwrap_or(size);
    content.truncate(length);
    Ok(content)
}

/// The length of all, then pages, each with its length; a length does not cross a page's end.
fn unpack_lzo(stored: &[u8], size: usize) -> Result<Vec<u8>, Problem> {
    let number = |at: usize| {
        let bytes = stored.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map(|bytes| u32::from_le_bytes(*bytes) as usize)
    };
    let bad = || problem(ProblemCode::BadStream, "lzo");
    let end = number(0).ok_or_else(bad)?.min(stored.len());
    let (mut content, mut at) = (Vec::new(), 4);
    while at < end && content.len() < size {
        if PAGE - at % PAGE < 4 {
            at = at.next_multiple_of(PAGE);
        }
        let length = number(at).ok_or_else(bad)?;
        let page = stored.get(at + 4..at.saturating_add(4).saturating_add(length));
        let page = decode(Codec::Lzo, page.ok_or_else(bad)?, PAGE);
        content.extend(page.map_err(|error| error.at(0, "extent"))?);
        at = at.saturating_add(4).saturating_add(length);
    }
    Ok(content)
}
