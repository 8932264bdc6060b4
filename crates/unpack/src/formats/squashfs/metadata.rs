// SPDX-License-Identifier: Apache-2.0
//! Metadata: tables as chains of compressed blocks of 8 KiB, each decoded once.

use std::collections::HashMap;

use kakoi_model::{Endian, Problem, ProblemCode};

use crate::Input;
use crate::codec::CodecError;

use super::compression::{Decoder, Length};
use super::superblock::{Superblock, Table};

/// Size of a metadata block after decoding.
pub(super) const BLOCK: usize = 8192;

/// Metadata that is kept decoded: an image with a million inodes needs less than half of it.
const CACHE_LIMIT: usize = 256 << 20;

/// Bit of a block's length: it is stored as it is.
const UNCOMPRESSED: u16 = 1 << 15;

/// A place in metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// Where the block starts, counted from the start of the file system.
    pub(super) block: usize,
    /// Where in the decoded block.
    pub(super) offset: usize,
}

/// Reads metadata.
pub(super) struct Metadata<'a> {
    input: &'a Input,
    start: usize,
    end: usize,
    endian: Endian,
    length_order: Endian,
    marked: bool,
    pub(super) decoder: Decoder,
    blocks: Vec<Block>,
    index: HashMap<usize, usize>,
    used: usize,
}

struct Block {
    bytes: Vec<u8>,
    next: usize,
}

impl<'a> Metadata<'a> {
    /// `end` is one past the file system's last byte in the content.
    pub(super) fn new(input: &'a Input, superblock: &Superblock, end: usize) -> Self {
        Self {
            input,
            start: superblock.start,
            end,
            endian: superblock.endian,
            length_order: find_length_order(input, superblock),
            marked: superblock.marked,
            decoder: Decoder::new(superblock.compressor),
            blocks: Vec::new(),
            index: HashMap::new(),
            used: 0,
        }
    }

    /// Appends `length` bytes from `place` on to `output`, and moves `place` behind them.
    pub(super) fn read(
        &mut self,
        place: &mut Place,
        mut length: usize,
        output: &mut Vec<u8>,
        field: &'static str,
    ) -> Result<(), Problem> {
        while length > 0 {
            let block = self.block(place.block, field)?;
            let (next, size) = (block.next, block.bytes.len());
            if place.offset >= size {
                if size < BLOCK {
                    let detail = format!("offset {} of {size} decoded bytes", place.offset);
                    return Err(self.bad(place.block, field).because(detail));
                }
                *place = Place { block: next, offset: place.offset - size };
                continue;
            }
            let taken = length.min(size - place.offset);
            output.extend_from_slice(&block.bytes[place.offset..place.offset + taken]);
            place.offset += taken;
            length -= taken;
        }
        Ok(())
    }

    /// Entry `index` of a table of entries of `size` bytes, whose metadata blocks are listed by
    /// pointers of `pointer` bytes at its start.
    pub(super) fn table_entry(
        &mut self,
        table: Table,
        index: u32,
        size: usize,
        pointer: usize,
        field: &'static str,
    ) -> Result<Vec<u8>, Problem> {
        let at = self.start.saturating_add(table.start);
        if index >= table.count {
            let problem = Problem::new(ProblemCode::BadValue, at as u64, field);
            return Err(problem.because(format!("number {index} of {}", table.count)));
        }
        let offset = usize::try_from(index).unwrap_or(usize::MAX).saturating_mul(size);
        let at = at.saturating_add(offset / BLOCK * pointer);
        let block = match pointer {
            4 => self.input.size32(at, self.endian, field)?,
            _ => self.input.size64(at, self.endian, field)?,
        };
        let mut entry = Vec::new();
        let mut place = Place { block, offset: offset % BLOCK };
        self.read(&mut place, size, &mut entry, field)?;
        Ok(entry)
    }

    fn block(&mut self, block: usize, field: &'static str) -> Result<&Block, Problem> {
        let index = match self.index.get(&block) {
            Some(&index) => index,
            None => {
                let decoded = self.decode(block, field)?;
                self.used += decoded.bytes.len();
                self.blocks.push(decoded);
                self.index.insert(block, self.blocks.len() - 1);
                self.blocks.len() - 1
            }
        };
        Ok(&self.blocks[index])
    }

    fn decode(&mut self, block: usize, field: &'static str) -> Result<Block, Problem> {
        let at = self.start.saturating_add(block);
        if self.used > CACHE_LIMIT {
            let problem = Problem::new(ProblemCode::SizeLimit, at as u64, field);
            return Err(problem.because("more metadata than the limit"));
        }
        let header = self.input.u16(at, self.length_order, field)?;
        let length = stored_length(header);
        let data = at + if self.marked { 3 } else { 2 };
        if data.saturating_add(length) > self.end {
            return Err(self.bad(block, field).because("a metadata block leaves the file system"));
        }
        let stored = self.input.bytes(data, length, field)?;
        let mut bytes = Vec::new();
        if header & UNCOMPRESSED != 0 {
            bytes.extend_from_slice(&stored[..length.min(BLOCK)]);
        } else {
            let at_block = |error: CodecError| error.at(data, field);
            self.decoder.decode(stored, BLOCK, Length::UpTo, &mut bytes).map_err(at_block)?;
        }
        Ok(Block { bytes, next: data + length - self.start })
    }

    fn bad(&self, block: usize, field: &'static str) -> Problem {
        let at = self.start.saturating_add(block);
        Problem::new(ProblemCode::BadValue, at as u64, field)
    }
}

/// Length 0 stands for the largest that the field cannot hold.
fn stored_length(header: u16) -> usize {
    match header & !UNCOMPRESSED {
        0 => usize::from(UNCOMPRESSED),
        length => usize::from(length),
    }
}

/// Byte order of the lengths of metadata blocks. AVM writes big-endian file systems with
/// little-endian lengths; the right order leads from block to block to the end of the inode table.
fn find_length_order(input: &Input, superblock: &Superblock) -> Endian {
    let other = match superblock.endian {
        Endian::Little => return Endian::Little,
        Endian::Big => Endian::Little,
    };
    let leads = |order| {
        let mut at = superblock.inode_table;
        while at < superblock.directory_table {
            let header = input.u16(superblock.start.saturating_add(at), order, "length");
            let Ok(header) = header else { return false };
            at += stored_length(header) + if superblock.marked { 3 } else { 2 };
        }
        at == superblock.directory_table
    };
    if !leads(superblock.endian) && leads(other) { other } else { superblock.endian }
}
