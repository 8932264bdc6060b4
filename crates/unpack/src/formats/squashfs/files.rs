// SPDX-License-Identifier: Apache-2.0
//! Reads contents in the order in which they lie, several at once.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use kakoi_model::{ImagePath, Problem, ProblemCode};
use rayon::prelude::*;

use crate::output::Hashed;
use crate::{Input, Meta, Output};

use super::content::{Content, Contents, FragmentPlace, find_fragment};
use super::inode::FileData;
use super::metadata::Metadata;
use super::superblock::Superblock;

/// A file that is still to be read.
pub(super) type File = (FileData, Meta);

/// Where the files of one file system are read from.
pub(super) struct Files<'a, 'b> {
    pub(super) input: &'a Input,
    pub(super) superblock: &'a Superblock,
    /// One past the file system's last byte in the content.
    pub(super) end: usize,
    pub(super) metadata: &'b mut Metadata<'a>,
}

impl Files<'_, '_> {
    /// Contents by fragment, then by place: every fragment block is decoded once, and files with
    /// equal data (hard links, duplicates that the writer found) follow each other and are decoded
    /// once. Several pieces of the list are read at once, and yielded in its order.
    ///
    /// # Errors
    /// When a limit of the scan is reached.
    pub(super) fn read(
        &mut self,
        mut files: Vec<File>,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        files.sort_by(|(a, a_meta), (b, b_meta)| (a, &a_meta.path).cmp(&(b, &b_meta.path)));
        let mut pieces = pieces(&files);
        let mut last = None;
        while !pieces.is_empty() {
            let wave = self.wave(&files, &mut pieces);
            let read = self.read_wave(&files, wave, output.content_limit());
            for (index, result) in read {
                if let Some((_, meta)) = files.get(index) {
                    self.yield_file(meta, result, &mut last, output)?;
                }
            }
        }
        Ok(())
    }

    /// The next pieces that are read together. How blocks are compressed must be known first.
    fn wave(&self, files: &[File], pieces: &mut VecDeque<Range<usize>>) -> Vec<Range<usize>> {
        let mut wave: Vec<Range<usize>> = pieces.pop_front().into_iter().collect();
        let mut bytes = wave.first().map_or(0, |piece| size_of(files, piece));
        while self.metadata.decoder.method().is_some()
            && let Some(next) = pieces.front()
        {
            bytes += size_of(files, next);
            if bytes > WAVE {
                break;
            }
            wave.extend(pieces.pop_front());
        }
        wave
    }

    /// What each file of a wave holds; none for one whose data is that of the file before it.
    fn read_wave(
        &mut self,
        files: &[File],
        wave: Vec<Range<usize>>,
        limit: usize,
    ) -> Vec<(usize, Option<Result<Ready, Problem>>)> {
        let places = self.fragments(files, &wave);
        let known = &self.metadata.decoder;
        let read_piece = |piece: Range<usize>| {
            let (input, superblock) = (self.input, self.superblock);
            let mut contents = Contents::new(input, superblock, self.end, known.clone());
            let mut read = |index: usize| {
                let (data, _) = files.get(index)?;
                let before = index.checked_sub(1).and_then(|before| files.get(before));
                if before.is_some_and(|(before, _)| before == data) {
                    return None;
                }
                let place = data.fragment.and_then(|(number, _)| places.get(&number));
                Some(contents.read(data, place, limit).map(Ready::new))
            };
            let results: Vec<_> = piece.map(|index| (index, read(index))).collect();
            (results, contents.decoder)
        };
        let read: Vec<_> = wave.into_par_iter().map(read_piece).collect();
        let mut results = Vec::new();
        for (piece, decoder) in read {
            results.extend(piece);
            self.metadata.decoder = decoder;
        }
        results
    }

    /// Where the fragments of a wave lie, by their numbers.
    fn fragments(
        &mut self,
        files: &[File],
        wave: &[Range<usize>],
    ) -> HashMap<u32, Result<FragmentPlace, Problem>> {
        let mut places = HashMap::new();
        for (data, _) in wave.iter().flat_map(|piece| files.get(piece.clone())).flatten() {
            if let Some((number, _)) = data.fragment {
                places.entry(number).or_insert_with(|| {
                    find_fragment(self.metadata, self.superblock, self.end, number)
                });
            }
        }
        places
    }

    /// `last` is the path of the file before this one, or why it could not be read.
    fn yield_file(
        &self,
        meta: &Meta,
        read: Option<Result<Ready, Problem>>,
        last: &mut Option<Result<Vec<u8>, Problem>>,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let is_first = read.is_some();
        let result = match (read, &*last) {
            (Some(Ok(Ready::Decoded(content))), _) => output.hashed_file(meta.clone(), content),
            (Some(Ok(Ready::Stored(range))), _) => {
                let shared = self.input.share(range, "data block");
                shared.and_then(|content| output.shared_file(meta.clone(), content))
            }
            (Some(Err(problem)), _) => Err(problem),
            (None, Some(Err(problem))) => Err(problem.clone()),
            (None, Some(Ok(first))) => output.hard_link(meta.clone(), first),
            (None, None) => Ok(()),
        };
        if let Err(problem) = &result {
            if problem.code == ProblemCode::CountLimit {
                return result;
            }
            output.problem(problem.clone().of_entry(&ImagePath::new(&meta.path)));
        }
        if is_first {
            *last = Some(result.map(|()| meta.path.clone()));
        }
        Ok(())
    }
}

/// A content that is ready to be yielded.
enum Ready {
    /// A stretch of the input, as it is.
    Stored(Range<usize>),
    Decoded(Hashed),
}

impl Ready {
    fn new(content: Content) -> Self {
        match content {
            Content::Stored(range) => Self::Stored(range),
            Content::Decoded(bytes) => Self::Decoded(Hashed::new(bytes)),
        }
    }
}

/// Decoded bytes of one piece and of one wave, at least and at most, but for larger files. What is done with a content goes on
/// while the next wave is decoded.
const PIECE: usize = 256 << 10;
const WAVE: usize = 4 << 20;

/// Cuts the list into stretches that share no fragment and no data.
fn pieces(files: &[File]) -> VecDeque<Range<usize>> {
    let fragment = |data: &FileData| data.fragment.map(|(number, _)| number);
    let (mut pieces, mut start, mut bytes) = (VecDeque::new(), 0, 0_usize);
    for (index, pair) in files.windows(2).enumerate() {
        let [(data, _), (next, _)] = pair else { continue };
        bytes = bytes.saturating_add(data.size);
        let shared = data.fragment.is_some() && fragment(data) == fragment(next);
        if bytes >= PIECE && !shared && data != next {
            pieces.push_back(start..index + 1);
            (start, bytes) = (index + 1, 0);
        }
    }
    if start < files.len() {
        pieces.push_back(start..files.len());
    }
    pieces
}

fn size_of(files: &[File], piece: &Range<usize>) -> usize {
    let files = files.get(piece.clone()).unwrap_or_default();
    files.iter().fold(0, |sum, (data, _)| sum.saturating_add(data.size))
}
