// SPDX-License-Identifier: Apache-2.0
//! The partition table of PCs (MBR), with logical partitions in extended ones.

use std::collections::HashSet;
use std::ops::Range;

use kakoi_model::Endian::Little;
use kakoi_model::{Confidence, Problem, ProblemCode};

use super::gaps::{yield_gaps, yield_partitions};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Mbr;

static DOC: FormatDoc = FormatDoc {
    name: "mbr",
    title: "MBR partition table",
    family: Family::Partition,
    scope: Scope::Start,
    magics: &[Magic::at(510, b"\x55\xaa")],
    reads: "primary and logical partitions; what lies between them is a part too, unless empty",
    limits: "only at the start of a content, because the signature is weak; sectors of 512 bytes",
    references: &["IBM PC DOS Technical Reference, fixed disk architecture"],
};

const SECTOR: usize = 512;
const TABLE: usize = 446;

/// Logical partitions beyond which a chain is taken for a loop.
const MAX_LOGICAL: usize = 128;

/// A partition: number as Linux counts, type, and place in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Partition {
    number: usize,
    kind: u8,
    range: Range<usize>,
}

impl Format for Mbr {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let partitions = parse_table(input, start)?;
        let end = partitions.iter().map(|partition| partition.range.end).max().unwrap_or(start);
        Ok(Claim { start, end: end.min(input.len()), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let mut partitions = Vec::new();
        for partition in parse_table(input, claim.start)
            .map_err(|refusal| Problem::new(ProblemCode::BadValue, claim.start as u64, refusal.0))?
        {
            if is_extended(partition.kind) {
                find_logical(input, partition.range.start, output, &mut partitions);
            } else {
                partitions.push(partition);
            }
        }
        let table = claim.start..claim.start + SECTOR;
        let mut used = vec![table];
        let named = partitions.into_iter().map(|partition| {
            (format!("{}-{}", partition.number, name_type(partition.kind)), partition.range)
        });
        yield_partitions(named, &mut used, output)?;
        yield_gaps(input, used, claim.end, output)
    }
}

/// The four entries of the table at `start`, strictly checked: a boot sector of something else
/// has code there.
fn parse_table(input: &Input, start: usize) -> Result<Vec<Partition>, Refusal> {
    if input.array::<2>(start + 510, "signature")? != [0x55, 0xaa] {
        return Err(Refusal("no signature"));
    }
    let mut partitions: Vec<Partition> = Vec::new();
    for number in 1..=4 {
        let entry = input.array::<16>(start + TABLE + (number - 1) * 16, "partition")?;
        if entry == [0; 16] {
            continue;
        }
        let partition = parse_entry(input, start, number)?.ok_or(Refusal("entry half empty"))?;
        if partition.range.start >= input.len() {
            return Err(Refusal("partition outside"));
        }
        if partitions.iter().any(|other| overlap(&other.range, &partition.range)) {
            return Err(Refusal("partitions overlap"));
        }
        partitions.push(partition);
    }
    match partitions.iter().all(|partition| partition.kind == 0xee) {
        true => Err(Refusal("no partition")),
        false => Ok(partitions),
    }
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

fn parse_entry(input: &Input, start: usize, number: usize) -> Result<Option<Partition>, Refusal> {
    let at = start + TABLE + (number - 1) * 16;
    let (status, kind) = (input.u8(at, "status")?, input.u8(at + 4, "type")?);
    let first = input.size32(at + 8, Little, "first sector")?;
    let count = input.size32(at + 12, Little, "sector count")?;
    if !matches!(status, 0 | 0x80) || kind == 0 || first == 0 || count == 0 {
        return Ok(None);
    }
    let first = start.saturating_add(first.saturating_mul(SECTOR));
    let range = first..first.saturating_add(count.saturating_mul(SECTOR));
    Ok(Some(Partition { number, kind, range }))
}

/// Each logical partition has a table of its own, which names the next; all count from the start
/// of the extended partition, the partition itself from its table.
fn find_logical(
    input: &Input,
    extended: usize,
    output: &mut Output<'_>,
    partitions: &mut Vec<Partition>,
) {
    let mut visited = HashSet::new();
    let mut table = extended;
    for number in 5..5 + MAX_LOGICAL {
        if !visited.insert(table) {
            output.problem(Problem::new(ProblemCode::Cycle, table as u64, "logical partition"));
            return;
        }
        let signature = input.array::<2>(table.saturating_add(510), "signature");
        if signature.ok() != Some([0x55, 0xaa]) {
            output.problem(Problem::new(ProblemCode::BadValue, table as u64, "extended partition"));
            return;
        }
        if let Ok(Some(partition)) = parse_entry(input, table, 1) {
            partitions.push(Partition { number, ..partition });
        }
        match input.size32(table + TABLE + 16 + 8, Little, "next table") {
            Ok(next) if next != 0 => {
                table = extended.saturating_add(next.saturating_mul(SECTOR));
            }
            _ => return,
        }
    }
}

fn is_extended(kind: u8) -> bool {
    matches!(kind, 0x05 | 0x0f | 0x85)
}

/// Names of types that devices use.
fn name_type(kind: u8) -> String {
    let name = match kind {
        0x01 => "fat12",
        0x04 | 0x06 | 0x0e => "fat16",
        0x0b | 0x0c => "fat32",
        0x07 => "ntfs",
        0x82 => "swap",
        0x83 => "linux",
        0x8e => "lvm",
        0xa2 => "preloader",
        0xda => "data",
        0xef => "efi",
        other => return format!("type-{other:02x}"),
    };
    name.to_owned()
}
