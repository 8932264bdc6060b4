// SPDX-License-Identifier: Apache-2.0
//! PackImg: a tag of 32 bytes in front of a root file system (D-Link).

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Packimg;

static DOC: FormatDoc = FormatDoc {
    name: "packimg",
    title: "PackImg tag",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"--PaCkImGs--")],
    reads: "both byte orders",
    limits: "the tag has no checksum",
    references: &["observed in images for DIR-890L and others"],
};

const HEADER: usize = 32;

impl Format for Packimg {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        if input.bytes(start, 12, "tag")? != b"--PaCkImGs--" {
            return Err(Refusal("no tag"));
        }
        let (size, _) = size(input, start)?;
        let end = start.saturating_add(HEADER).saturating_add(size).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let (size, endian) = size(input, claim.start)?;
        let order = if endian == Endian::Little { "little" } else { "big" };
        output.attribute("byte-order", order);
        let data = claim.start + HEADER;
        output.part("image", data..data.saturating_add(size))
    }
}

/// The size in the byte order in which it fits the content; the smaller one when the image is cut.
fn size(input: &Input, start: usize) -> Result<(usize, Endian), Problem> {
    let left = input.tail(start + HEADER).len();
    let both = [Endian::Big, Endian::Little]
        .map(|endian| input.size32(start + 16, endian, "size").map(|size| (size, endian)));
    let [big, little] = both;
    let (big, little) = (big?, little?);
    // Of two that fit, the one that leaves less behind.
    let fitting =
        [big, little].into_iter().filter(|&(size, _)| size > 0 && size <= left).max_by_key(|s| s.0);
    let smaller = if big.0 <= little.0 { big } else { little };
    match fitting.unwrap_or(smaller) {
        (0, _) => Err(Problem::new(ProblemCode::BadValue, start as u64 + 16, "size")),
        found => Ok(found),
    }
}
