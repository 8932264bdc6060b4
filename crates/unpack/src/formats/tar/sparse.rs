// SPDX-License-Identifier: Apache-2.0
//! Sparse files: GNU's old headers, and pax 0.0, 0.1 and 1.0 (GNU tar manual, Sparse Formats).

use std::ops::Range;

use kakoi_model::{Problem, ProblemCode};

use super::BLOCK;
use super::header::number;
use super::pax::{Extended, MAX_MAP};
use crate::Input;

/// Stretches of data in a file that is zero elsewhere.
pub(super) struct Map {
    size: usize,
    stretches: Vec<(usize, usize)>,
    offset: usize,
}

/// The map of an entry of type `S`, and where its data begin.
pub(super) fn parse_gnu(input: &Input, start: usize) -> Result<(Map, usize), Problem> {
    let block = input.bytes(start, BLOCK, "header")?;
    let bad = || Problem::new(ProblemCode::BadValue, start as u64, "sparse map");
    let size = number(&block[483..495]).and_then(|size| usize::try_from(size).ok());
    let mut map = Map { size: size.ok_or_else(bad)?, stretches: Vec::new(), offset: start };
    map.add(&block[386..386 + 4 * 24]).ok_or_else(bad)?;
    let mut more = block[482] == 1;
    let mut at = start + BLOCK;
    while more {
        let block = input.bytes(at, BLOCK, "sparse map")?;
        map.add(&block[..21 * 24]).ok_or_else(bad)?;
        more = block[504] == 1;
        at += BLOCK;
        if map.stretches.len() > MAX_MAP {
            return Err(Problem::new(ProblemCode::CountLimit, at as u64, "sparse map"));
        }
    }
    Ok((map, at))
}

/// The map of a file whose pax header says that it is sparse, and where its data begin.
pub(super) fn parse_pax(
    input: &Input,
    range: Range<usize>,
    extended: &Extended,
) -> Result<(Option<Map>, usize), Problem> {
    let sparse = &extended.sparse;
    let Some(size) = sparse.real_size else { return Ok((None, range.start)) };
    let offset = range.start;
    if sparse.major == Some(1) {
        return parse_in_content(input, range, size).map(|(map, at)| (Some(map), at));
    }
    let pairs = sparse.map.chunks_exact(2).map(|pair| (pair[0], pair[1]));
    Ok((Some(Map { size, stretches: pairs.collect(), offset }), offset))
}

/// Version 1.0: the map stands before the data, as decimal lines, padded to a block.
fn parse_in_content(
    input: &Input,
    range: Range<usize>,
    size: usize,
) -> Result<(Map, usize), Problem> {
    let bytes = input.bytes(range.start, range.len(), "sparse map")?;
    let bad = || Problem::new(ProblemCode::BadValue, range.start as u64, "sparse map");
    let mut at = 0;
    let mut next = || {
        let line = bytes.get(at..)?.iter().take(24).position(|&byte| byte == b'\n')?;
        let text = std::str::from_utf8(bytes.get(at..at + line)?).ok()?;
        at += line + 1;
        text.parse::<usize>().ok()
    };
    let count = next().filter(|&count| count <= MAX_MAP).ok_or_else(bad)?;
    let mut stretches = Vec::new();
    for _ in 0..count {
        stretches.push((next().ok_or_else(bad)?, next().ok_or_else(bad)?));
    }
    let data = range.start + at.next_multiple_of(BLOCK);
    Ok((Map { size, stretches, offset: range.start }, data))
}

impl Map {
    /// Entries of 12 + 12 octal digits; an empty one ends the list.
    fn add(&mut self, entries: &[u8]) -> Option<()> {
        for entry in entries.chunks_exact(24) {
            if entry[12] == 0 {
                break;
            }
            let offset = usize::try_from(number(&entry[..12])?).ok()?;
            self.stretches.push((offset, usize::try_from(number(&entry[12..])?).ok()?));
        }
        Some(())
    }

    /// The file with its holes.
    pub(super) fn expand(
        &self,
        input: &Input,
        data: Range<usize>,
        limit: usize,
    ) -> Result<Vec<u8>, Problem> {
        // A hole costs nothing in the archive: no more than that of a well-packed stream.
        let room = limit.min(input.len().saturating_mul(1024));
        if self.size > room {
            let problem = Problem::new(ProblemCode::SizeLimit, self.offset as u64, "sparse file");
            return Err(problem.because(format!("{} bytes", self.size)));
        }
        let bad = || Problem::new(ProblemCode::BadValue, self.offset as u64, "sparse map");
        let mut content = vec![0; self.size];
        let mut at = data.start;
        for &(offset, length) in &self.stretches {
            let end = at.checked_add(length).filter(|&end| end <= data.end).ok_or_else(bad)?;
            let target = offset.checked_add(length).and_then(|end| content.get_mut(offset..end));
            target.ok_or_else(bad)?.copy_from_slice(input.bytes(at, length, "sparse data")?);
            at = end;
        }
        Ok(content)
    }
}
