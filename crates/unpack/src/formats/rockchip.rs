// SPDX-License-Identifier: Apache-2.0
//! Rockchip's update images: RKFW (boot loader and update) and RKAF (the partitions).

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use super::parts::{Part, printable, yield_parts};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// Boot loader and update.
pub(super) struct Rkfw;

/// The update: partitions with names.
pub(super) struct Rkaf;

static RKFW: FormatDoc = FormatDoc {
    name: "rkfw",
    title: "Rockchip firmware (RKFW)",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"RKFW\x66\0")],
    reads: "boot loader and update; version, chip and date as attributes",
    limits: "the MD5 at the end is not checked",
    references: &["github.com/neo-technologies/rockchip-mkbootimg, rkrom.h (facts only)"],
};

static RKAF: FormatDoc = FormatDoc {
    name: "rkaf",
    title: "Rockchip update image (RKAF)",
    family: Family::Header,
    scope: Scope::Aligned(2),
    magics: &[Magic::new(b"RKAF")],
    reads: "all partitions; the checksum is checked",
    limits: "parameter files keep their header",
    references: &["github.com/neo-technologies/rockchip-mkbootimg, rkafp.h (facts only)"],
};

const LITTLE: Endian = Endian::Little;

/// Most partitions that the header has room for.
const MAX_PARTS: usize = 16;

/// Header of RKAF up to the partitions, and one of them.
const HEADER_BASE: usize = 140;
const PART: usize = 112;

impl Format for Rkfw {
    fn doc(&self) -> &'static FormatDoc {
        &RKFW
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let [loader, image] = [25, 33].map(|at| range(input, start, at));
        let (loader, image) = (loader?, image?);
        let inner = input.bytes(image.start, 4, "update")?;
        if input.bytes(start, 6, "magic")? != b"RKFW\x66\0"
            || loader.start < start + 0x66
            || loader.end > image.start
            || !matches!(inner, b"RKAF" | b"RKFP")
        {
            return Err(Refusal("places of loader and update"));
        }
        // The MD5 of all that comes before it follows in hexadecimal.
        let digits = input.tail(image.end).get(..32);
        let trailer = digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let end = image.end.saturating_add(if trailer { 32 } else { 0 });
        Ok(Claim { start, end: end.min(input.len()), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let start = claim.start;
        let version = input.u32(start + 6, LITTLE, "version")?;
        let [major, minor] = [version >> 24, version >> 16 & 0xff];
        output.attribute("version", format_args!("{major}.{minor}.{}", version & 0xffff));
        let year = input.u16(start + 14, LITTLE, "year")?;
        let [month, day] = input.array(start + 16, "date")?;
        output.attribute("date", format_args!("{year}-{month:02}-{day:02}"));
        let chip = input.array::<4>(start + 21, "chip")?;
        output.attribute(
            "chip",
            chip.iter().rev().map(|byte| format!("{byte:02x}")).collect::<String>(),
        );
        let parts = vec![
            Part::new("loader", range(input, start, 25)?),
            Part::new("update", range(input, start, 33)?),
        ];
        let end = parts[1].range.end.min(input.len());
        yield_parts(input, start + 0x66..end, parts, output)
    }
}

/// Offset and length at this place of the header.
fn range(input: &Input, start: usize, at: usize) -> Result<std::ops::Range<usize>, Problem> {
    let offset = input.size32(start + at, LITTLE, "offset")?;
    let length = input.size32(start + at + 4, LITTLE, "length")?;
    let first = start.saturating_add(offset);
    Ok(first..first.saturating_add(length))
}

impl Format for Rkaf {
    fn doc(&self) -> &'static FormatDoc {
        &RKAF
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let length = input.size32(start + 4, LITTLE, "length")?;
        let count = input.size32(start + 136, LITTLE, "number of partitions")?;
        if input.bytes(start, 4, "magic")? != b"RKAF"
            || !(1..=MAX_PARTS).contains(&count)
            || length < HEADER_BASE + count * PART
        {
            return Err(Refusal("header"));
        }
        for index in 0..count {
            let at = start + HEADER_BASE + index * PART;
            let name = input.bytes(at, 32, "name")?;
            if name[0] == 0 || !name.iter().all(|&byte| byte == 0 || byte.is_ascii_graphic()) {
                return Err(Refusal("name of a partition"));
            }
        }
        let end = start.saturating_add(length).saturating_add(4).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let start = claim.start;
        output.attribute("model", printable(input.bytes(start + 8, 34, "model")?));
        output.attribute("manufacturer", printable(input.bytes(start + 72, 56, "manufacturer")?));
        let length = input.size32(start + 4, LITTLE, "length")?;
        let end = start.saturating_add(length);
        match (input.as_slice().get(start..end), input.u32(end, LITTLE, "checksum")) {
            (Some(bytes), Ok(recorded)) if sum(bytes) == recorded => {
                output.confirm(Confidence::Checksum);
            }
            (Some(_), Ok(_)) => {
                output.problem(Problem::new(ProblemCode::BadChecksum, end as u64, "image"));
            }
            _ => output.problem(Problem::new(ProblemCode::Truncated, start as u64, "image")),
        }
        let count = input.size32(start + 136, LITTLE, "number of partitions")?;
        let mut parts = Vec::new();
        for index in 0..count.min(MAX_PARTS) {
            let at = start + HEADER_BASE + index * PART;
            let name = printable(input.bytes(at, 32, "name")?);
            let file = input.text(at + 32, 60, "file")?;
            // SELF is the image itself, RESERVED has no content.
            if matches!(file, b"SELF" | b"RESERVED" | b"self" | b"reserved") {
                continue;
            }
            let first = start.saturating_add(input.size32(at + 96, LITTLE, "offset")?);
            let size = input.size32(at + 108, LITTLE, "size")?;
            parts.push(Part::new(name, first..first.saturating_add(size)));
        }
        let first = parts.iter().map(|part| part.range.start).min().unwrap_or(end);
        yield_parts(input, first..end.min(input.len()), parts, output)
    }
}

/// CRC-32 with Rockchip's polynomial, highest bit first, not inverted.
fn sum(bytes: &[u8]) -> u32 {
    let table: [u32; 256] = std::array::from_fn(|index| {
        (0..8).fold((index as u32) << 24, |sum, _| {
            if sum >> 31 == 1 { sum << 1 ^ 0x04c1_0db7 } else { sum << 1 }
        })
    });
    bytes.iter().fold(0, |sum, &byte| sum << 8 ^ table[usize::from((sum >> 24) as u8 ^ byte)])
}
