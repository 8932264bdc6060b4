// SPDX-License-Identifier: Apache-2.0
//! `digicap.dav`: Hikvision's update, a table of files that is xored with a fixed key.

use kakoi_model::{Confidence, Problem, ProblemCode};

use super::parts::{Part, printable, yield_parts};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Hikvision;

static DOC: FormatDoc = FormatDoc {
    name: "hikvision",
    title: "Hikvision firmware (digicap.dav)",
    family: Family::Header,
    scope: Scope::Aligned(4),
    // The magic and the two upper bytes of the header's checksum, which are zero, under the key.
    magics: &[
        Magic::new(b"\xe9\x9a\xf7\xb6"),
        Magic::new(b"\x8a\xff\xf7\xb6"),
        Magic::new(b"\x8a\xfe\xf7\xb6"),
    ],
    reads: "tables of files; the checksum of the table is checked",
    limits: "images of the second and third generation (HK20, HK30) are reported as encrypted",
    references: &["github.com/themactep/hiktools (facts only)"],
};

const KEY: [u8; 16] = *b"\xba\xcd\xbc\xfe\xd6\xca\xdd\xd3\xba\xb9\xa3\xab\xbf\xcb\xb5\xbe";

/// Header before the table.
const HEADER: usize = 64;

/// Name, offset, length, checksum.
const ENTRY: usize = 44;

const MAX_FILES: usize = 64;

/// The magics in plain text, as they lie in the file.
const FILES: &[u8] = b"SWKH";
const LATER: [&[u8]; 2] = [b"02KH", b"03KH"];

/// Undoes the key, which moves by one byte every sixteen in most images and stays in others.
fn plain(bytes: &[u8], moves: bool) -> Vec<u8> {
    let key = |index: usize| if moves { index + (index >> 4) } else { index };
    bytes.iter().enumerate().map(|(index, byte)| byte ^ KEY[key(index) & 15]).collect()
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(field)).ok()
}

struct Table {
    header: Vec<u8>,
    whole: bool,
}

/// The header with its table, by whichever movement of the key makes its checksum right.
fn table(input: &Input, start: usize) -> Option<Table> {
    let first = plain(input.bytes(start, HEADER, "header").ok()?, false);
    if !first.starts_with(FILES) {
        return None;
    }
    let length = number(&first, 8)
        .filter(|length| (HEADER + ENTRY..=HEADER + MAX_FILES * ENTRY).contains(length))?;
    let bytes = input.bytes(start, length, "table").ok()?;
    let both = [true, false].map(|moves| plain(bytes, moves));
    both.into_iter().find_map(|header| {
        let sum: usize = header.get(12..)?.iter().map(|&byte| usize::from(byte)).sum();
        let whole = number(&header, 4) == Some(sum);
        whole.then_some(Table { header, whole })
    })
}

fn files(table: &Table, start: usize) -> Vec<Part> {
    let count = number(&table.header, 12).unwrap_or(0).min(MAX_FILES);
    let entries = table.header.get(HEADER..).unwrap_or_default().chunks_exact(ENTRY).take(count);
    let parts = entries.filter_map(|entry| {
        let first = start.saturating_add(number(entry, 32)?);
        Some(Part::new(printable(&entry[..32]), first..first.saturating_add(number(entry, 36)?)))
    });
    parts.filter(|part| !part.range.is_empty()).collect()
}

impl Format for Hikvision {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let first = plain(input.bytes(start, 16, "header")?, false);
        if LATER.iter().any(|later| first.starts_with(later)) {
            let length = number(&first, 8).filter(|length| (HEADER..=4096).contains(length));
            let length = length.ok_or(Refusal("header"))?;
            if start != 0 || length > input.len() {
                return Err(Refusal("header"));
            }
            return Ok(Claim { start, end: input.len(), confidence: Confidence::Structure });
        }
        let table = table(input, start).filter(|table| table.whole).ok_or(Refusal("checksum"))?;
        let end = files(&table, start).iter().map(|part| part.range.end).max();
        let end = end.ok_or(Refusal("no files"))?.min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Checksum })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let Some(table) = table(input, claim.start) else {
            let problem = Problem::new(ProblemCode::Encrypted, claim.start as u64, "image");
            return Err(problem.because("second or third generation: AES with the device's keys"));
        };
        let language = number(&table.header, 16).unwrap_or(0);
        output.attribute("language", language);
        let from = claim.start.saturating_add(table.header.len());
        yield_parts(input, from.min(claim.end)..claim.end, files(&table, claim.start), output)
    }
}
