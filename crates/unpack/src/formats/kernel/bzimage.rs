// SPDX-License-Identifier: Apache-2.0
//! bzImage and zImage of x86.

use kakoi_model::{Confidence, Endian, Problem};

use super::{search_stream, yield_stream};
use crate::formats::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct BzImage;

static DOC: FormatDoc = FormatDoc {
    name: "bzimage",
    title: "Linux kernel for x86 (bzImage)",
    family: Family::Kernel,
    scope: Scope::Anywhere,
    magics: &[Magic::at(0x202, b"HdrS")],
    reads: "boot protocol 2.00 and later; gzip, bzip2, LZMA, xz, lzop, LZ4, Zstandard",
    limits: "before protocol 2.08 the stream is searched for",
    references: &["Linux Documentation/arch/x86/boot.rst"],
};

const LITTLE: Endian = Endian::Little;

/// Boot protocol that brought the place of the payload (2.08).
const WITH_PAYLOAD: u16 = 0x0208;

struct Setup {
    protocol: u16,
    /// Length of the real-mode part.
    setup: usize,
    /// Length of the protected-mode part.
    system: usize,
}

impl Format for BzImage {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let setup = parse(input, start)?;
        let flag = input.u16(start + 0x1fe, LITTLE, "boot flag")?;
        if flag != 0xaa55 || setup.system == 0 || !(0x200..=0x20f).contains(&setup.protocol) {
            return Err(Refusal("setup header"));
        }
        let end = start.saturating_add(setup.setup).saturating_add(setup.system);
        Ok(Claim { start, end: end.min(input.len()), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let start = claim.start;
        let setup = parse(input, start)?;
        output.attribute(
            "version",
            format_args!("{}.{:02}", setup.protocol >> 8, setup.protocol & 0xff),
        );
        let text =
            start + 0x200 + usize::from(input.u16(start + 0x20e, LITTLE, "kernel version")?);
        if let Ok(version) = input.text(text, 128, "kernel version") {
            output.attribute("kernel-version", printable(version));
        }
        let system = start + setup.setup;
        if setup.protocol >= WITH_PAYLOAD {
            let offset = input.size32(start + 0x248, LITTLE, "payload offset")?;
            let length = input.size32(start + 0x24c, LITTLE, "payload length")?;
            let at = system.saturating_add(offset);
            if length > 0 && yield_stream(input, at, at.saturating_add(length), output).is_ok() {
                return Ok(());
            }
        }
        search_stream(input, system..claim.end, output)
    }
}

fn parse(input: &Input, start: usize) -> Result<Setup, Problem> {
    // Zero means four, for ancient loaders.
    let sectors = match input.u8(start + 0x1f1, "setup sectors")? {
        0 => 4,
        sectors => usize::from(sectors),
    };
    Ok(Setup {
        protocol: input.u16(start + 0x206, LITTLE, "boot protocol")?,
        setup: (sectors + 1) * 512,
        system: input.size32(start + 0x1f4, LITTLE, "system size")?.saturating_mul(16),
    })
}
