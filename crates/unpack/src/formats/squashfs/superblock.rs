// SPDX-License-Identifier: Apache-2.0
//! The superblock of every version, reduced to what reading needs.

use kakoi_model::Endian;

use crate::{Input, Refusal};

use crate::formats::fields::Fields;

/// No table of this kind (version 4).
const NO_TABLE: usize = usize::MAX;

/// What every version's superblock says. Places count from the start of the file system.
#[derive(Debug, Clone)]
pub(super) struct Superblock {
    pub(super) start: usize,
    pub(super) endian: Endian,
    pub(super) major: u16,
    pub(super) minor: u16,
    pub(super) block_size: usize,
    /// Compressor of version 4; earlier versions name none.
    pub(super) compressor: Option<u16>,
    pub(super) inodes: u32,
    pub(super) created: u32,
    pub(super) root: u64,
    pub(super) bytes_used: usize,
    pub(super) uids: Table,
    pub(super) gids: Table,
    pub(super) inode_table: usize,
    pub(super) directory_table: usize,
    pub(super) fragments: Table,
    pub(super) xattrs: Option<usize>,
    /// Metadata blocks have a marker byte after their length (flag "check data" of version 1 to 3).
    pub(super) marked: bool,
}

/// A table with numbered entries.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Table {
    pub(super) start: usize,
    pub(super) count: u32,
}

/// `s_major` lies at the same place in every version.
const MAJOR: usize = 28;

/// Flag of version 1 to 3: metadata blocks carry a marker byte.
const CHECK_DATA: u64 = 1 << 2;

/// Reads the superblock at `start`, whatever its magic: vendors change that, the version field tells
/// the byte order.
pub(super) fn parse_superblock(input: &Input, start: usize) -> Result<Superblock, Refusal> {
    let endian = [Endian::Little, Endian::Big]
        .into_iter()
        .find(|&endian| {
            let major =
                start.checked_add(MAJOR).and_then(|at| input.u16(at, endian, "s_major").ok());
            matches!(major, Some(1..=4))
        })
        .ok_or(Refusal("no version between 1 and 4"))?;
    let major = input.u16(start + MAJOR, endian, "s_major")?;
    let size = match major {
        1 => 51,
        2 => 63,
        3 => 119,
        _ => 96,
    };
    let bytes = input.bytes(start, size, "superblock")?;
    let (superblock, block_log) = match major {
        4 => parse_v4(bytes, start, endian),
        _ => parse_legacy(bytes, start, endian),
    };
    check(&superblock, block_log, size)?;
    Ok(superblock)
}

/// Documentation/filesystems/squashfs.rst and fs/squashfs/squashfs_fs.h of Linux.
fn parse_v4(bytes: &[u8], start: usize, endian: Endian) -> (Superblock, u32) {
    let mut fields = Fields::new(bytes, endian);
    let _magic = fields.take(32);
    let inodes = fields.take32(32);
    let created = fields.take32(32);
    let block_size = fields.size(32);
    let fragments = fields.take32(32);
    let compressor = fields.take(16) as u16;
    let block_log = fields.take32(16);
    let _flags = fields.take(16);
    let ids = fields.take32(16);
    let (major, minor) = (fields.take(16) as u16, fields.take(16) as u16);
    let root = fields.take(64);
    let bytes_used = fields.size(64);
    let ids = Table { start: fields.size(64), count: ids };
    let xattrs = fields.size(64);
    let inode_table = fields.size(64);
    let directory_table = fields.size(64);
    let fragments = Table { start: fields.size(64), count: fragments };
    let superblock = Superblock {
        start,
        endian,
        major,
        minor,
        block_size,
        compressor: Some(compressor),
        inodes,
        created,
        root,
        bytes_used,
        uids: ids,
        gids: ids,
        inode_table,
        directory_table,
        fragments,
        xattrs: (xattrs != NO_TABLE).then_some(xattrs),
        marked: false,
    };
    (superblock, block_log)
}

/// `struct squashfs_super_block` of squashfs 3, whose first part versions 1 and 2 share.
fn parse_legacy(bytes: &[u8], start: usize, endian: Endian) -> (Superblock, u32) {
    let mut fields = Fields::new(bytes, endian);
    let _magic = fields.take(32);
    let inodes = fields.take32(32);
    let mut bytes_used = fields.size(32);
    let mut uids = fields.size(32);
    let mut gids = fields.size(32);
    let mut inode_table = fields.size(32);
    let mut directory_table = fields.size(32);
    let (major, minor) = (fields.take(16) as u16, fields.take(16) as u16);
    let mut block_size = fields.size(16);
    let block_log = fields.take32(16);
    let flags = fields.take(8);
    let (uid_count, gid_count) = (fields.take32(8), fields.take32(8));
    let created = fields.take32(32);
    let root = fields.take(64);
    let mut fragments = Table::default();
    if major >= 2 {
        block_size = fields.size(32);
        fragments.count = fields.take32(32);
        fragments.start = fields.size(32);
    }
    if major >= 3 {
        bytes_used = fields.size(64);
        uids = fields.size(64);
        gids = fields.size(64);
        inode_table = fields.size(64);
        directory_table = fields.size(64);
        fragments.start = fields.size(64);
    }
    let superblock = Superblock {
        start,
        endian,
        major,
        minor,
        block_size,
        compressor: None,
        inodes,
        created,
        root,
        bytes_used,
        uids: Table { start: uids, count: uid_count },
        gids: Table { start: gids, count: gid_count },
        inode_table,
        directory_table,
        fragments,
        xattrs: None,
        marked: flags & CHECK_DATA != 0,
    };
    (superblock, block_log)
}

/// Sizes and the order of tables that every writer keeps.
fn check(superblock: &Superblock, block_log: u32, size: usize) -> Result<(), Refusal> {
    let exact = 1_usize.checked_shl(block_log) == Some(superblock.block_size);
    if !exact || !(12..=20).contains(&block_log) {
        return Err(Refusal("block size and its logarithm disagree"));
    }
    let tables = [superblock.inode_table, superblock.directory_table, superblock.bytes_used];
    if superblock.inode_table < size || !tables.is_sorted() {
        return Err(Refusal("tables are not in order"));
    }
    if superblock.root & 0xffff >= 8192 || superblock.inodes == 0 {
        return Err(Refusal("no root inode"));
    }
    if matches!(superblock.compressor, Some(0 | 16..)) {
        return Err(Refusal("no such compressor"));
    }
    Ok(())
}
