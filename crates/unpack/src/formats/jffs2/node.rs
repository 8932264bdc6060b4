// SPDX-License-Identifier: Apache-2.0
//! Nodes of JFFS2 as they lie on the medium (`include/uapi/linux/jffs2.h`).

use std::ops::Range;

use kakoi_model::{Endian, Problem, ProblemCode};

use crate::Input;

/// First half of every node.
pub(super) const MAGIC: u16 = 0x1985;

/// Cleared in a node that was made obsolete in place (NOR flash); its header checksum counts the
/// bit as set.
const ACCURATE: u16 = 0x2000;

const DIRENT: u16 = 0xe001;
const INODE: u16 = 0xe002;
const CLEANMARKER: u16 = 0x2003;
const XATTR: u16 = 0xe008;
const XREF: u16 = 0xe009;

pub(super) const HEADER: usize = 12;

/// Fixed parts of the nodes, before name or data.
const DIRENT_FIXED: usize = 40;
const INODE_FIXED: usize = 68;
const XATTR_FIXED: usize = 32;
const XREF_FIXED: usize = 28;

/// The CRC that JFFS2 uses: the polynomial of zlib, register from 0, not inverted at the end.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(u32::MAX);
    hasher.update(bytes);
    !hasher.finalize()
}

/// Kinds of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Dirent,
    Inode,
    Cleanmarker,
    Xattr,
    Xref,
    /// Padding, summaries, kinds of the future that may be passed over, and obsolete nodes.
    Passed,
}

/// A node whose header checksum matches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) start: usize,
    /// Length without padding to four bytes.
    pub(super) length: usize,
}

impl Node {
    /// Where the next node may lie.
    pub(super) fn next(&self) -> usize {
        self.start.saturating_add(self.length).saturating_add(3 - (self.length.wrapping_add(3) & 3))
    }
}

/// The node at `start`, if there is one with a right header checksum that ends in the content.
pub(super) fn parse_node(input: &Input, start: usize, endian: Endian) -> Option<Node> {
    let header = input.array::<HEADER>(start, "node header").ok()?;
    let read16 = |at: usize| input.u16(start + at, endian, "node header").ok();
    if read16(0)? != MAGIC {
        return None;
    }
    let stored = input.u32(start + 8, endian, "header checksum").ok()?;
    let kind = read16(2)?;
    if checksum(&header_with_accurate_bit(header, kind, endian)) != stored {
        return None;
    }
    let length = input.size32(start + 4, endian, "node length").ok()?;
    let (kind, least) = match kind {
        DIRENT => (Kind::Dirent, DIRENT_FIXED),
        INODE => (Kind::Inode, INODE_FIXED),
        CLEANMARKER => (Kind::Cleanmarker, HEADER),
        XATTR => (Kind::Xattr, XATTR_FIXED),
        XREF => (Kind::Xref, XREF_FIXED),
        _ => (Kind::Passed, HEADER),
    };
    (length >= least && length <= input.len().checked_sub(start)?).then_some(Node {
        kind,
        start,
        length,
    })
}

fn header_with_accurate_bit(header: [u8; HEADER], kind: u16, endian: Endian) -> [u8; 8] {
    let kind = kind | ACCURATE;
    let kind = match endian {
        Endian::Little => kind.to_le_bytes(),
        Endian::Big => kind.to_be_bytes(),
    };
    let [m0, m1, _, _, l0, l1, l2, l3, ..] = header;
    [m0, m1, kind[0], kind[1], l0, l1, l2, l3]
}

/// A name in a directory.
#[derive(Debug, Clone)]
pub(super) struct Dirent {
    pub(super) parent: u32,
    pub(super) version: u32,
    /// 0: the name was deleted.
    pub(super) inode: u32,
    pub(super) name: Range<usize>,
}

/// Reads a dirent.
///
/// # Errors
/// A checksum that does not match.
pub(super) fn parse_dirent(input: &Input, node: Node, endian: Endian) -> Result<Dirent, Problem> {
    let at = node.start;
    check(input, at..at + 32, at + 32, endian, "dirent")?;
    let length = usize::from(input.u8(at + 28, "name length")?);
    let name = at + DIRENT_FIXED..at + DIRENT_FIXED + length;
    if DIRENT_FIXED + length > node.length {
        let problem = Problem::new(ProblemCode::BadValue, at as u64, "name length");
        return Err(problem.because("the name leaves its node"));
    }
    check(input, name.clone(), at + 36, endian, "dirent name")?;
    Ok(Dirent {
        parent: input.u32(at + 12, endian, "parent")?,
        version: input.u32(at + 16, endian, "version")?,
        inode: input.u32(at + 20, endian, "inode number")?,
        name,
    })
}

/// A stretch of a file, with the file's metadata at that time.
#[derive(Debug, Clone)]
pub(super) struct Inode {
    pub(super) number: u32,
    pub(super) version: u32,
    pub(super) mode: u32,
    pub(super) uid: u16,
    pub(super) gid: u16,
    pub(super) size: u32,
    pub(super) mtime: u32,
    /// Where the stretch lies in the file.
    pub(super) offset: u32,
    /// Length of the stretch in the file.
    pub(super) length: u32,
    pub(super) compressor: u8,
    /// The stretch as stored.
    pub(super) data: Range<usize>,
    pub(super) data_checksum: u32,
}

/// Reads the fixed part of an inode node; its data are checked when they are needed.
///
/// # Errors
/// A checksum that does not match.
pub(super) fn parse_inode(input: &Input, node: Node, endian: Endian) -> Result<Inode, Problem> {
    let at = node.start;
    check(input, at..at + 60, at + 64, endian, "inode node")?;
    let read16 = |offset: usize| input.u16(at + offset, endian, "inode node");
    let read32 = |offset: usize| input.u32(at + offset, endian, "inode node");
    let stored = input.size32(at + 48, endian, "compressed size")?;
    if stored > node.length - INODE_FIXED {
        let problem = Problem::new(ProblemCode::BadValue, at as u64, "compressed size");
        return Err(problem.because("the data leave their node"));
    }
    Ok(Inode {
        number: read32(12)?,
        version: read32(16)?,
        mode: read32(20)?,
        uid: read16(24)?,
        gid: read16(26)?,
        size: read32(28)?,
        mtime: read32(36)?,
        offset: read32(44)?,
        length: read32(52)?,
        compressor: input.u8(at + 56, "compressor")?,
        data: at + INODE_FIXED..at + INODE_FIXED + stored,
        data_checksum: read32(60)?,
    })
}

/// An extended attribute, which inodes refer to.
#[derive(Debug, Clone)]
pub(super) struct Xattr {
    pub(super) id: u32,
    pub(super) version: u32,
    pub(super) name: String,
    pub(super) value: Range<usize>,
}

/// Reads an extended attribute.
///
/// # Errors
/// A checksum that does not match, an unknown name space.
pub(super) fn parse_xattr(input: &Input, node: Node, endian: Endian) -> Result<Xattr, Problem> {
    let at = node.start;
    check(input, at..at + 28, at + 28, endian, "xattr")?;
    let name_length = usize::from(input.u8(at + 21, "xattr name length")?);
    let value_length = usize::from(input.u16(at + 22, endian, "xattr value length")?);
    let name = at + XATTR_FIXED..at + XATTR_FIXED + name_length;
    let value = name.end + 1..name.end + 1 + value_length;
    if value.end > at + node.length {
        let problem = Problem::new(ProblemCode::BadValue, at as u64, "xattr length");
        return Err(problem.because("the attribute leaves its node"));
    }
    check(input, name.start..value.end, at + 24, endian, "xattr data")?;
    let prefix = match input.u8(at + 20, "xattr prefix")? {
        1 => "user.",
        2 => "security.",
        3 => "system.posix_acl_access",
        4 => "system.posix_acl_default",
        5 => "trusted.",
        other => {
            let problem = Problem::new(ProblemCode::BadValue, at as u64, "xattr prefix");
            return Err(problem.because(format!("number {other}")));
        }
    };
    let name = kakoi_model::escape(input.bytes(name.start, name_length, "xattr name")?);
    let id = input.u32(at + 12, endian, "xattr number")?;
    let version = input.u32(at + 16, endian, "version")?;
    Ok(Xattr { id, version, name: format!("{prefix}{name}"), value })
}

/// That an inode has an extended attribute.
#[derive(Debug, Clone, Copy)]
pub(super) struct Xref {
    pub(super) start: usize,
    pub(super) inode: u32,
    pub(super) xattr: u32,
    /// Counts changes; odd numbers delete.
    pub(super) sequence: u32,
}

/// Reads a reference to an extended attribute.
///
/// # Errors
/// A checksum that does not match.
pub(super) fn parse_xref(input: &Input, node: Node, endian: Endian) -> Result<Xref, Problem> {
    let at = node.start;
    check(input, at..at + 24, at + 24, endian, "xref")?;
    let read = |offset: usize| input.u32(at + offset, endian, "xref");
    Ok(Xref { start: at, inode: read(12)?, xattr: read(16)?, sequence: read(20)? })
}

/// Compares the checksum at `stored` with that of a range.
fn check(
    input: &Input,
    range: Range<usize>,
    stored: usize,
    endian: Endian,
    subject: &'static str,
) -> Result<(), Problem> {
    let bytes = input.bytes(range.start, range.len(), subject)?;
    if checksum(bytes) == input.u32(stored, endian, subject)? {
        return Ok(());
    }
    Err(Problem::new(ProblemCode::BadChecksum, range.start as u64, subject))
}
