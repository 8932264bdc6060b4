// SPDX-License-Identifier: Apache-2.0
//! TP-Link's header of devices without Linux (VxWorks and others): length, MD5, `IMG0`.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct TplinkRtos;

static DOC: FormatDoc = FormatDoc {
    name: "tplink-rtos",
    title: "TP-Link firmware header, real-time systems",
    family: Family::Header,
    scope: Scope::Start,
    magics: &[Magic::at(0x14, b"IMG0")],
    reads: "the header's lengths; the image as one part",
    limits: "the files in the image have no public description; what is compressed is found by search",
    references: &["observed in images for WR940N v6 and others"],
};

/// What lies before the magic: a length and an MD5 of unknown cover.
const PREFIX: usize = 0x14;

impl Format for TplinkRtos {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let length = input.size32(start + PREFIX + 4, Endian::Big, "image length")?;
        let header = input.size32(start + 0x54, Endian::Big, "header length")?;
        let data = input.size32(start + 0x58, Endian::Big, "data length")?;
        if header < 0x48 || header.checked_add(data) != Some(length) {
            return Err(Refusal("lengths do not add up"));
        }
        let end = start.saturating_add(PREFIX).saturating_add(length).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let image = claim.start + PREFIX;
        let header = input.size32(claim.start + 0x54, Endian::Big, "header length")?;
        let length = input.size32(claim.start + 0x58, Endian::Big, "data length")?;
        let version = input.u32(claim.start + 0x1c, Endian::Big, "version")?;
        output.attribute("version", format_args!("{version:#010x}"));
        let from = image.saturating_add(header);
        if from >= input.len() {
            let problem = Problem::new(ProblemCode::Truncated, claim.start as u64, "header");
            return Err(problem.because("no data after the header"));
        }
        output.part("image", from..from.saturating_add(length))
    }
}
