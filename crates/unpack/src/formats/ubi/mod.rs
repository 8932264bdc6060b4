// SPDX-License-Identifier: Apache-2.0
//! UBI: volumes on raw flash, whose blocks lie in any order.
//!
//! Sources: `drivers/mtd/ubi/ubi-media.h` and `attach.c` of Linux. The fastmap is an index of what
//! the headers say and is not needed.

use std::collections::BTreeMap;
use std::io::Write;

use kakoi_model::{Confidence, Problem, ProblemCode};

use self::header::{
    EC_MAGIC, EraseHeader, LAYOUT_VOLUME, MAX_VOLUMES, VolumeHeader, VolumeRecord, checksum,
    parse_erase_header, parse_volume_header, parse_volume_table,
};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

mod header;

/// The format.
pub(super) struct Ubi;

static DOC: FormatDoc = FormatDoc {
    name: "ubi",
    title: "UBI volumes",
    family: Family::Partition,
    scope: Scope::Anywhere,
    magics: &[Magic::new(EC_MAGIC)],
    reads: "static and dynamic volumes, any size of erase block, bad blocks in between, several \
            images behind each other; each volume is a part",
    limits: "blocks that no header maps are filled with 0xff; unmapped blocks at the end of a \
             volume are left out",
    references: &["Linux drivers/mtd/ubi/ubi-media.h"],
};

/// Sizes of erase blocks: those of flash, and smaller ones for tests of drivers.
const MIN_BLOCK: usize = 512;
const MAX_BLOCK: usize = 8 << 20;

/// How many blocks without a header may lie between two with one: bad blocks come alone, erased
/// ones that were never used only at the end.
const MAX_GAP: usize = 8;

impl Format for Ubi {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let first = parse_erase_header(input, start).ok_or(Refusal("no header checksum"))?;
        if first.version != 1 {
            return Err(Refusal("unknown version"));
        }
        let size = find_block_size(input, start, first).ok_or(Refusal("no size of blocks"))?;
        let blocks = find_blocks(input, start, first, size);
        let end = blocks.last().map_or(start, |&last| last.saturating_add(size));
        Ok(Claim { start, end: end.min(input.len()), confidence: Confidence::Checksum })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let image = Image::read(input, claim, output)?;
        output.attribute("version", 1);
        output.attribute("block-size", image.block_size);
        output.attribute("logical-block-size", image.logical_size());
        if image.first.image != 0 {
            output.attribute("image-sequence", image.first.image);
        }
        let records = image.read_table(output);
        for (volume, blocks) in image.volumes.iter().filter(|(id, _)| **id < LAYOUT_VOLUME) {
            let record = records.iter().find(|record| record.number == *volume);
            image.yield_volume(*volume, record, blocks, output)?;
        }
        Ok(())
    }
}

/// The distance of blocks. The next one may be bad and have no header, so that one distance alone
/// is no proof: the greatest common divisor of several is taken.
fn find_block_size(input: &Input, start: usize, first: EraseHeader) -> Option<usize> {
    let window = input.tail(start + first.data_offset);
    let window = window.get(..4 * MAX_BLOCK).unwrap_or(window);
    let distances: Vec<usize> = memchr::memmem::find_iter(window, EC_MAGIC)
        .take(MAX_SAMPLES)
        .map(|found| first.data_offset + found)
        .filter(|distance| is_of_image(input, start + distance, first))
        .collect();
    let divisor = distances.iter().fold(0, |a, &b| greatest_common_divisor(a, b));
    let nearest = distances.first().copied();
    let size = if divisor > first.data_offset { Some(divisor) } else { nearest };
    size.filter(|size| (MIN_BLOCK..=MAX_BLOCK).contains(size))
        .or_else(|| single_block(input, start, first))
}

/// How many headers are looked at to find their distance.
const MAX_SAMPLES: usize = 16;

fn greatest_common_divisor(mut a: usize, mut b: usize) -> usize {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Nothing follows: the block is all that there is, if it is used.
fn single_block(input: &Input, start: usize, first: EraseHeader) -> Option<usize> {
    let header = parse_volume_header(input, start + first.volume_offset).ok()?;
    let rest = input.len() - start;
    header.filter(|_| (MIN_BLOCK..=MAX_BLOCK).contains(&rest)).map(|_| rest)
}

fn is_of_image(input: &Input, at: usize, first: EraseHeader) -> bool {
    parse_erase_header(input, at).is_some_and(|header| {
        let same_image = header.image == first.image || header.image == 0 || first.image == 0;
        header.volume_offset == first.volume_offset
            && header.data_offset == first.data_offset
            && same_image
    })
}

/// The places of all blocks with a header, up to where no more follow.
fn find_blocks(input: &Input, start: usize, first: EraseHeader, size: usize) -> Vec<usize> {
    let mut blocks = Vec::new();
    let mut gap = 0;
    let mut at = start;
    while at < input.len() && gap <= MAX_GAP {
        if is_of_image(input, at, first) {
            blocks.push(at);
            gap = 0;
        } else {
            gap += 1;
        }
        at = at.saturating_add(size);
    }
    blocks
}

/// A logical block: its header, and where its data lie.
#[derive(Debug, Clone, Copy)]
struct Block {
    header: VolumeHeader,
    data: usize,
}

struct Image<'a> {
    input: &'a Input,
    first: EraseHeader,
    block_size: usize,
    block_count: usize,
    /// For each volume the newest block for each logical number.
    volumes: BTreeMap<u32, BTreeMap<u32, Block>>,
}

impl<'a> Image<'a> {
    fn read(input: &'a Input, claim: &Claim, output: &mut Output<'_>) -> Result<Self, Problem> {
        let bad =
            || Problem::new(ProblemCode::BadValue, claim.start as u64, "erase counter header");
        let first = parse_erase_header(input, claim.start).ok_or_else(bad)?;
        let block_size = find_block_size(input, claim.start, first).ok_or_else(bad)?;
        let blocks = find_blocks(input, claim.start, first, block_size);
        let block_count = blocks.len();
        let mut image = Self { input, first, block_size, block_count, volumes: BTreeMap::new() };
        for at in blocks {
            match parse_volume_header(input, at + first.volume_offset) {
                Ok(Some(header)) => image.map(header, at + first.data_offset, output),
                Ok(None) => {}
                Err(problem) => output.problem(problem),
            }
        }
        Ok(image)
    }

    fn logical_size(&self) -> usize {
        self.block_size - self.first.data_offset
    }

    /// Takes a block unless a newer one has its place. A copy counts only when it was finished.
    fn map(&mut self, header: VolumeHeader, data: usize, output: &mut Output<'_>) {
        // Volumes do not have more blocks than the flash; a ubinize image may be a part of it.
        if header.logical as usize > self.block_count.saturating_mul(8) + 64 {
            let problem = Problem::new(ProblemCode::BadValue, data as u64, "logical block number");
            output.problem(problem.because(header.logical.to_string()));
            return;
        }
        let block = Block { header, data };
        let known = self.volumes.get(&header.volume).and_then(|it| it.get(&header.logical));
        let is_newer =
            known.is_none_or(|known| match known.header.sequence.cmp(&header.sequence) {
                std::cmp::Ordering::Less => !header.is_copy || self.is_intact(block),
                _ => known.header.is_copy && !self.is_intact(*known),
            });
        if is_newer {
            self.volumes.entry(header.volume).or_default().insert(header.logical, block);
        }
    }

    fn is_intact(&self, block: Block) -> bool {
        let data = self.input.bytes(block.data, block.header.data_size, "block");
        data.is_ok_and(|data| checksum(data) == block.header.data_checksum)
    }

    /// The table has two copies: logical blocks 0 and 1 of the layout volume.
    fn read_table(&self, output: &mut Output<'_>) -> Vec<VolumeRecord> {
        let copies = self.volumes.get(&LAYOUT_VOLUME).into_iter().flat_map(BTreeMap::values);
        let tables = copies.filter_map(|block| {
            let room = self.logical_size().min(MAX_VOLUMES * 172);
            let table = self.input.bytes(block.data, room, "volume table").ok()?;
            Some(parse_volume_table(table)).filter(|records| !records.is_empty())
        });
        let records = tables.max_by_key(Vec::len).unwrap_or_default();
        if records.is_empty() {
            let offset = self.volumes.values().flat_map(BTreeMap::values).map(|it| it.data).min();
            let problem = Problem::new(
                ProblemCode::BadValue,
                offset.unwrap_or_default() as u64,
                "volume table",
            );
            output.problem(problem.because("no record has a right checksum"));
        }
        records
    }

    fn yield_volume(
        &self,
        volume: u32,
        record: Option<&VolumeRecord>,
        blocks: &BTreeMap<u32, Block>,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let name = record.map(|record| record.name.clone()).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| format!("volume-{volume}").into_bytes());
        let first = blocks.values().next().map_or(0, |block| block.data) as u64;
        if record.is_some_and(|record| record.is_updating) {
            let problem = Problem::new(ProblemCode::BadValue, first, "update marker");
            output.problem(problem.because(format!("volume {volume} was only written in part")));
        }
        let mut spool = output.spool();
        let mut next = 0;
        let mut problems = Vec::new();
        for (&logical, block) in blocks {
            let data = self.block_data(block, &mut problems);
            let filled = fill_gap(&mut spool, u64::from(logical - next), self.usable(block));
            filled.and_then(|()| spool.write_all(data)).map_err(|error| limit(first, &error))?;
            next = logical + 1;
        }
        let missing = blocks.values().next().filter(|block| block.header.is_static);
        if missing.is_some_and(|block| block.header.used_blocks as usize != blocks.len()) {
            let problem = Problem::new(ProblemCode::Truncated, first, "static volume");
            problems.push(problem.because(format!("has {} blocks", blocks.len())));
        }
        problems.into_iter().for_each(|problem| output.problem(problem));
        let content = spool.finish().map_err(|error| limit(first, &error))?;
        output.payload(name, content)
    }

    fn usable(&self, block: &Block) -> usize {
        self.logical_size().saturating_sub(block.header.padding)
    }

    /// What a block adds to its volume; a block that the content cuts off adds what is there.
    fn block_data(&self, block: &Block, problems: &mut Vec<Problem>) -> &[u8] {
        let mut length = self.usable(block);
        if block.header.is_static {
            length = length.min(block.header.data_size);
            if !self.is_intact(*block) {
                problems.push(Problem::new(ProblemCode::BadChecksum, block.data as u64, "block"));
            }
        }
        self.input.bytes(block.data, length, "block").unwrap_or_else(|problem| {
            problems.push(problem);
            self.input.tail(block.data)
        })
    }
}

/// Logical blocks that no physical block is mapped to read as erased.
fn fill_gap(output: &mut dyn Write, blocks: u64, size: usize) -> std::io::Result<()> {
    const ERASED: [u8; 4096] = [0xff; 4096];
    let mut left = blocks.saturating_mul(size as u64);
    while left > 0 {
        let length = left.min(ERASED.len() as u64);
        output.write_all(&ERASED[..usize::try_from(length).unwrap_or(0)])?;
        left -= length;
    }
    Ok(())
}

fn limit(offset: u64, error: &std::io::Error) -> Problem {
    Problem::new(ProblemCode::SizeLimit, offset, "volume").because(error.to_string())
}
