// SPDX-License-Identifier: Apache-2.0
//! HP's printer firmware: bundles (BDL) of packages (IPKG) of files.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use super::parts::{Part, printable, yield_parts};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// A bundle of packages.
pub(super) struct Bdl;

/// A package of files.
pub(super) struct Ipkg;

static BDL: FormatDoc = FormatDoc {
    name: "hp-bdl",
    title: "HP firmware bundle (BDL)",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"ibdl\x01\0\x01\0")],
    reads: "all packages; release, brand, device and version as attributes",
    limits: "checksums have no public description",
    references: &["github.com/tylerwhall/hpbdl (facts only)"],
};

static IPKG: FormatDoc = FormatDoc {
    name: "hp-ipkg",
    title: "HP firmware package (IPKG)",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"ipkg\x01\0\x03\0")],
    reads: "all files; the checksum of each is checked",
    limits: "the signature is not checked",
    references: &["github.com/tylerwhall/hpbdl (facts only)"],
};

const LITTLE: Endian = Endian::Little;

/// Texts have this many bytes.
const TEXT: usize = 256;

/// Most entries of a table of contents.
const MAX_ENTRIES: usize = 4096;

/// Where the two formats differ.
struct Layout {
    magic: &'static [u8],
    /// Length of the header.
    header: usize,
    /// Length of a table entry.
    entry: usize,
    texts: &'static [(&'static str, usize)],
}

const BDL_LAYOUT: Layout = Layout {
    magic: b"ibdl\x01\0\x01\0",
    header: 1321,
    entry: 16,
    texts: &[("release", 32), ("brand", 288), ("device", 544), ("version", 809)],
};

const IPKG_LAYOUT: Layout = Layout {
    magic: b"ipkg\x01\0\x03\0",
    header: 1056,
    entry: TEXT + 20,
    texts: &[("version", 32), ("product", 288), ("name", 544)],
};

/// An entry of the table.
struct Entry {
    part: Part,
    crc: Option<u32>,
}

/// The first entries of the table, at most `most`.
fn entries(
    input: &Input,
    start: usize,
    layout: &Layout,
    most: usize,
) -> Result<Vec<Entry>, Problem> {
    let bad = |subject: &'static str| Problem::new(ProblemCode::BadValue, start as u64, subject);
    let table = input.size32(start + 8, LITTLE, "table offset")?;
    let count = input.size32(start + 16, LITTLE, "table entries")?;
    if input.bytes(start, 8, "magic")? != layout.magic || table < 32 || count == 0 {
        return Err(bad("header"));
    }
    if count > MAX_ENTRIES {
        return Err(bad("table entries"));
    }
    let mut entries = Vec::new();
    for index in 0..count.min(most) {
        let at = start.saturating_add(table).saturating_add(index * layout.entry);
        let named = layout.entry > TEXT;
        let numbers = if named { at.saturating_add(TEXT) } else { at };
        let offset = input.size64(numbers, LITTLE, "entry offset")?;
        let size = input.size64(numbers + 8, LITTLE, "entry size")?;
        let data = start.saturating_add(offset);
        let name = if named { printable(input.bytes(at, TEXT, "name")?) } else { String::new() };
        let name = if name.is_empty() { format!("package-{index:03}") } else { name };
        let crc = if named { Some(input.u32(numbers + 16, LITTLE, "checksum")?) } else { None };
        entries.push(Entry { part: Part::new(name, data..data.saturating_add(size)), crc });
    }
    Ok(entries)
}

fn identify(input: &Input, start: usize, layout: &Layout) -> Result<Claim, Refusal> {
    let entries = entries(input, start, layout, 1)?;
    input.bytes(start, layout.header, "header")?;
    let first = entries.iter().map(|entry| entry.part.range.start).min().unwrap_or(0);
    if first < start + layout.header || first > input.len() {
        return Err(Refusal("place of the first entry"));
    }
    Ok(Claim { start, end: input.len(), confidence: Confidence::Structure })
}

fn open(
    input: &Input,
    claim: &Claim,
    layout: &Layout,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    output.reads_to(claim.start + MAX_ENTRIES * layout.entry);
    for &(key, at) in layout.texts {
        output.attribute(key, printable(input.bytes(claim.start + at, TEXT, key)?));
    }
    let entries = entries(input, claim.start, layout, MAX_ENTRIES)?;
    let end = entries.iter().map(|entry| entry.part.range.end).max().unwrap_or(claim.end);
    let end = end.min(input.len());
    output.ends_at(end);
    let mut covered = 0_usize;
    for entry in &entries {
        let (Some(crc), Some(bytes)) = (entry.crc, input.as_slice().get(entry.part.range.clone()))
        else {
            continue;
        };
        covered = covered.saturating_add(bytes.len());
        // Entries that share their bytes are not hashed over and over.
        if covered <= input.len() && crc32fast::hash(bytes) != crc {
            let at = entry.part.range.start as u64;
            output.problem(
                Problem::new(ProblemCode::BadChecksum, at, "file").because(&*entry.part.name),
            );
        }
    }
    let table = input.size32(claim.start + 8, LITTLE, "table offset")?;
    let table = claim.start.saturating_add(table);
    let whole = table.saturating_add(entries.len() * layout.entry).min(end)..end;
    let entries = entries.into_iter().filter(|entry| entry.part.range.start <= end);
    yield_parts(input, whole, entries.map(|entry| entry.part).collect(), output)
}

impl Format for Bdl {
    fn doc(&self) -> &'static FormatDoc {
        &BDL
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        identify(input, start, &BDL_LAYOUT)
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        open(input, claim, &BDL_LAYOUT, output)
    }
}

impl Format for Ipkg {
    fn doc(&self) -> &'static FormatDoc {
        &IPKG
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        identify(input, start, &IPKG_LAYOUT)
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        open(input, claim, &IPKG_LAYOUT, output)
    }
}
