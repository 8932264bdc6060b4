// SPDX-License-Identifier: Apache-2.0
//! Inodes of every version, brought to one form.

use kakoi_model::{Endian, Problem, ProblemCode};

use super::metadata::{Metadata, Place};
use super::superblock::Superblock;
use crate::formats::fields::Fields;

/// An inode.
#[derive(Debug)]
pub(super) struct Inode {
    pub(super) kind: Kind,
    pub(super) mode: u32,
    /// Number in the table of users.
    pub(super) uid: u32,
    /// Number in the table of groups; versions 1 to 3 may say "as the user".
    pub(super) gid: Option<u32>,
    pub(super) mtime: Option<u32>,
    pub(super) xattr: Option<u32>,
}

/// What an inode is.
#[derive(Debug)]
pub(super) enum Kind {
    /// Its listing: place in metadata and length.
    Directory(Place, usize),
    File(FileData),
    Symlink(Vec<u8>),
    BlockDevice(u32),
    CharDevice(u32),
    Fifo,
    Socket,
}

/// Where a file's content lies. Files with equal data have equal content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileData {
    /// Fragment block with the end of the file, and where in it.
    pub(super) fragment: Option<(u32, usize)>,
    /// First block, counted from the start of the file system.
    pub(super) start: usize,
    pub(super) size: usize,
    /// Stored lengths of the blocks, with [`UNCOMPRESSED`]; 0 is a hole.
    pub(super) blocks: Vec<u32>,
}

/// Bit of a block's length: it is stored as it is.
pub(super) const UNCOMPRESSED: u32 = 1 << 24;

/// The same bit in the block lists of version 1.
const UNCOMPRESSED_1: u32 = 1 << 15;

/// Fragment number of files without one.
const NO_FRAGMENT: u32 = u32::MAX;

/// Group number of versions 2 and 3, and of version 1, that means "as the user".
const GROUP_AS_USER: (u32, u32) = (255, 15);

/// Xattr number of inodes without extended attributes.
const NO_XATTR: u32 = u32::MAX;

/// Block-list entries of one file system; at 4 KiB each that is 16 GiB of files.
const BLOCK_ENTRIES: usize = 4 << 20;

/// Types of version 2 to 4; from 8 on the extended forms of 1 to 7.
const DIRECTORY: u32 = 1;
const FILE: u32 = 2;
const SYMLINK: u32 = 3;
const BLOCK_DEVICE: u32 = 4;
const CHAR_DEVICE: u32 = 5;
const FIFO: u32 = 6;
const EXTENDED: u32 = 7;

/// Reads inodes.
pub(super) struct Inodes<'s> {
    superblock: &'s Superblock,
    block_entries: usize,
}

/// The head of an inode: type and what all have in common.
struct Head {
    kind: u32,
    mode: u32,
    uid: u32,
    gid: Option<u32>,
    mtime: Option<u32>,
}

impl<'s> Inodes<'s> {
    pub(super) fn new(superblock: &'s Superblock) -> Self {
        Self { superblock, block_entries: 0 }
    }

    /// Where the inode with this reference lies: block and offset in the inode table.
    pub(super) fn place(&self, reference: u64) -> Place {
        let block = usize::try_from(reference >> 16).unwrap_or(usize::MAX);
        Place {
            block: self.superblock.inode_table.saturating_add(block),
            offset: (reference & 0xffff) as usize,
        }
    }

    pub(super) fn read(
        &mut self,
        metadata: &mut Metadata<'_>,
        mut place: Place,
    ) -> Result<Inode, Problem> {
        let at = place;
        let mut bytes = Vec::with_capacity(64);
        let (endian, major) = (self.superblock.endian, self.superblock.major);
        metadata.read(&mut place, base_length(major), &mut bytes, "inode")?;
        let kind = Head::parse(&mut Fields::new(&bytes, endian), major).kind;
        let Some(length) = header_length(major, kind) else {
            let offset = self.superblock.start.saturating_add(at.block) as u64;
            let problem = Problem::new(ProblemCode::BadValue, offset, "inode type");
            return Err(problem.because(kind.to_string()));
        };
        metadata.read(&mut place, length - bytes.len(), &mut bytes, "inode")?;
        let mut fields = Fields::new(&bytes, endian);
        let mut head = Head::parse(&mut fields, major);
        let (kind, xattr) = match major {
            4 => self.parse_v4(metadata, place, &head, &mut fields)?,
            3 => (self.parse_v3(metadata, place, &head, &mut fields)?, None),
            _ => (self.parse_v1_v2(metadata, place, &mut head, &mut fields)?, None),
        };
        let xattr = xattr.filter(|&number| number != NO_XATTR);
        Ok(Inode { kind, mode: head.mode, uid: head.uid, gid: head.gid, mtime: head.mtime, xattr })
    }

    /// fs/squashfs/squashfs_fs.h of Linux.
    fn parse_v4(
        &mut self,
        metadata: &mut Metadata<'_>,
        after: Place,
        head: &Head,
        fields: &mut Fields<'_>,
    ) -> Result<(Kind, Option<u32>), Problem> {
        let extended = head.kind > EXTENDED;
        let basic = if extended { head.kind - EXTENDED } else { head.kind };
        Ok(match (basic, extended) {
            (DIRECTORY, false) => {
                let block = fields.size(32);
                let _links = fields.take(32);
                let (size, offset) = (fields.size(16), fields.size(16));
                (self.directory(block, offset, size), None)
            }
            (DIRECTORY, true) => {
                let _links = fields.take(32);
                let (size, block) = (fields.size(32), fields.size(32));
                let _parent_and_index_count = fields.take(48);
                let offset = fields.size(16);
                (self.directory(block, offset, size), Some(fields.take32(32)))
            }
            (FILE, false) => {
                let (start, fragment) = (fields.size(32), fields.take32(32));
                let (offset, size) = (fields.size(32), fields.size(32));
                (self.file(metadata, after, start, size, (fragment, offset))?, None)
            }
            (FILE, true) => {
                let (start, size) = (fields.size(64), fields.size(64));
                let (_sparse, _links) = (fields.take(64), fields.take(32));
                let (fragment, offset) = (fields.take32(32), fields.size(32));
                let xattr = fields.take32(32);
                (self.file(metadata, after, start, size, (fragment, offset))?, Some(xattr))
            }
            (SYMLINK, _) => {
                let _links = fields.take(32);
                symlink(metadata, after, fields.size(32), extended, self.superblock.endian)?
            }
            (BLOCK_DEVICE | CHAR_DEVICE, _) => {
                let _links = fields.take(32);
                let device = fields.take32(32);
                (node(basic, device), extended.then(|| fields.take32(32)))
            }
            _ => {
                let _links = fields.take(32);
                (node(basic, 0), extended.then(|| fields.take32(32)))
            }
        })
    }

    /// `squashfs_fs.h` of the Linux patches for squashfs 3.
    fn parse_v3(
        &mut self,
        metadata: &mut Metadata<'_>,
        after: Place,
        head: &Head,
        fields: &mut Fields<'_>,
    ) -> Result<Kind, Problem> {
        let extended = head.kind > EXTENDED;
        let basic = if extended { head.kind - EXTENDED } else { head.kind };
        if basic != FILE || extended {
            let _links = fields.take(32);
        }
        Ok(match basic {
            DIRECTORY => {
                let size = fields.size(if extended { 27 } else { 19 });
                let (offset, block) = (fields.size(13), fields.size(32));
                self.directory(block, offset, size)
            }
            FILE => {
                let (start, fragment) = (fields.size(64), fields.take32(32));
                let offset = fields.size(32);
                let size = fields.size(if extended { 64 } else { 32 });
                self.file(metadata, after, start, size, (fragment, offset))?
            }
            SYMLINK => symlink(metadata, after, fields.size(16), false, Endian::Little)?.0,
            _ => node(basic, fields.take32(16)),
        })
    }

    /// The same header, "2.0 compatibility" and "1.0 compatibility".
    fn parse_v1_v2(
        &mut self,
        metadata: &mut Metadata<'_>,
        after: Place,
        head: &mut Head,
        fields: &mut Fields<'_>,
    ) -> Result<Kind, Problem> {
        let extended = head.kind > EXTENDED;
        let basic = if extended { head.kind - EXTENDED } else { head.kind };
        Ok(match basic {
            DIRECTORY => {
                let size = fields.size(if extended { 27 } else { 19 });
                let offset = fields.size(13);
                head.mtime = Some(fields.take32(32));
                self.directory(fields.size(24), offset, size)
            }
            FILE => {
                head.mtime = Some(fields.take32(32));
                let start = fields.size(32);
                let fragment = match self.superblock.major {
                    1 => (NO_FRAGMENT, 0),
                    _ => (fields.take32(32), fields.size(32)),
                };
                let size = fields.size(32);
                self.file(metadata, after, start, size, fragment)?
            }
            SYMLINK => symlink(metadata, after, fields.size(16), false, Endian::Little)?.0,
            _ => node(basic, fields.take32(16)),
        })
    }

    /// Versions 3 and 4 count three bytes for `.` and `..`, which are not stored.
    fn directory(&self, block: usize, offset: usize, size: usize) -> Kind {
        let block = self.superblock.directory_table.saturating_add(block);
        let unstored = if self.superblock.major >= 3 { 3 } else { 0 };
        Kind::Directory(Place { block, offset }, size.saturating_sub(unstored))
    }

    fn file(
        &mut self,
        metadata: &mut Metadata<'_>,
        mut place: Place,
        start: usize,
        size: usize,
        (fragment, offset): (u32, usize),
    ) -> Result<Kind, Problem> {
        let block_size = self.superblock.block_size;
        let fragment = (fragment != NO_FRAGMENT).then_some((fragment, offset));
        let count = if fragment.is_some() { size / block_size } else { size.div_ceil(block_size) };
        self.block_entries = self.block_entries.saturating_add(count);
        if self.block_entries > BLOCK_ENTRIES {
            let at = self.superblock.start.saturating_add(place.block) as u64;
            let problem = Problem::new(ProblemCode::SizeLimit, at, "block list");
            return Err(problem.because(format!("{size} bytes of file are more than the limit")));
        }
        let width = if self.superblock.major == 1 { 16 } else { 32 };
        let mut bytes = Vec::new();
        metadata.read(&mut place, count * width / 8, &mut bytes, "block list")?;
        let mut fields = Fields::new(&bytes, self.superblock.endian);
        let blocks = (0..count).map(|_| match width {
            16 => widen(fields.take32(16)),
            _ => fields.take32(32),
        });
        let blocks = blocks.collect();
        Ok(Kind::File(FileData { fragment, start, size, blocks }))
    }
}

/// A block length of version 1 in the form of the later ones. Length 0 stands for 32 KiB.
fn widen(length: u32) -> u32 {
    let size = length & !UNCOMPRESSED_1;
    let size = if size == 0 { UNCOMPRESSED_1 } else { size };
    if length & UNCOMPRESSED_1 == 0 { size } else { size | UNCOMPRESSED }
}

impl Head {
    fn parse(fields: &mut Fields<'_>, major: u16) -> Self {
        match major {
            4 => {
                let (kind, mode) = (fields.take32(16), fields.take32(16));
                let (uid, gid) = (fields.take32(16), Some(fields.take32(16)));
                let mtime = Some(fields.take32(32));
                let _number = fields.take(32);
                Self { kind, mode, uid, gid, mtime }
            }
            1 => Self::parse_v1(fields),
            _ => {
                let (kind, mode) = (fields.take32(4), fields.take32(12));
                let (uid, gid) = (fields.take32(8), fields.take32(8));
                let gid = (gid != GROUP_AS_USER.0).then_some(gid);
                let mtime = (major == 3).then(|| fields.take32(32));
                if major == 3 {
                    let _number = fields.take(32);
                }
                Self { kind, mode, uid, gid, mtime }
            }
        }
    }

    /// Version 1 has four bits for the user; the type, counted in fives, says which sixteen of
    /// them, and type 0 stands for pipes and sockets, which tell it in a field of their own.
    fn parse_v1(fields: &mut Fields<'_>) -> Self {
        let (kind, mode) = (fields.take32(4), fields.take32(12));
        let (uid, gid) = (fields.take32(4), fields.take32(4));
        let gid = (gid != GROUP_AS_USER.1).then_some(gid);
        let (kind, sixteen) = match kind {
            0 => (fields.take32(4), fields.take32(4)),
            kind => ((kind - 1) % 5 + 1, (kind - 1) / 5),
        };
        Self { kind, mode, uid: uid + 16 * sixteen, gid, mtime: None }
    }
}

/// Enough of an inode to know its type.
fn base_length(major: u16) -> usize {
    match major {
        1 | 2 => 4,
        3 => 12,
        _ => 16,
    }
}

/// Length of an inode before its list or text.
fn header_length(major: u16, kind: u32) -> Option<usize> {
    let lengths: &[usize] = match major {
        1 => &[14, 15, 5, 5, 5, 4, 4],
        2 => &[15, 24, 6, 6, 6, 4, 4, 18],
        3 => &[28, 32, 18, 18, 18, 16, 16, 31, 40],
        _ => &[32, 32, 24, 24, 24, 20, 20, 40, 56, 24, 28, 28, 24, 24],
    };
    lengths.get(usize::try_from(kind.checked_sub(1)?).ok()?).copied()
}

fn node(kind: u32, device: u32) -> Kind {
    match kind {
        BLOCK_DEVICE => Kind::BlockDevice(device),
        CHAR_DEVICE => Kind::CharDevice(device),
        FIFO => Kind::Fifo,
        _ => Kind::Socket,
    }
}

/// Longest target that Linux follows.
const PATH_MAX: usize = 4096;

/// The target, and behind it, in the extended form, the number of the extended attributes.
fn symlink(
    metadata: &mut Metadata<'_>,
    mut place: Place,
    length: usize,
    extended: bool,
    endian: Endian,
) -> Result<(Kind, Option<u32>), Problem> {
    if length > PATH_MAX {
        let problem = Problem::new(ProblemCode::BadValue, place.block as u64, "link target");
        return Err(problem.because(format!("{length} bytes")));
    }
    let mut target = Vec::new();
    metadata.read(&mut place, length, &mut target, "link target")?;
    if !extended {
        return Ok((Kind::Symlink(target), None));
    }
    let mut xattr = Vec::new();
    metadata.read(&mut place, 4, &mut xattr, "xattr number")?;
    let xattr = Fields::new(&xattr, endian).take32(32);
    Ok((Kind::Symlink(target), Some(xattr)))
}
