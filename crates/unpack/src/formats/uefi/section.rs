// SPDX-License-Identifier: Apache-2.0
//! Sections of files: leaves with code, names, volumes; and sections that hold sections, compressed
//! or not.

use bytes::Bytes;
use kakoi_model::{Problem, ProblemCode};

use super::super::okumura::{self, Positions};
use super::{LITTLE, guid};
use crate::codec::{Codec, decode};
use crate::{Input, Output};

/// Sections within sections.
const MAX_DEPTH: usize = 8;

/// Most sections of one file.
const MAX_SECTIONS: usize = 4096;

const COMPRESSION: u8 = 0x01;
const GUID_DEFINED: u8 = 0x02;
const USER_INTERFACE: u8 = 0x15;

/// What a GUID-defined section may be, by the bytes of its GUID.
const LZMA: [u8; 16] = *b"\x98\x58\x4e\xee\x14\x39\x59\x42\x9d\x6e\xdc\x7b\xd7\x94\x03\xcf";
const LZMA_F86: [u8; 16] = *b"\xe6\x2a\xed\xd4\x52\x13\xfb\x4b\x90\x9a\xca\x72\xa6\xea\xe8\x89";
const TIANO: [u8; 16] = *b"\xad\x80\x12\xa3\x1e\x48\xb6\x41\x95\xe8\x12\x7f\x4c\x98\x47\x79";
const CRC32: [u8; 16] = *b"\xb0\xcd\x1b\xfc\x31\x7d\xaa\x49\x93\x6a\xa4\x6d\x9d\xd0\x83\xcf";

/// The windows of UEFI's compression, and of the one with which Tiano followed it.
const UEFI_POSITIONS: Positions = Positions { codes: 14, bits: 4, before: None };
const TIANO_POSITIONS: Positions = Positions { codes: 20, bits: 5, before: None };

/// Bytes full of sections.
pub(super) struct Sections {
    pub(super) bytes: Bytes,
    /// Where they lie in the content, for problems; of decoded ones, where their section does.
    pub(super) offset: usize,
    /// Path of what they become.
    pub(super) name: String,
}

/// Yields every leaf, and what the decoders make of the others. An explicit stack: sections nest.
pub(super) fn yield_sections(sections: &Sections, output: &mut Output<'_>) -> Result<(), Problem> {
    let first =
        Sections { bytes: sections.bytes.clone(), name: sections.name.clone(), ..*sections };
    let mut waiting = vec![(first, 0)];
    let mut left = MAX_SECTIONS;
    while let Some((sections, depth)) = waiting.pop() {
        let input = Input::new(sections.bytes.clone());
        let mut at = 0;
        for number in 0.. {
            let Some(section) = read_section(&input, at) else { break };
            left = left.saturating_sub(1);
            if left == 0 || depth > MAX_DEPTH {
                let problem =
                    Problem::new(ProblemCode::CountLimit, sections.offset as u64, "section");
                output.problem(problem.because("more sections than any file has"));
                return Ok(());
            }
            let name = format!("{}/{number}", sections.name);
            match open_section(&input, &section, &sections, name, output) {
                Ok(Some(inner)) => waiting.push((inner, depth + 1)),
                Ok(None) => {}
                Err(problem) if is_final(&problem) => return Err(problem),
                Err(problem) => {
                    output.problem(Problem { offset: (sections.offset + at) as u64, ..problem })
                }
            }
            at = section.end.next_multiple_of(4);
        }
    }
    Ok(())
}

/// Nothing more can be read once a limit is reached.
fn is_final(problem: &Problem) -> bool {
    matches!(problem.code, ProblemCode::CountLimit | ProblemCode::SizeLimit)
}

struct Section {
    kind: u8,
    /// Its header.
    at: usize,
    body: usize,
    end: usize,
}

/// None where no section can begin.
fn read_section(input: &Input, at: usize) -> Option<Section> {
    let [s0, s1, s2, kind] = input.array(at, "section").ok()?;
    let small = u32::from_le_bytes([s0, s1, s2, 0]) as usize;
    // A size of all ones is followed by a larger field.
    let (size, header) = match small {
        0xff_ffff => (input.size32(at + 4, LITTLE, "section").ok()?, 8),
        size => (size, 4),
    };
    let end = at.saturating_add(size);
    let sound = size >= header && end <= input.len() && !matches!(kind, 0 | 0xff);
    sound.then_some(Section { kind, at, body: at + header, end })
}

/// A leaf becomes an entry; what holds sections is given back to be read on.
fn open_section(
    input: &Input,
    section: &Section,
    outer: &Sections,
    name: String,
    output: &mut Output<'_>,
) -> Result<Option<Sections>, Problem> {
    let body = input.share(section.body..section.end, "section")?;
    let inner = |bytes| Ok(Some(Sections { bytes, offset: outer.offset, name: name.clone() }));
    match section.kind {
        COMPRESSION => {
            let data = input.share(section.body + 5..section.end, "section")?;
            match input.u8(section.body + 4, "compression")? {
                0 => inner(data),
                1 => inner(decompress(&data, UEFI_POSITIONS, output)?),
                _ => inner(lzma(&data, output)?),
            }
        }
        GUID_DEFINED => {
            let kind: [u8; 16] = input.array(section.body, "GUID of a section")?;
            let offset = usize::from(input.u16(section.body + 16, LITTLE, "data offset")?);
            let data = input.share(section.at.saturating_add(offset)..section.end, "section")?;
            match kind {
                LZMA | LZMA_F86 => inner(lzma(&data, output)?),
                TIANO => inner(decompress(&data, TIANO_POSITIONS, output)?),
                CRC32 => inner(data),
                _ => {
                    let name = format!("{name}-{}", guid(kind));
                    output.payload(name, data).map(|()| None)
                }
            }
        }
        USER_INTERFACE => output.payload(format!("{name}-name"), text(&body).into()).map(|()| None),
        kind => output.payload(format!("{name}-{}", kind_name(kind)), body).map(|()| None),
    }
}

fn lzma(data: &[u8], output: &mut Output<'_>) -> Result<Bytes, Problem> {
    let content = decode(Codec::LzmaAlone, data, output.content_limit());
    output.spend(content.as_ref().map_or(data.len(), Vec::len))?;
    content.map(Bytes::from).map_err(|error| error.at(0, "LZMA section"))
}

/// Two lengths in front: of what is packed, of what it becomes.
fn decompress(data: &[u8], how: Positions, output: &mut Output<'_>) -> Result<Bytes, Problem> {
    let bad = || Problem::new(ProblemCode::BadStream, 0, "compressed section");
    let (lengths, stream) = data.split_first_chunk::<8>().ok_or_else(bad)?;
    let [.., s0, s1, s2, s3] = *lengths;
    let size = u32::from_le_bytes([s0, s1, s2, s3]) as usize;
    if size > output.content_limit() {
        return Err(Problem::new(ProblemCode::SizeLimit, 0, "compressed section"));
    }
    output.spend(size)?;
    okumura::decode(stream, size, how).map(Bytes::from).ok_or_else(bad)
}

/// UTF-16 up to its end.
fn text(body: &[u8]) -> Vec<u8> {
    let units = body.chunks_exact(2).map(|pair| u16::from(pair[0]) | u16::from(pair[1]) << 8);
    let units: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
    String::from_utf16_lossy(&units).into_bytes()
}

fn kind_name(kind: u8) -> String {
    let name = match kind {
        0x10 => "pe32",
        0x11 => "pic",
        0x12 => "te",
        0x13 => "dxe-depex",
        0x14 => "version",
        0x16 => "compatibility16",
        0x17 => "volume",
        0x18 => "freeform",
        0x19 => "raw",
        0x1b => "pei-depex",
        0x1c => "mm-depex",
        kind => return format!("section-{kind:02x}"),
    };
    name.to_owned()
}
