// SPDX-License-Identifier: Apache-2.0
//! TP-Link's safeloader: a vendor's area, then partitions that a table of text names.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};
use md5::{Digest, Md5};

use super::super::parts::{Part, printable, yield_parts};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct Safeloader;

static DOC: FormatDoc = FormatDoc {
    name: "tplink-safeloader",
    title: "TP-Link firmware (safeloader)",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::at(TABLE, ENTRY)],
    reads: "all partitions of the table; whether the salted MD5 holds, as an attribute",
    limits: "signatures are not checked; images for the cloud, whose MD5 has another salt, differ \
             in it",
    references: &["OpenWrt tools/firmware-utils/src/tplink-safeloader.c (facts only)"],
};

/// Length, MD5 and the vendor's area lie before the table, from which offsets count.
const TABLE: usize = 0x1014;

const ENTRY: &[u8] = b"fwup-ptn ";

/// Longest table.
const TABLE_LENGTH: usize = 0x800;

const MAX_PARTS: usize = 64;

/// Stands in front of the image while the MD5 is computed.
const SALT: [u8; 16] = *b"\x7a\x2b\x15\xed\x9b\x98\x59\x6d\xe5\x04\xab\x44\xac\x2a\x9f\x4e";

/// `fwup-ptn NAME base 0x… size 0x…`, a tab and an end of line behind each.
fn partitions(input: &Input, start: usize) -> Vec<Part> {
    let table = start.saturating_add(TABLE);
    let text = input.tail(table);
    let text = text.get(..TABLE_LENGTH).unwrap_or(text);
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let lines = text.split(|&byte| byte == b'\n').take(MAX_PARTS);
    lines.filter_map(|line| partition(line, table)).collect()
}

fn partition(line: &[u8], table: usize) -> Option<Part> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let mut expect = |word: &str| words.next().filter(|found| word.is_empty() || *found == word);
    expect("fwup-ptn")?;
    let name = expect("")?.to_owned();
    expect("base")?;
    let base = hexadecimal(expect("")?)?;
    expect("size")?;
    let size = hexadecimal(expect("")?)?;
    let first = table.checked_add(base)?;
    Some(Part::new(printable(name.as_bytes()), first..first.checked_add(size)?))
}

fn hexadecimal(text: &str) -> Option<usize> {
    usize::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

impl Format for Safeloader {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        if !input.tail(start.saturating_add(TABLE)).starts_with(ENTRY) {
            return Err(Refusal("no table"));
        }
        let end = partitions(input, start).iter().map(|part| part.range.end).max();
        let end = end.ok_or(Refusal("no partition"))?;
        let length = input.size32(start, Endian::Big, "length")?;
        let whole = start.saturating_add(length);
        // Smaller lengths are of something else; larger ones, of an image that was cut.
        let end = if length >= TABLE && whole > end { whole } else { end };
        Ok(Claim { start, end: end.min(input.len()), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let start = claim.start;
        let length = input.size32(start, Endian::Big, "length")?;
        let recorded: [u8; 16] = input.array(start + 4, "MD5")?;
        let covered = input.as_slice().get(start + 20..start.saturating_add(length));
        if let Some(covered) = covered {
            let md5 = Md5::new().chain_update(SALT).chain_update(covered).finalize();
            let holds = md5[..] == recorded;
            output.attribute("md5", if holds { "holds" } else { "differs" });
            if holds {
                output.confirm(Confidence::Checksum);
            }
        }
        let parts = partitions(input, start);
        // The table is a partition of its own in most images; all before it is the vendor's area.
        output.part("vendor", start + 20..(start + TABLE).min(claim.end))?;
        if parts.iter().any(|part| part.range.start > claim.end) {
            output.problem(Problem::new(ProblemCode::Truncated, claim.end as u64, "partitions"));
        }
        let parts = parts.into_iter().filter(|part| part.range.start <= claim.end).collect();
        yield_parts(input, (start + TABLE).min(claim.end)..claim.end, parts, output)
    }
}
