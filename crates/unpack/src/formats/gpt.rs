// SPDX-License-Identifier: Apache-2.0
//! The GUID partition table.

use std::ops::Range;

use kakoi_model::Endian::Little;
use kakoi_model::{Confidence, Problem, ProblemCode};

use super::gaps::{yield_gaps, yield_partitions};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Gpt;

static DOC: FormatDoc = FormatDoc {
    name: "gpt",
    title: "GUID partition table",
    family: Family::Partition,
    scope: Scope::Anywhere,
    magics: &[Magic::at(512, SIGNATURE), Magic::at(4096, SIGNATURE)],
    reads: "sectors of 512 and 4096 bytes; names of partitions; what lies between them is a part \
            too, unless empty",
    limits: "only the first of the two tables",
    references: &["UEFI Specification 2.10, chapter 5"],
};

const SIGNATURE: &[u8; 8] = b"EFI PART";

/// More than any tool writes (usually 128).
const MAX_ENTRIES: usize = 4096;

struct Header {
    sector: usize,
    /// One past the last byte of the medium.
    end: usize,
    table: usize,
    count: usize,
    entry_size: usize,
    table_checksum: u32,
}

impl Format for Gpt {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let header = parse_header(input, start).ok_or(Refusal("no header with a checksum"))?;
        let end = header.end.min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Checksum })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let bad = |code, subject| Problem::new(code, claim.start as u64, subject);
        let header =
            parse_header(input, claim.start).ok_or_else(|| bad(ProblemCode::BadValue, "header"))?;
        output.attribute("block-size", header.sector);
        let length = header.count * header.entry_size;
        let table = input.bytes(header.table, length, "partition table")?;
        if crc32fast::hash(table) != header.table_checksum {
            output.problem(bad(ProblemCode::BadChecksum, "partition table"));
        }
        let mut used = vec![
            claim.start..claim.start + header.sector * 2,
            header.table..header.table + length,
            backup_range(&header, length),
        ];
        let mut partitions = Vec::new();
        for index in 0..header.count {
            match parse_entry(input, claim.start, &header, index) {
                Ok(partition) => partitions.extend(partition),
                Err(problem) => output.problem(problem),
            }
        }
        yield_partitions(partitions, &mut used, output)?;
        yield_gaps(input, used, claim.end, output)
    }
}

/// The second copy of table and header ends the medium.
fn backup_range(header: &Header, length: usize) -> Range<usize> {
    let copy = length.next_multiple_of(header.sector) + header.sector;
    header.end.saturating_sub(copy)..header.end
}

fn parse_header(input: &Input, start: usize) -> Option<Header> {
    [512, 4096].into_iter().find_map(|sector| parse_header_at(input, start, sector))
}

fn parse_header_at(input: &Input, start: usize, sector: usize) -> Option<Header> {
    let at = start.checked_add(sector)?;
    if input.bytes(at, 8, "signature").ok()? != SIGNATURE {
        return None;
    }
    let size = input.size32(at + 12, Little, "header size").ok()?;
    let mut header = input.bytes(at, size.min(sector), "header").ok()?.to_vec();
    header.get_mut(16..20)?.fill(0);
    let stored = input.u32(at + 16, Little, "header checksum").ok()?;
    let u64_at = |offset: usize| input.size64(at + offset, Little, "header").ok();
    let u32_at = |offset: usize| input.size32(at + offset, Little, "header").ok();
    let place = |lba: usize| lba.checked_mul(sector)?.checked_add(start);
    let is_sound = (92..=sector).contains(&size)
        && crc32fast::hash(&header) == stored
        && u64_at(24)? == 1
        && (128..=4096).contains(&u32_at(84)?)
        && u32_at(80)? <= MAX_ENTRIES;
    is_sound.then_some(Header {
        sector,
        end: place(u64_at(32)?.checked_add(1)?)?,
        table: place(u64_at(72)?)?,
        count: u32_at(80)?,
        entry_size: u32_at(84)?,
        table_checksum: input.u32(at + 88, Little, "table checksum").ok()?,
    })
}

/// Name and place of a partition; none for an unused entry.
fn parse_entry(
    input: &Input,
    start: usize,
    header: &Header,
    index: usize,
) -> Result<Option<(String, Range<usize>)>, Problem> {
    let at = header.table + index * header.entry_size;
    if input.bytes(at, 16, "partition type")?.iter().all(|&byte| byte == 0) {
        return Ok(None);
    }
    let (first, last) = (
        input.size64(at + 32, Little, "first sector")?,
        input.size64(at + 40, Little, "last sector")?,
    );
    let place = |lba: usize| lba.checked_mul(header.sector)?.checked_add(start);
    let range = place(first).zip(last.checked_add(1).and_then(place));
    let Some((from, to)) = range.filter(|(from, to)| from < to && *from < input.len()) else {
        let problem = Problem::new(ProblemCode::BadValue, at as u64, "partition");
        return Err(problem.because(format!("sectors {first} to {last}")));
    };
    let units = input.bytes(at + 56, 72, "partition name")?.chunks_exact(2);
    let units =
        units.map(|pair| u16::from_le_bytes([pair[0], pair[1]])).take_while(|&unit| unit != 0);
    let name: String =
        char::decode_utf16(units).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    let number = index + 1;
    let name =
        if name.is_empty() { format!("{number}-partition") } else { format!("{number}-{name}") };
    Ok(Some((name.replace('/', "_"), from..to)))
}
