// SPDX-License-Identifier: Apache-2.0
//! Vendor boot images, header versions 3 and 4.

use kakoi_model::{Confidence, Problem, ProblemCode};

use super::{LITTLE, end_of, lay_out};
use crate::formats::parts::{Part, printable, yield_parts};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct AndroidVendorBoot;

static DOC: FormatDoc = FormatDoc {
    name: "android-vendor-boot",
    title: "Android vendor boot image",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"VNDRBOOT")],
    reads: "header versions 3 and 4; ramdisks, device trees, boot configuration",
    limits: "several ramdisks are yielded as one part, as the boot loader joins them",
    references: &["Android Open Source Project, Boot image header"],
};

impl Format for AndroidVendorBoot {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let (page, parts) = parse(input, start)?;
        if parts.is_empty() {
            return Err(Refusal("no parts"));
        }
        let end = end_of(start, page, &parts, input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let start = claim.start;
        let (page, parts) = parse(input, start)?;
        output.attribute("version", input.u32(start + 8, LITTLE, "header version")?);
        output.attribute("page-size", page);
        let arguments = printable(input.bytes(start + 28, 2048, "arguments")?);
        output.attribute("bootargs", arguments);
        output.attribute("name", printable(input.bytes(start + 2080, 16, "name")?));
        let first = parts.first().map_or(claim.end, |part| part.range.start);
        yield_parts(input, first..claim.end, parts, output)
    }
}

fn parse(input: &Input, start: usize) -> Result<(usize, Vec<Part>), Problem> {
    let size = |at: usize, name| input.size32(start + at, LITTLE, name);
    let version = size(8, "header version")?;
    let page = size(12, "page size")?;
    let valid = input.bytes(start, 8, "magic")? == b"VNDRBOOT"
        && matches!(version, 3 | 4)
        && page.is_power_of_two()
        && (512..=0x2_0000).contains(&page);
    if !valid {
        return Err(Problem::new(ProblemCode::BadValue, start as u64, "header"));
    }
    let mut lengths =
        vec![("ramdisk", size(24, "ramdisk size")?), ("dtb", size(2100, "device tree size")?)];
    if version == 4 {
        lengths.push(("ramdisk-table", size(2112, "size of the ramdisk table")?));
        lengths.push(("bootconfig", size(2124, "size of the boot configuration")?));
    }
    let header = if version == 4 { 2128 } else { 2112 };
    Ok((page, lay_out(start, header, page, &lengths)))
}
