// SPDX-License-Identifier: Apache-2.0
//! What inodes refer to by number: owners and extended attributes.

use std::collections::BTreeMap;

use kakoi_model::{Problem, ProblemCode};

use crate::Input;

use super::metadata::{Metadata, Place};
use super::superblock::{Superblock, Table};
use crate::formats::fields::Fields;

/// Prefixes of names by the low byte of the type (fs/squashfs/xattr.c of Linux).
const PREFIXES: [&str; 3] = ["user.", "trusted.", "security."];

/// Flag of the type: the value lies elsewhere.
const VALUE_ELSEWHERE: u32 = 0x100;

/// Bytes of one value at most (XATTR_SIZE_MAX of Linux).
const VALUE_LIMIT: usize = 64 << 10;

/// Bytes of all attributes of a file at most.
const FILE_LIMIT: usize = 256 << 10;

/// The owner with this number.
pub(super) fn read_owner(
    input: &Input,
    superblock: &Superblock,
    metadata: &mut Metadata<'_>,
    table: Table,
    number: u32,
) -> Result<u32, Problem> {
    if superblock.major == 4 {
        let entry = metadata.table_entry(table, number, 4, 8, "id table")?;
        return Ok(Fields::new(&entry, superblock.endian).take32(32));
    }
    let at = superblock.start.saturating_add(table.start);
    if number >= table.count {
        let problem = Problem::new(ProblemCode::BadValue, at as u64, "id table");
        return Err(problem.because(format!("number {number} of {}", table.count)));
    }
    input.u32(at.saturating_add(number as usize * 4), superblock.endian, "id table")
}

/// The extended attributes with this number (version 4).
pub(super) fn read_xattrs(
    input: &Input,
    superblock: &Superblock,
    metadata: &mut Metadata<'_>,
    number: u32,
) -> Result<BTreeMap<String, Vec<u8>>, Problem> {
    let mut xattrs = BTreeMap::new();
    let Some(table) = superblock.xattrs else { return Ok(xattrs) };
    let at = superblock.start.saturating_add(table);
    let values = input.size64(at, superblock.endian, "xattr table")?;
    let count = input.u32(at.saturating_add(8), superblock.endian, "xattr table")?;
    let index = Table { start: table.saturating_add(16), count };
    let entry = metadata.table_entry(index, number, 16, 8, "xattr table")?;
    let mut fields = Fields::new(&entry, superblock.endian);
    let (reference, count) = (fields.take(64), fields.take32(32));
    let mut place = place_of(values, reference);
    let mut size = 0;
    for _ in 0..count {
        let (name, value) = read_xattr(superblock, metadata, values, &mut place)?;
        size += name.len() + value.len();
        if size > FILE_LIMIT {
            let problem = Problem::new(ProblemCode::SizeLimit, at as u64, "xattr");
            return Err(problem.because("more than 256 KiB of one file"));
        }
        xattrs.insert(name, value);
    }
    Ok(xattrs)
}

fn place_of(table: usize, reference: u64) -> Place {
    let block = usize::try_from(reference >> 16).unwrap_or(usize::MAX);
    Place { block: table.saturating_add(block), offset: (reference & 0xffff) as usize }
}

fn read_xattr(
    superblock: &Superblock,
    metadata: &mut Metadata<'_>,
    values: usize,
    place: &mut Place,
) -> Result<(String, Vec<u8>), Problem> {
    let endian = superblock.endian;
    let mut bytes = Vec::new();
    metadata.read(place, 4, &mut bytes, "xattr")?;
    let mut fields = Fields::new(&bytes, endian);
    let (kind, length) = (fields.take32(16), fields.size(16));
    let mut name = Vec::new();
    metadata.read(place, length, &mut name, "xattr name")?;
    let prefix = PREFIXES.get((kind & 0xff) as usize).copied().unwrap_or("");
    let name = format!("{prefix}{}", kakoi_model::escape(&name));
    let value = read_value(superblock, metadata, place)?;
    if kind & VALUE_ELSEWHERE == 0 {
        return Ok((name, value));
    }
    let mut place = place_of(values, Fields::new(&value, endian).take(64));
    Ok((name, read_value(superblock, metadata, &mut place)?))
}

fn read_value(
    superblock: &Superblock,
    metadata: &mut Metadata<'_>,
    place: &mut Place,
) -> Result<Vec<u8>, Problem> {
    let at = superblock.start.saturating_add(place.block) as u64;
    let mut bytes = Vec::new();
    metadata.read(place, 4, &mut bytes, "xattr value")?;
    let length = Fields::new(&bytes, superblock.endian).size(32);
    if length > VALUE_LIMIT {
        let problem = Problem::new(ProblemCode::BadValue, at, "xattr value");
        return Err(problem.because(format!("{length} bytes")));
    }
    let mut value = Vec::new();
    metadata.read(place, length, &mut value, "xattr value")?;
    Ok(value)
}
