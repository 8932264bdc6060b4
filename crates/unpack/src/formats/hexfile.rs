// SPDX-License-Identifier: Apache-2.0
//! Memory images as text or blocks with addresses: Intel HEX, Motorola S-records, UF2. What has no
//! gap of more than [`MAX_GAP`] becomes one part.

use std::collections::BTreeMap;

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// Intel HEX.
pub(super) struct IntelHex;

/// Motorola S-records.
pub(super) struct SRecord;

/// USB Flashing Format.
pub(super) struct Uf2;

static IHEX: FormatDoc = FormatDoc {
    name: "intel-hex",
    title: "Intel HEX",
    family: Family::Compression,
    scope: Scope::Start,
    magics: &[Magic::new(b":")],
    reads: "records 0 to 5; the checksum of each record is checked",
    limits: "at the start of a content only",
    references: &["Intel, Hexadecimal Object File Format Specification, revision A"],
};

static SREC: FormatDoc = FormatDoc {
    name: "s-record",
    title: "Motorola S-records",
    family: Family::Compression,
    scope: Scope::Start,
    magics: &[Magic::new(b"S0"), Magic::new(b"S1"), Magic::new(b"S2"), Magic::new(b"S3")],
    reads: "records S0 to S9; the checksum of each record is checked",
    limits: "at the start of a content only",
    references: &["srec(5)"],
};

static UF2: FormatDoc = FormatDoc {
    name: "uf2",
    title: "USB Flashing Format (UF2)",
    family: Family::Compression,
    scope: Scope::Aligned(512),
    magics: &[Magic::new(b"UF2\x0a\x57\x51\x5d\x9e")],
    reads: "blocks of all families, those that are not for flash memory left out",
    limits: "checksums of blocks (MD5 flag) are not checked; extensions are ignored",
    references: &["github.com/microsoft/uf2, README"],
};

/// Gaps up to this many bytes are filled with 0xff, as erased flash memory is.
const MAX_GAP: u64 = 4096;

/// Longest line: 255 bytes of two digits each, and what frames them.
const MAX_LINE: usize = 600;

/// Records that must be whole before a text is believed.
const SURE: usize = 2;

/// Collects bytes with addresses.
#[derive(Default)]
struct Memory {
    /// By first address. Records out of order begin segments of their own.
    segments: BTreeMap<u64, Vec<u8>>,
    /// The segment that was written last, and its next address.
    last: Option<(u64, u64)>,
    total: usize,
}

impl Memory {
    /// Most records go on where the last one ended.
    fn write(&mut self, address: u64, bytes: &[u8], limit: usize) -> Result<(), Problem> {
        let next = self.last.filter(|(_, next)| (*next..=*next + MAX_GAP).contains(&address));
        let (key, gap) = next.map_or((address, 0), |(key, next)| (key, address - next));
        let gap = usize::try_from(gap).unwrap_or(usize::MAX);
        self.total = self.total.saturating_add(bytes.len()).saturating_add(gap);
        if self.total > limit {
            return Err(Problem::new(ProblemCode::SizeLimit, 0, "memory image"));
        }
        let segment = self.segments.entry(key).or_default();
        if next.is_none() {
            // The same address again: what was written later counts.
            segment.clear();
        }
        segment.resize(segment.len() + gap, 0xff);
        segment.extend_from_slice(bytes);
        self.last = Some((key, address.saturating_add(bytes.len() as u64)));
        Ok(())
    }

    fn keep(self, output: &mut Output<'_>) -> Result<(), Problem> {
        for (address, bytes) in self.segments.into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
            output.payload(format!("memory-{address:#010x}"), bytes.into())?;
        }
        Ok(())
    }
}

/// The lines of a text with their offsets; the last may lack its end.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    bytes.split_inclusive(|&byte| byte == b'\n').map(move |line| {
        let place = at;
        at += line.len();
        (place, line.trim_ascii())
    })
}

/// The bytes that pairs of digits stand for.
fn digits(text: &[u8]) -> Option<Vec<u8>> {
    if text.is_empty() || !text.len().is_multiple_of(2) || text.len() > MAX_LINE {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    text.chunks_exact(2).map(|pair| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8)).collect()
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// Length, address, type, data, checksum: all add up to zero.
fn intel(line: &[u8]) -> Option<Vec<u8>> {
    let record = digits(line.strip_prefix(b":")?)?;
    let whole = record.len() >= 5 && record.len() == usize::from(record[0]) + 5;
    (whole && sum(&record) == 0 && record[3] <= 5).then_some(record)
}

/// Type, then length, address, data, checksum: all add up to 0xff.
fn motorola(line: &[u8]) -> Option<(u8, Vec<u8>)> {
    let [kind @ b'0'..=b'9', rest @ ..] = line.strip_prefix(b"S")? else { return None };
    let record = digits(rest)?;
    let whole = record.len() >= 4 && record.len() == usize::from(record[0]) + 1;
    (whole && sum(&record) == 0xff).then(|| (kind - b'0', record))
}

fn starts_with_records(input: &Input, start: usize, is: impl Fn(&[u8]) -> bool) -> bool {
    let text = input.tail(start);
    let text = text.get(..SURE * MAX_LINE).unwrap_or(text);
    let first: Vec<bool> = lines(text).take(SURE).map(|(_, line)| is(line)).collect();
    first.len() == SURE && first.iter().all(|whole| *whole)
}

impl Format for IntelHex {
    fn doc(&self) -> &'static FormatDoc {
        &IHEX
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        if !starts_with_records(input, start, |line| intel(line).is_some()) {
            return Err(Refusal("first records"));
        }
        Ok(Claim { start, end: input.len(), confidence: Confidence::Checksum })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let mut memory = Memory::default();
        let mut base = 0_u64;
        for (at, line) in lines(input.tail(claim.start)) {
            let place = claim.start + at;
            if line.is_empty() {
                continue;
            }
            let Some(record) = intel(line) else {
                output.problem(Problem::new(ProblemCode::BadChecksum, place as u64, "record"));
                continue;
            };
            let data = record.get(4..record.len() - 1).unwrap_or_default();
            let number = data.iter().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
            match record[3] {
                0 => {
                    let address = base + u64::from(u16::from_be_bytes([record[1], record[2]]));
                    memory.write(address, data, output.content_limit())?;
                }
                1 => {
                    output.ends_at(place + line.len() + 2);
                    break;
                }
                2 => base = (number & 0xffff) << 4,
                4 => base = (number & 0xffff) << 16,
                _ => output.attribute("entry", format_args!("{:#x}", number & 0xffff_ffff)),
            }
        }
        memory.keep(output)
    }
}

impl Format for SRecord {
    fn doc(&self) -> &'static FormatDoc {
        &SREC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        if !starts_with_records(input, start, |line| motorola(line).is_some()) {
            return Err(Refusal("first records"));
        }
        Ok(Claim { start, end: input.len(), confidence: Confidence::Checksum })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let mut memory = Memory::default();
        for (at, line) in lines(input.tail(claim.start)) {
            let place = (claim.start + at) as u64;
            if line.is_empty() {
                continue;
            }
            let Some((kind, record)) = motorola(line) else {
                output.problem(Problem::new(ProblemCode::BadChecksum, place, "record"));
                continue;
            };
            // Addresses have two to four bytes.
            let width = match kind {
                0 | 1 | 5 | 9 => 2,
                2 | 6 | 8 => 3,
                _ => 4,
            };
            let body = record.get(1..record.len() - 1).unwrap_or_default();
            let Some((address, data)) = body.split_at_checked(width) else { continue };
            let address = address.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
            match kind {
                0 => output.attribute("name", super::parts::printable(data)),
                1..=3 => memory.write(address, data, output.content_limit())?,
                7..=9 => output.attribute("entry", format_args!("{address:#x}")),
                _ => {}
            }
        }
        memory.keep(output)
    }
}

/// A block of UF2 and the data in it.
const UF2_BLOCK: usize = 512;
const UF2_DATA: usize = 476;

/// Blocks with this flag are not for the flash memory.
const NOT_FLASH: u32 = 1;

fn uf2_block(input: &Input, at: usize) -> Option<(u32, u64, &[u8])> {
    let block = input.bytes(at, UF2_BLOCK, "block").ok()?;
    let u32 = |offset| input.u32(at + offset, Endian::Little, "block").ok();
    let length = usize::try_from(u32(16)?).ok()?;
    let whole = block.starts_with(b"UF2\x0a\x57\x51\x5d\x9e")
        && block.ends_with(b"\x30\x6f\xb1\x0a")
        && length <= UF2_DATA
        && u32(20)? < u32(24)?;
    whole.then_some((u32(8)?, u64::from(u32(12)?), block.get(32..32 + length)?))
}

impl Format for Uf2 {
    fn doc(&self) -> &'static FormatDoc {
        &UF2
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        uf2_block(input, start).ok_or(Refusal("first block"))?;
        Ok(Claim { start, end: input.len(), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let mut memory = Memory::default();
        let family = input.u32(claim.start + 28, Endian::Little, "family")?;
        output.attribute("family", format_args!("{family:#010x}"));
        let mut at = claim.start;
        while let Some((flags, address, data)) = uf2_block(input, at) {
            if flags & NOT_FLASH == 0 {
                memory.write(address, data, output.content_limit())?;
            }
            at += UF2_BLOCK;
        }
        output.ends_at(at);
        memory.keep(output)
    }
}
