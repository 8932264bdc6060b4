// SPDX-License-Identifier: Apache-2.0
//! TRX, the firmware header of Broadcom's reference design, and the 32 bytes that CyberTAN put in
//! front of it for Linksys and others.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use super::parts::{Part, printable, yield_parts};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The header with parts.
pub(super) struct Trx;

/// The header in front of it.
pub(super) struct Cybertan;

static TRX: FormatDoc = FormatDoc {
    name: "trx",
    title: "TRX firmware header",
    family: Family::Header,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"HDR0")],
    reads: "versions 1 and 2, little endian; the checksum is checked",
    limits: "big-endian variants",
    references: &["OpenWrt tools/firmware-utils/src/trx.c (facts only)"],
};

static CYBERTAN: FormatDoc = FormatDoc {
    name: "cybertan",
    title: "CyberTAN (Linksys) firmware header",
    family: Family::Header,
    scope: Scope::Anywhere,
    magics: &[Magic::at(14, b"U2ND")],
    reads: "model code, date, version, and the TRX image behind it",
    limits: "the checksum of later versions is not checked",
    references: &["OpenWrt tools/firmware-utils/src/addpattern.c (facts only)"],
};

const LITTLE: Endian = Endian::Little;

/// Length of CyberTAN's header.
const PREFIX: usize = 32;

impl Format for Trx {
    fn doc(&self) -> &'static FormatDoc {
        &TRX
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let length = input.size32(start + 4, LITTLE, "length")?;
        let version = input.u16(start + 14, LITTLE, "version")?;
        if input.bytes(start, 4, "magic")? != b"HDR0" || !matches!(version, 1 | 2) || length < 28 {
            return Err(Refusal("not a TRX header"));
        }
        let end = start.saturating_add(length);
        let confidence = match checksum_holds(input, start, length) {
            Some(true) => Confidence::Checksum,
            _ => Confidence::Structure,
        };
        let first = input.size32(start + 16, LITTLE, "first offset")?;
        if confidence == Confidence::Structure && (first < 16 || first >= length) {
            return Err(Refusal("offset of the first part"));
        }
        Ok(Claim { start, end: end.min(input.len()), confidence })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let start = claim.start;
        let length = input.size32(start + 4, LITTLE, "length")?;
        let version = input.u16(start + 14, LITTLE, "version")?;
        output.attribute("version", version);
        match checksum_holds(input, start, length) {
            Some(false) => {
                output.problem(Problem::new(
                    ProblemCode::BadChecksum,
                    start as u64 + 8,
                    "checksum",
                ));
            }
            None => output.problem(
                Problem::new(ProblemCode::Truncated, start as u64 + 4, "length")
                    .because(format!("{length} bytes leave the content")),
            ),
            Some(true) => {}
        }
        let count = if version == 2 { 4 } else { 3 };
        let header = 16 + count * 4;
        let mut offsets = Vec::new();
        for index in 0..count {
            let offset = input.size32(start + 16 + index * 4, LITTLE, "offset of a part")?;
            // Zero: no such part. Vendors leave other things in the fields of parts they lack.
            if offset >= header && offset < length {
                offsets.push(offset);
            }
        }
        offsets.sort_unstable();
        offsets.dedup();
        let ends = offsets.iter().skip(1).copied().chain([length]);
        let parts = offsets.iter().zip(ends).enumerate().map(|(index, (&from, to))| {
            Part::new(format!("part-{index}"), start + from..start.saturating_add(to))
        });
        yield_parts(input, start + header..claim.end, parts.collect(), output)
    }
}

/// The sum covers everything from the flags on and is not inverted at the end, unlike everybody
/// else's CRC-32. None when the content ends before the image.
fn checksum_holds(input: &Input, start: usize, length: usize) -> Option<bool> {
    let covered = input.bytes(start + 12, length.checked_sub(12)?, "image").ok()?;
    let sum = input.u32(start + 8, LITTLE, "checksum").ok()?;
    Some(!crc32fast::hash(covered) == sum)
}

impl Format for Cybertan {
    fn doc(&self) -> &'static FormatDoc {
        &CYBERTAN
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        if input.bytes(start + 14, 4, "identifier")? != b"U2ND" {
            return Err(Refusal("not a CyberTAN header"));
        }
        let inner = Trx.identify(input, start + PREFIX)?;
        Ok(Claim { start, end: inner.end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let header: [u8; PREFIX] = input.array(claim.start, "header")?;
        let [year, month, day] = [header[8], header[9], header[10]];
        output.attribute("model", printable(&header[..4]));
        output.attribute("date", format_args!("{}-{month:02}-{day:02}", 2000 + u16::from(year)));
        output.attribute("version", format_args!("{}.{}.{}", header[11], header[12], header[13]));
        output.part("trx", claim.start + PREFIX..claim.end)
    }
}
