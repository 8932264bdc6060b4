// SPDX-License-Identifier: Apache-2.0
//! Zigbee OTA upgrade file.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use crate::formats::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct ZigbeeOta;

static DOC: FormatDoc = FormatDoc {
    name: "zigbee-ota",
    title: "Zigbee OTA upgrade file",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"\x1e\xf1\xee\x0b")],
    reads: "header and elements",
    limits: "signatures are not checked; encrypted images have no mark",
    references: &["Zigbee Cluster Library 8, section 11.4"],
};

const LITTLE: Endian = Endian::Little;

impl Format for ZigbeeOta {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let version = input.u16(start + 4, LITTLE, "header version")?;
        let header = usize::from(input.u16(start + 6, LITTLE, "header length")?);
        let total = input.size32(start + 52, LITTLE, "total size")?;
        if version != 0x0100 || !(56..=128).contains(&header) || total < header {
            return Err(Refusal("header fields"));
        }
        let end = start.saturating_add(total).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let start = claim.start;
        let short = |at: usize| input.u16(start + at, LITTLE, "header");
        output.attribute("manufacturer", format_args!("{:#06x}", short(10)?));
        output.attribute("image-type", format_args!("{:#06x}", short(12)?));
        let version = input.u32(start + 14, LITTLE, "file version")?;
        output.attribute("version", format_args!("{version:#010x}"));
        output.attribute("name", printable(input.bytes(start + 20, 32, "name")?));
        let total = input.size32(start + 52, LITTLE, "total size")?;
        let end = start.saturating_add(total);
        let mut at = start + usize::from(short(6)?);
        let mut index = 0;
        while at < end {
            if at >= input.len() {
                return Err(Problem::new(ProblemCode::Truncated, at as u64, "element"));
            }
            let tag = input.u16(at, LITTLE, "element")?;
            let next =
                at.saturating_add(6).saturating_add(input.size32(at + 2, LITTLE, "element")?);
            output.part(format!("{index}-{}", element(tag)), at + 6..next.min(end))?;
            if next > end {
                return Err(Problem::new(ProblemCode::BadValue, at as u64, "length of an element"));
            }
            (at, index) = (next, index + 1);
        }
        Ok(())
    }
}

fn element(tag: u16) -> &'static str {
    match tag {
        0 => "image",
        1 => "signature",
        2 => "certificate",
        3 => "hash",
        4 => "test-data",
        _ => "manufacturer-data",
    }
}
