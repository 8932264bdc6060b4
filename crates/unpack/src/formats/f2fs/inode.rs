// SPDX-License-Identifier: Apache-2.0
//! Inodes: where their content lies, and the names in directories.

use kakoi_model::{Endian, Problem, ProblemCode};

use super::BLOCK;
use super::volume::Volume;

const LITTLE: Endian = Endian::Little;

/// Flags in `i_inline`: extended attributes, data, names, further fields within the inode.
const INLINE_XATTR: u8 = 0x01;
const INLINE_DATA: u8 = 0x02;
const INLINE_NAMES: u8 = 0x04;
const EXTRA: u8 = 0x20;

/// Flag in `i_advise`.
const ENCRYPTED: u8 = 0x04;

/// Addresses in an inode, and where they begin; in a node of addresses or of nodes.
const ADDRESSES: usize = 923;
const FIRST_ADDRESS: usize = 360;
const PER_NODE: usize = 1018;

/// Room for extended attributes, in addresses, where the inode does not tell it.
const XATTR_ADDRESSES: usize = 50;

/// Not written yet; first of a compressed cluster.
const NEW: u32 = u32::MAX;
const COMPRESSED: u32 = u32::MAX - 1;

/// A directory's entry and slot of a name, and the type that a directory has there.
const ENTRY: usize = 11;
const SLOT: usize = 8;
const DIRECTORY: u8 = 2;

/// A name, the inode, and whether that is a directory.
pub(super) type Name = (Vec<u8>, u32, bool);

pub(super) struct Inode<'a> {
    block: &'a [u8],
    /// Where it lies in the content.
    pub(super) at: usize,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) size: u64,
    pub(super) mtime: i64,
    flags: u8,
    encrypted: bool,
    /// First address, and how many.
    addresses: (usize, usize),
}

impl<'a> Inode<'a> {
    pub(super) fn read(volume: &Volume<'a>, number: u32) -> Result<Self, Problem> {
        let input = volume.input;
        let at = volume.node(number)?;
        let block = input.bytes(at, BLOCK, "inode")?;
        // The footer says whose node it is.
        let ids =
            (input.u32(at + 4072, LITTLE, "footer")?, input.u32(at + 4076, LITTLE, "footer")?);
        if ids != (number, number) {
            let problem = Problem::new(ProblemCode::BadValue, at as u64, "inode number");
            return Err(problem.because(format!("{ids:?} for {number}")));
        }
        let flags = input.u8(at + 3, "inode")?;
        let extra = match flags & EXTRA {
            0 => 0,
            _ => usize::from(input.u16(at + FIRST_ADDRESS, LITTLE, "inode")?) / 4,
        };
        let xattrs = if volume.flexible_xattr && flags & EXTRA != 0 {
            usize::from(input.u16(at + FIRST_ADDRESS + 2, LITTLE, "inode")?)
        } else if flags & (INLINE_XATTR | INLINE_NAMES) != 0 {
            XATTR_ADDRESSES
        } else {
            0
        };
        let count = ADDRESSES.checked_sub(extra + xattrs);
        let bad = || Problem::new(ProblemCode::BadValue, at as u64, "inode");
        Ok(Self {
            block,
            at,
            mode: u32::from(input.u16(at, LITTLE, "inode")?),
            uid: input.u32(at + 4, LITTLE, "inode")?,
            gid: input.u32(at + 8, LITTLE, "inode")?,
            size: input.u64(at + 16, LITTLE, "inode")?,
            mtime: input.u64(at + 48, LITTLE, "inode")?.cast_signed(),
            flags,
            encrypted: input.u8(at + 2, "inode")? & ENCRYPTED != 0,
            addresses: (extra, count.ok_or_else(bad)?),
        })
    }

    fn problem(&self, code: ProblemCode, field: &'static str) -> Problem {
        Problem::new(code, self.at as u64, field)
    }

    fn address(&self, index: usize) -> u32 {
        word(self.block, FIRST_ADDRESS / 4 + self.addresses.0 + index)
    }

    /// A device's number in the old and the new encoding.
    pub(super) fn device(&self) -> (u32, u32) {
        (self.address(0), self.address(1))
    }

    /// What lies in the inode itself instead of addresses; the first address stays unused.
    fn inline(&self) -> &'a [u8] {
        let (first, count) = self.addresses;
        let from = FIRST_ADDRESS + (first + 1) * 4;
        let length = count.saturating_sub(1) * 4;
        self.block.get(from..from + length).unwrap_or_default()
    }

    /// The content, `size` bytes long; holes are zeros.
    pub(super) fn content(&self, volume: &Volume<'a>, size: usize) -> Result<Vec<u8>, Problem> {
        if self.encrypted {
            return Err(self.problem(ProblemCode::Encrypted, "file"));
        }
        if self.flags & INLINE_DATA != 0 {
            let content = self.inline().get(..size);
            let truncated = || self.problem(ProblemCode::BadValue, "inline data");
            return content.map(<[u8]>::to_vec).ok_or_else(truncated);
        }
        let mut content = Vec::new();
        for address in self.places(volume, size.div_ceil(BLOCK))? {
            match address {
                0 | NEW => content.resize(content.len() + BLOCK, 0),
                COMPRESSED => return Err(self.problem(ProblemCode::Unsupported, "compressed file")),
                address => content.extend_from_slice(volume.block(address)?),
            }
        }
        content.truncate(size);
        Ok(content)
    }

    /// Addresses of the first `count` blocks; 0 is a hole.
    fn places(&self, volume: &Volume<'a>, count: usize) -> Result<Vec<u32>, Problem> {
        let own = self.addresses.1.min(count);
        let mut places: Vec<u32> = (0..own).map(|index| self.address(index)).collect();
        // Two nodes of addresses, two of such nodes, and one of those.
        for (index, level) in [0, 0, 1, 1, 2].into_iter().enumerate() {
            let number = word(self.block, 1013 + index);
            append(volume, number, level, count, &mut places)?;
        }
        if places.len() < count {
            return Err(self.problem(ProblemCode::BadValue, "file size"));
        }
        Ok(places)
    }

    /// The names of a directory, and how many bytes they were read from.
    pub(super) fn names(
        &self,
        volume: &Volume<'a>,
        room: usize,
    ) -> Result<(Vec<Name>, usize), Problem> {
        if self.encrypted {
            return Err(self.problem(ProblemCode::Encrypted, "directory"));
        }
        let mut names = Vec::new();
        if self.flags & INLINE_NAMES != 0 {
            let area = self.inline();
            read_names(area, area.len() * 8 / ((ENTRY + SLOT) * 8 + 1), &mut names);
            return Ok((names, BLOCK));
        }
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        if size > room {
            return Err(self.problem(ProblemCode::SizeLimit, "directory"));
        }
        for address in self.places(volume, size.div_ceil(BLOCK))? {
            if !matches!(address, 0 | NEW) {
                read_names(volume.block(address)?, 214, &mut names);
            }
        }
        Ok((names, size))
    }
}

/// The `index`th number of 32 bits in a block.
fn word(block: &[u8], index: usize) -> u32 {
    let bytes = block.get(index * 4..).and_then(<[u8]>::first_chunk);
    bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// Appends the addresses that a node of this level stands for, up to `count` in all.
fn append(
    volume: &Volume<'_>,
    number: u32,
    level: u32,
    count: usize,
    places: &mut Vec<u32>,
) -> Result<(), Problem> {
    if places.len() >= count {
        return Ok(());
    }
    if number == 0 {
        let span = PER_NODE.pow(level + 1);
        places.resize(places.len().saturating_add(span).min(count), 0);
        return Ok(());
    }
    let node = volume.input.bytes(volume.node(number)?, BLOCK, "node")?;
    if level == 0 {
        let take = PER_NODE.min(count - places.len());
        places.extend((0..take).map(|index| word(node, index)));
        return Ok(());
    }
    (0..PER_NODE).try_for_each(|index| append(volume, word(node, index), level - 1, count, places))
}

/// A bit for each entry, a rest, entries, slots of names; a long name takes several.
fn read_names(area: &[u8], count: usize, names: &mut Vec<Name>) {
    let slots = area.len().saturating_sub(count * SLOT);
    let entries = slots.saturating_sub(count * ENTRY);
    let mut index = 0;
    while index < count {
        let used = area.get(index / 8).is_some_and(|byte| byte >> (index % 8) & 1 == 1);
        let entry = area.get(entries + index * ENTRY..).and_then(<[u8]>::first_chunk::<ENTRY>);
        let Some(&[_, _, _, _, i0, i1, i2, i3, l0, l1, kind]) = entry.filter(|_| used) else {
            index += 1;
            continue;
        };
        let length = usize::from(u16::from_le_bytes([l0, l1]));
        let from = slots + index * SLOT;
        let name = area.get(from..from + length).unwrap_or_default();
        if !matches!(name, b"" | b"." | b"..") {
            let number = u32::from_le_bytes([i0, i1, i2, i3]);
            names.push((name.to_vec(), number, kind == DIRECTORY));
        }
        index += length.div_ceil(SLOT).max(1);
    }
}
