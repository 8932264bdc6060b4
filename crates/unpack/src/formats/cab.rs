// SPDX-License-Identifier: Apache-2.0
//! Microsoft cabinets.

use std::collections::BTreeMap;
use std::ops::Range;

use kakoi_model::{Confidence, Endian, ImagePath, Problem, ProblemCode};

use crate::codec::{Codec, decode};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Output, Refusal, Scope};

/// The format.
pub(super) struct Cab;

static DOC: FormatDoc = FormatDoc {
    name: "cab",
    title: "Microsoft cabinet",
    family: Family::Archive,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"MSCF\0\0\0\0")],
    reads: "stored and MSZIP folders",
    limits: "LZX and Quantum; files that continue in another cabinet; checksums of blocks are not \
             compared",
    references: &["Microsoft Cabinet Format, MS-CAB 2.1"],
};

const LITTLE: Endian = Endian::Little;

/// What a block decodes to at most, and how far back a match of MSZIP reaches.
const BLOCK: usize = 32 << 10;

struct Header {
    size: usize,
    folders: Vec<Folder>,
    files: usize,
    first_file: usize,
    /// Bytes that the maker reserved in front of each block's data.
    reserved: usize,
}

struct Folder {
    data: usize,
    blocks: usize,
    method: u16,
}

struct Entry {
    name: Vec<u8>,
    folder: usize,
    range: Range<usize>,
}

impl Format for Cab {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let header = read_header(input, start)?;
        let end = start.saturating_add(header.size).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let header = read_header(input, claim.start)?;
        let (entries, broken) = read_entries(input, claim.start, &header);
        let mut contents = BTreeMap::new();
        for entry in entries {
            let path = ImagePath::new(&entry.name);
            let content = match contents.entry(entry.folder) {
                std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::btree_map::Entry::Vacant(new) => {
                    new.insert(read_folder(input, &header, entry.folder, output))
                }
            };
            let whole = content.get(entry.range.clone()).map(<[u8]>::to_vec);
            let Some(whole) = whole else {
                let problem = Problem::new(ProblemCode::Truncated, claim.start as u64, "file");
                output.problem(problem.of_entry(&path));
                continue;
            };
            match output.file(Meta::named(&entry.name), whole) {
                Err(problem) if problem.code == ProblemCode::CountLimit => return Err(problem),
                Err(problem) => output.problem(problem.of_entry(&path)),
                Ok(()) => {}
            }
        }
        broken.map_or(Ok(()), Err)
    }
}

fn read_header(input: &Input, start: usize) -> Result<Header, Problem> {
    let bad = |subject| Problem::new(ProblemCode::BadValue, start as u64, subject);
    let u16 = |at: usize, field| input.u16(start.saturating_add(at), LITTLE, field);
    let (count, files) = (usize::from(u16(26, "folders")?), usize::from(u16(28, "files")?));
    let flags = u16(30, "flags")?;
    let size = input.size32(start + 8, LITTLE, "size")?;
    let first_file = input.size32(start + 16, LITTLE, "first file")?;
    let version = (input.u8(start + 25, "version")?, input.u8(start + 24, "version")?);
    if version != (1, 3) || flags > 7 || count == 0 || first_file >= size || size < 36 {
        return Err(bad("header"));
    }
    let (mut at, mut in_folder, mut in_block) = (36, 0, 0);
    if flags & 4 != 0 {
        in_folder = usize::from(input.u8(start + 38, "reserved for folders")?);
        in_block = usize::from(input.u8(start + 39, "reserved for blocks")?);
        at = 40 + usize::from(u16(36, "reserved")?);
    }
    // Names of the cabinet before and after this one, and of the disks that they are on.
    let names = (flags & 1) * 2 + (flags >> 1 & 1) * 2;
    for _ in 0..names {
        let name = input.tail(start.saturating_add(at));
        let length = memchr::memchr(0, name.get(..256).unwrap_or(name));
        at += length.ok_or_else(|| bad("name of another cabinet"))? + 1;
    }
    let folders = (0..count).map(|index| {
        let at = at + index * (8 + in_folder);
        Ok(Folder {
            data: start.saturating_add(input.size32(start + at, LITTLE, "folder")?),
            blocks: usize::from(u16(at + 4, "blocks of a folder")?),
            method: u16(at + 6, "compression")?,
        })
    });
    let folders = folders.collect::<Result<Vec<_>, Problem>>()?;
    if folders.iter().any(|folder| folder.method & 15 > 3) {
        return Err(bad("compression"));
    }
    Ok(Header { size, folders, files, first_file, reserved: in_block })
}

/// The entries that can be read, and what ended the reading.
fn read_entries(input: &Input, start: usize, header: &Header) -> (Vec<Entry>, Option<Problem>) {
    let mut entries = Vec::new();
    let mut at = start.saturating_add(header.first_file);
    for _ in 0..header.files {
        match read_entry(input, at) {
            Ok((entry, next)) => {
                entries.push(entry);
                at = next;
            }
            Err(problem) => return (entries, Some(problem)),
        }
    }
    (entries, None)
}

fn read_entry(input: &Input, at: usize) -> Result<(Entry, usize), Problem> {
    let size = input.size32(at, LITTLE, "file size")?;
    let first = input.size32(at + 4, LITTLE, "place in the folder")?;
    let folder = usize::from(input.u16(at + 8, LITTLE, "folder of a file")?);
    let name = input.tail(at + 16);
    let length = memchr::memchr(0, name.get(..257).unwrap_or(name));
    let length = length
        .ok_or_else(|| Problem::new(ProblemCode::BadValue, at as u64 + 16, "name of a file"))?;
    // Names are those of DOS.
    let slashes = |&byte: &u8| if byte == b'\\' { b'/' } else { byte };
    let name = name.get(..length).unwrap_or_default().iter().map(slashes).collect();
    let entry = Entry { name, folder, range: first..first.saturating_add(size) };
    Ok((entry, at + 17 + length))
}

/// What a folder's blocks decode to, as far as they do; what is wrong is reported.
fn read_folder(input: &Input, header: &Header, index: usize, output: &mut Output<'_>) -> Vec<u8> {
    let mut content = Vec::new();
    let Some(folder) = header.folders.get(index) else {
        let problem = Problem::new(ProblemCode::Unsupported, 0, "folder");
        output.problem(problem.because("continues in another cabinet"));
        return content;
    };
    let mut at = folder.data;
    for _ in 0..folder.blocks {
        match read_block(input, folder.method, header.reserved, at, &content) {
            Ok((block, next)) => {
                content.extend(block);
                at = next;
            }
            Err(problem) => {
                output.problem(problem);
                break;
            }
        }
        if content.len() > output.content_limit() {
            output.problem(Problem::new(ProblemCode::SizeLimit, at as u64, "folder"));
            break;
        }
    }
    if let Err(problem) = output.spend(content.len()) {
        output.problem(problem);
        content.clear();
    }
    content
}

/// A block's content, and where the next begins.
fn read_block(
    input: &Input,
    method: u16,
    reserved: usize,
    at: usize,
    before: &[u8],
) -> Result<(Vec<u8>, usize), Problem> {
    let stored = usize::from(input.u16(at + 4, LITTLE, "block")?);
    let size = usize::from(input.u16(at + 6, LITTLE, "block")?);
    let data = at + 8 + reserved;
    let bytes = input.bytes(data, stored, "block")?;
    let block = match method & 15 {
        0 => bytes.to_vec(),
        1 => inflate(bytes, before, size)
            .map_err(|problem| Problem { offset: data as u64, ..problem })?,
        method => {
            let name = if method == 2 { "Quantum" } else { "LZX" };
            let problem = Problem::new(ProblemCode::Unsupported, data as u64, "compression");
            return Err(problem.because(name));
        }
    };
    if block.len() != size {
        return Err(Problem::new(ProblemCode::BadStream, data as u64, "block"));
    }
    Ok((block, data + stored))
}

/// A block of MSZIP: a deflate stream of its own, but matches reach into the block before it. That
/// is put in front as a stored block.
fn inflate(bytes: &[u8], before: &[u8], size: usize) -> Result<Vec<u8>, Problem> {
    let bad = || Problem::new(ProblemCode::BadStream, 0, "block");
    let stream = bytes.strip_prefix(b"CK").ok_or_else(bad)?;
    let window = before.get(before.len().saturating_sub(BLOCK)..).unwrap_or_default();
    let length = u16::try_from(window.len()).map_err(|_| bad())?;
    let mut joined = vec![0];
    joined.extend(length.to_le_bytes());
    joined.extend((!length).to_le_bytes());
    joined.extend_from_slice(window);
    joined.extend_from_slice(stream);
    let decoded = decode(Codec::Deflate, &joined, window.len() + size.min(BLOCK));
    let mut decoded = decoded.map_err(|error| error.at(0, "block"))?;
    Ok(decoded.split_off(window.len().min(decoded.len())))
}
