// SPDX-License-Identifier: Apache-2.0
//! CHK: Netgear's header in front of a kernel and a root file system.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use super::parts::{Part, printable, yield_parts};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Chk;

static DOC: FormatDoc = FormatDoc {
    name: "chk",
    title: "Netgear CHK firmware",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(MAGIC)],
    reads: "kernel and root file system; the checksums of header, kernel, root file system and \
            image are checked",
    limits: "signatures that later devices append are not checked",
    references: &["OpenWrt tools/firmware-utils/src/mkchkimg.c (facts only)"],
};

const MAGIC: &[u8] = b"*#$^";

const BIG: Endian = Endian::Big;

/// Fixed part of the header; the name of the board follows.
const HEADER: usize = 40;

/// Longest name of a board.
const MAX_BOARD: usize = 64;

impl Format for Chk {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let header = Header::read(input, start)?;
        let end = start.saturating_add(header.length + header.kernel).saturating_add(header.root);
        let confidence = if header.whole {
            Confidence::Checksum
        } else if header.kernel > 0 && end <= input.len() {
            Confidence::Structure
        } else {
            return Err(Refusal("neither checksum nor sizes"));
        };
        Ok(Claim { start, end: end.min(input.len()), confidence })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let start = claim.start;
        let header = Header::read(input, start)?;
        let board = input.bytes(start + HEADER, header.length - HEADER, "board")?;
        output.attribute("board", printable(board));
        let version = input.bytes(start + 9, 7, "version")?;
        let numbers: Vec<String> = version.iter().map(u8::to_string).collect();
        output.attribute("version", numbers.join("."));
        if !header.whole {
            output.problem(Problem::new(ProblemCode::BadChecksum, start as u64 + 36, "header"));
        }
        let kernel = start + header.length..start + header.length + header.kernel;
        let root = kernel.end..kernel.end.saturating_add(header.root);
        for (at, range, name) in [
            (16, kernel.clone(), "kernel"),
            (20, root.clone(), "root file system"),
            (32, kernel.start..root.end, "image"),
        ] {
            let Some(bytes) = input.as_slice().get(range) else { continue };
            let recorded = input.u32(start + at, BIG, "checksum")?;
            if !bytes.is_empty() && recorded != 0 && recorded != sum(bytes) {
                output.problem(Problem::new(ProblemCode::BadChecksum, (start + at) as u64, name));
            }
        }
        let mut parts = vec![Part::new("kernel", kernel.clone())];
        if header.root > 0 {
            parts.push(Part::new("rootfs", root));
        }
        yield_parts(input, kernel.start..claim.end, parts, output)
    }
}

struct Header {
    length: usize,
    kernel: usize,
    root: usize,
    /// Is its checksum right?
    whole: bool,
}

impl Header {
    fn read(input: &Input, start: usize) -> Result<Self, Problem> {
        let length = input.size32(start + 4, BIG, "header length")?;
        if input.bytes(start, 4, "magic")? != MAGIC
            || !(HEADER..=HEADER + MAX_BOARD).contains(&length)
        {
            return Err(Problem::new(ProblemCode::BadValue, start as u64, "header"));
        }
        let mut header = input.bytes(start, length, "header")?.to_vec();
        let recorded = input.u32(start + 36, BIG, "header checksum")?;
        header[36..40].fill(0);
        Ok(Self {
            length,
            kernel: input.size32(start + 24, BIG, "kernel length")?,
            root: input.size32(start + 28, BIG, "root file system length")?,
            whole: sum(&header) == recorded,
        })
    }
}

/// The sum of the bytes and the sum of those sums, each folded to 16 bits.
fn sum(bytes: &[u8]) -> u32 {
    let (mut first, mut second) = (0_u32, 0_u32);
    for &byte in bytes {
        first = first.wrapping_add(u32::from(byte));
        second = second.wrapping_add(first);
    }
    let fold = |sum: u32| {
        let once = (sum & 0xffff) + (sum >> 16);
        ((once >> 16) + once) & 0xffff
    };
    fold(second) << 16 | fold(first)
}
