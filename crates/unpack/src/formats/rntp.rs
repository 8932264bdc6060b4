// SPDX-License-Identifier: Apache-2.0
//! RNTP, the update file of switches by several vendors: a directory of files, each LZMA behind a
//! header of its own.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use super::parts::{Part, printable, yield_parts};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Rntp;

static DOC: FormatDoc = FormatDoc {
    name: "rntp",
    title: "RNTP firmware of switches",
    family: Family::Header,
    scope: Scope::Start,
    magics: &[Magic::new(b"RNTP")],
    reads: "the directory and its files",
    limits: "the flags and the date have no public description",
    references: &["observed in images for D-Link switches"],
};

const LITTLE: Endian = Endian::Little;

/// Where the directory's own header lies.
const DIRECTORY: usize = 0x18;

/// Length of an entry: name, offset, length, flags.
const ENTRY: usize = 32;

/// Length of the header of a file, which begins like the whole.
const FILE_HEADER: usize = 32;

const MAX_FILES: usize = 256;

impl Format for Rntp {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        if input.bytes(start + DIRECTORY, 4, "directory")? != b"PACK" {
            return Err(Refusal("no directory"));
        }
        let parts = files(input, start)?;
        let end = parts.iter().map(|part| part.range.end).max().ok_or(Refusal("no files"))?;
        Ok(Claim { start, end: end.min(input.len()), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        output.attribute("version", printable(input.bytes(claim.start + 4, 4, "version")?));
        let parts = files(input, claim.start)?;
        let first = parts.iter().map(|part| part.range.start).min().unwrap_or(claim.end);
        // The headers of the files are not contents.
        let bare = parts.into_iter().map(|mut part| {
            if input.tail(part.range.start).starts_with(b"RNTP") {
                part.range.start = part.range.end.min(part.range.start + FILE_HEADER);
            }
            part
        });
        let bare: Vec<Part> = bare.collect();
        for part in bare {
            let range = part.range.clone();
            yield_parts(input, range, vec![part], output)?;
        }
        output.attribute("header-size", first - claim.start);
        Ok(())
    }
}

fn files(input: &Input, start: usize) -> Result<Vec<Part>, Problem> {
    let bad = |at: usize| Problem::new(ProblemCode::BadValue, at as u64, "directory");
    let count = input.size32(start + DIRECTORY + 8, LITTLE, "number of files")?;
    if count == 0 || count > MAX_FILES {
        return Err(bad(start + DIRECTORY + 8));
    }
    let mut parts = Vec::new();
    let mut before = 0;
    for index in 0..count {
        let at = start + DIRECTORY + 24 + index * ENTRY;
        let name = printable(input.bytes(at, 16, "name of a file")?);
        let offset = input.size32(at + 16, LITTLE, "offset of a file")?;
        let length = input.size32(at + 20, LITTLE, "length of a file")?;
        let from = start.saturating_add(offset);
        if name.is_empty() || from < before || from >= input.len() {
            return Err(bad(at));
        }
        before = from.saturating_add(length);
        parts.push(Part::new(name, from..before));
    }
    Ok(parts)
}
