// SPDX-License-Identifier: Apache-2.0
//! zImage of 32-bit ARM, in both byte orders.

use kakoi_model::{Confidence, Endian, Problem};

use super::search_stream;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct ZImage;

static DOC: FormatDoc = FormatDoc {
    name: "zimage",
    title: "Linux kernel for ARM (zImage)",
    family: Family::Kernel,
    scope: Scope::Aligned(4),
    magics: &[Magic::at(0x24, b"\x18\x28\x6f\x01"), Magic::at(0x24, b"\x01\x6f\x28\x18")],
    reads: "both byte orders; gzip, LZMA, xz, lzop, LZ4; the stream is searched for",
    limits: "kernels that are not compressed are left to the search for other containers",
    references: &["Linux arch/arm/boot/compressed/head.S (facts only)"],
};

impl Format for ZImage {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let size = size(input, start)?;
        if !(0x1000..=64 << 20).contains(&size) || start.saturating_add(size) > input.len() {
            return Err(Refusal("start and end of the image"));
        }
        Ok(Claim { start, end: start + size, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let order = match endian(input, claim.start)? {
            Endian::Little => "little",
            Endian::Big => "big",
        };
        output.attribute("byte-order", order);
        search_stream(input, claim.start + 0x30..claim.end, output)
    }
}

fn endian(input: &Input, start: usize) -> Result<Endian, Problem> {
    let little = input.u32(start + 0x24, Endian::Little, "magic")? == 0x016f_2818;
    Ok(if little { Endian::Little } else { Endian::Big })
}

fn size(input: &Input, start: usize) -> Result<usize, Problem> {
    let endian = endian(input, start)?;
    let from = input.size32(start + 0x28, endian, "start address")?;
    let to = input.size32(start + 0x2c, endian, "end address")?;
    Ok(to.saturating_sub(from))
}
