// SPDX-License-Identifier: Apache-2.0
//! MikroTik's package: a list of typed parts.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use super::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Npk;

static DOC: FormatDoc = FormatDoc {
    name: "npk",
    title: "MikroTik package (NPK)",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"\x1e\xf1\xd0\xba")],
    reads: "all parts; name, architecture and channel as attributes",
    limits: "signatures are not checked; the list of files in old packages is yielded as one part",
    references: &["github.com/botlabsDev/npkpy, documentation (facts only)"],
};

const LITTLE: Endian = Endian::Little;

/// Magic and length of what follows.
const HEADER: usize = 8;

impl Format for Npk {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let length = input.size32(start + 4, LITTLE, "length")?;
        let kind = input.u16(start + 8, LITTLE, "type of the first part")?;
        let first = input.size32(start + 10, LITTLE, "length of the first part")?;
        if length < 6 || kind > 64 || first.saturating_add(6) > length {
            return Err(Refusal("first part"));
        }
        let end = start.saturating_add(HEADER).saturating_add(length).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let length = input.size32(claim.start + 4, LITTLE, "length")?;
        let end = claim.start.saturating_add(HEADER).saturating_add(length);
        let mut at = claim.start + HEADER;
        let mut index = 0;
        while at < end {
            let kind = input.u16(at, LITTLE, "type of a part")?;
            let length = input.size32(at + 2, LITTLE, "length of a part")?;
            let data = at + 6;
            let next = data.saturating_add(length);
            if next > end {
                return Err(Problem::new(ProblemCode::BadValue, at as u64, "length of a part"));
            }
            let bytes = input.tail(data).get(..length.min(64)).unwrap_or_default();
            match kind {
                1 => output.attribute("name", printable(bytes.get(..16).unwrap_or(bytes))),
                16 => output.attribute("architecture", printable(bytes)),
                24 => output.attribute("channel", printable(bytes)),
                _ => {}
            }
            output.part(format!("{index}-{}", part_name(kind)), data.min(input.len())..next)?;
            if next > input.len() {
                return Err(Problem::new(ProblemCode::Truncated, at as u64, "part"));
            }
            (at, index) = (next, index + 1);
        }
        Ok(())
    }
}

fn part_name(kind: u16) -> &'static str {
    match kind {
        1 => "info",
        2 => "description",
        3 => "dependencies",
        4 => "files",
        5 | 7 => "install-script",
        6 | 8 => "uninstall-script",
        9 => "signature",
        16 => "architecture",
        17 => "conflicts",
        18 => "package-info",
        19 => "features",
        20 => "package-features",
        21 => "squashfs",
        22 => "padding",
        23 => "digest",
        24 => "channel",
        _ => "part",
    }
}
