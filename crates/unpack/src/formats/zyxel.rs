// SPDX-License-Identifier: Apache-2.0
//! ZyNOS: ZyXEL's header of 48 bytes in front of objects in flash (`ras` images, boot extensions).

use kakoi_model::{Confidence, Endian, Problem};

use super::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Zynos;

static DOC: FormatDoc = FormatDoc {
    name: "zynos",
    title: "ZyXEL ZyNOS object",
    family: Family::Header,
    scope: Scope::Aligned(2),
    magics: &[Magic::at(6, b"SIG")],
    reads: "plain and LZMA-compressed objects; the checksum decides",
    limits: "objects whose checksum is wrong are not believed, because the magic is weak",
    references: &["OpenWrt tools/firmware-utils/src/zynos.h, mkzynfw.c (facts only)"],
};

const BIG: Endian = Endian::Big;

const HEADER: usize = 48;

/// Smaller objects do not occur, and could be chance.
const MIN_SIZE: usize = 32;

/// Size of the object as it lies there, if a checksum says so.
fn size(input: &Input, start: usize) -> Result<usize, Problem> {
    let place =
        |subject| Problem::new(kakoi_model::ProblemCode::BadChecksum, start as u64, subject);
    let plain = input.size32(start + 10, BIG, "size")?;
    let compressed = input.size32(start + 14, BIG, "compressed size")?;
    for (size, at) in [(compressed, 22), (plain, 20)] {
        let recorded = input.u16(start + at, BIG, "checksum")?;
        let Ok(bytes) = input.bytes(start + HEADER, size, "object") else { continue };
        if size >= MIN_SIZE && recorded != 0 && sum(bytes) == recorded {
            return Ok(size);
        }
    }
    Err(place("object"))
}

impl Format for Zynos {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let version = input.bytes(start + 24, 15, "version")?;
        let text = version.iter().all(|&byte| byte == 0 || (0x20..0x7f).contains(&byte));
        // Types of objects: ROM, RAM, boot extension and others; seven are known.
        if input.bytes(start + 6, 3, "magic")? != b"SIG"
            || !(1..=16).contains(&input.u8(start + 9, "type")?)
            || !text
        {
            return Err(Refusal("type or version"));
        }
        Ok(Claim { start, end: input.len(), confidence: Confidence::Magic })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        output.reads_to(claim.end);
        let end = claim.start + HEADER + size(input, claim.start)?;
        output.confirm(Confidence::Checksum);
        output.ends_at(end);
        let address = input.u32(claim.start, BIG, "address")?;
        output.attribute("load", format_args!("{address:#x}"));
        output.attribute("type", input.u8(claim.start + 9, "type")?);
        output.attribute("version", printable(input.bytes(claim.start + 24, 15, "version")?));
        output.part("object", claim.start + HEADER..end)
    }
}

/// The sum of all pairs of bytes with its carries added again.
fn sum(bytes: &[u8]) -> u16 {
    let pairs = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    pairs.fold(0_u32, |sum, pair| {
        let sum = sum + pair;
        if sum > 0xffff { (sum + 1) & 0xffff } else { sum }
    }) as u16
}
