// SPDX-License-Identifier: Apache-2.0
//! VMDK, the disk image of VMware, as one sparse file. All fields are little-endian.

use std::io::{Cursor, Write};

use kakoi_model::Endian::Little;
use kakoi_model::{Confidence, Problem, ProblemCode};

use super::unix::check_file_size;
use crate::codec::{Codec, decode_into};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Vmdk;

static DOC: FormatDoc = FormatDoc {
    name: "vmdk",
    title: "VMware disk image",
    family: Family::Partition,
    scope: Scope::Start,
    magics: &[Magic::new(b"KDMV")],
    reads: "one sparse extent, plain or stream-optimised (zlib)",
    limits: "no images of several files, no parents, no ESX sparse extents",
    references: &["VMware Virtual Disk Format 5.0"],
};

const SECTOR: usize = 512;

/// Flag: grains are compressed, behind a header of 12 bytes.
const COMPRESSED: u32 = 0x1_0000;

/// Instead of the directory's place: it stands in a copy of the header at the end.
const AT_END: u64 = u64::MAX;

struct Header {
    version: u32,
    compressed: bool,
    size: u64,
    grain: usize,
    per_table: usize,
    directory: usize,
}

impl Format for Vmdk {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        parse_header(input, start)?;
        Ok(Claim { start, end: input.len(), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let header = parse_header(input, claim.start)?;
        output.attribute("version", header.version);
        output.attribute("block-size", header.grain);
        output.attribute("virtual-size", header.size);
        let size = check_file_size(header.size, input.len(), output, claim.start)?;
        let limit = |error: std::io::Error| {
            let problem = Problem::new(ProblemCode::SizeLimit, claim.start as u64, "disk");
            problem.because(error.to_string())
        };
        let mut spool = output.spool();
        for index in 0..size.div_ceil(header.grain) {
            let mut content = read_grain(input, &header, index)?;
            content.truncate(size - spool.len());
            spool.write_all(&content).map_err(limit)?;
        }
        let content = spool.finish().map_err(limit)?;
        output.payload("disk", content)
    }
}

fn parse_header(input: &Input, start: usize) -> Result<Header, Problem> {
    let bad = |subject| Problem::new(ProblemCode::BadValue, start as u64, subject);
    let u32_at = |offset: usize| input.u32(start + offset, Little, "header");
    let sectors = |offset: usize| {
        let sectors = input.u64(start + offset, Little, "header")?;
        sectors.checked_mul(SECTOR as u64).ok_or_else(|| bad("size"))
    };
    // Characters that a transfer as text would change (specification, "Hosted Sparse Extent Header").
    let is_whole = input.array::<4>(start + 73, "header")? == *b"\n \r\n";
    let directory = match input.u64(start + 56, Little, "grain directory")? {
        AT_END => {
            let copy = input.len().checked_sub(2 * SECTOR).ok_or_else(|| bad("footer"))?;
            input.u64(copy + 56, Little, "grain directory")?
        }
        place => place,
    };
    let header = Header {
        version: u32_at(4)?,
        compressed: u32_at(8)? & COMPRESSED != 0,
        size: sectors(12)?,
        grain: usize::try_from(sectors(20)?).unwrap_or(usize::MAX),
        per_table: input.size32(start + 44, Little, "table size")?,
        directory: usize::try_from(directory.saturating_mul(SECTOR as u64)).unwrap_or(usize::MAX),
    };
    let is_sound = (1..=3).contains(&header.version)
        && is_whole
        && header.grain.is_power_of_two()
        && (4096..=1 << 20).contains(&header.grain)
        && (1..=1 << 16).contains(&header.per_table);
    is_sound.then_some(header).ok_or_else(|| bad("vmdk header"))
}

/// A grain; zeros where none is stored.
fn read_grain(input: &Input, header: &Header, index: usize) -> Result<Vec<u8>, Problem> {
    let entry = |table: usize, index: usize| {
        let at = table.saturating_add(index * 4);
        input.size32(at, Little, "grain table").map(|sector| sector.saturating_mul(SECTOR))
    };
    let table = entry(header.directory, index / header.per_table)?;
    let place = if table == 0 { 0 } else { entry(table, index % header.per_table)? };
    // Sector 1 stands for a grain that was written with zeros.
    if place <= SECTOR {
        return Ok(vec![0; header.grain]);
    }
    if !header.compressed {
        return input.bytes(place, header.grain, "grain").map(<[u8]>::to_vec);
    }
    let length = input.size32(place + 8, Little, "length of a grain")?;
    let stored = input.bytes(place + 12, length, "grain")?;
    let mut content = vec![0; header.grain];
    decode_into(Codec::Zlib, stored, &mut Cursor::new(&mut content[..]))
        .map_err(|error| error.at(place, "grain"))?;
    Ok(content)
}
