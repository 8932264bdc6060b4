// SPDX-License-Identifier: Apache-2.0
//! Superblock, groups, inodes and blocks of ext2, ext3 and ext4 (Linux
//! Documentation/filesystems/ext4). All fields are little-endian.

use std::collections::HashMap;

use kakoi_model::Endian::Little;
use kakoi_model::{Problem, ProblemCode};

use crate::Input;

/// Where the superblock lies, and where its magic.
pub(super) const SUPERBLOCK: usize = 1024;
pub(super) const MAGIC: usize = SUPERBLOCK + 56;

/// `INCOMPAT` features that change how something is read.
pub(super) mod feature {
    pub(crate) const FILE_TYPE: u32 = 0x2;
    pub(crate) const RECOVER: u32 = 0x4;
    pub(crate) const JOURNAL_DEVICE: u32 = 0x8;
    pub(crate) const META_GROUPS: u32 = 0x10;
    pub(crate) const EXTENTS: u32 = 0x40;
    pub(crate) const BITS_64: u32 = 0x80;
    /// `COMPAT`: there is a journal, which ext2 has not.
    pub(crate) const COMPAT_JOURNAL: u32 = 0x4;
    /// `RO_COMPAT`: only groups 0, 1 and powers of 3, 5 and 7 have a superblock.
    pub(crate) const SPARSE_SUPER: u32 = 0x1;
}

/// Blocks of a group with the largest clusters.
const MAX_GROUP: u64 = 1 << 32;

/// What the superblock says.
#[derive(Debug, Clone)]
pub(super) struct Superblock {
    pub(super) block_size: usize,
    pub(super) block_count: u64,
    pub(super) inode_count: u32,
    pub(super) inode_size: usize,
    pub(super) compat: u32,
    pub(super) incompat: u32,
    pub(super) ro_compat: u32,
    pub(super) journal_inode: u32,
    pub(super) label: Vec<u8>,
    first_block: u64,
    blocks_per_group: u64,
    /// Less than its blocks only where clusters of several blocks are allocated.
    clusters_per_group: u64,
    inodes_per_group: u32,
    descriptor_size: usize,
    first_meta_group: u64,
}

impl Superblock {
    /// Reads and checks the superblock of the file system at `start`.
    ///
    /// # Errors
    /// Values that do not fit each other, and backups of a superblock.
    pub(super) fn parse(input: &Input, start: usize) -> Result<Self, Problem> {
        let at = start + SUPERBLOCK;
        let bad = |subject| Problem::new(ProblemCode::BadValue, at as u64, subject);
        let u16_at = |offset: usize| input.u16(at + offset, Little, "superblock");
        let u32_at = |offset: usize| input.u32(at + offset, Little, "superblock");
        input.bytes(at, 1024, "superblock")?;
        let exponent = u32_at(24)?;
        if u16_at(56)? != 0xef53 || exponent > 6 {
            return Err(bad("magic"));
        }
        let (incompat, revision) = (u32_at(96)?, u32_at(76)?);
        let is_64 = incompat & feature::BITS_64 != 0;
        let high = if is_64 { u64::from(u32_at(0x150)?) << 32 } else { 0 };
        let superblock = Self {
            block_size: 1024 << exponent,
            block_count: u64::from(u32_at(4)?) | high,
            inode_count: u32_at(0)?,
            inode_size: if revision == 0 { 128 } else { usize::from(u16_at(88)?) },
            compat: u32_at(92)?,
            incompat,
            ro_compat: u32_at(100)?,
            journal_inode: u32_at(224)?,
            label: input.text(at + 120, 16, "label")?.to_vec(),
            first_block: u64::from(u32_at(20)?),
            blocks_per_group: u64::from(u32_at(32)?),
            clusters_per_group: u64::from(u32_at(36)?),
            inodes_per_group: u32_at(40)?,
            descriptor_size: if is_64 { usize::from(u16_at(254)?) } else { 32 },
            first_meta_group: u64::from(u32_at(0x104)?),
        };
        let is_primary = revision == 0 || u16_at(90)? == 0;
        if is_primary && revision <= 1 && superblock.is_consistent() {
            Ok(superblock)
        } else {
            Err(bad("superblock"))
        }
    }

    fn is_consistent(&self) -> bool {
        let size = self.block_size;
        let inodes = u64::from(self.inodes_per_group).saturating_mul(self.group_count());
        (128..=size).contains(&self.inode_size)
            && self.inode_size.is_power_of_two()
            && self.first_block == u64::from(size == 1024)
            && self.block_count > self.first_block
            && (8..=size as u64 * 8).contains(&self.clusters_per_group)
            && self.blocks_per_group >= self.clusters_per_group
            && self.blocks_per_group <= MAX_GROUP
            && (8..=size * 8).contains(&(self.inodes_per_group as usize))
            && inodes == u64::from(self.inode_count)
            && (32..=size).contains(&self.descriptor_size)
            && self.incompat & feature::JOURNAL_DEVICE == 0
    }

    fn group_count(&self) -> u64 {
        self.block_count.saturating_sub(self.first_block).div_ceil(self.blocks_per_group.max(1))
    }

    /// Bytes from the first to the last block.
    pub(super) fn size(&self) -> u64 {
        self.block_count.saturating_mul(self.block_size as u64)
    }

    /// The block in which the descriptor of a group lies.
    fn descriptor_block(&self, group: u64) -> u64 {
        let per_block = (self.block_size / self.descriptor_size) as u64;
        let index = group / per_block;
        let is_meta = self.incompat & feature::META_GROUPS != 0 && index >= self.first_meta_group;
        if !is_meta {
            return self.first_block + 1 + index;
        }
        let first = index * per_block;
        let block = self.first_block.saturating_add(first.saturating_mul(self.blocks_per_group));
        block + u64::from(self.has_superblock(first))
    }

    fn has_superblock(&self, group: u64) -> bool {
        let is_power = |base: u64| {
            std::iter::successors(Some(base), |power| power.checked_mul(base))
                .take_while(|&power| power <= group)
                .any(|power| power == group)
        };
        self.ro_compat & feature::SPARSE_SUPER == 0
            || group <= 1
            || [3, 5, 7].into_iter().any(is_power)
    }
}

/// A file system's blocks, with those that its journal replaces.
pub(super) struct Volume<'a> {
    pub(super) input: &'a Input,
    pub(super) start: usize,
    pub(super) superblock: Superblock,
    /// Blocks whose newest state lies in the journal: number to place.
    pub(super) replayed: HashMap<u64, usize>,
}

impl<'a> Volume<'a> {
    /// Where a block lies.
    pub(super) fn place(&self, block: u64) -> Result<usize, Problem> {
        if let Some(&place) = self.replayed.get(&block) {
            return Ok(place);
        }
        let offset = block.saturating_mul(self.superblock.block_size as u64);
        let place = usize::try_from(offset).ok().and_then(|offset| offset.checked_add(self.start));
        place.filter(|_| block < self.superblock.block_count).ok_or_else(|| {
            let problem = Problem::new(ProblemCode::BadValue, self.start as u64, "block number");
            problem.because(format!("{block} of {}", self.superblock.block_count))
        })
    }

    /// A block.
    pub(super) fn block(&self, block: u64) -> Result<&'a [u8], Problem> {
        self.input.bytes(self.place(block)?, self.superblock.block_size, "block")
    }

    /// Reads an inode.
    ///
    /// # Errors
    /// A number that there is not; a table that leaves the file system.
    pub(super) fn inode(&self, number: u32) -> Result<Inode, Problem> {
        let superblock = &self.superblock;
        if number == 0 || number > superblock.inode_count {
            let problem = Problem::new(ProblemCode::BadValue, self.start as u64, "inode number");
            return Err(problem.because(number.to_string()));
        }
        let group = u64::from((number - 1) / superblock.inodes_per_group);
        let index = ((number - 1) % superblock.inodes_per_group) as usize;
        let per_block = superblock.block_size / superblock.descriptor_size;
        let descriptor = self.place(superblock.descriptor_block(group))?
            + (group as usize % per_block) * superblock.descriptor_size;
        let low = self.input.u32(descriptor + 8, Little, "inode table")?;
        let high = match superblock.descriptor_size >= 64 {
            true => self.input.u32(descriptor + 0x28, Little, "inode table")?,
            false => 0,
        };
        let table = u64::from(high) << 32 | u64::from(low);
        let offset = index * superblock.inode_size;
        let block = table.saturating_add((offset / superblock.block_size) as u64);
        let place = self.place(block)? + offset % superblock.block_size;
        Inode::parse(self.input, place, superblock.inode_size)
    }
}

/// Flags of an inode.
pub(super) mod flag {
    pub(crate) const COMPRESSED: u32 = 0x4;
    pub(crate) const ENCRYPTED: u32 = 0x800;
    pub(crate) const EXTENTS: u32 = 0x8_0000;
    pub(crate) const INLINE_DATA: u32 = 0x1000_0000;
}

/// An inode.
#[derive(Debug, Clone)]
pub(super) struct Inode {
    /// Where it lies.
    pub(super) place: usize,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) size: u64,
    pub(super) mtime: i64,
    pub(super) links: u16,
    pub(super) flags: u32,
    /// Block map, extent tree, target of a short link, or a small file itself.
    pub(super) map: [u8; 60],
    /// Block of extended attributes; 0 for none.
    pub(super) xattr_block: u64,
    /// Extended attributes behind the fields.
    pub(super) xattr_room: std::ops::Range<usize>,
}

impl Inode {
    fn parse(input: &Input, at: usize, size: usize) -> Result<Self, Problem> {
        input.bytes(at, size, "inode")?;
        let u16_at = |offset: usize| input.u16(at + offset, Little, "inode");
        let u32_at = |offset: usize| input.u32(at + offset, Little, "inode");
        let wide = |low: usize, high: usize| -> Result<u32, Problem> {
            Ok(u32::from(u16_at(low)?) | u32::from(u16_at(high)?) << 16)
        };
        let extra = if size > 128 { usize::from(u16_at(128)?) } else { 0 };
        // Two bits above the 32 of the seconds (ext4 documentation, "Inode timestamps").
        let epoch = if extra >= 12 { u32_at(136)? & 3 } else { 0 };
        Ok(Self {
            place: at,
            mode: u32::from(u16_at(0)?),
            uid: wide(2, 120)?,
            gid: wide(24, 122)?,
            size: u64::from(u32_at(4)?) | u64::from(u32_at(108)?) << 32,
            mtime: i64::from(u32_at(16)?.cast_signed()) + (i64::from(epoch) << 32),
            links: u16_at(26)?,
            flags: u32_at(32)?,
            map: input.array(at + 40, "block map")?,
            xattr_block: u64::from(u32_at(104)?) | u64::from(u16_at(118)?) << 32,
            xattr_room: (at + 128 + extra).min(at + size)..at + size,
        })
    }

    pub(super) fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// A number of the block map.
    pub(super) fn map_entry(&self, index: usize) -> u32 {
        let bytes = self.map.get(index * 4..index * 4 + 4).and_then(|it| it.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    }
}
