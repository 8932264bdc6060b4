// SPDX-License-Identifier: Apache-2.0
//! The superblock, the checkpoint, and the table that says where each node lies.

use std::collections::HashMap;

use kakoi_model::{Endian, Problem, ProblemCode};

use super::BLOCK;
use super::inode::Inode;
use crate::Input;

const LITTLE: Endian = Endian::Little;
const MAGIC: u32 = 0xf2f5_2010;

/// The superblock lies behind the boot block.
const SUPER: usize = 0x400;

/// Entries of the node address table in a block, and the length of one: version, inode, address.
const PER_BLOCK: usize = 455;
const ENTRY: usize = 9;

/// Flags of a checkpoint: cleanly unmounted; summaries in short form; a long table of versions.
const UNMOUNTED: u32 = 0x1;
const COMPACT: u32 = 0x4;
const LARGE_BITMAP: u32 = 0x400;

/// The journal follows 512 entries of 7 bytes in a summary block.
const SUMMARY_ENTRIES: usize = 512 * 7;
const MAX_JOURNAL: usize = 38;

/// Feature: the room for extended attributes in an inode is told by the inode.
const FLEXIBLE_XATTR: u32 = 0x40;

/// A mounted volume, as far as reading needs it.
pub(super) struct Volume<'a> {
    pub(super) input: &'a Input,
    pub(super) start: usize,
    pub(super) version: (u16, u16),
    pub(super) label: String,
    pub(super) blocks: usize,
    pub(super) root: u32,
    pub(super) flexible_xattr: bool,
    per_segment: usize,
    table: usize,
    /// First block with nodes and data.
    main: usize,
    /// Which of its two places each block of the table is in; the highest bit of a byte is first.
    bitmap: &'a [u8],
    journal: HashMap<u32, u32>,
}

struct Checkpoint {
    at: usize,
    version: u64,
    flags: u32,
    total: usize,
    start_sum: usize,
}

impl<'a> Volume<'a> {
    pub(super) fn read(input: &'a Input, start: usize) -> Result<Self, Problem> {
        let at = start.saturating_add(SUPER);
        let bad = |field| Problem::new(ProblemCode::BadValue, at as u64, field);
        let u32 = |offset: usize, field| input.u32(at + offset, LITTLE, field);
        let size = |offset: usize, field| input.size32(at + offset, LITTLE, field);
        if u32(0, "magic")? != MAGIC || u32(16, "block size")? != 12 || u32(20, "segment")? != 9 {
            return Err(bad("superblock"));
        }
        let per_segment = 512;
        let blocks = input.size64(at + 36, LITTLE, "blocks")?;
        let (table, main) = (size(84, "node address table")?, size(92, "main area")?);
        let first = size(76, "checkpoint")?;
        if main >= blocks || table >= main || first >= table {
            return Err(bad("order of the areas"));
        }
        let packs = [first, first.saturating_add(per_segment)];
        let found = packs.into_iter().filter_map(|block| read_checkpoint(input, start, block));
        let checkpoint = found.max_by_key(|checkpoint| checkpoint.version);
        let checkpoint = checkpoint
            .ok_or_else(|| Problem::new(ProblemCode::BadChecksum, at as u64, "checkpoint"))?;
        let label = input.bytes(at + 124, 1024, "label")?.chunks_exact(2);
        let units: Vec<u16> = label
            .map(|pair| u16::from(pair[0]) | u16::from(pair[1]) << 8)
            .take_while(|&unit| unit != 0)
            .collect();
        Ok(Self {
            input,
            start,
            version: (input.u16(at + 4, LITTLE, "version")?, input.u16(at + 6, LITTLE, "version")?),
            label: String::from_utf16_lossy(&units),
            blocks,
            root: u32(96, "root")?,
            flexible_xattr: u32(2180, "features")? & FLEXIBLE_XATTR != 0,
            per_segment,
            table,
            main,
            bitmap: read_bitmap(input, &checkpoint, u32(1664, "payload")?)?,
            journal: read_journal(input, &checkpoint),
        })
    }

    /// A block of the main area.
    pub(super) fn block(&self, address: u32) -> Result<&'a [u8], Problem> {
        self.input.bytes(self.place(address)?, BLOCK, "block")
    }

    fn place(&self, address: u32) -> Result<usize, Problem> {
        let address = usize::try_from(address).unwrap_or(usize::MAX);
        if !(self.main..self.blocks).contains(&address) {
            let problem = Problem::new(ProblemCode::BadValue, self.start as u64, "block address");
            return Err(problem.because(format!("{address:#x}")));
        }
        Ok(self.start.saturating_add(address.saturating_mul(BLOCK)))
    }

    /// Where a node lies in the content: the journal counts before the table.
    pub(super) fn node(&self, number: u32) -> Result<usize, Problem> {
        if let Some(&address) = self.journal.get(&number) {
            return self.place(address);
        }
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        let block = index / PER_BLOCK;
        let second =
            self.bitmap.get(block / 8).is_some_and(|byte| byte >> (7 - block % 8) & 1 == 1);
        let segment = block / self.per_segment * 2 + usize::from(second);
        let block = self.table + segment * self.per_segment + block % self.per_segment;
        let at = self.start.saturating_add(block.saturating_mul(BLOCK));
        let entry = at.saturating_add(index % PER_BLOCK * ENTRY);
        self.place(self.input.u32(entry.saturating_add(5), LITTLE, "node address")?)
    }

    pub(super) fn inode(&self, number: u32) -> Result<Inode<'a>, Problem> {
        Inode::read(self, number)
    }
}

/// A checkpoint that begins and ends with the same version under right checksums.
fn read_checkpoint(input: &Input, start: usize, block: usize) -> Option<Checkpoint> {
    let at = start.checked_add(block.checked_mul(BLOCK)?)?;
    let version = checked_version(input, at)?;
    let total = input.size32(at + 136, LITTLE, "checkpoint").ok()?;
    let last = at.checked_add(total.checked_sub(1)?.checked_mul(BLOCK)?)?;
    (checked_version(input, last)? == version).then_some(())?;
    Some(Checkpoint {
        at,
        version,
        flags: input.u32(at + 132, LITTLE, "checkpoint").ok()?,
        total,
        start_sum: input.size32(at + 140, LITTLE, "checkpoint").ok()?,
    })
}

fn checked_version(input: &Input, at: usize) -> Option<u64> {
    let covered = input.size32(at.checked_add(164)?, LITTLE, "checkpoint").ok()?;
    if !(192..=BLOCK - 4).contains(&covered) {
        return None;
    }
    let bytes = input.bytes(at, covered, "checkpoint").ok()?;
    // The sum starts from the magic and is not inverted.
    let mut hasher = crc32fast::Hasher::new_with_initial(!MAGIC);
    hasher.update(bytes);
    let right = !hasher.finalize() == input.u32(at + covered, LITTLE, "checkpoint").ok()?;
    right.then(|| input.u64(at, LITTLE, "checkpoint").ok()).flatten()
}

/// The versions of the node address table: behind those of the segments, unless these lie elsewhere.
fn read_bitmap<'a>(
    input: &'a Input,
    checkpoint: &Checkpoint,
    payload: u32,
) -> Result<&'a [u8], Problem> {
    let at = checkpoint.at;
    let of_segments = input.size32(at + 156, LITTLE, "versions of segments")?;
    let length = input.size32(at + 160, LITTLE, "versions of nodes")?;
    let offset = match (checkpoint.flags & LARGE_BITMAP != 0, payload > 0) {
        (true, _) => 4,
        (false, true) => 0,
        (false, false) => of_segments,
    };
    input.bytes(at.saturating_add(192).saturating_add(offset), length, "versions of nodes")
}

/// Addresses that are newer than the table: at the start of short summaries, or at the end of the
/// first full one.
fn read_journal(input: &Input, checkpoint: &Checkpoint) -> HashMap<u32, u32> {
    let block = |index: usize| checkpoint.at.saturating_add(index.saturating_mul(BLOCK));
    let at = if checkpoint.flags & COMPACT != 0 {
        block(checkpoint.start_sum)
    } else {
        let behind = if checkpoint.flags & UNMOUNTED != 0 { 7 } else { 4 };
        block(checkpoint.total.saturating_sub(behind)).saturating_add(SUMMARY_ENTRIES)
    };
    let count = input.u16(at, LITTLE, "journal").map_or(0, usize::from);
    let entries = (0..count.min(MAX_JOURNAL)).filter_map(|index| {
        let at = at + 2 + index * (4 + ENTRY);
        let number = input.u32(at, LITTLE, "journal").ok()?;
        Some((number, input.u32(at + 9, LITTLE, "journal").ok()?))
    });
    entries.collect()
}
