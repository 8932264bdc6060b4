// SPDX-License-Identifier: Apache-2.0
//! Firmware volumes: files behind each other, known by GUIDs.

use kakoi_model::{Confidence, Problem, ProblemCode};

use super::section::{Sections, yield_sections};
use super::{LITTLE, guid};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct FirmwareVolume;

static DOC: FormatDoc = FormatDoc {
    name: "uefi-volume",
    title: "UEFI firmware volume",
    family: Family::Header,
    scope: Scope::Aligned(8),
    magics: &[Magic::at(40, b"_FVH")],
    reads: "firmware file systems 2 and 3: files, sections, names; sections compressed with LZMA, \
            with UEFI's own compression, or kept under a checksum; volumes in sections; the checksum \
            of the volume's header decides",
    limits: "checksums of files are not compared; variable stores and other volumes are one part; \
             executables packed as x86 by LZMA F86 stay so",
    references: &["UEFI Platform Initialization Specification 1.7, volume 3"],
};

/// File systems that are read, by the bytes of their GUIDs.
const FILE_SYSTEMS: [[u8; 16]; 2] = [
    *b"\x78\xe5\x8c\x8c\x3d\x8a\x1c\x4f\x99\x35\x89\x61\x85\xc3\x2d\xd3",
    *b"\x7a\xc0\x73\x54\xcb\x3d\xca\x4d\xbd\x6f\x1e\x96\x89\xe7\x34\x9a",
];

const RAW: u8 = 0x01;
const PAD: u8 = 0xf0;

struct Volume {
    length: usize,
    /// Behind the headers.
    files: usize,
    file_system: [u8; 16],
}

struct File {
    name: [u8; 16],
    kind: u8,
    body: usize,
    end: usize,
}

fn read_volume(input: &Input, start: usize) -> Result<Volume, Problem> {
    let bad = |subject| Problem::new(ProblemCode::BadValue, start as u64, subject);
    let header = usize::from(input.u16(start + 48, LITTLE, "header length")?);
    let length = input.size64(start + 32, LITTLE, "length")?;
    if header < 56 || header % 2 != 0 || length < header {
        return Err(bad("header length"));
    }
    let words = input.bytes(start, header, "header")?.chunks_exact(2);
    let sum = words.fold(0_u16, |sum, word| match *word {
        [low, high] => sum.wrapping_add(u16::from_le_bytes([low, high])),
        _ => sum,
    });
    if sum != 0 {
        return Err(Problem::new(ProblemCode::BadChecksum, start as u64, "header"));
    }
    let extended = usize::from(input.u16(start + 52, LITTLE, "extended header")?);
    let mut files = header;
    if extended >= header {
        let size = input.size32(start + extended + 16, LITTLE, "extended header")?;
        files = extended.saturating_add(size).checked_next_multiple_of(8).unwrap_or(length);
    }
    let file_system = input.array(start + 16, "file system")?;
    Ok(Volume { length, files: files.min(length), file_system })
}

/// None in free space.
fn read_file(input: &Input, at: usize) -> Result<Option<File>, Problem> {
    let header: [u8; 24] = input.array(at, "file header")?;
    if header.iter().all(|&byte| byte == 0xff) || header.iter().all(|&byte| byte == 0) {
        return Ok(None);
    }
    let small = u32::from_le_bytes([header[20], header[21], header[22], 0]) as usize;
    // A large file of file system 3 has its size behind the header.
    let (size, length) = match header[19] & 1 {
        1 => (input.size64(at + 24, LITTLE, "file size")?, 32),
        _ => (small, 24),
    };
    if size < length {
        return Err(Problem::new(ProblemCode::BadValue, at as u64, "file size"));
    }
    let name = input.array(at, "file name")?;
    Ok(Some(File { name, kind: header[18], body: at + length, end: at.saturating_add(size) }))
}

impl Format for FirmwareVolume {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let volume = read_volume(input, start)?;
        let end = start.saturating_add(volume.length).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Checksum })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let volume = read_volume(input, claim.start)?;
        output.attribute("file-system", guid(volume.file_system));
        if claim.start.saturating_add(volume.length) > input.len() {
            let problem = Problem::new(ProblemCode::Truncated, claim.start as u64, "volume");
            output.problem(problem.because(format!("{} bytes", volume.length)));
        }
        let mut at = claim.start.saturating_add(volume.files);
        if !FILE_SYSTEMS.contains(&volume.file_system) {
            return output.part("body", at..claim.end);
        }
        let mut number = 0;
        while at + 24 <= claim.end {
            let Some(file) = read_file(input, at)? else { break };
            if file.end > claim.end {
                let problem = Problem::new(ProblemCode::Truncated, at as u64, "file");
                return Err(problem.because(guid(file.name)));
            }
            if file.kind != PAD {
                yield_file(input, &file, number, output)?;
            }
            number += 1;
            // Files lie at multiples of 8, counted from the volume.
            let next = (file.end - claim.start).next_multiple_of(8);
            at = claim.start.saturating_add(next);
        }
        Ok(())
    }
}

fn yield_file(
    input: &Input,
    file: &File,
    number: usize,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    let name = format!("{number:03}-{}", guid(file.name));
    let body = input.share(file.body..file.end, "file")?;
    match file.kind {
        // Types of vendors and of debugging have no sections.
        RAW | 0xc0..=0xff => output.part(name, file.body..file.end),
        _ => yield_sections(&Sections { bytes: body, offset: file.body, name }, output),
    }
}
