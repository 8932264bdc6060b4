// SPDX-License-Identifier: Apache-2.0
//! erofs: inodes anywhere, contents plain, tail-packed, chunked or compressed.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

mod compressed;
mod content;
mod index;
mod inode;
mod walk;
mod xattr;

/// The format.
pub(super) struct Erofs;

static DOC: FormatDoc = FormatDoc {
    name: "erofs",
    title: "EROFS file system",
    family: Family::FileSystem,
    scope: Scope::Anywhere,
    magics: &[Magic::at(SUPERBLOCK, b"\xe2\xe1\xf5\xe0")],
    reads: "plain, inline and chunk-based files; compressed files with full and compact indexes, \
            large clusters, inline tails and fragments; LZ4, LZMA, deflate, zstd; extended \
            attributes; the checksum of the superblock is verified",
    limits: "contents on further devices and extended attributes with long prefixes are not read, \
             nor features newer than Linux 6.10",
    references: &["Linux fs/erofs/erofs_fs.h", "EROFS documentation, core on-disk format"],
};

/// Offset of the superblock.
const SUPERBLOCK: usize = 1024;

/// Flag of `feature_compat`: the checksum is there.
const CHECKSUM: u32 = 1;

/// Flags of `feature_incompat` that are known: all of Linux 6.10.
const KNOWN: u32 = 0x7f;

/// Flag: compressed data stands at the end of its blocks, zeros in front.
const ZERO_PADDING: u32 = 1;

/// What the superblock says.
struct Superblock {
    start: usize,
    block_bits: u32,
    root: u64,
    created: u64,
    blocks: usize,
    meta: usize,
    xattr: usize,
    name: Vec<u8>,
    features: u32,
    packed: u64,
    /// `None`: without a checksum.
    checksum: Option<bool>,
}

impl Superblock {
    fn parse(input: &Input, start: usize) -> Result<Self, Refusal> {
        let at = start.saturating_add(SUPERBLOCK);
        let endian = Endian::Little;
        if input.bytes(at, 4, "magic")? != b"\xe2\xe1\xf5\xe0" {
            return Err(Refusal("no magic"));
        }
        let block_bits = u32::from(input.u8(at + 12, "block size")?);
        if !(9..=16).contains(&block_bits) {
            return Err(Refusal("no such block size"));
        }
        let blocks = input.size32(at + 36, endian, "blocks")?;
        if blocks == 0 {
            return Err(Refusal("no blocks"));
        }
        let stored = input.u32(at + 4, endian, "checksum")?;
        let flags = input.u32(at + 8, endian, "features")?;
        Ok(Self {
            start,
            block_bits,
            root: u64::from(input.u16(at + 14, endian, "root")?),
            created: input.u64(at + 24, endian, "build time")?,
            blocks,
            meta: input.size32(at + 40, endian, "metadata address")?,
            xattr: input.size32(at + 44, endian, "xattr address")?,
            name: input.text(at + 64, 16, "volume name")?.to_vec(),
            features: input.u32(at + 80, endian, "features")?,
            packed: input.u64(at + 96, endian, "packed inode")?,
            checksum: (flags & CHECKSUM != 0)
                .then(|| checksum(input, at, 1 << block_bits) == Some(stored)),
        })
    }

    fn block_size(&self) -> usize {
        1 << self.block_bits
    }

    fn end(&self) -> usize {
        self.start.saturating_add(self.blocks.saturating_mul(self.block_size()))
    }

    /// Where a block lies in the content.
    fn block(&self, number: usize) -> usize {
        self.start.saturating_add(number.saturating_mul(self.block_size()))
    }

    /// Where the inode with this number lies in the content.
    fn inode(&self, number: u64) -> usize {
        let offset = usize::try_from(number).unwrap_or(usize::MAX).saturating_mul(32);
        self.block(self.meta).saturating_add(offset)
    }

    /// The next place in the content at a multiple of `alignment` in the file system.
    fn align(&self, at: usize, alignment: usize) -> usize {
        let offset = at.saturating_sub(self.start);
        self.start.saturating_add(offset.next_multiple_of(alignment))
    }

    fn state(&self, output: &mut Output<'_>) {
        output.attribute("byte-order", "little");
        output.attribute("block-size", self.block_size());
        output.attribute("created", self.created);
        if !self.name.is_empty() {
            output.attribute("name", String::from_utf8_lossy(&self.name));
        }
    }
}

/// CRC-32C of the superblock's block, of `size` bytes, from the superblock on, the field itself as 0, not inverted at
/// the end (`erofs_superblock_csum_verify` of Linux).
fn checksum(input: &Input, at: usize, size: usize) -> Option<u32> {
    let size = if size > SUPERBLOCK { size - SUPERBLOCK } else { size };
    let bytes = input.as_slice().get(at..at.checked_add(size)?)?;
    let step = |crc: u32, byte: u8| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg())
        })
    };
    let masked = bytes.iter().enumerate().map(|(index, &byte)| match index {
        4..8 => 0,
        _ => byte,
    });
    Some(masked.fold(u32::MAX, step))
}

impl Format for Erofs {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let superblock = Superblock::parse(input, start)?;
        let end = superblock.end();
        let confidence = match superblock.checksum {
            Some(true) => Confidence::Checksum,
            None if end <= input.len() => Confidence::Structure,
            _ => Confidence::Magic,
        };
        Ok(Claim { start, end: end.min(input.len()), confidence })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let at = claim.start.saturating_add(SUPERBLOCK) as u64;
        let superblock = Superblock::parse(input, claim.start).map_err(|refusal| {
            Problem::new(ProblemCode::BadValue, at, "superblock").because(refusal.0)
        })?;
        superblock.state(output);
        let unknown = superblock.features & !KNOWN;
        if unknown != 0 {
            let problem = Problem::new(ProblemCode::Unsupported, at + 80, "features");
            return Err(problem.because(format!("0x{unknown:x}")));
        }
        if superblock.checksum == Some(false) {
            output.problem(Problem::new(ProblemCode::BadChecksum, at, "superblock"));
        }
        if superblock.end() > input.len() {
            let detail = format!("ends at 0x{:x}", superblock.end());
            let problem = Problem::new(ProblemCode::Truncated, input.len() as u64, "file system");
            output.problem(problem.because(detail));
        }
        walk::read_tree(input, &superblock, output)
    }
}
