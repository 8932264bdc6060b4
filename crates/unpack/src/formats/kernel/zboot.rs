// SPDX-License-Identifier: Apache-2.0
//! EFI zboot: a PE program that unpacks the kernel behind it (arm64, RISC-V, LoongArch).

use kakoi_model::{Confidence, Endian, Problem};

use super::yield_stream;
use crate::formats::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct EfiZboot;

static DOC: FormatDoc = FormatDoc {
    name: "efi-zboot",
    title: "Linux kernel, EFI zboot image",
    family: Family::Kernel,
    scope: Scope::Aligned(4),
    magics: &[Magic::at(4, b"zimg")],
    reads: "all compressions that a kernel may have",
    limits: "what a signing tool appends stays outside",
    references: &["Linux drivers/firmware/efi/libstub/zboot-header.S (facts only)"],
};

const LITTLE: Endian = Endian::Little;

impl Format for EfiZboot {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let header = input.bytes(start, 0x40, "header")?;
        let (offset, size) = payload(input, start)?;
        let end = start.saturating_add(offset).saturating_add(size);
        if &header[..2] != b"MZ" || &header[4..8] != b"zimg" || offset < 0x40 || size == 0 {
            return Err(Refusal("zboot header"));
        }
        if end > input.len() {
            return Err(Refusal("payload leaves the content"));
        }
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let kind = printable(input.bytes(claim.start + 0x18, 32, "compression")?);
        output.attribute("compression-type", kind);
        let (offset, _) = payload(input, claim.start)?;
        yield_stream(input, claim.start + offset, claim.end, output)
    }
}

fn payload(input: &Input, start: usize) -> Result<(usize, usize), Problem> {
    let offset = input.size32(start + 8, LITTLE, "payload offset")?;
    Ok((offset, input.size32(start + 12, LITTLE, "payload size")?))
}
