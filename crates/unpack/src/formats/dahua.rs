// SPDX-License-Identifier: Apache-2.0
//! Dahua's firmware: a ZIP archive whose first two bytes are `DH`.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Dahua;

static DOC: FormatDoc = FormatDoc {
    name: "dahua",
    title: "Dahua firmware",
    family: Family::Header,
    scope: Scope::Start,
    magics: &[Magic::new(b"DH\x03\x04")],
    reads: "the archive, with its first two bytes restored, as a part",
    limits: "signed and encrypted files inside are not opened",
    references: &["FACT_extractor, plugins/unpacking/dahua (facts only)"],
};

impl Format for Dahua {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let version = input.u16(start + 4, Endian::Little, "version")?;
        let method = input.u16(start + 8, Endian::Little, "method")?;
        let name = input.u16(start + 26, Endian::Little, "length of the name")?;
        if input.bytes(start, 4, "magic")? != b"DH\x03\x04"
            || version > 63
            || !matches!(method, 0 | 8 | 12 | 14 | 93)
            || !(1..=1024).contains(&name)
        {
            return Err(Refusal("first entry of the archive"));
        }
        Ok(Claim { start, end: input.len(), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let bytes = input.tail(claim.start);
        if bytes.len() > output.content_limit() {
            return Err(Problem::new(ProblemCode::SizeLimit, claim.start as u64, "archive"));
        }
        let mut archive = bytes.to_vec();
        archive.splice(..2, *b"PK");
        output.payload("archive", archive.into())
    }
}
