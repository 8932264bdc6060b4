// SPDX-License-Identifier: Apache-2.0
//! Function extents from unwind tables, which stripping leaves: `.eh_frame` (LSB Core 5 §10.6) and
//! `.ARM.exidx` (ARM EHABI §5).

use super::read::Cursor;
use super::{Machine, Object};

/// A function by its unwind entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Extent {
    /// First address, with bias; on ARM bit 0 tells Thumb where the table does.
    pub start: u64,
    /// Address behind the last instruction; equal to `start` when the table does not tell.
    pub end: u64,
    /// Parts of the function may be reached by exceptions only.
    pub pads: bool,
}

const MOST: u64 = 1 << 20;

pub(super) fn find_extents(object: &Object<'_>) -> Vec<Extent> {
    let mut extents = Vec::new();
    match object.image.unwind_header {
        Some((at, _)) => drop(read_frame_header(object, at, &mut extents)),
        None => object
            .frames
            .iter()
            .for_each(|(at, size)| read_frames(object, *at, *size, &mut extents)),
    }
    if let Some((at, size)) = object.image.unwind_index.filter(|_| object.machine == Machine::Arm) {
        read_index(object, at, size, &mut extents);
    }
    extents.sort_unstable();
    extents.dedup();
    extents.retain(|extent| object.image.is_code(object.without_mode(extent.start)));
    extents
}

/// The header's sorted table names every FDE; its first pointer leads to the section itself.
fn read_frame_header(object: &Object<'_>, at: u64, into: &mut Vec<Extent>) -> Option<()> {
    let mut cursor = Cursor { reader: object.image.reader(at)?, at: 0 };
    let version = cursor.byte()?;
    let (pointer, count, table) = (cursor.byte()?, cursor.byte()?, cursor.byte()?);
    if version != 1 {
        return None;
    }
    read_pointer(object, &mut cursor, at, pointer, at)?;
    let count = read_pointer(object, &mut cursor, at, count, at)?;
    for _ in 0..count.min(MOST) {
        read_pointer(object, &mut cursor, at, table, at)?;
        let entry = read_pointer(object, &mut cursor, at, table, at)?;
        into.extend(read_entry(object, entry));
    }
    Some(())
}

/// Without a header, the entries of a section one after the other.
fn read_frames(object: &Object<'_>, start: u64, size: u64, into: &mut Vec<Extent>) {
    let Some(reader) = object.image.reader(start) else { return };
    let mut at = 0_u64;
    while at < size && (into.len() as u64) < MOST {
        let (Some(length), Some(common)) = (reader.int(at), reader.int(at + 4)) else { return };
        if matches!(length, 0 | 0xffff_ffff) {
            return;
        }
        if common != 0 {
            into.extend(read_entry(object, start.saturating_add(at)));
        }
        at = at.saturating_add(4).saturating_add(u64::from(length));
    }
}

/// One FDE: where its function begins and how long it is.
fn read_entry(object: &Object<'_>, at: u64) -> Option<Extent> {
    let reader = object.image.reader(at)?;
    if matches!(reader.int(0)?, 0 | 0xffff_ffff) {
        return None;
    }
    let back = u64::from(reader.int(4)?);
    let common = at.checked_add(4)?.checked_sub(back)?;
    let (encoding, of_signal) = read_encoding(object, common)?;
    let mut cursor = Cursor { reader, at: 8 };
    let start = read_pointer(object, &mut cursor, at, encoding, 0)?;
    let length = read_pointer(object, &mut cursor, at, encoding & 0x0f, 0)?;
    // Entries of signal trampolines begin one byte early, because unwinders look before the return
    // address (glibc, sysdeps/unix/sysv/linux/x86_64/libc_sigaction.c).
    let end = start.checked_add(length)?;
    Some(Extent { start: start.checked_add(u64::from(of_signal))?, end, pads: true })
}

/// The pointer encoding that a CIE's augmentation names, absolute where it names none; and whether its
/// functions are signal trampolines.
fn read_encoding(object: &Object<'_>, at: u64) -> Option<(u8, bool)> {
    let reader = object.image.reader(at)?;
    let augmentation = reader.text(9, 16)?;
    let mut cursor = Cursor { reader, at: 9 + augmentation.len() as u64 + 1 };
    cursor.uleb()?;
    cursor.uleb()?;
    if reader.byte(8)? == 1 {
        cursor.byte().map(u64::from)?
    } else {
        cursor.uleb()?
    };
    let mut letters = augmentation.iter();
    if letters.next() != Some(&b'z') {
        return Some((0, false));
    }
    let of_signal = augmentation.contains(&b'S');
    cursor.uleb()?;
    for letter in letters {
        match letter {
            b'R' => return Some((cursor.byte()?, of_signal)),
            b'L' => drop(cursor.byte()?),
            b'P' => {
                let encoding = cursor.byte()?;
                read_pointer(object, &mut cursor, at, encoding, 0)?;
            }
            _ => {}
        }
    }
    Some((0, of_signal))
}

/// A pointer in one of the DWARF encodings: format in the low bits, base in the high ones. The
/// cursor counts from `origin`.
fn read_pointer(
    object: &Object<'_>,
    cursor: &mut Cursor<'_>,
    origin: u64,
    encoding: u8,
    data_base: u64,
) -> Option<u64> {
    let place = origin.wrapping_add(cursor.at);
    let raw = match encoding & 0x0f {
        0x00 => cursor.number(if object.wide { 8 } else { 4 })?,
        0x01 => cursor.uleb()?,
        0x02 => cursor.number(2)?,
        0x03 => cursor.number(4)?,
        0x04 | 0x0c => cursor.number(8)?,
        0x0a => cursor.number(2)? as i16 as u64,
        0x0b => cursor.number(4)? as i32 as u64,
        _ => return None,
    };
    let value = match encoding & 0x70 {
        0x10 => place.wrapping_add(raw),
        0x30 => data_base.wrapping_add(raw),
        // Only lengths and addresses of files that are not moved are absolute.
        _ => raw,
    };
    Some(if object.wide { value } else { value & 0xffff_ffff })
}

/// Entries of two words: a 31-bit offset to the function, and how to unwind it.
fn read_index(object: &Object<'_>, at: u64, size: u64, into: &mut Vec<Extent>) {
    let Some(reader) = object.image.reader(at) else { return };
    for number in 0..(size / 8).min(MOST) {
        let Some(word) = reader.int(number * 8) else { return };
        // Sign-extend bit 30.
        let offset = ((word << 1) as i32 >> 1) as u64;
        let start = at.wrapping_add(number * 8).wrapping_add(offset) & 0xffff_ffff;
        // 1: cannot be unwound; bit 31: no table, so no handlers (EHABI §6).
        let how = reader.int(number * 8 + 4).unwrap_or(1);
        into.push(Extent { start, end: start, pads: how != 1 && how >> 31 == 0 });
    }
}
