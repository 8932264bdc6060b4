// SPDX-License-Identifier: Apache-2.0
//! Nodes of UBIFS on the medium (`fs/ubifs/ubifs-media.h` of Linux). All are little-endian.

use std::ops::Range;

use kakoi_model::Endian::Little;
use kakoi_model::{Problem, ProblemCode};

use crate::Input;

/// First bytes of every node.
pub(super) const MAGIC: &[u8; 4] = b"\x31\x18\x10\x06";

/// Common header of all nodes.
pub(super) const HEADER: usize = 24;

/// No node is longer: those of the index with the greatest fanout are the longest.
const MAX_LENGTH: usize = 64 << 10;

/// A file's content is stored in blocks of this size.
pub(super) const BLOCK: usize = 4096;

/// Node types (`enum` of `UBIFS_INO_NODE` and so on).
pub(super) mod kind {
    pub(crate) const INODE: u8 = 0;
    pub(crate) const DATA: u8 = 1;
    pub(crate) const DIRENT: u8 = 2;
    pub(crate) const XATTR: u8 = 3;
    pub(crate) const TRUNCATION: u8 = 4;
    pub(crate) const PADDING: u8 = 5;
    pub(crate) const SUPERBLOCK: u8 = 6;
    pub(crate) const MASTER: u8 = 7;
    pub(crate) const REFERENCE: u8 = 8;
    pub(crate) const INDEX: u8 = 9;
    pub(crate) const COMMIT_START: u8 = 10;
}

/// A node whose checksum matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) start: usize,
    pub(super) length: usize,
    pub(super) kind: u8,
    pub(super) sequence: u64,
}

impl Node {
    pub(super) fn end(&self) -> usize {
        self.start + self.length
    }
}

/// The node at `start`.
///
/// # Errors
/// No magic, a length that is none, a checksum that does not match.
pub(super) fn parse_node(input: &Input, start: usize) -> Result<Node, Problem> {
    let bad = |code, subject| Problem::new(code, start as u64, subject);
    if !input.tail(start).starts_with(MAGIC) {
        return Err(bad(ProblemCode::BadValue, "node magic"));
    }
    let length = input.size32(start + 16, Little, "node length")?;
    if !(HEADER..=MAX_LENGTH).contains(&length) {
        return Err(bad(ProblemCode::BadValue, "node length"));
    }
    let bytes = input.bytes(start, length, "node")?;
    let stored = input.u32(start + 4, Little, "node checksum")?;
    if !crc32fast::hash(&bytes[8..]) != stored {
        return Err(bad(ProblemCode::BadChecksum, "node"));
    }
    let sequence = input.u64(start + 8, Little, "sequence number")?;
    Ok(Node { start, length, kind: bytes[20], sequence })
}

/// The superblock: what does not change after the file system was made, except for its size.
#[derive(Debug, Clone)]
pub(super) struct Superblock {
    pub(super) flags: u32,
    pub(super) block_size: usize,
    pub(super) block_count: usize,
    pub(super) log_blocks: usize,
    pub(super) lpt_blocks: usize,
    pub(super) orphan_blocks: usize,
    pub(super) version: u32,
    pub(super) compressor: u16,
}

impl Superblock {
    /// Logical blocks before the main area: superblock, two masters, log, LPT, orphans.
    pub(super) fn first_main_block(&self) -> usize {
        [self.log_blocks, self.lpt_blocks, self.orphan_blocks]
            .iter()
            .fold(LOG_BLOCK, |sum, count| sum.saturating_add(*count))
    }
}

/// Where the log begins: behind the superblock and the two masters.
pub(super) const LOG_BLOCK: usize = 3;

/// Reads the superblock.
///
/// # Errors
/// Values that no UBIFS has.
pub(super) fn parse_superblock(input: &Input, start: usize) -> Result<Superblock, Problem> {
    let other = || Problem::new(ProblemCode::BadValue, start as u64, "superblock");
    if input.u8(start + 20, "node type")? != kind::SUPERBLOCK {
        return Err(other());
    }
    let node = parse_node(input, start)?;
    let size = |offset: usize| input.size32(start + offset, Little, "superblock");
    let superblock = Superblock {
        flags: input.u32(start + 28, Little, "flags")?,
        block_size: size(36)?,
        block_count: size(40)?,
        log_blocks: size(56)?,
        lpt_blocks: size(60)?,
        orphan_blocks: size(64)?,
        version: input.u32(start + 80, Little, "version")?,
        compressor: input.u16(start + 84, Little, "compressor")?,
    };
    // UBIFS_MIN_LEB_SZ is 15 KiB; flash has erase blocks of at most 8 MiB.
    let plausible = node.length >= 128
        && (15 << 10..=8 << 20).contains(&superblock.block_size)
        && superblock.first_main_block() < superblock.block_count;
    if plausible { Ok(superblock) } else { Err(other()) }
}

/// The master node: where the last commit left index and log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Master {
    pub(super) log_block: usize,
    pub(super) root_block: usize,
    pub(super) root_offset: usize,
}

/// Reads a master node.
///
/// # Errors
/// A node that is too short.
pub(super) fn parse_master(input: &Input, node: Node) -> Result<Master, Problem> {
    let size = |offset: usize| input.size32(node.start + offset, Little, "master node");
    Ok(Master { log_block: size(44)?, root_block: size(48)?, root_offset: size(52)? })
}

/// A file without its content.
#[derive(Debug, Clone)]
pub(super) struct Inode {
    pub(super) number: u32,
    pub(super) size: u64,
    pub(super) mtime: i64,
    pub(super) links: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: u32,
    pub(super) flags: u32,
    /// Target of a link, number of a device, value of an extended attribute.
    pub(super) data: Range<usize>,
}

/// The content of the inode is encrypted (`UBIFS_CRYPT_FL`).
pub(super) const ENCRYPTED: u32 = 0x40;

/// Reads an inode.
///
/// # Errors
/// Data that leave the node.
pub(super) fn parse_inode(input: &Input, node: Node) -> Result<Inode, Problem> {
    let at = node.start;
    let field = |offset: usize| input.u32(at + offset, Little, "inode");
    let data =
        at + 160..(at + 160).saturating_add(input.size32(at + 112, Little, "data length")?);
    if data.end > node.end() {
        let problem = Problem::new(ProblemCode::BadValue, at as u64, "inode data");
        return Err(problem.because("leave their node"));
    }
    Ok(Inode {
        number: field(24)?,
        size: input.u64(at + 48, Little, "file size")?,
        mtime: input.u64(at + 72, Little, "time")?.cast_signed(),
        links: field(92)?,
        uid: field(96)?,
        gid: field(100)?,
        mode: field(104)?,
        flags: field(108)?,
        data,
    })
}

/// A name in a directory, or of an extended attribute.
#[derive(Debug, Clone)]
pub(super) struct Dirent {
    pub(super) parent: u32,
    /// 0: the name was deleted.
    pub(super) inode: u32,
    pub(super) name: Range<usize>,
}

/// Reads a name.
///
/// # Errors
/// A name that leaves its node.
pub(super) fn parse_dirent(input: &Input, node: Node) -> Result<Dirent, Problem> {
    let at = node.start;
    let length = usize::from(input.u16(at + 50, Little, "name length")?);
    let name = at + 56..at + 56 + length;
    if name.end > node.end() {
        return Err(Problem::new(ProblemCode::BadValue, at as u64, "name length"));
    }
    Ok(Dirent {
        parent: input.u32(at + 24, Little, "directory")?,
        inode: u32::try_from(input.u64(at + 40, Little, "inode number")?).unwrap_or(u32::MAX),
        name,
    })
}

/// A block of a file.
#[derive(Debug, Clone)]
pub(super) struct Data {
    pub(super) inode: u32,
    pub(super) block: u32,
    /// Bytes before compression.
    pub(super) size: usize,
    pub(super) compressor: u16,
    pub(super) stored: Range<usize>,
}

/// Reads the header of a block of a file.
///
/// # Errors
/// More bytes than a block has.
pub(super) fn parse_data(input: &Input, node: Node) -> Result<Data, Problem> {
    let at = node.start;
    let size = input.size32(at + 40, Little, "block size")?;
    if size > BLOCK || node.length < 48 {
        return Err(Problem::new(ProblemCode::BadValue, at as u64, "block size"));
    }
    Ok(Data {
        inode: input.u32(at + 24, Little, "key")?,
        // The upper three bits of the key are its type.
        block: input.u32(at + 28, Little, "key")? & 0x1fff_ffff,
        size,
        compressor: input.u16(at + 44, Little, "compressor")?,
        stored: at + 48..node.end(),
    })
}

/// Places of the nodes that a node of the index names.
pub(super) fn parse_branches(
    input: &Input,
    node: Node,
) -> Result<(u16, Vec<(usize, usize)>), Problem> {
    let at = node.start;
    let bad = || Problem::new(ProblemCode::BadValue, at as u64, "index node");
    let count = usize::from(input.u16(at + 24, Little, "child count")?);
    let level = input.u16(at + 26, Little, "level")?;
    let room = node.length.saturating_sub(28);
    // Block, offset, length, a key of 8 bytes, and with authentication a hash.
    let size = room.checked_div(count).filter(|size| *size >= 20).ok_or_else(bad)?;
    let branches = (0..count).map(|index| {
        let branch = at + 28 + index * size;
        let block = input.size32(branch, Little, "branch")?;
        Ok((block, input.size32(branch + 4, Little, "branch")?))
    });
    Ok((level, branches.collect::<Result<_, Problem>>()?))
}
