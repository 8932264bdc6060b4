// SPDX-License-Identifier: Apache-2.0
//! zip: by the central directory, or, where that is missing, from one local header to the next.

use kakoi_model::{Confidence, Endian, ImagePath, Problem, ProblemCode};

use crate::codec::{self, Codec, LzmaProperties};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Node, Output, Refusal, Scope};

mod directory;
mod local;

/// The format.
pub(super) struct Zip;

static DOC: FormatDoc = FormatDoc {
    name: "zip",
    title: "zip archive",
    family: Family::Archive,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"PK\x03\x04"), Magic::new(b"PK\x05\x06")],
    reads: "stored, deflate, bzip2, LZMA, xz, Zstandard; zip64; Unix modes, owners, links; truncated archives from their local headers",
    limits: "encrypted entries, volumes, and old methods (shrink, implode, deflate64) are reported, not read",
    references: &["PKWARE APPNOTE.TXT 6.3.10", "Info-ZIP extrafld.txt"],
};

const LITTLE: Endian = Endian::Little;

/// Bits of the general purpose flag (APPNOTE 4.4.4).
const ENCRYPTED: u16 = 1;
const DESCRIPTOR: u16 = 1 << 3;

/// One entry, from whichever header.
#[derive(Clone, Default)]
struct Entry {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    /// Offset of the local header in the content.
    header: usize,
    /// Type and permission bits, where a Unix made the archive.
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime: Option<i64>,
}

impl Format for Zip {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        if input.bytes(start, 4, "magic")? == b"PK\x05\x06" {
            return identify_empty(input, start);
        }
        let first = local::parse(input, start)?;
        let version = input.u16(start + 4, LITTLE, "version needed")? & 0xff;
        let printable = first.name.iter().all(|&byte| byte >= 0x20 && byte != 0x7f);
        if version > 63 || !printable || first.name.is_empty() {
            return Err(Refusal("fields of the first header"));
        }
        let end = directory::find(input, start).map_or(input.len(), |found| found.end);
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let start = claim.start;
        if let Some(found) = directory::find(input, start) {
            let mut budget = Budget(input.len().saturating_mul(2));
            return directory::entries(input, &found, output, |entry, output| {
                yield_entry(input, entry, &mut budget, output)
            });
        }
        if input.bytes(start, 4, "magic")? == b"PK\x05\x06" {
            return Ok(());
        }
        let problem = Problem::new(ProblemCode::Truncated, start as u64, "central directory");
        output.problem(problem.because("not found; read from the local headers"));
        walk(input, start, output)
    }
}

/// An archive without entries is its end record.
fn identify_empty(input: &Input, start: usize) -> Result<Claim, Refusal> {
    let record = input.bytes(start, 22, "end record")?;
    if record[4..].iter().any(|&byte| byte != 0) {
        return Err(Refusal("end of an archive, not an empty one"));
    }
    Ok(Claim { start, end: start + 22, confidence: Confidence::Structure })
}

/// Packed bytes that entries may refer to: entries that overlap would multiply the content.
struct Budget(usize);

/// From one local header to the next, until there is none.
fn walk(input: &Input, start: usize, output: &mut Output<'_>) -> Result<(), Problem> {
    let mut at = start;
    let mut budget = Budget(input.len().saturating_mul(2));
    while input.tail(at).starts_with(b"PK\x03\x04") {
        let mut entry = local::parse(input, at)?;
        let data = local::data(input, at)?;
        if entry.flags & DESCRIPTOR != 0 && entry.packed == 0 {
            local::find_descriptor(input, data, &mut entry)
                .inspect_err(|_| output.ends_at(input.len()))?;
        }
        let end = data.saturating_add(usize::try_from(entry.packed).unwrap_or(usize::MAX));
        at = local::skip_descriptor(input, end, &entry).min(input.len());
        output.ends_at(at);
        yield_entry(input, entry, &mut budget, output)?;
    }
    Ok(())
}

/// An entry that cannot be read is reported, and the next one tried.
fn yield_entry(
    input: &Input,
    entry: Entry,
    budget: &mut Budget,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    let path = ImagePath::new(&entry.name);
    match content(input, entry, budget, output) {
        Err(problem) if problem.code == ProblemCode::CountLimit => Err(problem),
        Err(problem) => {
            output.problem(problem.of_entry(&path));
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

fn content(
    input: &Input,
    entry: Entry,
    budget: &mut Budget,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    let offset = entry.header as u64;
    let meta = Meta {
        path: entry.name.clone(),
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        mtime: entry.mtime,
        ..Meta::default()
    };
    let kind = entry.mode.map_or(0, |mode| mode >> 12);
    if entry.name.ends_with(b"/") || kind == 4 {
        return output.node(meta, Node::Directory);
    }
    if entry.flags & ENCRYPTED != 0 {
        return Err(Problem::new(ProblemCode::Encrypted, offset, "entry"));
    }
    let data = local::data(input, entry.header)?;
    let packed = usize::try_from(entry.packed).unwrap_or(usize::MAX);
    let range = data..data.saturating_add(packed);
    let problem = Problem::new(ProblemCode::SizeLimit, offset, "entry");
    budget.0 = budget
        .0
        .checked_sub(packed.min(input.len()))
        .ok_or_else(|| problem.because("entries overlap too often"))?;
    let bytes = input.share(range, "content")?;
    let content = match entry.method {
        0 => bytes,
        _ => unpack(&entry, &bytes, data, output.content_limit())?.into(),
    };
    if crc32fast::hash(&content) != entry.crc {
        let problem = Problem::new(ProblemCode::BadChecksum, data as u64, "content");
        return Err(problem.because(format!("{} bytes", content.len())));
    }
    match (kind, entry.method) {
        (10, _) => output.node(meta, Node::Symlink(content.to_vec())),
        (1, _) => output.node(meta, Node::Fifo),
        (12, _) => output.node(meta, Node::Socket),
        (_, 0) => output.shared_file(meta, content),
        _ => output.file(meta, content.into()),
    }
}

/// Numbers of methods: APPNOTE 4.4.5.
fn unpack(entry: &Entry, bytes: &[u8], at: usize, limit: usize) -> Result<Vec<u8>, Problem> {
    let size = usize::try_from(entry.size).unwrap_or(usize::MAX);
    if size > limit {
        let problem = Problem::new(ProblemCode::SizeLimit, at as u64, "entry");
        return Err(problem.because(format!("{size} bytes")));
    }
    let (codec, bytes) = match entry.method {
        8 => (Codec::Deflate, bytes),
        12 => (Codec::Bzip2, bytes),
        14 => lzma(bytes, entry.size)
            .ok_or_else(|| Problem::new(ProblemCode::BadValue, at as u64, "LZMA properties"))?,
        93 => (Codec::Zstd, bytes),
        95 => (Codec::Xz, bytes),
        method => {
            let problem = Problem::new(ProblemCode::Unsupported, at as u64, "compression method");
            return Err(problem.because(method.to_string()));
        }
    };
    // Deflate packs at most 1032 to 1: a larger size is a lie, and none to allocate for.
    let room =
        if codec == Codec::Deflate { size.min(bytes.len().saturating_mul(1040)) } else { size };
    codec::decode(codec, bytes, room).map_err(|error| error.at(at, "entry"))
}

/// Two bytes of version, a length of 5, properties, dictionary (APPNOTE 5.8.8).
fn lzma(bytes: &[u8], size: u64) -> Option<(Codec, &[u8])> {
    let (&[_, _, 5, 0, byte, d0, d1, d2, d3], stream) = bytes.split_first_chunk::<9>()? else {
        return None;
    };
    let dictionary = u32::from_le_bytes([d0, d1, d2, d3]);
    Some((Codec::Lzma(LzmaProperties { byte, dictionary, length: Some(size) }), stream))
}
