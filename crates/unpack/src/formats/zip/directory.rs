// SPDX-License-Identifier: Apache-2.0
//! The central directory and the record at the end that points to it.

use kakoi_model::{Problem, ProblemCode};

use super::{Entry, LITTLE, local};
use crate::{Input, Output};

/// Length of a directory entry without name, extra field and comment.
const HEADER: usize = 46;

/// Length of the end record without comment.
const END: usize = 22;

/// End records that are tried for one archive: those of archives stored in it come first.
const MAX_ENDS: usize = 256;

/// A directory that fits the archive.
pub(super) struct Directory {
    /// Where it begins in the content.
    at: usize,
    /// What its offsets count from.
    base: usize,
    count: usize,
    /// One past the archive.
    pub(super) end: usize,
}

/// The first end record after `start` whose directory lies before it and belongs to an archive
/// that begins there. (An archive that is stored in this one has an end record, too.)
pub(super) fn find(input: &Input, start: usize) -> Option<Directory> {
    let places = input.places(b"PK\x05\x06");
    let first = places.partition_point(|&at| at < start);
    places[first..].iter().take(MAX_ENDS).find_map(|&at| parse_end(input, start, at))
}

fn parse_end(input: &Input, start: usize, end: usize) -> Option<Directory> {
    let comment = usize::from(input.u16(end + 20, LITTLE, "comment").ok()?);
    let count = usize::from(input.u16(end + 10, LITTLE, "entries").ok()?);
    let size = input.size32(end + 12, LITTLE, "directory size").ok()?;
    let offset = input.size32(end + 16, LITTLE, "directory offset").ok()?;
    let found =
        fit(input, start, end, (count, size, offset)).or_else(|| parse_zip64(input, start, end))?;
    let whole = end.saturating_add(END + comment);
    Some(Directory { end: if whole <= input.len() { whole } else { end + END }, ..found })
}

/// The directory ends where its end record begins. Its offsets count from the start of the archive,
/// or of the file when the archive was put behind something.
fn fit(
    input: &Input,
    start: usize,
    end: usize,
    (count, size, offset): (usize, usize, usize),
) -> Option<Directory> {
    let at = end.checked_sub(size)?;
    let base = at.checked_sub(offset)?;
    let signed = count == 0 || input.tail(at).starts_with(b"PK\x01\x02");
    let ours = base == start || (base == 0 && start > 0 && at > start);
    (signed && ours && at >= start).then_some(Directory { at, base, count, end })
}

/// The zip64 end record, which its locator right before the end record points to.
fn parse_zip64(input: &Input, start: usize, end: usize) -> Option<Directory> {
    let locator = end.checked_sub(20)?;
    if input.bytes(locator, 4, "zip64 locator").ok()? != b"PK\x06\x07" {
        return None;
    }
    let relative = input.size64(locator + 8, LITTLE, "zip64 end record").ok()?;
    let record = [start.checked_add(relative)?, relative]
        .into_iter()
        .find(|&at| input.tail(at).starts_with(b"PK\x06\x06"))?;
    let field = |offset: usize| input.size64(record + offset, LITTLE, "zip64 end record").ok();
    fit(input, start, record, (field(32)?, field(40)?, field(48)?))
}

/// Reads all entries. A damaged directory ends the reading.
pub(super) fn entries(
    input: &Input,
    directory: &Directory,
    output: &mut Output<'_>,
    mut each: impl FnMut(Entry, &mut Output<'_>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut at = directory.at;
    for _ in 0..directory.count {
        let (entry, next) = parse(input, at, directory.base)?;
        each(entry, output)?;
        at = next;
    }
    Ok(())
}

fn parse(input: &Input, at: usize, base: usize) -> Result<(Entry, usize), Problem> {
    if input.bytes(at, 4, "directory entry")? != b"PK\x01\x02" {
        return Err(Problem::new(ProblemCode::BadValue, at as u64, "directory entry"));
    }
    let short = |offset: usize| input.u16(at + offset, LITTLE, "directory entry");
    let word = |offset: usize| input.u32(at + offset, LITTLE, "directory entry");
    let (name, extra) = (usize::from(short(28)?), usize::from(short(30)?));
    let next = at + HEADER + name + extra + usize::from(short(32)?);
    let mut offset = u64::from(word(42)?);
    // "Made by" 3 is Unix, 19 macOS; the high half of the attributes is then st_mode.
    let unix = matches!(short(4)? >> 8, 3 | 19);
    let mode = word(38)? >> 16;
    let mut entry = Entry {
        name: input.bytes(at + HEADER, name, "name")?.to_vec(),
        flags: short(8)?,
        method: short(10)?,
        crc: word(16)?,
        packed: word(20)?.into(),
        size: word(24)?.into(),
        mode: (unix && mode != 0).then_some(mode),
        ..Entry::default()
    };
    let extra = input.bytes(at + HEADER + name, extra, "extra field")?;
    local::read_extra(extra, &mut entry, Some(&mut offset));
    entry.header = base.saturating_add(usize::try_from(offset).unwrap_or(usize::MAX));
    // Owners stand in the local header only.
    if let Ok(local) = local::parse(input, entry.header) {
        entry.uid = entry.uid.or(local.uid);
        entry.gid = entry.gid.or(local.gid);
        entry.mtime = entry.mtime.or(local.mtime);
    }
    Ok((entry, next))
}
