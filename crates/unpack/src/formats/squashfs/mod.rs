// SPDX-License-Identifier: Apache-2.0
//! squashfs, versions 1 to 4, both byte orders, with the compressors of vendors.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

mod attributes;
mod compression;
mod content;
mod directory;
mod files;
mod inode;
mod metadata;
mod superblock;
mod walk;

use superblock::{Superblock, parse_superblock};

/// The format.
pub(super) struct Squashfs;

static DOC: FormatDoc = FormatDoc {
    name: "squashfs",
    title: "squashfs file system",
    family: Family::FileSystem,
    scope: Scope::Anywhere,
    magics: &[
        Magic::new(b"hsqs"),
        Magic::new(b"sqsh"),
        Magic::new(b"shsq"),
        Magic::new(b"qshs"),
        Magic::new(b"hsqt"),
        Magic::new(b"tqsh"),
        Magic::new(b"sqlz"),
        Magic::new(b"zlqs"),
        Magic::new(b"hsqz"),
        Magic::new(b"zqsh"),
        Magic::new(b"sqsl"),
        Magic::new(b"lsqs"),
    ],
    reads: "versions 1 to 4 in both byte orders; gzip, LZMA with its header of 13, 9, 5, 4 (DD-WRT) \
            or no bytes, LZO, xz with filters, lz4, zstd, whatever the superblock claims; \
            fragments, holes, extended inodes, extended attributes, devices",
    limits: "a block of headerless LZMA with unusual parameters is found only if it comes first; \
             LZMA with lc + lp above 4 is not decoded",
    references: &[
        "Linux Documentation/filesystems/squashfs.rst",
        "Linux fs/squashfs/squashfs_fs.h",
        "squashfs_fs.h of the Linux patches of squashfs 1.3, 2.2 and 3.4",
        "squashfs-tools-ng doc/format.adoc",
    ],
};

impl Format for Squashfs {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let superblock = parse_superblock(input, start)?;
        let end = start.saturating_add(superblock.bytes_used);
        // In the middle of something else, a superblock whose file system is not there may be a
        // mistake: it has to yield something. At the start it is a file that was cut off.
        let certain = end <= input.len() || start == 0;
        let confidence = if certain { Confidence::Structure } else { Confidence::Magic };
        Ok(Claim { start, end: end.min(input.len()), confidence })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let superblock = parse_superblock(input, claim.start).map_err(|refusal| {
            Problem::new(ProblemCode::BadValue, claim.start as u64, "superblock").because(refusal.0)
        })?;
        state(&superblock, output);
        let end = claim.start.saturating_add(superblock.bytes_used);
        if end > input.len() {
            let detail = format!("ends at 0x{end:x}, the content at 0x{:x}", input.len());
            let problem = Problem::new(ProblemCode::Truncated, input.len() as u64, "file system");
            output.problem(problem.because(detail));
        }
        walk::read_tree(input, &superblock, claim.end, output)
    }
}

fn state(superblock: &Superblock, output: &mut Output<'_>) {
    output.attribute("version", format_args!("{}.{}", superblock.major, superblock.minor));
    let order = match superblock.endian {
        Endian::Little => "little",
        Endian::Big => "big",
    };
    output.attribute("byte-order", order);
    output.attribute("block-size", superblock.block_size);
    output.attribute("created", superblock.created);
}
