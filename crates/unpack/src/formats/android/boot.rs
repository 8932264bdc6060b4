// SPDX-License-Identifier: Apache-2.0
//! Boot images, header versions 0 to 4.

use kakoi_model::{Confidence, Problem, ProblemCode};

use super::{LITTLE, end_of, lay_out};
use crate::formats::parts::{Part, printable, yield_parts};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct AndroidBoot;

static DOC: FormatDoc = FormatDoc {
    name: "android-boot",
    title: "Android boot image",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"ANDROID!")],
    reads: "header versions 0 to 4; kernel, ramdisk, second stage, device trees, signature",
    limits: "the identifier (SHA-1) and signatures are not checked",
    references: &["Android Open Source Project, Boot image header"],
};

struct Header {
    version: u32,
    page: usize,
    length: usize,
    name: String,
    arguments: String,
    os: u32,
    parts: Vec<Part>,
}

impl Format for AndroidBoot {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let header = parse(input, start)?;
        if header.parts.is_empty() {
            return Err(Refusal("no parts"));
        }
        let end = end_of(start, header.page, &header.parts, input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let header = parse(input, claim.start)?;
        output.attribute("version", header.version);
        output.attribute("page-size", header.page);
        if !header.name.is_empty() {
            output.attribute("name", header.name);
        }
        if !header.arguments.is_empty() {
            output.attribute("bootargs", header.arguments);
        }
        if header.os != 0 {
            // Seven bits each of version, then years since 2000 and month.
            let [a, b, c] = [25, 18, 11].map(|shift| header.os >> shift & 0x7f);
            output.attribute("os-version", format_args!("{a}.{b}.{c}"));
            let (year, month) = (2000 + (header.os >> 4 & 0x7f), header.os & 0xf);
            output.attribute("os-patch-level", format_args!("{year}-{month:02}"));
        }
        yield_parts(input, claim.start + header.length..claim.end, header.parts, output)
    }
}

fn parse(input: &Input, start: usize) -> Result<Header, Problem> {
    if input.bytes(start, 8, "magic")? != b"ANDROID!" {
        return Err(Problem::new(ProblemCode::BadValue, start as u64, "magic"));
    }
    match input.u32(start + 40, LITTLE, "header version")? {
        version @ 3..=4 => parse_new(input, start, version),
        version => parse_old(input, start, version),
    }
}

fn parse_old(input: &Input, start: usize, version: u32) -> Result<Header, Problem> {
    let size = |at: usize, name| input.size32(start + at, LITTLE, name);
    let page = size(36, "page size")?;
    if !page.is_power_of_two() || !(512..=0x2_0000).contains(&page) {
        return Err(Problem::new(ProblemCode::BadValue, start as u64 + 36, "page size"));
    }
    let mut lengths = vec![
        ("kernel", size(8, "kernel size")?),
        ("ramdisk", size(16, "ramdisk size")?),
        ("second", size(24, "second stage size")?),
    ];
    // Before versions had a field, Qualcomm put the size of a table of device trees there.
    let (version, qualcomm) = if version > 4 { (0, version as usize) } else { (version, 0) };
    match version {
        0 if qualcomm > 0 => lengths.push(("device-trees", qualcomm)),
        0 => {}
        _ => lengths.push(("recovery-dtbo", size(1632, "size of the recovery overlay")?)),
    }
    if version == 2 {
        lengths.push(("dtb", size(1648, "device tree size")?));
    }
    let mut arguments = printable(input.bytes(start + 64, 512, "arguments")?);
    arguments.push_str(&printable(input.bytes(start + 608, 1024, "more arguments")?));
    Ok(Header {
        version,
        page,
        length: page,
        name: printable(input.bytes(start + 48, 16, "name")?),
        arguments,
        os: input.u32(start + 44, LITTLE, "operating system")?,
        parts: lay_out(start, page, page, &lengths),
    })
}

/// Pages of 4096 bytes, no addresses.
fn parse_new(input: &Input, start: usize, version: u32) -> Result<Header, Problem> {
    let size = |at: usize, name| input.size32(start + at, LITTLE, name);
    let signature = if version == 4 { size(1580, "signature size")? } else { 0 };
    let lengths = [
        ("kernel", size(8, "kernel size")?),
        ("ramdisk", size(12, "ramdisk size")?),
        ("signature", signature),
    ];
    Ok(Header {
        version,
        page: 4096,
        length: 4096,
        name: String::new(),
        arguments: printable(input.bytes(start + 44, 1536, "arguments")?),
        os: input.u32(start + 16, LITTLE, "operating system")?,
        parts: lay_out(start, 4096, 4096, &lengths),
    })
}
