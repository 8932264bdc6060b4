// SPDX-License-Identifier: Apache-2.0
//! The index of a compressed file: for each logical cluster whether an extent starts in it, where,
//! and which physical cluster holds it.

use kakoi_model::{Endian, Problem, ProblemCode};

use crate::Input;

use super::Superblock;
use super::inode::{Inode, Layout};

/// `struct z_erofs_map_header` of Linux.
pub(super) struct Header {
    pub(super) advise: u16,
    pub(super) algorithms: [u8; 2],
    /// Length of the last, inline cluster.
    pub(super) inline: usize,
    /// Offset in the packed inode of the file's end.
    pub(super) fragment: u64,
    /// The whole file lies in the packed inode.
    pub(super) packed: bool,
    /// Logarithm of the size of logical clusters.
    pub(super) cluster_bits: u32,
    /// Number of logical clusters.
    clusters: usize,
    /// Where it ends in the content.
    end: usize,
}

/// Flags of `h_advise`.
const COMPACTED_2B: u16 = 0x01;
const BIG_HEAD_1: u16 = 0x02;
const BIG_HEAD_2: u16 = 0x04;
pub(super) const INLINE: u16 = 0x08;
pub(super) const INTERLACED: u16 = 0x10;
pub(super) const FRAGMENT: u16 = 0x20;

/// Types of logical clusters.
const PLAIN: u8 = 0;
const NONHEAD: u8 = 2;
const HEAD_2: u8 = 3;

/// Bit of a distance: it is the length of the extent in blocks.
const BLOCK_COUNT: u32 = 1 << 11;

/// One extent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extent {
    /// Offset of its first byte in the file.
    pub(super) start: usize,
    pub(super) stored: Stored,
    /// Number of its first block.
    pub(super) block: usize,
    /// Length of its physical cluster in bytes.
    pub(super) length: usize,
}

/// How an extent is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    Plain,
    /// With this algorithm.
    Compressed(u8),
}

/// One entry of the index.
struct Entry {
    kind: u8,
    /// Offset in the cluster, or distance to the head.
    low: u32,
    block: usize,
}

/// The extents in the order of the file, and where the index ends in the content.
pub(super) struct Index {
    pub(super) extents: Vec<Extent>,
    pub(super) end: usize,
}

impl Header {
    pub(super) fn parse(
        input: &Input,
        superblock: &Superblock,
        inode: &Inode,
    ) -> Result<Self, Problem> {
        let endian = Endian::Little;
        let at = superblock.align(inode.tail(), 8);
        let clusters = input.u8(at + 7, "cluster size")?;
        let algorithm = input.u8(at + 6, "algorithm")?;
        let packed = clusters & 0x80 != 0;
        let cluster_bits = superblock.block_bits + u32::from(clusters & 7);
        let fragment = match packed {
            true => input.u64(at, endian, "fragment")? & !(1 << 63),
            false => u64::from(input.u32(at, endian, "fragment")?),
        };
        Ok(Self {
            advise: if packed { FRAGMENT } else { input.u16(at + 4, endian, "advise")? },
            algorithms: [algorithm & 15, algorithm >> 4],
            inline: usize::from(input.u16(at + 2, endian, "inline length")?),
            fragment,
            packed,
            cluster_bits,
            clusters: inode.size.div_ceil(1 << cluster_bits),
            end: at + 8,
        })
    }

    fn is_big(&self, kind: u8) -> bool {
        match kind {
            PLAIN => false,
            HEAD_2 => self.advise & BIG_HEAD_2 != 0,
            _ => self.advise & BIG_HEAD_1 != 0,
        }
    }
}

impl Index {
    pub(super) fn parse(
        input: &Input,
        superblock: &Superblock,
        inode: &Inode,
        header: &Header,
    ) -> Result<Self, Problem> {
        let count = header.clusters;
        // Each cluster has two bytes of index at least.
        input.bytes(header.end, count.saturating_mul(2), "cluster index")?;
        let mut index = Self { extents: Vec::new(), end: header.end };
        for number in 0..count {
            let entry = match inode.layout {
                Layout::CompressedFull => index.full(input, header, number)?,
                _ => index.compact(input, superblock, header, number)?,
            };
            index.add(superblock, header, number, &entry)?;
        }
        // With an inline tail, an empty extent may mark the end of the file.
        index.extents.retain(|extent| extent.start < inode.size);
        Ok(index)
    }

    /// A head starts an extent; the first entry behind it may hold the extent's length.
    fn add(
        &mut self,
        superblock: &Superblock,
        header: &Header,
        number: usize,
        entry: &Entry,
    ) -> Result<(), Problem> {
        let cluster = 1 << header.cluster_bits;
        if entry.kind == NONHEAD {
            let Some(last) = self.extents.last_mut() else {
                return Err(bad(self.end, "the file starts inside an extent"));
            };
            if entry.low & BLOCK_COUNT != 0 && number == last.start / cluster + 1 {
                last.length = (entry.low & !BLOCK_COUNT) as usize * superblock.block_size();
            }
            return Ok(());
        }
        let start = number * cluster + (entry.low as usize).min(cluster);
        if self.extents.is_empty() && start != 0 {
            return Err(bad(self.end, "the first extent does not start at 0"));
        }
        let stored = match entry.kind {
            PLAIN => Stored::Plain,
            HEAD_2 => Stored::Compressed(header.algorithms[1]),
            _ => Stored::Compressed(header.algorithms[0]),
        };
        self.extents.push(Extent { start, stored, block: entry.block, length: cluster });
        Ok(())
    }

    /// `struct z_erofs_lcluster_index`, behind 8 bytes of no use.
    fn full(&mut self, input: &Input, header: &Header, number: usize) -> Result<Entry, Problem> {
        let at = header.end + 8 + number * 8;
        let endian = Endian::Little;
        let kind = (input.u16(at, endian, "cluster index")? & 3) as u8;
        let low = match kind {
            NONHEAD => input.u16(at + 4, endian, "cluster index")?,
            _ => input.u16(at + 2, endian, "cluster index")?,
        };
        self.end = at + 8;
        Ok(Entry { kind, low: low.into(), block: input.size32(at + 4, endian, "cluster index")? })
    }

    /// Packs of 2 entries in 8 bytes, then, if the flag says so, as many packs of 16 in 32 bytes as
    /// fit, then packs of 2 again. The last 4 bytes of a pack are a block number.
    fn compact(
        &mut self,
        input: &Input,
        superblock: &Superblock,
        header: &Header,
        number: usize,
    ) -> Result<Entry, Problem> {
        // Packs are aligned in the file system.
        let base = header.end - superblock.start;
        let count = header.clusters;
        let first = (32 - base % 32) / 4 % 8;
        let middle = match header.advise & COMPACTED_2B {
            0 => 0,
            _ => count.saturating_sub(first) / 16 * 16,
        };
        let (at, width) = if number < first {
            (base + number * 4, 4)
        } else if number - first < middle {
            (base + first * 4 + (number - first) * 2, 2)
        } else {
            (base + first * 4 + middle * 2 + (number - first - middle) * 4, 4)
        };
        let entries = if width == 2 { 16 } else { 2 };
        if header.cluster_bits > 14 || (width == 2 && header.cluster_bits != 12) {
            return Err(bad(at, "cluster size of a compact index"));
        }
        let size = entries * width;
        let start = superblock.start + at / size * size;
        let pack = Pack {
            bytes: input.bytes(start, size, "cluster index")?,
            bits: (size - 4) * 8 / entries,
            cluster_bits: header.cluster_bits,
        };
        self.end = start + size;
        let position = at % size / width;
        let (kind, low) = pack.entry(position);
        let before = pack.blocks_before(position, header).ok_or_else(|| bad(at, "a distance"))?;
        let block = input.size32(start + size - 4, Endian::Little, "block number")?;
        Ok(Entry { kind, low, block: block.saturating_add(before) })
    }
}

fn bad(at: usize, detail: &str) -> Problem {
    Problem::new(ProblemCode::BadValue, at as u64, "cluster index").because(detail)
}

/// Entries of a few bits each, before a block number.
struct Pack<'a> {
    bytes: &'a [u8],
    bits: usize,
    cluster_bits: u32,
}

impl Pack<'_> {
    fn entry(&self, position: usize) -> (u8, u32) {
        let at = position * self.bits;
        let byte = |index: usize| u32::from(self.bytes.get(at / 8 + index).copied().unwrap_or(0));
        let word = byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
        let value = word >> (at % 8);
        // Distances fill the low bits of at least 12 bits.
        let low_bits = self.cluster_bits.max(12);
        (((value >> low_bits) & 3) as u8, value & ((1 << low_bits) - 1))
    }

    /// Blocks between the pack's block number and the extent of this head.
    fn blocks_before(&self, position: usize, header: &Header) -> Option<usize> {
        let big = header.is_big(1);
        let mut blocks = if big { 0 } else { 1 };
        let mut at = position as i64;
        while at > 0 {
            at -= 1;
            let (kind, low) = self.entry(usize::try_from(at).ok()?);
            let low_number = i64::from(low);
            match (kind, big) {
                (NONHEAD, false) => {
                    at -= low_number;
                    blocks += usize::from(at >= 0);
                }
                (NONHEAD, true) if low & BLOCK_COUNT != 0 => {
                    at -= 1;
                    blocks += (low & !BLOCK_COUNT) as usize;
                }
                (NONHEAD, true) if low <= 1 => return None,
                (NONHEAD, true) => at -= low_number - 2,
                _ => blocks += 1,
            }
        }
        Some(blocks)
    }
}
