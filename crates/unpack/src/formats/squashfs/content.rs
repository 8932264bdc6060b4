// SPDX-License-Identifier: Apache-2.0
//! Contents of files: blocks one after the other, and a share of a fragment block.

use std::ops::Range;

use kakoi_model::{Problem, ProblemCode};

use crate::Input;
use crate::formats::fields::Fields;

use super::compression::{Decoder, Length};
use super::inode::{FileData, UNCOMPRESSED};
use super::metadata::Metadata;
use super::superblock::Superblock;

/// Reads contents, with a decoder of its own.
pub(super) struct Contents<'a> {
    input: &'a Input,
    superblock: &'a Superblock,
    end: usize,
    pub(super) decoder: Decoder,
    /// The fragment block that was decoded last: files are read in the order of fragments.
    fragment: Option<(u32, Result<Fragment, Problem>)>,
}

/// Where a fragment block lies.
#[derive(Debug, Clone)]
pub(super) struct FragmentPlace {
    number: u32,
    at: usize,
    /// As it is stored, with [`UNCOMPRESSED`].
    length: u32,
}

/// Looks a fragment block up. `end` is one past the file system's last byte in the content.
pub(super) fn find_fragment(
    metadata: &mut Metadata<'_>,
    superblock: &Superblock,
    end: usize,
    number: u32,
) -> Result<FragmentPlace, Problem> {
    // Version 2 has 32-bit places in entries and pointers.
    let (size, pointer, bits) = if superblock.major == 2 { (8, 4, 32) } else { (16, 8, 64) };
    let table = superblock.fragments;
    let entry = metadata.table_entry(table, number, size, pointer, "fragment table")?;
    let mut fields = Fields::new(&entry, superblock.endian);
    let at = superblock.start.saturating_add(fields.size(bits));
    let length = fields.take32(32);
    let stored = stored_length(length);
    if stored > superblock.block_size + 8192 || at.saturating_add(stored) > end {
        let problem = Problem::new(ProblemCode::BadValue, at as u64, "fragment");
        return Err(problem.because(format!("{stored} bytes leave the file system")));
    }
    Ok(FragmentPlace { number, at, length })
}

/// A fragment block.
enum Fragment {
    /// As it is in the input.
    Stored(Range<usize>),
    /// Where it lies in the input, and its decoded bytes.
    Decoded(usize, Vec<u8>),
}

/// What was read.
pub(super) enum Content {
    /// A stretch of the input, as it is.
    Stored(Range<usize>),
    Decoded(Vec<u8>),
}

impl<'a> Contents<'a> {
    pub(super) fn new(
        input: &'a Input,
        superblock: &'a Superblock,
        end: usize,
        decoder: Decoder,
    ) -> Self {
        Self { input, superblock, end, decoder, fragment: None }
    }

    /// The content of a file, or why it cannot be read; `limit` is the longest allowed. `place` is
    /// that of the file's fragment, if it has one.
    pub(super) fn read(
        &mut self,
        data: &FileData,
        place: Option<&Result<FragmentPlace, Problem>>,
        limit: usize,
    ) -> Result<Content, Problem> {
        let start = self.superblock.start.saturating_add(data.start);
        self.check(data, start, limit)?;
        if let Some(range) = self.stored(data, start) {
            return Ok(Content::Stored(range));
        }
        let mut content = Vec::with_capacity(data.size);
        let mut at = start;
        for &length in &data.blocks {
            let expected = self.superblock.block_size.min(data.size - content.len());
            self.block(at, length, expected, &mut content)?;
            at += stored_length(length);
        }
        let tail = data.size - content.len();
        let Some(((_, offset), place)) = data.fragment.filter(|_| tail > 0).zip(place) else {
            return Ok(Content::Decoded(content));
        };
        let place = place.as_ref().map_err(Clone::clone)?;
        let range = offset..offset.saturating_add(tail);
        let input = self.input;
        match self.fragment(place)? {
            Fragment::Stored(stored) if data.blocks.is_empty() && range.end <= stored.len() => {
                return Ok(Content::Stored(stored.start + range.start..stored.start + range.end));
            }
            Fragment::Stored(stored) => {
                let bytes = input.bytes(stored.start, stored.len(), "fragment")?;
                content.extend_from_slice(part(bytes, range, stored.start)?);
            }
            Fragment::Decoded(at, bytes) => content.extend_from_slice(part(bytes, range, *at)?),
        }
        Ok(Content::Decoded(content))
    }

    /// Before anything is allocated: the blocks lie in the file system, and the size is allowed.
    fn check(&self, data: &FileData, start: usize, limit: usize) -> Result<(), Problem> {
        let bad = |code| Problem::new(code, start as u64, "file");
        if data.size > limit {
            let detail = format!("{} bytes are more than the limit", data.size);
            return Err(bad(ProblemCode::SizeLimit).because(detail));
        }
        let stored = data.blocks.iter().map(|&length| stored_length(length)).sum::<usize>();
        if stored > 0 && start.saturating_add(stored) > self.end {
            let detail = format!("{stored} bytes of blocks leave the file system");
            return Err(bad(ProblemCode::Truncated).because(detail));
        }
        Ok(())
    }

    /// The file's stretch of the input, if all its blocks are stored as they are and nothing is in
    /// a fragment.
    fn stored(&self, data: &FileData, start: usize) -> Option<Range<usize>> {
        let tail = data.size - data.blocks.len().saturating_sub(1) * self.superblock.block_size;
        let last = data.blocks.len().checked_sub(1)?;
        let whole = |(index, &length): (usize, &u32)| {
            let expected = if index == last { tail } else { self.superblock.block_size };
            length & UNCOMPRESSED != 0 && stored_length(length) == expected
        };
        let plain = data.fragment.is_none() && data.blocks.iter().enumerate().all(whole);
        plain.then(|| start..start + data.size)
    }

    /// Appends one block of `expected` bytes. Length 0 is a hole.
    fn block(
        &mut self,
        at: usize,
        length: u32,
        expected: usize,
        content: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        if length == 0 {
            content.resize(content.len() + expected, 0);
            return Ok(());
        }
        let stored = self.input.bytes(at, stored_length(length), "data block")?;
        if length & UNCOMPRESSED == 0 {
            let result = self.decoder.decode(stored, expected, Length::Exact, content);
            return result.map_err(|error| error.at(at, "data block"));
        }
        if stored.len() != expected {
            let detail = format!("{} bytes instead of {expected}", stored.len());
            let problem = Problem::new(ProblemCode::BadValue, at as u64, "data block");
            return Err(problem.because(detail));
        }
        content.extend_from_slice(stored);
        Ok(())
    }

    fn fragment(&mut self, place: &FragmentPlace) -> Result<&Fragment, Problem> {
        if !matches!(&self.fragment, Some((last, _)) if *last == place.number) {
            self.fragment = Some((place.number, self.decode_fragment(place)));
        }
        match &self.fragment {
            Some((_, Ok(fragment))) => Ok(fragment),
            Some((_, Err(problem))) => Err(problem.clone()),
            None => Err(Problem::new(ProblemCode::BadValue, 0, "fragment")),
        }
    }

    fn decode_fragment(&mut self, place: &FragmentPlace) -> Result<Fragment, Problem> {
        let (at, stored) = (place.at, stored_length(place.length));
        if place.length & UNCOMPRESSED != 0 {
            return Ok(Fragment::Stored(at..at + stored));
        }
        let mut bytes = Vec::new();
        let result = self.decoder.decode(
            self.input.bytes(at, stored, "fragment")?,
            self.superblock.block_size,
            Length::UpTo,
            &mut bytes,
        );
        result.map_err(|error| error.at(at, "fragment"))?;
        Ok(Fragment::Decoded(at, bytes))
    }
}

/// A file's share of a fragment block that lies at `at`.
fn part(bytes: &[u8], range: Range<usize>, at: usize) -> Result<&[u8], Problem> {
    bytes.get(range.clone()).ok_or_else(|| {
        let detail = format!("{range:?} of {} bytes", bytes.len());
        Problem::new(ProblemCode::BadValue, at as u64, "fragment").because(detail)
    })
}

fn stored_length(length: u32) -> usize {
    (length & !UNCOMPRESSED) as usize
}
