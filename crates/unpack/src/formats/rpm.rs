// SPDX-License-Identifier: Apache-2.0
//! RPM packages: two headers of tags, then a compressed cpio archive.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use super::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Rpm;

static DOC: FormatDoc = FormatDoc {
    name: "rpm",
    title: "RPM package",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"\xed\xab\xee\xdb\x03")],
    reads: "version 3 of the lead; name, version, release and architecture; the payload as a part",
    limits: "digests and signatures are not checked; names that cpio leaves to the header (files \
             above 4 GiB) are not joined",
    references: &["RPM Package Manager, manual, Package format (V4)"],
};

const BIG: Endian = Endian::Big;

const LEAD: usize = 96;

/// Magic, version, reserved, number of tags, length of their data; and one tag.
const INTRO: usize = 16;
const TAG: usize = 16;

/// Most tags that a header may have (rpm's own limit).
const MAX_TAGS: usize = 0xffff;

struct Tags {
    index: usize,
    count: usize,
    store: usize,
    length: usize,
}

impl Tags {
    fn read(input: &Input, at: usize) -> Result<Self, Problem> {
        let count = input.size32(at + 8, BIG, "number of tags")?;
        let length = input.size32(at + 12, BIG, "length of tags")?;
        if input.bytes(at, 4, "header magic")? != b"\x8e\xad\xe8\x01" || count > MAX_TAGS {
            return Err(Problem::new(ProblemCode::BadValue, at as u64, "header"));
        }
        let store = at + INTRO + count * TAG;
        input.bytes(store, length, "tags")?;
        Ok(Self { index: at + INTRO, count, store, length })
    }

    fn end(&self) -> usize {
        self.store + self.length
    }

    /// Type and place of the data of a tag.
    fn find(&self, input: &Input, tag: u32) -> Option<(u32, usize)> {
        let field = |at| input.u32(at, BIG, "tag").ok();
        let at = (0..self.count)
            .map(|index| self.index + index * TAG)
            .find(|&at| field(at) == Some(tag))?;
        let offset = usize::try_from(field(at + 8)?).ok()?;
        (offset < self.length).then_some((field(at + 4)?, self.store + offset))
    }

    fn text(&self, input: &Input, tag: u32) -> Option<String> {
        let (kind, at) = self.find(input, tag)?;
        let bytes = input.as_slice().get(at..self.end())?;
        let bytes = bytes.get(..256).unwrap_or(bytes);
        (kind == 6).then(|| printable(bytes))
    }
}

impl Format for Rpm {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        // What follows the lead: the signature's header.
        let signature = input.bytes(start.saturating_add(LEAD), 4, "signature header")?;
        if signature != b"\x8e\xad\xe8\x01" {
            return Err(Refusal("no signature header"));
        }
        Ok(Claim { start, end: input.len(), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let signature = Tags::read(input, claim.start + LEAD)?;
        output.reads_to(signature.end());
        // The signature is padded to eight bytes.
        let padded = (signature.end() - claim.start).next_multiple_of(8);
        let first = claim.start + padded;
        let header = Tags::read(input, first)?;
        output.reads_to(header.end());
        for (key, tag) in [("name", 1000), ("version", 1001), ("release", 1002), ("arch", 1022)] {
            if let Some(text) = header.text(input, tag) {
                output.attribute(key, text);
            }
        }
        // The signature records the size of header and payload.
        let size = signature.find(input, 1000).filter(|(kind, _)| *kind == 4);
        let size = size.and_then(|(_, at)| input.size32(at, BIG, "size").ok());
        let end = size.map_or(input.len(), |size| first.saturating_add(size));
        if end <= header.end() || end > input.len() {
            let problem = Problem::new(ProblemCode::Truncated, header.end() as u64, "payload");
            output.problem(problem.because(format!("ends at 0x{end:x}")));
        }
        let end = end.min(input.len()).max(header.end());
        output.ends_at(end);
        output.part("payload", header.end()..end)
    }
}
