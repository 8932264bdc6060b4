// SPDX-License-Identifier: Apache-2.0
//! Lumi's (Aqara's) update file: attributes as a Zigbee cluster writes them, then a short header and
//! a compressed archive.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use crate::formats::parts::{Part, printable, yield_parts};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct LumiOta;

static DOC: FormatDoc = FormatDoc {
    name: "lumi-ota",
    title: "Lumi (Aqara) update file",
    family: Family::Header,
    scope: Scope::Start,
    magics: &[Magic::new(b"\0\x41\x04LMFW")],
    reads: "version, time, sizes; the archive as a part",
    limits: "the checksums have no public description",
    references: &[
        "observed in images for the G2H camera",
        "Zigbee Cluster Library 8, section 2.6.2 (types)",
    ],
};

/// Attributes (observed).
const VERSION: u8 = 3;
const TOTAL: u8 = 4;
const TIME: u8 = 7;
const HEADER: u8 = 1;

/// Begins what follows the attributes.
const PACKAGE: &[u8] = b"PLJT ";

struct Header {
    version: String,
    time: u64,
    total: usize,
    length: usize,
}

impl Format for LumiOta {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let header = parse(input, start)?;
        if header.length == 0 || header.total <= header.length {
            return Err(Refusal("sizes"));
        }
        let end = start.saturating_add(header.total).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let header = parse(input, claim.start)?;
        output.attribute("version", &header.version);
        output.attribute("time", header.time);
        let end = claim.start.saturating_add(header.total);
        if end > input.len() {
            let problem = Problem::new(ProblemCode::Truncated, claim.start as u64, "total size");
            output.problem(problem.because(format!("ends at 0x{end:x}")));
        }
        let data = claim.start + header.length;
        let from = package(input, data).unwrap_or(data);
        yield_parts(input, from..claim.end, vec![Part::new("payload", from..claim.end)], output)
    }
}

/// Attributes: number, type, value; octet strings have a length in front.
fn parse(input: &Input, start: usize) -> Result<Header, Problem> {
    let mut header = Header { version: String::new(), time: 0, total: 0, length: 0 };
    let mut at = start;
    for _ in 0..16 {
        let [attribute, kind] = input.array(at, "attribute")?;
        at += 2;
        let length = match kind {
            0x41 => {
                at += 1;
                usize::from(input.u8(at - 1, "length")?)
            }
            // Unsigned numbers of 1 to 8 bytes.
            0x20..=0x27 => usize::from(kind - 0x1f),
            _ => break,
        };
        let value = input.bytes(at, length, "value")?;
        let number = || value.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte));
        let size = || usize::try_from(number()).unwrap_or(usize::MAX);
        match (attribute, kind) {
            (VERSION, 0x41) => header.version = printable(value),
            (TIME, _) => header.time = number(),
            (TOTAL, _) => header.total = size(),
            (HEADER, _) => header.length = size(),
            _ => {}
        }
        at += length;
    }
    Ok(header)
}

/// Where the archive begins: after two texts, a length that fills the rest, and a checksum.
fn package(input: &Input, at: usize) -> Option<usize> {
    if !input.tail(at).starts_with(PACKAGE) {
        return None;
    }
    let mut texts = input.tail(at).get(..128)?.split(|&byte| byte == 0);
    let header = texts.next()?.len() + 1 + texts.next()?.len() + 1;
    let length = input.size32(at + header, Endian::Little, "length").ok()?;
    let data = at + header + 8;
    (data + length == input.len()).then_some(data)
}
