// SPDX-License-Identifier: Apache-2.0
//! Matter OTA software image.

use kakoi_model::{Confidence, Digest, Endian, Problem, ProblemCode};

use crate::formats::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct MatterOta;

static DOC: FormatDoc = FormatDoc {
    name: "matter-ota",
    title: "Matter OTA software image",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"\x1e\xf1\xee\x1b")],
    reads: "vendor, product, versions, payload; a SHA-256 is checked",
    limits: "other digests are not checked",
    references: &["Matter Core Specification 1.3, section 11.21"],
};

const LITTLE: Endian = Endian::Little;

/// Magic, total size, header size.
const FIXED: usize = 16;

/// Digest type 1 is SHA-256 (IANA Named Information Hash Algorithm Registry).
const SHA256: u64 = 1;

impl Format for MatterOta {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let total = input.size64(start + 4, LITTLE, "total size")?;
        let header = input.size32(start + 12, LITTLE, "header size")?;
        let structure = input.u8(start + FIXED, "header")?;
        if structure != 0x15 || header.saturating_add(FIXED) > total || header > 0x1_0000 {
            return Err(Refusal("header fields"));
        }
        let end = start.saturating_add(total).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let length = input.size32(claim.start + 12, LITTLE, "header size")?;
        let total = input.size64(claim.start + 4, LITTLE, "total size")?;
        let header = input.bytes(claim.start + FIXED, length, "header")?;
        let data = claim.start + FIXED + length;
        let end = claim.start.saturating_add(total);
        let mut digest = (0, None);
        for (tag, value) in fields(header.get(1..).unwrap_or_default()) {
            match (tag, value) {
                (0, Value::Number(value)) => {
                    output.attribute("vendor", format_args!("{value:#06x}"))
                }
                (1, Value::Number(value)) => {
                    output.attribute("product", format_args!("{value:#06x}"))
                }
                (2, Value::Number(value)) => output.attribute("software-version", value),
                (3, Value::Bytes(value)) => output.attribute("version", printable(value)),
                (7, Value::Bytes(value)) => output.attribute("release-notes", printable(value)),
                (8, Value::Number(value)) => digest.0 = value,
                (9, Value::Bytes(value)) => digest.1 = Some(value),
                _ => {}
            }
        }
        if let ((SHA256, Some(sum)), Ok(payload)) =
            (digest, input.bytes(data, end.saturating_sub(data), "payload"))
        {
            if Digest::of(payload).as_bytes() == sum {
                output.confirm(Confidence::Checksum);
            } else {
                output.problem(Problem::new(ProblemCode::BadChecksum, data as u64, "payload"));
            }
        }
        output.part("payload", data..end)
    }
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Elements with a tag of one byte, up to the end of the structure or one of another kind.
fn fields(mut bytes: &[u8]) -> impl Iterator<Item = (u8, Value<'_>)> {
    std::iter::from_fn(move || {
        let (&[control, tag], rest) = bytes.split_first_chunk::<2>()?;
        if control >> 5 != 1 {
            return None;
        }
        let (value, rest) = match control & 0x1f {
            kind @ 4..=7 => {
                let (number, rest) = rest.split_at_checked(1 << (kind - 4))?;
                (Value::Number(little(number)), rest)
            }
            // Texts and bytes with a length of 1, 2 or 4 bytes.
            kind @ (0x0c..=0x0e | 0x10..=0x12) => {
                let (length, rest) = rest.split_at_checked(1 << (kind & 3))?;
                let (value, rest) = rest.split_at_checked(usize::try_from(little(length)).ok()?)?;
                (Value::Bytes(value), rest)
            }
            _ => return None,
        };
        bytes = rest;
        Some((tag, value))
    })
}

fn little(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}
