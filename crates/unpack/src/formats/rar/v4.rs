// SPDX-License-Identifier: Apache-2.0
//! Headers of RAR 1.5 to 4: fixed fields, little-endian. Names of fields as in RARLAB's
//! technote.txt (facts only).

use kakoi_model::{Endian, Problem, ProblemCode};

use super::{Archive, Block, Entry, Placed, What};
use crate::Input;

const LITTLE: Endian = Endian::Little;

const ARCHIVE: u8 = 0x73;
const FILE: u8 = 0x74;
const END: u8 = 0x7b;

/// A block has data of a length that stands behind its common fields.
const LONG_BLOCK: u16 = 0x8000;

/// `HOST_OS` of Unix.
const UNIX: u8 = 3;

/// The block whose header begins at `at`.
pub(super) fn block(input: &Input, at: usize) -> Result<Placed, Problem> {
    let sum = input.u16(at, LITTLE, "HEAD_CRC")?;
    let kind = input.u8(at + 2, "HEAD_TYPE")?;
    let flags = input.u16(at + 3, LITTLE, "HEAD_FLAGS")?;
    let length = usize::from(input.u16(at + 5, LITTLE, "HEAD_SIZE")?);
    let header = input.bytes(at + 2, length.saturating_sub(2), "header")?;
    // The sum leaves out an archive header's comment and covers the rest of a block.
    let covered = if kind == ARCHIVE { header.get(..11) } else { Some(header) };
    let valid = covered.is_some_and(|bytes| crc32fast::hash(bytes) & 0xffff == u32::from(sum));
    if length < 7 || !valid {
        return Err(Problem::new(ProblemCode::BadChecksum, at as u64, "header"));
    }
    let data = at + length;
    let added = if kind == FILE || flags & LONG_BLOCK != 0 {
        packed_size(input, at, kind, flags)?
    } else {
        0
    };
    let next = data.saturating_add(added);
    let block = match kind {
        ARCHIVE => Block::Archive(Archive { volume: flags & 1 != 0, sealed: flags & 0x80 != 0 }),
        FILE => Block::Entry(Box::new(entry(input, at, length, flags)?)),
        END => Block::End,
        _ => Block::Other,
    };
    Ok(Placed { block, data, next })
}

/// Sizes above 4 GiB have their upper half behind the fixed fields.
fn packed_size(input: &Input, at: usize, kind: u8, flags: u16) -> Result<usize, Problem> {
    let low = input.size32(at + 7, LITTLE, "PACK_SIZE")?;
    if kind != FILE || flags & 0x100 == 0 {
        return Ok(low);
    }
    let high = input.size32(at + 32, LITTLE, "HIGH_PACK_SIZE")?;
    Ok(high.checked_shl(32).map_or(usize::MAX, |high| high | low))
}

fn entry(input: &Input, at: usize, length: usize, flags: u16) -> Result<Entry, Problem> {
    let large = flags & 0x100 != 0;
    let host = input.u8(at + 15, "HOST_OS")?;
    let attributes = input.u32(at + 28, LITTLE, "ATTR")?;
    let high = if large { input.u32(at + 36, LITTLE, "HIGH_UNP_SIZE")? } else { 0 };
    let low = input.u32(at + 11, LITTLE, "UNP_SIZE")?;
    let mode = (host == UNIX).then_some(attributes);
    let is = |kind: u32| mode.is_some_and(|mode| mode & 0o170_000 == kind);
    let what = if flags & 0xe0 == 0xe0 || is(0o040_000) {
        What::Directory
    } else if is(0o120_000) {
        What::Symlink(None)
    } else {
        What::File
    };
    let named = at + if large { 40 } else { 32 };
    let count = usize::from(input.u16(at + 26, LITTLE, "NAME_SIZE")?);
    if named + count > at + length {
        return Err(Problem::new(ProblemCode::BadValue, at as u64, "NAME_SIZE"));
    }
    let name = input.bytes(named, count, "FILE_NAME")?;
    Ok(Entry {
        name: plain_name(name, host),
        mode,
        // Its time is of the clock on the wall where it was made.
        mtime: None,
        what,
        size: Some(u64::from(high) << 32 | u64::from(low)),
        checksum: Some(input.u32(at + 16, LITTLE, "FILE_CRC")?),
        method: input.u8(at + 25, "METHOD")?.wrapping_sub(0x30),
        encrypted: flags & 4 != 0,
        split: flags & 3 != 0,
    })
}

/// Names may have a second, encoded form behind a zero; the first is kept. Folders are divided by
/// the backslash except on Unix.
fn plain_name(name: &[u8], host: u8) -> Vec<u8> {
    let first = name.split(|&byte| byte == 0).next().unwrap_or_default();
    let plain = |&byte: &u8| if byte == b'\\' && host != UNIX { b'/' } else { byte };
    first.iter().map(plain).collect()
}
