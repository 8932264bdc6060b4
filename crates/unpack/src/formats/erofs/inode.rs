// SPDX-License-Identifier: Apache-2.0
//! Inodes in their compact and extended form.

use kakoi_model::{Endian, Problem, ProblemCode};

use crate::Input;

use super::Superblock;

/// An inode.
#[derive(Debug, Clone)]
pub(super) struct Inode {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: u64,
    pub(super) size: usize,
    pub(super) layout: Layout,
    /// Where its extended attributes lie in the content, and how long they are.
    pub(super) xattrs: (usize, usize),
    /// Block address, device number or chunk format.
    pub(super) data: u32,
}

/// How the content is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Plain,
    CompressedFull,
    Inline,
    CompressedCompact,
    Chunks,
}

/// Length of the header of inline extended attributes.
const XATTR_HEADER: usize = 12;

impl Inode {
    /// `struct erofs_inode_compact` and `struct erofs_inode_extended` of Linux.
    pub(super) fn parse(
        input: &Input,
        superblock: &Superblock,
        number: u64,
    ) -> Result<Self, Problem> {
        let endian = Endian::Little;
        let at = superblock.inode(number);
        let format = input.u16(at, endian, "inode")?;
        let extended = format & 1 != 0;
        let layout = match (format >> 1) & 7 {
            0 => Layout::Plain,
            1 => Layout::CompressedFull,
            2 => Layout::Inline,
            3 => Layout::CompressedCompact,
            4 => Layout::Chunks,
            other => {
                let problem = Problem::new(ProblemCode::Unsupported, at as u64, "inode layout");
                return Err(problem.because(other.to_string()));
            }
        };
        let length = if extended { 64 } else { 32 };
        input.bytes(at, length, "inode")?;
        let xattrs = match usize::from(input.u16(at + 2, endian, "xattr count")?) {
            0 => 0,
            count => XATTR_HEADER + (count - 1) * 4,
        };
        let (size, uid, gid, mtime) = if extended {
            let owner = (input.u32(at + 24, endian, "uid")?, input.u32(at + 28, endian, "gid")?);
            let mtime = input.u64(at + 32, endian, "mtime")?;
            (input.size64(at + 8, endian, "size")?, owner.0, owner.1, mtime)
        } else {
            let owner = (input.u16(at + 24, endian, "uid")?, input.u16(at + 26, endian, "gid")?);
            let size = input.size32(at + 8, endian, "size")?;
            (size, owner.0.into(), owner.1.into(), superblock.created)
        };
        Ok(Self {
            mode: u32::from(input.u16(at + 4, endian, "mode")?),
            uid,
            gid,
            mtime,
            size,
            layout,
            xattrs: (at + length, xattrs),
            data: input.u32(at + 16, endian, "data address")?,
        })
    }

    /// Where what follows the inode and its extended attributes starts, in the content.
    pub(super) fn tail(&self) -> usize {
        self.xattrs.0 + self.xattrs.1
    }

    /// `new_decode_dev` of Linux.
    pub(super) fn device(&self) -> (u32, u32) {
        ((self.data >> 8) & 0xfff, (self.data & 0xff) | ((self.data >> 12) & 0xf_ff00))
    }
}
