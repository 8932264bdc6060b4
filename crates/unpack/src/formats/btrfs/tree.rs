// SPDX-License-Identifier: Apache-2.0
//! Trees of items, and the map from logical addresses to places on the device.

use std::collections::{BTreeMap, HashSet};

use kakoi_model::{Endian, Problem, ProblemCode};

use super::SUPER;
use crate::Input;

const LITTLE: Endian = Endian::Little;

/// Length of a node's header, of an item's entry in a leaf, of a pointer in an inner node.
const HEADER: usize = 101;
const ENTRY: usize = 25;
const POINTER: usize = 33;

/// Deepest tree of the format.
const MAX_LEVEL: u8 = 8;

/// Item of a chunk; kinds of chunks that spread over several devices.
const CHUNK_ITEM: u8 = 228;
const STRIPED: u64 = 0x8 | 0x40 | 0x80 | 0x100;

/// A key, and the bytes that it leads to.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) object: u64,
    pub(super) kind: u8,
    pub(super) offset: u64,
    pub(super) data: &'a [u8],
}

impl<'a> Item<'a> {
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        self.data.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
    }

    /// A number in the item; 0 beyond its end.
    pub(super) fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }

    pub(super) fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    pub(super) fn u8(&self, at: usize) -> u8 {
        self.array::<1>(at)[0]
    }

    /// Length of the value, length of the name, type, name, value: of names in directories and of
    /// extended attributes.
    pub(super) fn name(&self) -> &'a [u8] {
        let length = usize::from(u16::from_le_bytes(self.array(27)));
        self.data.get(30..30 + length).unwrap_or_default()
    }

    pub(super) fn value(&self) -> &'a [u8] {
        let name = usize::from(u16::from_le_bytes(self.array(27)));
        let length = usize::from(u16::from_le_bytes(self.array(25)));
        self.data.get(30 + name..30 + name + length).unwrap_or_default()
    }
}

/// A volume on one device.
pub(super) struct Volume<'a> {
    pub(super) input: &'a Input,
    start: usize,
    node: usize,
    /// Logical address of the tree of roots.
    pub(super) root: u64,
    /// Logical address of each chunk, its length and its place on the device.
    chunks: BTreeMap<u64, (u64, u64)>,
    pub(super) problems: Vec<Problem>,
    /// Nodes that were read: a tree that leads back to itself ends there.
    seen: HashSet<u64>,
}

impl<'a> Volume<'a> {
    pub(super) fn read(input: &'a Input, start: usize) -> Result<Self, Problem> {
        let at = start.saturating_add(SUPER);
        let mut volume = Self {
            input,
            start,
            node: input.size32(at + 148, LITTLE, "node size")?,
            root: input.u64(at + 80, LITTLE, "tree of roots")?,
            chunks: BTreeMap::new(),
            problems: Vec::new(),
            seen: HashSet::new(),
        };
        if input.u64(at + 136, LITTLE, "devices")? != 1 {
            let problem = Problem::new(ProblemCode::Unsupported, at as u64, "devices");
            return Err(problem.because("the volume has several"));
        }
        // The chunks in which the tree of chunks lies stand in the superblock.
        let length = input.size32(at + 160, LITTLE, "system chunks")?.min(2048);
        let table = input.bytes(at + 811, length, "system chunks")?;
        let mut rest = table;
        while let Some((key, data)) = rest.split_first_chunk::<17>() {
            let [.., o0, o1, o2, o3, o4, o5, o6, o7] = *key;
            let offset = u64::from_le_bytes([o0, o1, o2, o3, o4, o5, o6, o7]);
            let item = Item { object: 0, kind: CHUNK_ITEM, offset, data };
            let stripes = usize::from(u16::from_le_bytes(item.array(44)));
            volume.add_chunk(&item)?;
            rest = data.get(48 + stripes * 32..).unwrap_or_default();
        }
        let mut chunks = Vec::new();
        volume.walk(input.u64(at + 88, LITTLE, "tree of chunks")?, |item| {
            if item.kind == CHUNK_ITEM {
                chunks.push(item);
            }
        })?;
        chunks.iter().try_for_each(|item| volume.add_chunk(item))?;
        Ok(volume)
    }

    fn add_chunk(&mut self, item: &Item<'_>) -> Result<(), Problem> {
        if item.u64(24) & STRIPED != 0 {
            let problem = Problem::new(ProblemCode::Unsupported, self.start as u64, "chunk");
            return Err(problem.because("striped over several devices"));
        }
        self.chunks.insert(item.offset, (item.u64(0), item.u64(56)));
        Ok(())
    }

    /// The bytes at a logical address.
    pub(super) fn bytes(&self, logical: u64, length: usize) -> Result<&'a [u8], Problem> {
        let lost = || {
            let problem = Problem::new(ProblemCode::BadValue, self.start as u64, "logical address");
            problem.because(format!("{logical:#x} lies in no chunk"))
        };
        let (first, &(size, device)) =
            self.chunks.range(..=logical).next_back().ok_or_else(lost)?;
        let within = logical - first;
        if within.saturating_add(length as u64) > size {
            return Err(lost());
        }
        let place = usize::try_from(device.saturating_add(within)).unwrap_or(usize::MAX);
        self.input.bytes(self.start.saturating_add(place), length, "extent")
    }

    /// Calls `found` for every item of a tree, in order. Nodes that cannot be read are reported; the
    /// root must be readable.
    pub(super) fn walk(
        &mut self,
        root: u64,
        mut found: impl FnMut(Item<'a>),
    ) -> Result<(), Problem> {
        self.bytes(root, self.node)?;
        let mut waiting = vec![(root, MAX_LEVEL)];
        while let Some((logical, most)) = waiting.pop() {
            match self.read_node(logical, most) {
                Ok((0, node)) => leaf_items(node).for_each(&mut found),
                Ok((level, node)) => {
                    let pointers = pointers(node).map(|pointer| (pointer, level - 1));
                    waiting.extend(Vec::from_iter(pointers).into_iter().rev());
                }
                Err(problem) => self.problems.push(problem),
            }
        }
        Ok(())
    }

    /// A node's level and its bytes.
    fn read_node(&mut self, logical: u64, most: u8) -> Result<(u8, &'a [u8]), Problem> {
        let node = self.bytes(logical, self.node)?;
        let bad = |code, field| Problem::new(code, self.start as u64, field);
        let itself = node.get(48..).and_then(<[u8]>::first_chunk).map(|it| u64::from_le_bytes(*it));
        let level = node.get(100).copied().unwrap_or(u8::MAX);
        if itself != Some(logical) || level > most {
            return Err(bad(ProblemCode::BadValue, "node").because(format!("at {logical:#x}")));
        }
        if !self.seen.insert(logical) {
            return Err(bad(ProblemCode::Cycle, "node").because(format!("at {logical:#x}")));
        }
        Ok((level, node))
    }
}

fn count(node: &[u8]) -> usize {
    let count = node.get(96..).and_then(<[u8]>::first_chunk);
    count.map_or(0, |count| u32::from_le_bytes(*count) as usize)
}

fn leaf_items(node: &[u8]) -> impl Iterator<Item = Item<'_>> {
    let entries = node.get(HEADER..).unwrap_or_default().chunks_exact(ENTRY).take(count(node));
    entries.filter_map(|entry| {
        let key = Item { object: 0, kind: 0, offset: 0, data: entry };
        let (at, length) = (key.u32(17) as usize + HEADER, key.u32(21) as usize);
        let data = node.get(at..at.checked_add(length)?)?;
        Some(Item { object: key.u64(0), kind: key.u8(8), offset: key.u64(9), data })
    })
}

fn pointers(node: &[u8]) -> impl Iterator<Item = u64> {
    let entries = node.get(HEADER..).unwrap_or_default().chunks_exact(POINTER).take(count(node));
    entries.map(|data| Item { object: 0, kind: 0, offset: 0, data }.u64(17))
}
