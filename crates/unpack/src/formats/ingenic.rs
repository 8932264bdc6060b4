// SPDX-License-Identifier: Apache-2.0
//! The first stage that Ingenic's boot ROM loads from flash, and U-Boot behind it.

use kakoi_model::{Confidence, Endian, Problem};

use super::parts::Part;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct IngenicSpl;

static DOC: FormatDoc = FormatDoc {
    name: "ingenic-spl",
    title: "Ingenic boot loader",
    family: Family::Header,
    scope: Scope::Aligned(512),
    magics: &[Magic::new(b"\x06\x05\x04\x03\x02\x55\xaa\x55\xaa")],
    reads: "first stage and U-Boot",
    limits: "the checksum of the first stage is not checked",
    references: &["U-Boot arch/mips/mach-jz47xx, Ingenic's tree (facts only)"],
};

/// Code begins here.
const CODE: usize = 0x800;

/// A run of one byte of this length ends U-Boot.
const GAP: usize = 4096;

/// First stages are made for a cache or SRAM of this size at most.
const MAX_SPL: usize = 0x1_0000;

impl Format for IngenicSpl {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let length = input.size32(start + 12, Endian::Little, "length")?;
        if !(CODE..=MAX_SPL).contains(&length) {
            return Err(Refusal("length of the first stage"));
        }
        let parts = parts(input, start, length)?;
        let end = parts.last().map_or(start, |part| part.range.end);
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let length = input.size32(claim.start + 12, Endian::Little, "length")?;
        for part in parts(input, claim.start, length)? {
            output.part(part.name, part.range)?;
        }
        Ok(())
    }
}

/// U-Boot begins after the padding of the first stage, and ends before the next long run of one
/// byte.
fn parts(input: &Input, start: usize, length: usize) -> Result<Vec<Part>, Problem> {
    input.bytes(start, length, "first stage")?;
    let end = start + length;
    let mut parts = vec![Part::new("spl", start + CODE..end)];
    let padding = input.tail(end).iter().take_while(|&&byte| matches!(byte, 0 | 0xff)).count();
    let from = end + padding;
    // No padding, or one to the end: nothing that is known to be U-Boot.
    if (16..=MAX_SPL).contains(&padding) && from < input.len() {
        parts.push(Part::new("u-boot", from..from + run_before_gap(input.tail(from))));
    }
    Ok(parts)
}

fn run_before_gap(bytes: &[u8]) -> usize {
    let mut since = 0;
    for (index, pair) in bytes.windows(2).enumerate() {
        if pair[0] != pair[1] {
            since = index + 1;
        } else if index + 1 - since >= GAP {
            return since;
        }
    }
    bytes.len()
}
