// SPDX-License-Identifier: Apache-2.0
//! Listings of directories.

use kakoi_model::{Problem, ProblemCode};

use super::metadata::{Metadata, Place};
use super::superblock::Superblock;
use crate::formats::fields::Fields;

/// One name, and where its inode lies.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) name: Vec<u8>,
    pub(super) inode: Place,
}

/// Names under one header, at most.
const NAMES: usize = 256;

/// Reads `length` bytes of listing: headers, each with up to 256 names whose inodes lie in one
/// metadata block. What was read before a problem stays in `names`.
pub(super) fn read_names(
    superblock: &Superblock,
    metadata: &mut Metadata<'_>,
    mut place: Place,
    length: usize,
    names: &mut Vec<Name>,
) -> Result<(), Problem> {
    let mut left = length;
    let mut bytes = Vec::new();
    while left > 0 {
        let at = superblock.start.saturating_add(place.block) as u64;
        bytes.clear();
        let size = header_length(superblock.major);
        metadata.read(&mut place, size, &mut bytes, "directory header")?;
        let (count, block) = parse_header(superblock, &bytes);
        left = left.saturating_sub(size);
        if count > NAMES {
            let problem = Problem::new(ProblemCode::BadValue, at, "directory header");
            return Err(problem.because(format!("{count} names")));
        }
        let block = superblock.inode_table.saturating_add(block);
        for _ in 0..count {
            let (name, taken) = read_name(superblock, metadata, &mut place, block)?;
            names.push(name);
            left = left.saturating_sub(taken);
        }
    }
    Ok(())
}

fn header_length(major: u16) -> usize {
    match major {
        1 | 2 => 4,
        3 => 9,
        _ => 12,
    }
}

/// Number of names, and the block of their inodes.
fn parse_header(superblock: &Superblock, bytes: &[u8]) -> (usize, usize) {
    let mut fields = Fields::new(bytes, superblock.endian);
    let (count, block) = match superblock.major {
        1 | 2 => (fields.size(8), fields.size(24)),
        3 => (fields.size(8), fields.size(32)),
        _ => (fields.size(32), fields.size(32)),
    };
    (count.saturating_add(1), block)
}

/// The name, and how many bytes of the listing it took.
fn read_name(
    superblock: &Superblock,
    metadata: &mut Metadata<'_>,
    place: &mut Place,
    block: usize,
) -> Result<(Name, usize), Problem> {
    let at = superblock.start.saturating_add(place.block) as u64;
    let size = match superblock.major {
        1 | 2 => 3,
        3 => 5,
        _ => 8,
    };
    let mut bytes = Vec::with_capacity(16);
    metadata.read(place, size, &mut bytes, "directory entry")?;
    let mut fields = Fields::new(&bytes, superblock.endian);
    let (offset, length) = if superblock.major == 4 {
        let offset = fields.size(16);
        let _number_and_type = fields.take(32);
        (offset, fields.size(16))
    } else {
        let offset = fields.size(13);
        let _type = fields.take(3);
        (offset, fields.size(8))
    };
    let length = length + 1;
    if length > NAMES {
        let problem = Problem::new(ProblemCode::BadValue, at, "directory entry");
        return Err(problem.because(format!("a name of {length} bytes")));
    }
    let mut name = Vec::with_capacity(length);
    metadata.read(place, length, &mut name, "file name")?;
    Ok((Name { name, inode: Place { block, offset } }, size + length))
}
