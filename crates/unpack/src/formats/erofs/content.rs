// SPDX-License-Identifier: Apache-2.0
//! Contents of inodes, whatever their layout.

use std::ops::Range;

use kakoi_model::{Endian, Problem, ProblemCode};

use crate::Input;

use super::Superblock;
use super::compressed::read_compressed;
use super::inode::{Inode, Layout};

/// What was read.
pub(super) enum Content {
    /// A stretch of the input, as it is.
    Stored(Range<usize>),
    Decoded(Vec<u8>),
}

/// Reads contents.
pub(super) struct Contents<'a> {
    input: &'a Input,
    superblock: &'a Superblock,
    /// The packed inode's content, once it was needed.
    packed: Option<Result<Vec<u8>, Problem>>,
}

/// Chunk formats: entries of 8 bytes; logarithm of blocks per chunk.
const CHUNK_INDEXES: u32 = 0x20;
const CHUNK_BITS: u32 = 0x1f;

/// Address of a hole.
const HOLE: u32 = u32::MAX;

impl<'a> Contents<'a> {
    pub(super) fn new(input: &'a Input, superblock: &'a Superblock) -> Self {
        Self { input, superblock, packed: None }
    }

    /// The content of an inode of at most `limit` bytes.
    pub(super) fn read(&mut self, inode: &Inode, limit: usize) -> Result<Content, Problem> {
        if inode.size > limit {
            let problem = Problem::new(ProblemCode::SizeLimit, inode.xattrs.0 as u64, "file");
            return Err(problem.because(format!("{} bytes are more than the limit", inode.size)));
        }
        let start = self.superblock.block(inode.data as usize);
        match inode.layout {
            Layout::Plain => self.stored(start, inode.size),
            Layout::Inline => self.inline(inode, start),
            Layout::Chunks => self.chunks(inode),
            Layout::CompressedFull | Layout::CompressedCompact => {
                self.compressed(inode, limit).map(Content::Decoded)
            }
        }
    }

    /// The bytes of a small content: directories and link targets.
    pub(super) fn bytes(&mut self, inode: &Inode, limit: usize) -> Result<Vec<u8>, Problem> {
        match self.read(inode, limit)? {
            Content::Decoded(bytes) => Ok(bytes),
            Content::Stored(range) => {
                Ok(self.input.bytes(range.start, range.len(), "content")?.to_vec())
            }
        }
    }

    fn stored(&self, start: usize, size: usize) -> Result<Content, Problem> {
        self.input.bytes(start, size, "content")?;
        Ok(Content::Stored(start..start + size))
    }

    /// Whole blocks, and the rest behind the inode.
    fn inline(&self, inode: &Inode, start: usize) -> Result<Content, Problem> {
        let tail = inode.size % self.superblock.block_size();
        let whole = inode.size - tail;
        if whole == 0 {
            return self.stored(inode.tail(), tail);
        }
        if tail == 0 {
            return self.stored(start, whole);
        }
        let mut content = self.input.bytes(start, whole, "content")?.to_vec();
        content.extend_from_slice(self.input.bytes(inode.tail(), tail, "inline tail")?);
        Ok(Content::Decoded(content))
    }

    fn chunks(&self, inode: &Inode) -> Result<Content, Problem> {
        let (endian, format) = (Endian::Little, inode.data & 0xffff);
        let width = if format & CHUNK_INDEXES == 0 { 4 } else { 8 };
        let bits = self.superblock.block_bits + (format & CHUNK_BITS);
        let size = 1_usize.checked_shl(bits).unwrap_or(usize::MAX);
        let map = self.superblock.align(inode.tail(), width);
        let count = inode.size.div_ceil(size);
        self.input.bytes(map, count.saturating_mul(width), "chunk map")?;
        let mut content = Vec::new();
        for number in 0..count {
            let at = map + number * width;
            let length = size.min(inode.size - content.len());
            if width == 8 && self.input.u16(at + 2, endian, "device")? != 0 {
                return Err(Problem::new(ProblemCode::Unsupported, at as u64, "further device"));
            }
            match self.input.u32(at + width - 4, endian, "chunk address")? {
                HOLE => content.resize(content.len() + length, 0),
                block => {
                    let start = self.superblock.block(block as usize);
                    content.extend_from_slice(self.input.bytes(start, length, "chunk")?);
                }
            }
        }
        Ok(Content::Decoded(content))
    }

    fn compressed(&mut self, inode: &Inode, limit: usize) -> Result<Vec<u8>, Problem> {
        let (input, superblock) = (self.input, self.superblock);
        let packed = &mut self.packed;
        read_compressed(input, superblock, inode, &mut |offset, length, content| {
            let bytes = packed.get_or_insert_with(|| read_packed(input, superblock, limit));
            let bytes = bytes.as_ref().map_err(Clone::clone)?;
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let part = start.checked_add(length).and_then(|end| bytes.get(start..end));
            let part = part.ok_or_else(|| {
                let at = superblock.inode(superblock.packed) as u64;
                let problem = Problem::new(ProblemCode::BadValue, at, "packed inode");
                problem.because(format!("{length} bytes at {start} of {}", bytes.len()))
            })?;
            content.extend_from_slice(part);
            Ok(())
        })
    }
}

/// The inode that holds the ends of files. It has no fragments itself.
fn read_packed(input: &Input, superblock: &Superblock, limit: usize) -> Result<Vec<u8>, Problem> {
    let inode = Inode::parse(input, superblock, superblock.packed)?;
    let at = superblock.inode(superblock.packed) as u64;
    if inode.size > limit {
        return Err(Problem::new(ProblemCode::SizeLimit, at, "packed inode"));
    }
    if matches!(inode.layout, Layout::CompressedFull | Layout::CompressedCompact) {
        return read_compressed(input, superblock, &inode, &mut |_, _, _| {
            Err(Problem::new(ProblemCode::Cycle, at, "packed inode"))
        });
    }
    Contents::new(input, superblock).bytes(&inode, limit)
}
