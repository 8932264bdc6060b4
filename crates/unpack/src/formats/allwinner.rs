// SPDX-License-Identifier: Apache-2.0
//! IMAGEWTY: Allwinner's image for its flashing tools, a table of files.

use std::collections::HashSet;

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use super::parts::{Part, printable, yield_parts};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Imagewty;

static DOC: FormatDoc = FormatDoc {
    name: "imagewty",
    title: "Allwinner firmware (IMAGEWTY)",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"IMAGEWTY")],
    reads: "header versions 1 and 3; all files",
    limits: "encrypted images have no magic and are not read; the checksums that lie beside the \
             files as files of their own are not checked",
    references: &["github.com/Ithamar/awutils, imagewty.h (facts only)"],
};

const LITTLE: Endian = Endian::Little;

/// The header, and each file's header, fill this.
const BLOCK: usize = 1024;

const MAX_FILES: usize = 1024;

impl Format for Imagewty {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let parts = files(input, start, 1)?;
        if parts.iter().any(|part| part.range.start > input.len() || part.name.is_empty()) {
            return Err(Refusal("first file"));
        }
        Ok(Claim { start, end: input.len(), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let version = input.u32(claim.start + 8, LITTLE, "header version")?;
        output.attribute("version", version >> 8);
        output.reads_to(claim.start + (MAX_FILES + 1) * BLOCK);
        let mut parts = files(input, claim.start, MAX_FILES)?;
        let size = input.size32(claim.start + 24, LITTLE, "image size")?;
        let end = parts.iter().map(|part| part.range.end).max().unwrap_or(claim.start);
        let end = end.max(claim.start.saturating_add(size)).min(input.len());
        output.ends_at(end);
        parts.retain(|part| part.range.start <= end);
        let first = parts.iter().map(|part| part.range.start).min().unwrap_or(end);
        yield_parts(input, first..end, parts, output)
    }
}

/// The files of the table. Several may have one name in different types: those get the type's.
fn files(input: &Input, start: usize, most: usize) -> Result<Vec<Part>, Problem> {
    let bad = |subject: &'static str| Problem::new(ProblemCode::BadValue, start as u64, subject);
    if input.bytes(start, 8, "magic")? != b"IMAGEWTY" {
        return Err(bad("magic"));
    }
    // Places of the number of files, and in a file's header of name, length and offset.
    let [count, name, length, offset] = match input.u32(start + 8, LITTLE, "header version")? {
        0x0100 => [56, 52, 40, 44],
        0x0300 => [60, 36, 300, 308],
        _ => return Err(bad("header version")),
    };
    let count = input.size32(start + count, LITTLE, "number of files")?;
    if !(1..=MAX_FILES).contains(&count) {
        return Err(bad("number of files"));
    }
    let table = start + BLOCK;
    let mut parts: Vec<Part> = Vec::new();
    let mut names = HashSet::new();
    for at in (0..count.min(most)).map(|index| table + index * BLOCK) {
        let first = start.saturating_add(input.size32(at + offset, LITTLE, "offset")?);
        let size = input.size32(at + length, LITTLE, "length")?;
        if first < table + count * BLOCK {
            return Err(bad("offset of a file"));
        }
        let mut name = printable(input.bytes(at + name, 256, "name")?);
        if name.is_empty() || !names.insert(name.clone()) {
            name = format!("{name}.{}", printable(input.bytes(at + 16, 16, "type")?));
        }
        parts.push(Part::new(name, first..first.saturating_add(size)));
    }
    Ok(parts)
}
