// SPDX-License-Identifier: Apache-2.0
//! The content of a file: by a block map (ext2, ext3) or by extents (ext4).

use std::collections::HashSet;

use kakoi_model::Endian::Little;
use kakoi_model::{Problem, ProblemCode};

use super::volume::{Inode, Volume, flag};
use crate::Input;

/// Blocks that follow each other in the file and on the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// First block of the file.
    pub(super) logical: u64,
    /// First block on the medium.
    pub(super) physical: u64,
    pub(super) count: u64,
}

/// Where the content of `inode`, up to `blocks` blocks, lies: in rising order, holes left out.
///
/// # Errors
/// A map or tree that is damaged.
pub(super) fn find_runs(
    volume: &Volume<'_>,
    inode: &Inode,
    blocks: u64,
) -> Result<Vec<Run>, Problem> {
    if inode.has(flag::EXTENTS) {
        return walk_extents(volume, inode, blocks);
    }
    let mut runs = Runs { runs: Vec::new(), next: 0, blocks };
    for index in 0..12 {
        runs.push(u64::from(inode.map_entry(index)));
    }
    for (index, depth) in [(12, 1), (13, 2), (14, 3)] {
        walk_indirect(volume, inode.map_entry(index), depth, &mut runs)?;
    }
    Ok(runs.runs)
}

/// Collects blocks of a block map into runs.
struct Runs {
    runs: Vec<Run>,
    /// The block of the file whose number comes next.
    next: u64,
    blocks: u64,
}

impl Runs {
    fn push(&mut self, physical: u64) {
        let logical = self.next;
        self.next += 1;
        if physical == 0 || logical >= self.blocks {
            return;
        }
        match self.runs.last_mut() {
            Some(last)
                if last.logical + last.count == logical
                    && last.physical + last.count == physical =>
            {
                last.count += 1;
            }
            _ => self.runs.push(Run { logical, physical, count: 1 }),
        }
    }

    fn is_full(&self) -> bool {
        self.next >= self.blocks
    }
}

/// Indirect blocks with an explicit stack; a hole stands for as many blocks as it could name.
fn walk_indirect(
    volume: &Volume<'_>,
    root: u32,
    depth: u32,
    runs: &mut Runs,
) -> Result<(), Problem> {
    let per_block = (volume.superblock.block_size / 4) as u64;
    let mut stack = vec![(root, depth)];
    while let Some((block, depth)) = stack.pop() {
        if runs.is_full() {
            return Ok(());
        }
        match (block, depth) {
            (block, 0) => runs.push(u64::from(block)),
            (0, depth) => runs.next = runs.next.saturating_add(per_block.saturating_pow(depth)),
            (block, depth) => {
                let numbers = volume.block(u64::from(block))?.chunks_exact(4);
                let number = |bytes: &[u8]| bytes.try_into().map_or(0, u32::from_le_bytes);
                stack.extend(numbers.rev().map(|bytes| (number(bytes), depth - 1)));
            }
        }
    }
    Ok(())
}

/// Magic of a node of the extent tree.
const EXTENT_MAGIC: u16 = 0xf30a;

/// Longer extents are allocated but not written: they read as zeros.
const MAX_WRITTEN: u16 = 32768;

/// Deepest tree that the format allows.
const MAX_DEPTH: u16 = 5;

fn walk_extents(volume: &Volume<'_>, inode: &Inode, blocks: u64) -> Result<Vec<Run>, Problem> {
    let mut runs = Vec::new();
    let mut entered = HashSet::new();
    let mut stack = vec![(inode.place + 40, 60, MAX_DEPTH + 1)];
    while let Some((at, room, above)) = stack.pop() {
        let bad = || Problem::new(ProblemCode::BadValue, at as u64, "extent tree");
        let field = |offset: usize| volume.input.u16(at + offset, Little, "extent tree");
        let (count, depth) = (usize::from(field(2)?), field(6)?);
        if field(0)? != EXTENT_MAGIC || 12 + count * 12 > room || depth >= above {
            return Err(bad());
        }
        if !entered.insert(at) {
            return Err(Problem::new(ProblemCode::Cycle, at as u64, "extent tree"));
        }
        for index in (0..count).rev() {
            let entry = at + 12 + index * 12;
            if depth > 0 {
                let block = read_48(volume.input, entry + 8, entry + 4)?;
                stack.push((volume.place(block)?, volume.superblock.block_size, depth));
            } else {
                runs.extend(parse_extent(volume.input, entry, blocks)?);
            }
        }
    }
    runs.sort_unstable_by_key(|run| run.logical);
    let overlap = runs.windows(2).any(|pair| pair[0].logical + pair[0].count > pair[1].logical);
    if overlap {
        return Err(Problem::new(ProblemCode::BadValue, inode.place as u64, "extents overlap"));
    }
    Ok(runs)
}

/// The upper 16 bits of a block number lie apart from the lower 32.
fn read_48(input: &Input, high: usize, low: usize) -> Result<u64, Problem> {
    let high = u64::from(input.u16(high, Little, "extent")?);
    Ok(high << 32 | u64::from(input.u32(low, Little, "extent")?))
}

fn parse_extent(input: &Input, at: usize, blocks: u64) -> Result<Option<Run>, Problem> {
    let logical = u64::from(input.u32(at, Little, "extent")?);
    let length = input.u16(at + 4, Little, "extent")?;
    let count = u64::from(length).min(blocks.saturating_sub(logical));
    let physical = read_48(input, at + 6, at + 8)?;
    Ok((length <= MAX_WRITTEN && count > 0).then_some(Run { logical, physical, count }))
}
