// SPDX-License-Identifier: Apache-2.0
//! ISO 9660 with Rock Ridge or Joliet names.

use std::collections::HashSet;

use kakoi_model::{Confidence, Endian, ImagePath, Problem, ProblemCode};

use rock_ridge::Unix;

use super::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Node, Output, Refusal, Scope};

mod rock_ridge;

/// The format.
pub(super) struct Iso9660;

static DOC: FormatDoc = FormatDoc {
    name: "iso9660",
    title: "ISO 9660 file system",
    family: Family::FileSystem,
    scope: Scope::Aligned(512),
    magics: &[Magic::at(FIRST + 1, b"CD001\x01")],
    reads: "Rock Ridge (names, modes, owners, links, devices), Joliet names where there is no Rock \
            Ridge, plain names without versions; files of several extents",
    limits: "interleaved files and compressed files (zisofs) are not decoded; El Torito boot \
             images are not listed",
    references: &["ECMA-119", "IEEE P1281 and P1282 (SUSP, RRIP)", "Joliet Specification"],
};

const SECTOR: usize = 2048;

/// Place of the first volume descriptor.
const FIRST: usize = 16 * SECTOR;

const MAX_DESCRIPTORS: usize = 32;

/// Longest path that is followed (PATH_MAX of Linux).
const PATH_MAX: usize = 4096;

#[derive(Clone, Copy)]
struct Volume {
    start: usize,
    block: usize,
    root: Extent,
    joliet: bool,
    /// Bytes to leave out of each system use field, if it has Rock Ridge at all.
    rock_ridge: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Extent {
    block: usize,
    size: usize,
}

/// A directory record.
struct Record<'a> {
    extent: Extent,
    flags: u8,
    name: &'a [u8],
    system: &'a [u8],
    time: Option<i64>,
}

/// Another extent of the file follows; it is a directory.
const MORE: u8 = 0x80;
const DIRECTORY: u8 = 2;

fn record<'a>(bytes: &'a [u8]) -> Option<Record<'a>> {
    let length = usize::from(*bytes.first()?);
    let bytes = bytes.get(..length).filter(|bytes| bytes.len() >= 34)?;
    let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let name_length = usize::from(*bytes.get(32)?);
    let name = bytes.get(33..33 + name_length)?;
    // The system use field begins at an even place.
    let system = bytes.get((33 + name_length).next_multiple_of(2)..).unwrap_or_default();
    let both = bytes.get(14..18)?.iter().rev().eq(bytes.get(10..14)?);
    let [block, size] = [number(2)?, number(10)?].map(|value| value as usize);
    let extent = Extent { block: block.saturating_add(usize::from(bytes[1])), size };
    let time = time(bytes.get(18..25)?);
    both.then_some(Record { extent, flags: bytes[25], name, system, time })
}

/// Years since 1900, month, day, hour, minute, second, quarters of an hour from UTC.
fn time(field: &[u8]) -> Option<i64> {
    let [year, month, day, hour, minute, second, zone] = *field else { return None };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = i64::from(year) + 1900;
    let (month, day) = (i64::from(month), i64::from(day));
    // Days by the civil calendar whose year begins in March.
    let shifted = if month > 2 { year } else { year - 1 };
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    Some(days * 86_400 + seconds - i64::from(zone as i8) * 900)
}

/// The volume descriptors that matter: the primary one, and Joliet's.
fn volume(input: &Input, start: usize) -> Result<(Volume, usize), Problem> {
    let bad = |subject: &'static str| Problem::new(ProblemCode::BadValue, start as u64, subject);
    let mut primary = None;
    let mut joliet = None;
    for index in 0..MAX_DESCRIPTORS {
        let at = start.saturating_add(FIRST + index * SECTOR);
        let descriptor = input.bytes(at, SECTOR, "volume descriptor")?;
        if descriptor.get(1..6) != Some(b"CD001") {
            break;
        }
        let kind = descriptor[0];
        let joliet_escape = matches!(descriptor.get(88..91), Some(b"%/@" | b"%/C" | b"%/E"));
        if kind == 255 {
            break;
        }
        if kind > 2 || kind == 0 || (kind == 2 && !joliet_escape) {
            continue;
        }
        let block = usize::from(input.u16(at + 128, Endian::Little, "block size")?);
        let root = record(&descriptor[156..190]).ok_or_else(|| bad("root directory"))?;
        let blocks = input.size32(at + 80, Endian::Little, "volume size")?;
        if !matches!(block, 512 | 1024 | 2048) || root.flags & DIRECTORY == 0 || blocks < 16 {
            return Err(bad("volume descriptor"));
        }
        let found = Volume { start, block, root: root.extent, joliet: kind == 2, rock_ridge: None };
        let end = start.saturating_add(blocks.saturating_mul(block));
        if kind == 1 { &mut primary } else { &mut joliet }.get_or_insert((found, end));
    }
    let (mut volume, end) = primary.ok_or_else(|| bad("primary volume descriptor"))?;
    volume.rock_ridge = rock_ridge(input, &volume);
    match joliet {
        Some((joliet, _)) if volume.rock_ridge.is_none() => Ok((joliet, end)),
        _ => Ok((volume, end)),
    }
}

/// The root's own record begins with `SP` where system use fields are shared by rule.
fn rock_ridge(input: &Input, volume: &Volume) -> Option<usize> {
    let at = volume.start.checked_add(volume.root.block.checked_mul(volume.block)?)?;
    let root = record(input.tail(at).get(..256)?)?;
    match root.system.get(..7)? {
        [b'S', b'P', 7, 1, 0xbe, 0xef, skip] => Some(usize::from(*skip)),
        _ => None,
    }
}

impl Format for Iso9660 {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let (_, end) = volume(input, start)?;
        Ok(Claim { start, end: end.min(input.len()), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let (volume, end) = volume(input, claim.start)?;
        if end > input.len() {
            let problem = Problem::new(ProblemCode::Truncated, input.len() as u64, "volume");
            output.problem(problem.because(format!("ends at 0x{end:x}")));
        }
        let names = match (volume.rock_ridge, volume.joliet) {
            (Some(_), _) => "rock-ridge",
            (None, true) => "joliet",
            (None, false) => "plain",
        };
        output.attribute("names", names);
        let label = input.bytes(claim.start + FIRST + 40, 32, "volume name")?;
        output.attribute("label", printable(label).trim_end());
        let stack = vec![(Vec::new(), volume.root)];
        let room = input.len().saturating_mul(2);
        let mut reader = Reader { input, volume, seen: HashSet::new(), room, stack };
        while let Some((path, extent)) = reader.stack.pop() {
            reader.directory(&path, extent, output)?;
        }
        Ok(())
    }
}

struct Reader<'a> {
    input: &'a Input,
    volume: Volume,
    seen: HashSet<Extent>,
    /// Bytes that directories may still have: they may overlap, but not without end.
    room: usize,
    stack: Vec<(Vec<u8>, Extent)>,
}

impl Reader<'_> {
    fn place(&self, block: usize) -> usize {
        self.volume.start.saturating_add(block.saturating_mul(self.volume.block))
    }

    fn directory(
        &mut self,
        path: &[u8],
        extent: Extent,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let place = self.place(extent.block);
        let end = place.saturating_add(extent.size).min(self.input.len());
        if !self.seen.insert(extent) {
            let problem = Problem::new(ProblemCode::Cycle, place as u64, "directory");
            output.problem(problem.of_entry(&ImagePath::new(path)));
            return Ok(());
        }
        let Some(room) = self.room.checked_sub(end.saturating_sub(place)) else {
            let problem = Problem::new(ProblemCode::SizeLimit, place as u64, "directory");
            return Err(problem.because("directories overlap too often"));
        };
        self.room = room;
        let mut at = place;
        let mut pending: Vec<Extent> = Vec::new();
        while at < end {
            let Some(record) = record(self.input.tail(at)) else {
                // Records do not cross sectors: zeros fill the rest of one.
                let zero = self.input.tail(at).first() == Some(&0);
                let next = place + (at - place + 1).next_multiple_of(SECTOR);
                if !zero {
                    let problem = Problem::new(ProblemCode::BadValue, at as u64, "record");
                    output.problem(problem.of_entry(&ImagePath::new(path)));
                }
                at = next;
                continue;
            };
            at += usize::from(self.input.u8(at, "record")?);
            pending.push(record.extent);
            if record.flags & MORE != 0 {
                continue;
            }
            let extents = std::mem::take(&mut pending);
            if matches!(record.name, b"\0" | b"\x01") {
                continue;
            }
            let result = self.entry(path, &record, &extents, output);
            match result {
                Err(problem) if problem.code == ProblemCode::CountLimit => return Err(problem),
                Err(problem) => output.problem(problem.of_entry(&ImagePath::new(path))),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        directory: &[u8],
        record: &Record<'_>,
        extents: &[Extent],
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let unix = self.unix(record);
        if unix.relocated {
            return Ok(());
        }
        let name = unix.name.unwrap_or_else(|| self.plain_name(record.name));
        let separator: &[u8] = if directory.is_empty() { b"" } else { b"/" };
        let path = [directory, separator, &name].concat();
        let (uid, gid) = (unix.uid, unix.gid);
        let mode = unix.mode;
        let meta = Meta { mode, uid, gid, mtime: record.time, ..Meta::named(&path) };
        if let Some(target) = unix.link {
            return output.node(meta, Node::Symlink(target));
        }
        let (major, minor) = unix.device;
        match mode.unwrap_or(0) >> 12 {
            1 => return output.node(meta, Node::Fifo),
            2 => return output.node(meta, Node::CharDevice(major, minor)),
            6 => return output.node(meta, Node::BlockDevice(major, minor)),
            12 => return output.node(meta, Node::Socket),
            _ => {}
        }
        let child = unix.child.map(|block| self.child(block)).transpose()?;
        if record.flags & DIRECTORY != 0 || child.is_some() {
            if path.len() > PATH_MAX {
                let place = self.place(record.extent.block) as u64;
                return Err(Problem::new(ProblemCode::DepthLimit, place, "directory"));
            }
            self.stack.push((path, child.unwrap_or(record.extent)));
            return output.node(meta, Node::Directory);
        }
        let ranges = extents.iter().map(|extent| {
            let at = self.place(extent.block);
            at..at.saturating_add(extent.size)
        });
        if let [extent] = extents {
            let at = if extent.size == 0 { 0 } else { self.place(extent.block) };
            let content = self.input.share(at..at.saturating_add(extent.size), "file")?;
            return output.shared_file(meta, content);
        }
        let mut content = Vec::new();
        for range in ranges {
            let bytes = self.input.share(range, "file")?;
            if content.len() + bytes.len() > output.content_limit() {
                return Err(Problem::new(ProblemCode::SizeLimit, 0, "file"));
            }
            content.extend_from_slice(&bytes);
        }
        output.file(meta, content)
    }

    /// A directory that was moved up because the format allows eight levels: its own first record.
    fn child(&self, block: usize) -> Result<Extent, Problem> {
        let at = self.place(block);
        let own = record(self.input.tail(at)).map(|record| record.extent);
        own.ok_or_else(|| Problem::new(ProblemCode::BadValue, at as u64, "moved directory"))
    }

    fn plain_name(&self, name: &[u8]) -> Vec<u8> {
        if self.volume.joliet {
            let units = name.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            let text = String::from_utf16_lossy(&units.collect::<Vec<u16>>());
            return text.strip_suffix(";1").unwrap_or(&text).as_bytes().to_vec();
        }
        let name = name.split(|&byte| byte == b';').next().unwrap_or_default();
        name.strip_suffix(b".").unwrap_or(name).to_vec()
    }

    /// What Rock Ridge says, its continuation areas included.
    fn unix(&self, record: &Record<'_>) -> Unix {
        let mut unix = Unix::default();
        let Some(skip) = self.volume.rock_ridge else { return unix };
        let mut area = record.system.get(skip..).unwrap_or_default();
        // Each continuation is at most a sector, and there are few.
        for _ in 0..8 {
            let Some(next) = unix.read(area) else { break };
            let at = self.place(next.0).saturating_add(next.1);
            area = self.input.tail(at).get(..next.2.min(SECTOR)).unwrap_or_default();
        }
        unix
    }
}
