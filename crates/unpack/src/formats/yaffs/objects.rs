// SPDX-License-Identifier: Apache-2.0
//! From chunks to the newest state of each object.
//!
//! Blocks carry a sequence number; within a block chunks are written in order. Later chunks
//! replace earlier ones with the same place.

use std::collections::BTreeMap;

use kakoi_model::{Problem, ProblemCode};

use super::chunk::{Geometry, Header, TagLayout, Tags, parse_header};
use crate::Input;

/// An object as its newest chunks describe it.
#[derive(Debug, Default)]
pub(super) struct Object {
    pub(super) header: Option<Header>,
    pub(super) size: u64,
    /// Chunks of the content: number from 1, place and tags.
    pub(super) chunks: BTreeMap<u32, (usize, Tags)>,
}

/// All objects, and where the last chunk ends.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) objects: BTreeMap<u32, Object>,
    pub(super) last_chunk: usize,
    pub(super) end: usize,
    pub(super) problems: Vec<Problem>,
}

/// A block has 32 to 128 pages; as many chunks may be unreadable in a row.
const MAX_BAD: usize = 64;

/// Reads all chunks from `start` on.
pub(super) fn read_objects(input: &Input, start: usize, geometry: Geometry) -> Objects {
    let mut objects = Objects { end: start, ..Objects::default() };
    let mut chunks = objects.find_chunks(input, start, geometry);
    chunks.sort_by_key(|(at, tags)| (tags.sequence, *at));
    for (at, tags) in chunks.into_iter().filter(|(_, tags)| !tags.is_deleted) {
        if tags.chunk == 0 {
            objects.take_header(input, at, tags, geometry);
        } else {
            objects.take_data(at, tags, geometry);
        }
    }
    objects
}

impl Objects {
    /// Chunks lie behind each other; erased ones may be between them, damaged ones are passed
    /// over if more follow.
    fn find_chunks(
        &mut self,
        input: &Input,
        start: usize,
        geometry: Geometry,
    ) -> Vec<(usize, Tags)> {
        let mut chunks = Vec::new();
        let mut bad = 0;
        let mut at = start;
        while at + geometry.chunk() <= input.len() && bad <= MAX_BAD {
            if let Some(tags) = geometry.parse_tags(input, at) {
                if bad > 0 {
                    let place = at - bad * geometry.chunk();
                    let problem = Problem::new(ProblemCode::BadValue, place as u64, "tags");
                    self.problems.push(problem.because(format!("{bad} chunks were passed over")));
                }
                chunks.push((at, tags));
                bad = 0;
                self.last_chunk = at;
                self.end = at + geometry.chunk();
            } else if !geometry.is_erased(input, at) {
                bad += 1;
            }
            at += geometry.chunk();
        }
        chunks
    }

    fn take_header(&mut self, input: &Input, at: usize, tags: Tags, geometry: Geometry) {
        let Some(header) = parse_header(input, at, geometry.endian) else {
            self.problems.push(Problem::new(ProblemCode::BadValue, at as u64, "object header"));
            return;
        };
        if let Some(shadowed) = header.shadows {
            self.objects.remove(&shadowed);
        }
        let object = self.objects.entry(tags.object).or_default();
        object.size = u64::from(header.size);
        if header.is_shrink {
            let last = u64::from(header.size).div_ceil(geometry.page as u64);
            object.chunks.retain(|&number, _| u64::from(number) <= last);
        }
        object.header = Some(header);
    }

    fn take_data(&mut self, at: usize, tags: Tags, geometry: Geometry) {
        let object = self.objects.entry(tags.object).or_default();
        if geometry.tags == TagLayout::One
            && let Some((_, known)) = object.chunks.get(&tags.chunk)
            && known.serial == (tags.serial + 1) & 3
        {
            return;
        }
        let end = u64::from(tags.chunk - 1) * geometry.page as u64 + tags.length as u64;
        object.size = object.size.max(end);
        object.chunks.insert(tags.chunk, (at, tags));
    }
}
