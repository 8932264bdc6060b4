// SPDX-License-Identifier: Apache-2.0
//! LHA archives.

use kakoi_model::{Confidence, Endian, ImagePath, Problem, ProblemCode};

use super::okumura::{self, Positions};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Node, Output, Refusal, Scope};

/// The format.
pub(super) struct Lha;

static DOC: FormatDoc = FormatDoc {
    name: "lha",
    title: "LHA archive",
    family: Family::Archive,
    scope: Scope::Anywhere,
    magics: &[Magic::at(2, b"-lh"), Magic::at(2, b"-lz4-")],
    reads: "headers of level 0 to 2; stored entries, lh4 to lh7, directories; modes and owners of \
            Unix; the checksum of each content is checked",
    limits: "the older methods lh1 to lh3, lzs and lz5; headers of level 3",
    references: &["H. Okumura, LHA notes", "lhasa, documentation of the file format (facts only)"],
};

const LITTLE: Endian = Endian::Little;

/// Longest match per bit that it takes, about.
const MAX_RATIO: usize = 1100;

struct Entry {
    method: [u8; 3],
    packed: usize,
    size: usize,
    name: Vec<u8>,
    directory: Vec<u8>,
    crc: u16,
    mode: Option<u32>,
    owner: Option<(u32, u32)>,
    mtime: Option<i64>,
    data: usize,
}

impl Format for Lha {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let entry = read_entry(input, start)?.ok_or(Refusal("end mark"))?;
        let end = entry.data.saturating_add(entry.packed);
        if end > input.len() && start > 0 {
            return Err(Refusal("content leaves the input"));
        }
        // A byte of checksum and a method that exists: too little for a word in a program.
        if entry.name.is_empty() && entry.directory.is_empty() {
            return Err(Refusal("no name"));
        }
        Ok(Claim { start, end: input.len(), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let mut at = claim.start;
        // The end mark is one zero, where the archive does not just end.
        while at < input.len() {
            let entry = match read_entry(input, at) {
                Ok(Some(entry)) => entry,
                Ok(None) => {
                    at += 1;
                    break;
                }
                Err(problem) => {
                    output.ends_at(at);
                    return Err(problem);
                }
            };
            let path = ImagePath::new(entry.path());
            let result = yield_entry(input, &entry, output);
            at = entry.data.saturating_add(entry.packed).min(input.len());
            match result {
                Err(problem) if problem.code == ProblemCode::CountLimit => return Err(problem),
                Err(problem) => output.problem(problem.of_entry(&path)),
                Ok(()) => {}
            }
        }
        output.ends_at(at);
        Ok(())
    }
}

impl Entry {
    fn path(&self) -> Vec<u8> {
        let mut path = self.directory.clone();
        if !path.is_empty() && !path.ends_with(b"/") {
            path.push(b'/');
        }
        path.extend_from_slice(&self.name);
        path
    }
}

/// None at the end mark.
fn read_entry(input: &Input, at: usize) -> Result<Option<Entry>, Problem> {
    let bad = |subject| Problem::new(ProblemCode::BadValue, at as u64, subject);
    if input.u8(at, "header")? == 0 && input.tail(at + 2).first() != Some(&b'-') {
        return Ok(None);
    }
    let method: [u8; 5] = input.array(at + 2, "method")?;
    let [b'-', m0, m1, m2, b'-'] = method else { return Err(bad("method")) };
    let level = input.u8(at + 20, "level")?;
    let mut entry = Entry {
        method: [m0, m1, m2],
        packed: input.size32(at + 7, LITTLE, "packed size")?,
        size: input.size32(at + 11, LITTLE, "size")?,
        name: Vec::new(),
        directory: Vec::new(),
        crc: 0,
        mode: None,
        owner: None,
        mtime: None,
        data: 0,
    };
    match level {
        0 | 1 => read_basic(input, at, level, &mut entry)?,
        2 => {
            let length = usize::from(input.u16(at, LITTLE, "header length")?);
            if length < 26 {
                return Err(bad("header length"));
            }
            entry.crc = input.u16(at + 21, LITTLE, "checksum")?;
            entry.mtime = Some(i64::from(input.u32(at + 15, LITTLE, "time")?));
            entry.data = at + length;
            read_extensions(input, at + 24, at + length, &mut entry)?;
        }
        _ => return Err(bad("level")),
    }
    let slash = |byte: &mut u8| {
        if *byte == b'\\' || *byte == 0xff {
            *byte = b'/';
        }
    };
    entry.directory.iter_mut().for_each(slash);
    entry.name.iter_mut().for_each(slash);
    Ok(Some(entry))
}

/// Levels 0 and 1: a length and a sum of one byte each; level 1 has extensions behind it.
fn read_basic(input: &Input, at: usize, level: u8, entry: &mut Entry) -> Result<(), Problem> {
    let bad = |subject| Problem::new(ProblemCode::BadValue, at as u64, subject);
    let length = usize::from(input.u8(at, "header length")?);
    let header = input.bytes(at + 2, length, "header")?;
    let sum = header.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    if sum != input.u8(at + 1, "checksum")? {
        return Err(Problem::new(ProblemCode::BadChecksum, at as u64, "header"));
    }
    let name = usize::from(input.u8(at + 21, "length of the name")?);
    if 22 + name > length + 2 {
        return Err(bad("length of the name"));
    }
    entry.name = input.bytes(at + 22, name, "name")?.to_vec();
    entry.crc = input.u16(at + 22 + name, LITTLE, "checksum")?;
    let end = at + 2 + length;
    if level == 1 {
        let last = read_extensions(input, end - 2, input.len(), entry)?;
        // The packed size counts the extensions.
        entry.packed = entry.packed.checked_sub(last - end).ok_or_else(|| bad("packed size"))?;
        entry.data = last;
        return Ok(());
    }
    let extra = at + 24 + name;
    if input.tail(extra).first() == Some(&b'U') && extra + 12 <= end {
        entry.mtime = Some(i64::from(input.u32(extra + 2, LITTLE, "time")?));
        entry.mode = Some(u32::from(input.u16(extra + 6, LITTLE, "mode")?));
        let uid = u32::from(input.u16(extra + 8, LITTLE, "owner")?);
        entry.owner = Some((uid, u32::from(input.u16(extra + 10, LITTLE, "group")?)));
    }
    entry.data = end;
    Ok(())
}

/// Extensions: each begins with its kind and ends with the length of the next. Gives their end.
fn read_extensions(
    input: &Input,
    length_at: usize,
    end: usize,
    entry: &mut Entry,
) -> Result<usize, Problem> {
    let mut at = length_at + 2;
    let mut length = usize::from(input.u16(length_at, LITTLE, "extension")?);
    while length >= 3 {
        let data = input.bytes(at + 1, length - 3, "extension")?;
        let u16 = |index: usize| {
            let bytes = data.get(index..index + 2)?;
            Some(u32::from(u16::from_le_bytes(bytes.try_into().ok()?)))
        };
        match input.u8(at, "extension")? {
            0x01 => entry.name = data.to_vec(),
            0x02 => entry.directory = data.to_vec(),
            0x50 => entry.mode = u16(0),
            0x51 => entry.owner = u16(2).zip(u16(0)),
            0x54 => entry.mtime = data.first_chunk().map(|it| i64::from(u32::from_le_bytes(*it))),
            _ => {}
        }
        let next = usize::from(input.u16(at + length - 2, LITTLE, "extension")?);
        at += length;
        if at > end {
            return Err(Problem::new(ProblemCode::BadValue, at as u64, "extension"));
        }
        length = next;
    }
    Ok(at)
}

fn yield_entry(input: &Input, entry: &Entry, output: &mut Output<'_>) -> Result<(), Problem> {
    let problem = |code| Problem::new(code, entry.data as u64, "entry");
    let mut meta = Meta {
        path: entry.path(),
        mode: entry.mode,
        uid: entry.owner.map(|owner| owner.0),
        gid: entry.owner.map(|owner| owner.1),
        mtime: entry.mtime,
        ..Meta::default()
    };
    if &entry.method == b"lhd" {
        return yield_directory(meta, output);
    }
    let packed = input.share(entry.data..entry.data.saturating_add(entry.packed), "content")?;
    if entry.size > output.content_limit() {
        return Err(problem(ProblemCode::SizeLimit).because(format!("{} bytes", entry.size)));
    }
    let Some(positions) = positions(entry.method) else {
        let method = String::from_utf8_lossy(&entry.method).into_owned();
        return Err(problem(ProblemCode::Unsupported).because(format!("method {method}")));
    };
    let content = match positions {
        None => packed,
        Some(positions) => {
            let room = entry.size.min(packed.len().saturating_mul(MAX_RATIO));
            let content = okumura::decode(&packed, room, positions);
            if content.is_none() {
                output.spend(room)?;
            }
            content.ok_or_else(|| problem(ProblemCode::BadStream))?.into()
        }
    };
    if content.len() != entry.size || crc16(&content) != entry.crc {
        return Err(problem(ProblemCode::BadChecksum));
    }
    output.confirm(Confidence::Checksum);
    meta.mode = meta.mode.map(|mode| mode & 0o7777);
    match positions {
        None => output.shared_file(meta, content),
        Some(_) => output.file(meta, content.into()),
    }
}

/// A directory; or a link, whose name and target one bar divides.
fn yield_directory(mut meta: Meta, output: &mut Output<'_>) -> Result<(), Problem> {
    let is_link = meta.mode.is_some_and(|mode| mode & 0o170_000 == 0o120_000);
    let bar = meta.path.iter().position(|&byte| byte == b'|').filter(|_| is_link);
    let Some(bar) = bar else { return output.node(meta, Node::Directory) };
    let target = meta.path.split_off(bar);
    output.node(meta, Node::Symlink(target.get(1..).unwrap_or_default().to_vec()))
}

/// How a method codes positions; none within for a stored entry.
fn positions(method: [u8; 3]) -> Option<Option<Positions>> {
    let positions = |codes, bits| Some(Positions { codes, bits, before: Some(b' ') });
    Some(match &method {
        b"lh0" | b"lz4" => None,
        b"lh4" | b"lh5" => positions(14, 4),
        b"lh6" => positions(16, 5),
        b"lh7" => positions(17, 5),
        _ => return None,
    })
}

/// CRC-16/ARC: polynomial 0x8005, reflected.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8)
            .fold(crc ^ u16::from(byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xa001 } else { 0 })
    })
}
