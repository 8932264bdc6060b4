// SPDX-License-Identifier: Apache-2.0
//! ARJ archives.

use kakoi_model::{Confidence, Endian, ImagePath, Problem, ProblemCode};

use super::okumura::{self, Positions};
use super::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Node, Output, Refusal, Scope};

/// The format.
pub(super) struct Arj;

static DOC: FormatDoc = FormatDoc {
    name: "arj",
    title: "ARJ archive",
    family: Family::Archive,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"\x60\xea")],
    reads: "stored entries and methods 1 to 3; checksums of headers and contents are checked",
    limits: "method 4, volumes, chapters; encrypted entries are reported",
    references: &["ARJ 2.41, TECHNOTE.TXT"],
};

const LITTLE: Endian = Endian::Little;

/// Longest basic header (TECHNOTE).
const MAX_HEADER: usize = 2600;

/// The dictionary of methods 1 to 3 is smaller; each match needs at least two bits or so.
const MAX_RATIO: usize = 1100;

/// A window of 26 KiB; matches begin within the file.
const POSITIONS: Positions = Positions { codes: 17, bits: 5, before: None };

struct Header {
    flags: u8,
    method: u8,
    kind: u8,
    packed: usize,
    size: usize,
    crc: u32,
    mode: Option<u32>,
    name: Vec<u8>,
    data: usize,
}

impl Format for Arj {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let main = parse(input, start)?.ok_or(Refusal("end mark"))?;
        if main.kind != 2 {
            return Err(Refusal("no main header"));
        }
        Ok(Claim { start, end: input.len(), confidence: Confidence::Checksum })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let main = parse(input, claim.start)?;
        let mut at = main.map_or(claim.end, |main| {
            output.attribute("name", printable(&main.name));
            main.data
        });
        while let Some(header) = parse(input, at).inspect_err(|_| output.ends_at(at))? {
            let path = ImagePath::new(&header.name);
            let end = header.data.saturating_add(header.packed);
            let result = entry(input, &header, output);
            at = end.min(input.len());
            match result {
                Err(problem) if problem.code == ProblemCode::CountLimit => return Err(problem),
                Err(problem) => output.problem(problem.of_entry(&path)),
                Ok(()) => {}
            }
        }
        output.ends_at(at + 4);
        Ok(())
    }
}

/// None at the end mark, a header of length zero.
fn parse(input: &Input, at: usize) -> Result<Option<Header>, Problem> {
    let bad = |subject: &'static str| Problem::new(ProblemCode::BadValue, at as u64, subject);
    let length = usize::from(input.u16(at + 2, LITTLE, "header length")?);
    if input.bytes(at, 2, "magic")? != b"\x60\xea" || length > MAX_HEADER {
        return Err(bad("header"));
    }
    if length == 0 {
        return Ok(None);
    }
    let header = input.bytes(at + 4, length, "header")?;
    let end = at + 4 + length;
    if length < 32 || crc32fast::hash(header) != input.u32(end, LITTLE, "checksum")? {
        return Err(Problem::new(ProblemCode::BadChecksum, at as u64, "header"));
    }
    let base = at + 4;
    let name = header.get(usize::from(header[0])..).unwrap_or_default();
    let extended = usize::from(input.u16(end + 4, LITTLE, "extended header")?);
    let mode = u32::from(input.u16(base + 26, LITTLE, "mode")?);
    Ok(Some(Header {
        flags: header[4],
        method: header[5],
        kind: header[6],
        packed: input.size32(base + 12, LITTLE, "packed size")?,
        size: input.size32(base + 16, LITTLE, "size")?,
        crc: input.u32(base + 20, LITTLE, "checksum")?,
        // Host 2 is Unix: the mode is st_mode there, attributes of DOS elsewhere.
        mode: (header[3] == 2).then_some(mode),
        name: name.split(|&byte| byte == 0).next().unwrap_or_default().to_vec(),
        data: end + 6 + if extended > 0 { extended + 4 } else { 0 },
    }))
}

fn entry(input: &Input, header: &Header, output: &mut Output<'_>) -> Result<(), Problem> {
    let problem = |code| Problem::new(code, header.data as u64, "entry");
    let meta = Meta { path: header.name.clone(), mode: header.mode, ..Meta::default() };
    if header.kind == 3 {
        return output.node(meta, Node::Directory);
    }
    if header.flags & 1 != 0 {
        return Err(problem(ProblemCode::Encrypted));
    }
    let end = header.data.saturating_add(header.packed);
    let packed = input.share(header.data..end, "content")?;
    if header.size > output.content_limit() {
        return Err(problem(ProblemCode::SizeLimit).because(format!("{} bytes", header.size)));
    }
    let content = match header.method {
        0 => packed,
        1..=3 => {
            let room = header.size.min(packed.len().saturating_mul(MAX_RATIO));
            let content = okumura::decode(&packed, room, POSITIONS);
            content.ok_or_else(|| problem(ProblemCode::BadStream))?.into()
        }
        method => {
            let detail = format!("method {method}");
            return Err(problem(ProblemCode::Unsupported).because(detail));
        }
    };
    if content.len() != header.size || crc32fast::hash(&content) != header.crc {
        return Err(problem(ProblemCode::BadChecksum));
    }
    match header.method {
        0 => output.shared_file(meta, content),
        _ => output.file(meta, content.into()),
    }
}
