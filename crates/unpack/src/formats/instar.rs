// SPDX-License-Identifier: Apache-2.0
//! BNEG: two partitions of an Instar camera behind a header.

use kakoi_model::{Confidence, Endian, Problem};

use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Bneg;

static DOC: FormatDoc = FormatDoc {
    name: "bneg",
    title: "Instar camera firmware (BNEG)",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"BNEG\x01\0\0\0\x01\0\0\0")],
    reads: "version 1.1; both partitions",
    limits: "the header has no checksum",
    references: &["unblob, handlers/archive/instar/bneg.py (facts only)"],
};

/// Magic, version, sizes.
const HEADER: usize = 20;

fn sizes(input: &Input, start: usize) -> Result<[usize; 2], Problem> {
    Ok([
        input.size32(start + 12, Endian::Little, "size of the first partition")?,
        input.size32(start + 16, Endian::Little, "size of the second partition")?,
    ])
}

impl Format for Bneg {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let [first, second] = sizes(input, start)?;
        let end = (start + HEADER).saturating_add(first).saturating_add(second);
        if input.bytes(start, 4, "magic")? != b"BNEG" || first == 0 || second == 0 {
            return Err(Refusal("header"));
        }
        if start + HEADER + first >= input.len() {
            return Err(Refusal("the first partition leaves the content"));
        }
        Ok(Claim { start, end: end.min(input.len()), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let [first, second] = sizes(input, claim.start)?;
        output.attribute("version", "1.1");
        let at = claim.start + HEADER;
        output.part("part-1", at..at.saturating_add(first))?;
        let at = at.saturating_add(first);
        output.part("part-2", at..at.saturating_add(second))
    }
}
