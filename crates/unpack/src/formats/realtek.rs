// SPDX-License-Identifier: Apache-2.0
//! Realtek's headers of 16 bytes in front of kernels, root file systems and web pages.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Realtek;

static DOC: FormatDoc = FormatDoc {
    name: "realtek",
    title: "Realtek firmware header",
    family: Family::Header,
    scope: Scope::Aligned(2),
    magics: &[
        Magic::new(b"cs6c"),
        Magic::new(b"cs6b"),
        Magic::new(b"csys"),
        Magic::new(b"csro"),
        Magic::new(b"cr6c"),
        Magic::new(b"cr6b"),
        Magic::new(b"r6cr"),
        Magic::new(b"w6cg"),
        Magic::new(b"w6cp"),
        Magic::new(b"boot"),
        Magic::new(b"ALL1"),
        Magic::new(b"ALL2"),
    ],
    reads: "kernel, root, boot loader and web pages; the checksum decides",
    limits: "images whose checksum is wrong are not believed, because the magic is weak",
    references: &["OpenWrt tools/firmware-utils/src/mkcsysimg.c (facts only)"],
};

const BIG: Endian = Endian::Big;

/// Magic, address in memory, address in flash, length.
const HEADER: usize = 16;

/// Larger flash memories do not occur in these devices.
const MAX_FLASH: usize = 1 << 28;

/// Smaller images do not occur.
const MIN_LENGTH: usize = 64;

impl Format for Realtek {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let magic: [u8; 4] = input.array(start, "magic")?;
        if !DOC.magics.iter().any(|known| known.bytes == magic) {
            return Err(Refusal("magic"));
        }
        let flash = input.size32(start + 8, BIG, "address in flash")?;
        let length = input.size32(start + 12, BIG, "length")?;
        // Addresses in flash count from its mapping or from its start.
        let flash = if flash >= 0xbd00_0000 { flash & 0x00ff_ffff } else { flash };
        if flash >= MAX_FLASH || length < MIN_LENGTH || length % 2 != 0 {
            return Err(Refusal("addresses"));
        }
        input.bytes(start + HEADER, length, "image")?;
        Ok(Claim { start, end: start + HEADER + length, confidence: Confidence::Magic })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let start = claim.start;
        output.reads_to(claim.end);
        if sum(input.tail(start + HEADER).get(..claim.end - start - HEADER).unwrap_or_default())
            != 0
        {
            return Err(Problem::new(ProblemCode::BadChecksum, start as u64, "image"));
        }
        output.confirm(Confidence::Checksum);
        let magic: [u8; 4] = input.array(start, "magic")?;
        let memory = input.u32(start + 4, BIG, "address in memory")?;
        let flash = input.u32(start + 8, BIG, "address in flash")?;
        output.attribute("type", String::from_utf8_lossy(&magic));
        output.attribute("load", format_args!("{memory:#x}"));
        output.attribute("flash", format_args!("{flash:#x}"));
        let name = match &magic {
            b"boot" => "boot",
            b"w6cg" | b"w6cp" => "web",
            b"cr6c" | b"cr6b" | b"r6cr" | b"csro" => "kernel-and-root",
            _ => "kernel",
        };
        // The last two bytes make the checksum right.
        let end = claim.end.checked_sub(2).filter(|end| *end > start + HEADER);
        let end = end.ok_or_else(|| Problem::new(ProblemCode::BadValue, start as u64, "length"))?;
        output.part(name, start + HEADER..end)
    }
}

/// The sum of all pairs of bytes is zero in a whole image.
fn sum(bytes: &[u8]) -> u16 {
    let pairs = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    pairs.fold(0, u16::wrapping_add)
}
