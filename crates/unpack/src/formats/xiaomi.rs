// SPDX-License-Identifier: Apache-2.0
//! HDR1 and HDR2: Xiaomi's header with blobs for the partitions and a signature at the end.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use super::parts::{Part, printable, yield_parts};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Xiaomi;

static DOC: FormatDoc = FormatDoc {
    name: "xiaomi-hdr",
    title: "Xiaomi firmware (HDR1, HDR2)",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"HDR1"), Magic::new(b"HDR2")],
    reads: "both versions; all blobs; the checksum is checked",
    limits: "the signature is not checked",
    references: &["OpenWrt tools/firmware-utils/src/xiaomifw.c (facts only)"],
};

const LITTLE: Endian = Endian::Little;

/// First byte that the checksum covers.
const COVERED: usize = 12;

/// Offsets of blobs in the header.
const BLOBS: usize = 8;

/// Magic, place in flash, size, type, padding, name.
const BLOB_HEADER: usize = 48;

/// Size, padding and an RSA signature of 2048 bits.
const SIGNATURE: usize = 16 + 256;

impl Format for Xiaomi {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let header = header_length(input, start)?;
        let signature = input.size32(start + 4, LITTLE, "signature offset")?;
        let first = input.size32(start + header - BLOBS * 4, LITTLE, "blob offset")?;
        if signature < header || first < header || first >= signature {
            return Err(Refusal("offsets"));
        }
        if input.u32(start.saturating_add(first), LITTLE, "blob magic")? != 0xbabe {
            return Err(Refusal("no blob"));
        }
        let end = start.saturating_add(signature).saturating_add(SIGNATURE);
        Ok(Claim { start, end: end.min(input.len()), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let start = claim.start;
        let header = header_length(input, start)?;
        if header == 48 {
            let device = input.u16(start + 14, LITTLE, "device")?;
            output.attribute("device", format_args!("{device:#06x}"));
        } else {
            output.attribute("device", printable(input.bytes(start + 16, 8, "device")?));
            output.attribute("region", printable(input.bytes(start + 24, 8, "region")?));
        }
        let signature = input.size32(start + 4, LITTLE, "signature offset")?;
        let end = start.saturating_add(signature).saturating_add(SIGNATURE);
        let recorded = input.u32(start + 8, LITTLE, "checksum")?;
        let place = start as u64 + 8;
        match input.as_slice().get(start + COVERED..end) {
            None => output.problem(Problem::new(ProblemCode::Truncated, place, "signature")),
            Some(bytes) if !crc32fast::hash(bytes) == recorded => {
                output.confirm(Confidence::Checksum);
            }
            Some(_) => output.problem(Problem::new(ProblemCode::BadChecksum, place, "image")),
        }
        let mut parts = Vec::new();
        for index in 0..BLOBS {
            let at = start + header - BLOBS * 4 + index * 4;
            let offset = input.size32(at, LITTLE, "blob offset")?;
            if offset == 0 {
                break;
            }
            match blob(input, start.saturating_add(offset), index) {
                Ok(part) => parts.push(part),
                Err(problem) => output.problem(problem),
            }
        }
        parts.push(Part::new("signature", start.saturating_add(signature)..claim.end));
        parts.retain(|part| part.range.start <= part.range.end);
        let first = parts.iter().map(|part| part.range.start).min().unwrap_or(claim.end);
        yield_parts(input, first..claim.end, parts, output)
    }
}

fn header_length(input: &Input, start: usize) -> Result<usize, Problem> {
    match input.bytes(start, 4, "magic")? {
        b"HDR1" => Ok(48),
        b"HDR2" => Ok(80),
        _ => Err(Problem::new(ProblemCode::BadValue, start as u64, "magic")),
    }
}

fn blob(input: &Input, at: usize, index: usize) -> Result<Part, Problem> {
    if input.u32(at, LITTLE, "blob magic")? != 0xbabe {
        return Err(Problem::new(ProblemCode::BadValue, at as u64, "blob magic"));
    }
    let size = input.size32(at + 8, LITTLE, "blob size")?;
    let name = printable(input.bytes(at + 16, 32, "blob name")?);
    let name = if name.is_empty() { format!("blob-{index}") } else { name };
    let data = at + BLOB_HEADER;
    Ok(Part::new(name, data..data.saturating_add(size)))
}
