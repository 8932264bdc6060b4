// SPDX-License-Identifier: Apache-2.0
//! Extended attributes: behind the fields of an inode, and in a block of their own.

use std::collections::BTreeMap;
use std::ops::Range;

use kakoi_model::Endian::Little;
use kakoi_model::Problem;

use super::volume::{Inode, Volume};
use crate::Input;

/// Start of both places.
const MAGIC: u32 = 0xea02_0000;

/// Attributes by full name. Values that are inodes of their own are left out.
pub(super) fn read_xattrs(volume: &Volume<'_>, inode: &Inode) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let room = inode.xattr_room.clone();
    if has_magic(volume.input, room.start) && room.len() > 4 {
        // Offsets of values count from the first entry.
        let _ = read_entries(volume.input, room.start + 4, room.start + 4..room.end, &mut found);
    }
    if inode.xattr_block != 0
        && let Ok(place) = volume.place(inode.xattr_block)
        && has_magic(volume.input, place)
    {
        let end = place + volume.superblock.block_size;
        // Here they count from the start of the block.
        let _ = read_entries(volume.input, place + 32, place..end, &mut found);
    }
    found
}

fn has_magic(input: &Input, at: usize) -> bool {
    input.u32(at, Little, "xattr magic").is_ok_and(|magic| magic == MAGIC)
}

fn read_entries(
    input: &Input,
    first: usize,
    room: Range<usize>,
    found: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), Problem> {
    let mut at = first;
    while at + 16 <= room.end && input.u32(at, Little, "xattr")? != 0 {
        let length = usize::from(input.u8(at, "name length")?);
        let index = input.u8(at + 1, "name index")?;
        let offset = usize::from(input.u16(at + 2, Little, "value offset")?);
        let is_inode = input.u32(at + 4, Little, "value inode")? != 0;
        let size = input.size32(at + 8, Little, "value size")?;
        let name = kakoi_model::escape(input.bytes(at + 16, length, "name")?);
        let value = room.start + offset;
        let fits = value.checked_add(size).is_some_and(|end| end <= room.end);
        if let (Some(prefix), true, false) = (name_prefix(index), fits, is_inode) {
            found.insert(format!("{prefix}{name}"), input.bytes(value, size, "value")?.to_vec());
        }
        at += 16 + length.next_multiple_of(4);
    }
    Ok(())
}

fn name_prefix(index: u8) -> Option<&'static str> {
    Some(match index {
        0 => "",
        1 => "user.",
        2 => "system.posix_acl_access",
        3 => "system.posix_acl_default",
        4 => "trusted.",
        6 => "security.",
        7 => "system.",
        8 => "system.richacl",
        _ => return None,
    })
}
