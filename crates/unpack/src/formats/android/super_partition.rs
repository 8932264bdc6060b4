// SPDX-License-Identifier: Apache-2.0
//! Android's super partition: logical partitions, each of one or more extents.

use std::ops::Range;

use kakoi_model::{Confidence, Endian, ImagePath, Problem, ProblemCode};
use sha2::{Digest, Sha256};

use super::super::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct AndroidSuper;

static DOC: FormatDoc = FormatDoc {
    name: "android-super",
    title: "Android super partition",
    family: Family::Partition,
    scope: Scope::Aligned(4096),
    magics: &[Magic::at(GEOMETRY, b"gDla")],
    reads: "the first slot of metadata, versions 10.0 to 10.2; partitions of linear and zero \
            extents; the checksums of geometry, header and tables are checked",
    limits: "further slots and backups are not read; partitions on other block devices are left \
             out",
    references: &[
        "Android Open Source Project, fs_mgr/liblp/include/liblp/metadata_format.h (facts only)",
    ],
};

const LITTLE: Endian = Endian::Little;

/// The geometry follows a reserved block; its copy and the metadata follow it.
const GEOMETRY: usize = 4096;
const METADATA: usize = 3 * 4096;

const GEOMETRY_SIZE: usize = 52;

const SECTOR: usize = 512;

/// Most partitions, and most extents of one.
const MAX_ENTRIES: usize = 1024;

/// Header up to the descriptors of the tables, and with them.
const DESCRIPTORS: usize = 80;
const MIN_HEADER: usize = 128;

/// A table of entries of one size.
struct Table {
    start: usize,
    count: usize,
    entry: usize,
}

/// Are the bytes those of this digest, with the digest's own field as zeros?
fn holds(bytes: &[u8], field: usize, recorded: &[u8]) -> bool {
    let mut bytes = bytes.to_vec();
    if let Some(field) = bytes.get_mut(field..field + 32) {
        field.fill(0);
    }
    Sha256::digest(&bytes)[..] == *recorded
}

/// The tables of partitions and extents.
fn tables(input: &Input, start: usize) -> Result<[Table; 2], Problem> {
    let at = start + METADATA;
    let bad = |subject: &'static str| Problem::new(ProblemCode::BadValue, at as u64, subject);
    let length = input.size32(at + 8, LITTLE, "header size")?;
    let size = input.size32(at + 44, LITTLE, "tables size")?;
    if input.bytes(at, 4, "metadata magic")? != b"0PLA" || !(MIN_HEADER..=4096).contains(&length) {
        return Err(bad("metadata"));
    }
    let header = input.bytes(at, length, "header")?;
    if !holds(header, 12, input.bytes(at + 12, 32, "checksum")?) {
        return Err(Problem::new(ProblemCode::BadChecksum, at as u64, "header"));
    }
    let body = input.bytes(at + length, size, "tables")?;
    if Sha256::digest(body)[..] != *input.bytes(at + 48, 32, "checksum")? {
        return Err(Problem::new(ProblemCode::BadChecksum, (at + length) as u64, "tables"));
    }
    let table = |place: usize, least: usize| {
        let first = input.size32(place, LITTLE, "table offset")?;
        let count = input.size32(place + 4, LITTLE, "table entries")?;
        let entry = input.size32(place + 8, LITTLE, "entry size")?;
        let end = count.checked_mul(entry).and_then(|length| length.checked_add(first));
        if count > MAX_ENTRIES || entry < least || end.is_none_or(|end| end > size) {
            return Err(bad("table"));
        }
        Ok(Table { start: at + length + first, count, entry })
    };
    Ok([table(at + DESCRIPTORS, 52)?, table(at + DESCRIPTORS + 12, 24)?])
}

impl Format for AndroidSuper {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let at = start.saturating_add(GEOMETRY);
        let geometry = input.bytes(at, GEOMETRY_SIZE, "geometry")?;
        if !geometry.starts_with(b"gDla") || !holds(geometry, 8, &geometry[8..40]) {
            return Err(Refusal("checksum of the geometry"));
        }
        Ok(Claim { start, end: input.len(), confidence: Confidence::Checksum })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        output.reads_to(claim.start + METADATA + (64 << 10));
        let [partitions, extents] = tables(input, claim.start)?;
        let mut room = input.len().saturating_mul(2);
        for index in 0..partitions.count {
            let at = partitions.start + index * partitions.entry;
            let name = printable(input.bytes(at, 36, "partition name")?);
            let first = input.size32(at + 40, LITTLE, "first extent")?;
            let count = input.size32(at + 44, LITTLE, "number of extents")?;
            if count == 0 {
                continue;
            }
            let result = ranges(input, claim.start, &extents, first, count)
                .and_then(|ranges| keep(input, &name, &ranges, &mut room, output));
            match result {
                Err(problem) if problem.code == ProblemCode::CountLimit => return Err(problem),
                Err(problem) => output.problem(problem.of_entry(&ImagePath::new(&name))),
                Ok(()) => {}
            }
        }
        Ok(())
    }
}

/// An extent: bytes of the content, or zeros.
enum Extent {
    Bytes(Range<usize>),
    Zeros(usize),
}

fn ranges(
    input: &Input,
    start: usize,
    extents: &Table,
    first: usize,
    count: usize,
) -> Result<Vec<Extent>, Problem> {
    let place = extents.start as u64;
    if first.checked_add(count).is_none_or(|end| end > extents.count) {
        return Err(Problem::new(ProblemCode::BadValue, place, "extents"));
    }
    let list = (first..first + count).map(|index| {
        let at = extents.start + index * extents.entry;
        let length = input.size64(at, LITTLE, "sectors")?.saturating_mul(SECTOR);
        let from = input.size64(at + 12, LITTLE, "first sector")?.saturating_mul(SECTOR);
        let from = start.saturating_add(from);
        match (input.u32(at + 8, LITTLE, "type")?, input.u32(at + 20, LITTLE, "device")?) {
            (0, 0) => Ok(Extent::Bytes(from..from.saturating_add(length))),
            (1, _) => Ok(Extent::Zeros(length)),
            _ => Err(Problem::new(ProblemCode::Unsupported, at as u64, "other block device")),
        }
    });
    list.collect()
}

/// One extent is a part of the content; several are put together.
fn keep(
    input: &Input,
    name: &str,
    extents: &[Extent],
    room: &mut usize,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    if let [Extent::Bytes(range)] = extents {
        let length = range.end.min(input.len()).saturating_sub(range.start);
        *room = room.checked_sub(length).ok_or_else(|| too_large(name))?;
        return output.part(name, range.start.min(input.len())..range.end);
    }
    let mut content = Vec::new();
    for extent in extents {
        let length = match extent {
            Extent::Bytes(range) => range.len(),
            Extent::Zeros(length) => *length,
        };
        *room = room.checked_sub(length).ok_or_else(|| too_large(name))?;
        if content.len() + length > output.content_limit() {
            return Err(too_large(name));
        }
        match extent {
            Extent::Bytes(range) => {
                content.extend_from_slice(&input.share(range.clone(), "extent")?);
            }
            Extent::Zeros(length) => content.resize(content.len() + length, 0),
        }
    }
    output.payload(name, content.into())
}

fn too_large(name: &str) -> Problem {
    Problem::new(ProblemCode::SizeLimit, 0, "partition").because(name)
}
