// SPDX-License-Identifier: Apache-2.0
//! Local headers, extra fields, and the descriptors that follow contents of unknown length.

use kakoi_model::{Problem, ProblemCode};

use super::{DESCRIPTOR, Entry, LITTLE};
use crate::Input;

/// Length of a local header without name and extra field.
const HEADER: usize = 30;

/// Signatures of descriptors that are tried for one entry.
const MAX_DESCRIPTORS: usize = 4096;

/// The local header at `at`.
pub(super) fn parse(input: &Input, at: usize) -> Result<Entry, Problem> {
    if input.bytes(at, 4, "local header")? != b"PK\x03\x04" {
        return Err(Problem::new(ProblemCode::BadValue, at as u64, "local header"));
    }
    let short = |offset: usize| input.u16(at + offset, LITTLE, "local header");
    let word = |offset: usize| input.u32(at + offset, LITTLE, "local header");
    let name = usize::from(short(26)?);
    let mut entry = Entry {
        name: input.bytes(at + HEADER, name, "name")?.to_vec(),
        flags: short(6)?,
        method: short(8)?,
        crc: word(14)?,
        packed: word(18)?.into(),
        size: word(22)?.into(),
        header: at,
        ..Entry::default()
    };
    let extra = input.bytes(at + HEADER + name, short(28)?.into(), "extra field")?;
    read_extra(extra, &mut entry, None);
    Ok(entry)
}

/// Where the content of the entry with this local header begins.
pub(super) fn data(input: &Input, at: usize) -> Result<usize, Problem> {
    if input.bytes(at, 4, "local header")? != b"PK\x03\x04" {
        return Err(Problem::new(ProblemCode::BadValue, at as u64, "local header"));
    }
    let name = usize::from(input.u16(at + 26, LITTLE, "length of the name")?);
    let extra = usize::from(input.u16(at + 28, LITTLE, "length of the extra field")?);
    Ok(at + HEADER + name + extra)
}

/// Reads the extra fields that say something of the entry. `offset` is the field of the central
/// directory that zip64 may carry.
pub(super) fn read_extra(mut extra: &[u8], entry: &mut Entry, mut offset: Option<&mut u64>) {
    while let Some((&[i0, i1, l0, l1], rest)) = extra.split_first_chunk::<4>() {
        let length = usize::from(u16::from_le_bytes([l0, l1]));
        let Some(body) = rest.get(..length) else { return };
        match u16::from_le_bytes([i0, i1]) {
            0x0001 => read_zip64(body, entry, offset.as_deref_mut()),
            // Extended time stamp: flags, then the modification time if bit 0 is set.
            0x5455 => {
                if let (Some(1), Some(time)) = (body.first().map(|flags| flags & 1), body.get(1..5))
                {
                    entry.mtime = le(time).map(|time| i64::from(time as u32 as i32));
                }
            }
            0x7875 => read_owner(body, entry),
            _ => {}
        }
        extra = &rest[length..];
    }
}

/// The 64-bit values of those fields that hold all ones, in this order.
fn read_zip64(body: &[u8], entry: &mut Entry, offset: Option<&mut u64>) {
    let mut values = body.chunks_exact(8).filter_map(le);
    let all = u64::from(u32::MAX);
    for field in [&mut entry.size, &mut entry.packed].into_iter().chain(offset) {
        if *field == all {
            *field = values.next().unwrap_or(all);
        }
    }
}

/// Version 1, then user and group, each with its length.
fn read_owner(body: &[u8], entry: &mut Entry) {
    let mut owner = || {
        let (&1, rest) = body.split_first()? else { return None };
        let (&length, rest) = rest.split_first()?;
        let uid = rest.get(..usize::from(length))?;
        let (&length, rest) = rest.get(usize::from(length)..)?.split_first()?;
        entry.uid = u32::try_from(le(uid)?).ok();
        entry.gid = u32::try_from(le(rest.get(..usize::from(length))?)?).ok();
        Some(())
    };
    owner();
}

/// A little-endian number of up to 8 bytes.
fn le(bytes: &[u8]) -> Option<u64> {
    let mut value = [0; 8];
    value.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(u64::from_le_bytes(value))
}

/// Finds the descriptor of a content whose length the local header leaves out: the signature,
/// followed by the length that it would then have.
///
/// # Errors
/// [`ProblemCode::Truncated`] when there is none: where the next entry begins is then unknown.
pub(super) fn find_descriptor(
    input: &Input,
    data: usize,
    entry: &mut Entry,
) -> Result<(), Problem> {
    let places = input.places(b"PK\x07\x08");
    let first = places.partition_point(|&at| at < data);
    for &at in places[first..].iter().take(MAX_DESCRIPTORS) {
        let found = at - data;
        let word = |offset: usize| input.u32(at + offset, LITTLE, "descriptor");
        let (crc, packed, size) = (word(4)?, word(8)?, word(12)?);
        if packed as usize == found {
            entry.crc = crc;
            entry.packed = packed.into();
            entry.size = size.into();
            return Ok(());
        }
    }
    Err(Problem::new(ProblemCode::Truncated, data as u64, "descriptor of an entry"))
}

/// Where the next local header may stand.
pub(super) fn skip_descriptor(input: &Input, end: usize, entry: &Entry) -> usize {
    if entry.flags & DESCRIPTOR == 0 {
        return end;
    }
    let signed = input.tail(end).starts_with(b"PK\x07\x08");
    let lengths: [usize; 2] = if signed { [16, 24] } else { [12, 20] };
    let next = lengths.into_iter().map(|length| end.saturating_add(length));
    next.clone().find(|&at| input.tail(at).starts_with(b"PK")).or(next.min()).unwrap_or(end)
}
