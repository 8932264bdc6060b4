// SPDX-License-Identifier: Apache-2.0
//! The journal (jbd2): after power loss the newest state of some blocks is only there. All fields
//! are big-endian (Linux Documentation/filesystems/ext4, "Journal").

use std::collections::{BTreeMap, HashMap};

use kakoi_model::Endian::Big;
use kakoi_model::{Problem, ProblemCode};

use super::blocks::find_runs;
use super::volume::Volume;
use crate::Input;

const MAGIC: u32 = 0xc03b_3998;

/// Block types.
const DESCRIPTOR: u32 = 1;
const COMMIT: u32 = 2;
const REVOKE: u32 = 5;

/// `INCOMPAT` features of the journal.
const BITS_64: u32 = 0x2;
const CHECKSUM_3: u32 = 0x10;
const CHECKSUM_2: u32 = 0x8;

/// Flags of a tag.
const ESCAPED: u32 = 1;
const SAME_UUID: u32 = 2;
const LAST: u32 = 8;

/// The blocks that the journal replaces: number to place in the content.
///
/// # Errors
/// A journal that is damaged or elsewhere.
pub(super) fn read_journal(volume: &Volume<'_>) -> Result<HashMap<u64, usize>, Problem> {
    let inode = volume.inode(volume.superblock.journal_inode)?;
    let blocks = inode.size / volume.superblock.block_size as u64;
    let mut places = Vec::new();
    for run in find_runs(volume, &inode, blocks)? {
        for block in run.physical..run.physical.saturating_add(run.count) {
            places.push(volume.place(block)?);
        }
    }
    let bad = || Problem::new(ProblemCode::BadValue, inode.place as u64, "journal");
    let &first = places.first().ok_or_else(bad)?;
    let field = |offset: usize| volume.input.u32(first + offset, Big, "journal superblock");
    if field(0)? != MAGIC {
        return Err(bad());
    }
    let start = field(28)? as usize;
    let mut log = Log {
        input: volume.input,
        block_size: volume.superblock.block_size,
        features: if field(4)? == 4 { field(40)? } else { 0 },
        first: field(20)? as usize,
        end: (field(16)? as usize).min(places.len()),
        places,
        transactions: Vec::new(),
        revoked: BTreeMap::new(),
    };
    if start != 0 {
        log.read(start, field(24)?);
    }
    Ok(log.replay())
}

struct Log<'a> {
    input: &'a Input,
    block_size: usize,
    features: u32,
    /// First block of the ring and one past the last.
    first: usize,
    end: usize,
    /// Where each block of the journal lies.
    places: Vec<usize>,
    /// Committed writes by transaction: block and place.
    transactions: Vec<(u32, Vec<(u64, usize)>)>,
    /// Blocks that were freed, with the last transaction that did.
    revoked: BTreeMap<u64, u32>,
}

impl Log<'_> {
    /// Follows the ring from `at`; ends at the first block that does not continue it.
    fn read(&mut self, mut at: usize, mut sequence: u32) {
        let (mut pending, mut revoked) = (Vec::new(), Vec::new());
        for _ in 0..self.end {
            let Some(&place) = self.places.get(at).filter(|_| at < self.end) else { return };
            let field = |offset: usize| self.input.u32(place + offset, Big, "journal").unwrap_or(0);
            if field(0) != MAGIC || field(8) != sequence {
                return;
            }
            match field(4) {
                DESCRIPTOR => {
                    for block in self.tags(place) {
                        at = self.next(at);
                        let Some(&data) = self.places.get(at) else { return };
                        pending.extend(block.map(|block| (block, data)));
                    }
                }
                REVOKE => revoked.extend(self.revocations(place)),
                COMMIT => {
                    self.transactions.push((sequence, std::mem::take(&mut pending)));
                    revoked.drain(..).for_each(|block| {
                        self.revoked.insert(block, sequence);
                    });
                    sequence = sequence.wrapping_add(1);
                }
                _ => return,
            }
            at = self.next(at);
        }
    }

    fn next(&self, at: usize) -> usize {
        if at + 1 >= self.end { self.first } else { at + 1 }
    }

    /// The blocks that follow a descriptor; none for one whose first bytes were escaped, which
    /// cannot be shared as it lies (only contents that look like the journal's magic are).
    fn tags(&self, place: usize) -> Vec<Option<u64>> {
        let is_64 = self.features & BITS_64 != 0;
        let has_checksum = self.features & (CHECKSUM_2 | CHECKSUM_3) != 0;
        let end = place + self.block_size - if has_checksum { 4 } else { 0 };
        let size = match (self.features & CHECKSUM_3 != 0, is_64, has_checksum) {
            (true, _, _) => 16,
            (false, true, true) => 14,
            (false, true, false) => 12,
            (false, false, true) => 10,
            (false, false, false) => 8,
        };
        let mut tags = Vec::new();
        let mut at = place + 12;
        while at + size <= end {
            let read = |offset: usize| self.input.u32(at + offset, Big, "tag").unwrap_or(0);
            let flags = match self.features & CHECKSUM_3 != 0 {
                true => read(4),
                false => read(4) & 0xffff,
            };
            let high = if is_64 { u64::from(read(8)) << 32 } else { 0 };
            let block = high | u64::from(read(0));
            tags.push((flags & ESCAPED == 0).then_some(block));
            if flags & LAST != 0 {
                break;
            }
            at += size + if flags & SAME_UUID == 0 { 16 } else { 0 };
        }
        tags
    }

    fn revocations(&self, place: usize) -> Vec<u64> {
        let used = self.input.size32(place + 12, Big, "revocation").unwrap_or(0);
        let end = place + used.min(self.block_size);
        let is_64 = self.features & BITS_64 != 0;
        let size = if is_64 { 8 } else { 4 };
        let places = (place + 16..end).step_by(size).take_while(|at| at + size <= end);
        let block = |at: usize| match is_64 {
            true => self.input.u64(at, Big, "revocation").ok(),
            false => self.input.u32(at, Big, "revocation").ok().map(u64::from),
        };
        places.filter_map(block).collect()
    }

    fn replay(self) -> HashMap<u64, usize> {
        let mut replayed = HashMap::new();
        for (sequence, writes) in &self.transactions {
            for &(block, place) in writes {
                // Sequence numbers wrap: older when the difference is negative.
                let is_revoked = self
                    .revoked
                    .get(&block)
                    .is_some_and(|revoked| revoked.wrapping_sub(*sequence).cast_signed() >= 0);
                if !is_revoked {
                    replayed.insert(block, place);
                }
            }
        }
        replayed
    }
}
