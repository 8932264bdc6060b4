// SPDX-License-Identifier: Apache-2.0
//! Ubiquiti's firmware: a header with the version, parts with headers of their own, an end mark.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use super::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Ubnt;

static DOC: FormatDoc = FormatDoc {
    name: "ubnt",
    title: "Ubiquiti firmware",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"UBNT"), Magic::new(b"OPEN"), Magic::new(b"GEOS")],
    reads: "all parts; the checksums of header and parts are checked",
    limits: "the RSA signature is not checked",
    references: &["OpenWrt tools/firmware-utils/src/fw.h (facts only)"],
};

const BIG: Endian = Endian::Big;

/// Magic, version, checksum, padding.
const HEADER: usize = 4 + 256 + 4 + 4;

/// Magic, name, padding, six numbers.
const PART: usize = 4 + 16 + 12 + 6 * 4;

/// Checksum and padding after the content of a part.
const PART_END: usize = 8;

const MAX_PARTS: usize = 32;

impl Format for Ubnt {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let covered = input.bytes(start, 4 + 256, "header")?;
        let sum = input.u32(start + 4 + 256, BIG, "header checksum")?;
        let confidence = if crc32fast::hash(covered) == sum {
            Confidence::Checksum
        } else if input.bytes(start + HEADER, 4, "first part")? == b"PART" {
            Confidence::Structure
        } else {
            return Err(Refusal("neither checksum nor part"));
        };
        Ok(Claim { start, end: input.len(), confidence })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        output.attribute("version", printable(input.bytes(claim.start + 4, 256, "version")?));
        if claim.confidence != Confidence::Checksum {
            let offset = claim.start as u64 + 260;
            output.problem(Problem::new(ProblemCode::BadChecksum, offset, "header"));
        }
        let mut at = claim.start + HEADER;
        for _ in 0..MAX_PARTS {
            if !input.tail(at).starts_with(b"PART") {
                break;
            }
            at = part(input, at, output)?;
        }
        // `END.` has a checksum, `ENDS` a signature of 2048 bits.
        let trailer = match input.tail(at).get(..4) {
            Some(b"END.") => 4 + 8,
            Some(b"ENDS") => 4 + 256 + 4,
            _ => 0,
        };
        output.ends_at(at + trailer);
        if trailer == 0 {
            let problem = Problem::new(ProblemCode::Truncated, at as u64, "end mark");
            return Err(problem.because("neither a part nor the end"));
        }
        Ok(())
    }
}

/// Yields the part at `at`, and returns where the next begins.
fn part(input: &Input, at: usize, output: &mut Output<'_>) -> Result<usize, Problem> {
    let name = printable(input.bytes(at + 4, 16, "name of a part")?);
    let length = input.size32(at + PART - 8, BIG, "length of a part")?;
    let data = at + PART;
    let end = data.saturating_add(length);
    output.part(if name.is_empty() { "part" } else { &name }, data.min(input.len())..end)?;
    if end > input.len() {
        return Err(Problem::new(ProblemCode::Truncated, at as u64, "part"));
    }
    let covered = input.bytes(at, PART + length, "part")?;
    if crc32fast::hash(covered) != input.u32(end, BIG, "checksum of a part")? {
        output.problem(Problem::new(ProblemCode::BadChecksum, end as u64, "part"));
    }
    Ok(end + PART_END)
}
