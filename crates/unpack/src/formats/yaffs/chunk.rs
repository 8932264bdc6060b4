// SPDX-License-Identifier: Apache-2.0
//! Chunks of YAFFS: a page of data with tags in the spare area behind it, and the object header
//! that a page may hold (`yaffs_guts.h`, `yaffs_packedtags2.h` and `yaffs_tagscompat.h` of YAFFS).

use kakoi_model::Endian;

use crate::Input;

/// Size of an object header.
const HEADER: usize = 512;

/// How chunks lie in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) page: usize,
    pub(super) spare: usize,
    pub(super) endian: Endian,
    pub(super) tags: TagLayout,
}

/// Where in the spare area the tags are, and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TagLayout {
    /// YAFFS1: 64 bits between the ECC bytes of SmartMedia.
    One,
    /// YAFFS2: four numbers, at this offset; their ECC behind them is not checked.
    Two(usize),
}

/// Pages and spare areas of NAND chips (ONFI data sheets).
const SIZES: [(usize, &[usize]); 6] = [
    (512, &[16]),
    (1024, &[32]),
    (2048, &[64, 128, 112]),
    (4096, &[128, 256, 224, 218, 232]),
    (8192, &[256, 512, 448, 436, 640, 744]),
    (16384, &[512, 1024, 1280, 1216]),
];

impl Geometry {
    /// All that occur, for one byte order.
    pub(super) fn candidates(endian: Endian) -> impl Iterator<Item = Self> {
        SIZES.into_iter().flat_map(move |(page, spares)| {
            let layouts = [TagLayout::Two(0), TagLayout::Two(2), TagLayout::Two(4), TagLayout::One];
            let fits = move |layout: &TagLayout| *layout != TagLayout::One || page == 512;
            spares.iter().flat_map(move |&spare| {
                layouts.into_iter().filter(fits).map(move |tags| Self { page, spare, endian, tags })
            })
        })
    }

    pub(super) fn chunk(&self) -> usize {
        self.page + self.spare
    }

    /// The tags of the chunk at `start`.
    pub(super) fn parse_tags(&self, input: &Input, start: usize) -> Option<Tags> {
        let spare = start.checked_add(self.page)?;
        let tags = match self.tags {
            TagLayout::One => parse_tags_1(input.bytes(spare, 16, "spare area").ok()?)?,
            TagLayout::Two(offset) => parse_tags_2(input, spare + offset, self.endian)?,
        };
        let fits = tags.chunk == 0 || tags.length <= self.page;
        (fits && tags.object != 0 && tags.object <= MAX_OBJECT && tags.chunk <= MAX_CHUNK)
            .then_some(tags)
    }

    /// Was the chunk at `start` never written? A chunk that the content cuts off was not.
    pub(super) fn is_erased(&self, input: &Input, start: usize) -> bool {
        let chunk = input.bytes(start, self.chunk(), "chunk");
        chunk.is_ok_and(|chunk| chunk.iter().all(|&byte| byte == 0xff))
    }
}

/// `YAFFS_MAX_OBJECT_ID` and `YAFFS_MAX_CHUNK_ID`.
const MAX_OBJECT: u32 = 0x3_ffff;
const MAX_CHUNK: u32 = 0xf_ffff;

/// What the spare area says of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tags {
    /// Grows with each block that is written to; 0 in YAFFS1.
    pub(super) sequence: u32,
    pub(super) object: u32,
    /// 0 for an object header, else the number of the chunk in its file, from 1.
    pub(super) chunk: u32,
    pub(super) length: usize,
    /// YAFFS1: counts rewrites, in two bits.
    pub(super) serial: u8,
    /// YAFFS1: the chunk was deleted in place.
    pub(super) is_deleted: bool,
}

/// Lowest and highest sequence number of a block (`YAFFS_LOWEST_SEQUENCE_NUMBER`).
const SEQUENCES: std::ops::RangeInclusive<u32> = 0x1000..=0xefff_ff00;

/// The chunk is a header and its tags repeat parts of it (`EXTRA_HEADER_INFO_FLAG`).
const EXTRA_INFO: u32 = 0x8000_0000;

fn parse_tags_2(input: &Input, at: usize, endian: Endian) -> Option<Tags> {
    let field = |offset: usize| input.u32(at + offset, endian, "tags").ok();
    let (sequence, object, chunk) = (field(0)?, field(4)?, field(8)?);
    if !SEQUENCES.contains(&sequence) {
        return None;
    }
    let has_extra = chunk & EXTRA_INFO != 0;
    // The upper bits of the object number are then its type.
    let object = if has_extra { object & 0x0fff_ffff } else { object };
    let chunk = if has_extra { 0 } else { chunk };
    let length = field(12)? as usize;
    Some(Tags { sequence, object, chunk, length, serial: 0, is_deleted: false })
}

/// From the lowest bit: chunk 20, serial 2, length 10, object 18, ECC 12.
fn parse_tags_1(spare: &[u8]) -> Option<Tags> {
    let &[a, b, c, d, page_status, _, e, f, _, _, _, g, h, ..] = spare else { return None };
    let bits = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    if bits == u64::MAX {
        return None;
    }
    let field = |shift: u32, width: u32| (bits >> shift & ((1 << width) - 1)) as u32;
    Some(Tags {
        sequence: 0,
        object: field(32, 18),
        chunk: field(0, 20),
        length: field(22, 10) as usize,
        serial: field(20, 2) as u8,
        is_deleted: page_status.count_zeros() > 4,
    })
}

/// Types of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ObjectType {
    File,
    Symlink,
    Directory,
    HardLink,
    Special,
}

/// What a header says of an object.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) kind: ObjectType,
    pub(super) parent: u32,
    pub(super) name: Vec<u8>,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: u32,
    pub(super) size: u32,
    /// The object that a hard link names.
    pub(super) equivalent: u32,
    /// Target of a symbolic link.
    pub(super) alias: Vec<u8>,
    pub(super) device: u32,
    /// An object that this one replaced when it was renamed.
    pub(super) shadows: Option<u32>,
    /// The file was made shorter; older chunks behind its end do not count.
    pub(super) is_shrink: bool,
}

/// The object header at `start`, if its fields are consistent.
pub(super) fn parse_header(input: &Input, start: usize, endian: Endian) -> Option<Header> {
    input.bytes(start, HEADER, "object header").ok()?;
    let field = |offset: usize| input.u32(start + offset, endian, "object header").ok();
    let kind = match field(0)? {
        1 => ObjectType::File,
        2 => ObjectType::Symlink,
        3 => ObjectType::Directory,
        4 => ObjectType::HardLink,
        5 => ObjectType::Special,
        _ => return None,
    };
    let name = input.text(start + 10, 255, "name").ok()?.to_vec();
    let parent = field(4)?;
    let is_header = parent != 0
        && parent <= MAX_OBJECT
        && input.u16(start + 8, endian, "checksum of the name").ok()? == 0xffff
        && name.iter().all(|&byte| byte != b'/' && byte >= 0x20);
    is_header.then_some(Header {
        kind,
        parent,
        name,
        mode: field(268)?,
        uid: field(272)?,
        gid: field(276)?,
        mtime: field(284)?,
        size: field(292)?,
        equivalent: field(296)?,
        alias: input.text(start + 300, 160, "alias").ok()?.to_vec(),
        device: field(460)?,
        shadows: field(504).filter(|&object| object != 0 && object <= MAX_OBJECT),
        is_shrink: field(508)? == 1,
    })
}
