// SPDX-License-Identifier: Apache-2.0
//! Headers of UBI on the medium (`drivers/mtd/ubi/ubi-media.h` of Linux). All are big-endian.

use kakoi_model::Endian::Big;
use kakoi_model::{Problem, ProblemCode};

use crate::Input;

pub(super) const EC_MAGIC: &[u8; 4] = b"UBI#";
const VID_MAGIC: &[u8; 4] = b"UBI!";

/// Both headers have this size.
pub(super) const HEADER: usize = 64;

/// The volume that holds the volume table. Greater numbers are internal too (fastmap).
pub(super) const LAYOUT_VOLUME: u32 = 0x7fff_efff;

/// Most volumes that a table can have.
pub(super) const MAX_VOLUMES: usize = 128;

const RECORD: usize = 172;

/// CRC-32 without the inversion at the end.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    !crc32fast::hash(bytes)
}

/// Erase counter header: the start of each physical erase block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EraseHeader {
    pub(super) version: u8,
    /// Where the volume header lies in the block.
    pub(super) volume_offset: usize,
    /// Where the data begin in the block.
    pub(super) data_offset: usize,
    /// Number that all blocks of one image share; 0 in old images.
    pub(super) image: u32,
}

/// The erase counter header at `start`, if its checksum matches.
pub(super) fn parse_erase_header(input: &Input, start: usize) -> Option<EraseHeader> {
    if !input.tail(start).starts_with(EC_MAGIC) {
        return None;
    }
    let header = input.bytes(start, HEADER, "erase counter header").ok()?;
    let stored = input.u32(start + 60, Big, "erase counter checksum").ok()?;
    let field = |offset: usize| input.size32(start + offset, Big, "erase counter header").ok();
    let header = (checksum(header.get(..60)?) == stored).then_some(EraseHeader {
        version: input.u8(start + 4, "version").ok()?,
        volume_offset: field(16)?,
        data_offset: field(20)?,
        image: input.u32(start + 24, Big, "image number").ok()?,
    })?;
    let ordered = HEADER <= header.volume_offset
        && header.volume_offset + HEADER <= header.data_offset
        && header.data_offset <= MAX_DATA_OFFSET;
    ordered.then_some(header)
}

/// The data begin behind two pages at most; no flash has larger ones.
const MAX_DATA_OFFSET: usize = 128 << 10;

/// Volume identifier header: which logical block a physical one holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct VolumeHeader {
    pub(super) is_static: bool,
    /// The block is a copy, made to move it; its data have a checksum.
    pub(super) is_copy: bool,
    pub(super) volume: u32,
    pub(super) logical: u32,
    pub(super) data_size: usize,
    /// Blocks of a static volume.
    pub(super) used_blocks: u32,
    /// Bytes at the end of each block that alignment leaves unused.
    pub(super) padding: usize,
    pub(super) data_checksum: u32,
    /// Grows with every write: of two blocks with one place, the greater counts.
    pub(super) sequence: u64,
}

/// The volume identifier header at `start`; none in a block that is free.
///
/// # Errors
/// A header whose checksum does not match.
pub(super) fn parse_volume_header(
    input: &Input,
    start: usize,
) -> Result<Option<VolumeHeader>, Problem> {
    let header = input.bytes(start, HEADER, "volume header")?;
    if !header.starts_with(VID_MAGIC) {
        if header.iter().all(|&byte| byte == 0xff) {
            return Ok(None);
        }
        return Err(Problem::new(ProblemCode::BadValue, start as u64, "volume header"));
    }
    if checksum(&header[..60]) != input.u32(start + 60, Big, "volume header checksum")? {
        return Err(Problem::new(ProblemCode::BadChecksum, start as u64, "volume header"));
    }
    let field = |offset: usize| input.u32(start + offset, Big, "volume header");
    Ok(Some(VolumeHeader {
        is_static: header[5] == 2,
        is_copy: header[6] != 0,
        volume: field(8)?,
        logical: field(12)?,
        data_size: input.size32(start + 20, Big, "data size")?,
        used_blocks: field(24)?,
        padding: input.size32(start + 28, Big, "data padding")?,
        data_checksum: field(32)?,
        sequence: input.u64(start + 40, Big, "sequence number")?,
    }))
}

/// An entry of the volume table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VolumeRecord {
    pub(super) number: u32,
    pub(super) name: Vec<u8>,
    /// An update of the volume was begun and not ended.
    pub(super) is_updating: bool,
}

/// The used entries of a volume table whose checksums match.
pub(super) fn parse_volume_table(table: &[u8]) -> Vec<VolumeRecord> {
    let records = table.chunks_exact(RECORD).take(MAX_VOLUMES).enumerate();
    records
        .filter_map(|(number, record)| parse_record(u32::try_from(number).ok()?, record))
        .collect()
}

fn parse_record(number: u32, record: &[u8]) -> Option<VolumeRecord> {
    let input = Input::new(record.to_vec().into());
    let stored = input.u32(RECORD - 4, Big, "record checksum").ok()?;
    let reserved = input.u32(0, Big, "reserved blocks").ok()?;
    if reserved == 0 || checksum(record.get(..RECORD - 4)?) != stored {
        return None;
    }
    let length = usize::from(input.u16(14, Big, "name length").ok()?).min(127);
    let name = input.text(16, length, "volume name").ok()?.to_vec();
    Some(VolumeRecord { number, name, is_updating: input.u8(13, "update marker").ok()? != 0 })
}
