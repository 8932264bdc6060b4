// SPDX-License-Identifier: Apache-2.0
//! Senao's header, for EnGenius, D-Link and others, in front of an image that is xored with bits
//! of the header's magic.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};
use md5::{Digest, Md5};

use super::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Senao;

static DOC: FormatDoc = FormatDoc {
    name: "senao",
    title: "Senao (EnGenius) firmware",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::at(0x5c, b"\x12\x34\x56\x78")],
    reads: "with and without the second header for managed devices; the image is decoded; the \
            header's checksum and the MD5 are checked",
    limits: "magics other than 0x12345678",
    references: &["OpenWrt tools/firmware-utils/src/mksenaofw.c (facts only)"],
};

const BIG: Endian = Endian::Big;

const HEADER: usize = 0x60;

/// Fixed part of the second header; the name of the model follows.
const MANAGED: usize = 40;

const MAX_MODEL: usize = 64;

/// The image is xored with the low byte of the magic shifted right by 0 to 7 bits.
const MAGIC: u32 = 0x1234_5678;

impl Format for Senao {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let header = Header::read(input, start)?;
        if !header.whole {
            return Err(Refusal("checksum of the header"));
        }
        let end = header.data.saturating_add(header.size).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Checksum })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let start = claim.start;
        let header = Header::read(input, start)?;
        output.attribute("version", printable(input.bytes(start + 12, 16, "version")?));
        for (key, at) in [("vendor", 4), ("product", 8), ("type", 28)] {
            output.attribute(key, format_args!("{:#x}", input.u32(start + at, BIG, key)?));
        }
        if header.data > start + HEADER + MANAGED {
            let model = input.bytes(start + HEADER + MANAGED, header.model, "model")?;
            output.attribute("model", printable(model));
        }
        let bytes = input.tail(header.data);
        let bytes = bytes.get(..header.size).unwrap_or(bytes);
        if bytes.len() > output.content_limit() {
            return Err(Problem::new(ProblemCode::SizeLimit, header.data as u64, "image"));
        }
        let key: [u8; 8] = std::array::from_fn(|shift| (MAGIC >> shift) as u8);
        let image: Vec<u8> =
            bytes.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        if image.len() < header.size {
            output.problem(Problem::new(ProblemCode::Truncated, header.data as u64, "image"));
        } else if Md5::digest(&image)[..] != *input.bytes(start + 40, 16, "MD5")? {
            output.problem(Problem::new(ProblemCode::BadChecksum, start as u64 + 40, "MD5"));
        }
        output.payload("image", image.into())
    }
}

struct Header {
    data: usize,
    size: usize,
    model: usize,
    whole: bool,
}

impl Header {
    /// The checksum is the sum of all bytes of both headers but its own.
    fn read(input: &Input, start: usize) -> Result<Self, Problem> {
        let bytes = input.bytes(start, HEADER, "header")?;
        let total = |bytes: &[u8]| bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>();
        let recorded = input.u32(start + 0x58, BIG, "checksum")?;
        let plain = total(&bytes[..0x58]) + total(&bytes[0x5c..]);
        let size = input.size32(start + 32, BIG, "size")?;
        let data = start + HEADER;
        if plain == recorded && input.u32(start + 0x5c, BIG, "magic")? == MAGIC && size > 0 {
            return Ok(Self { data, size, model: 0, whole: true });
        }
        let model = input.size32(data + MANAGED - 4, BIG, "length of the model")?;
        if model > MAX_MODEL {
            return Err(Problem::new(ProblemCode::BadValue, data as u64, "length of the model"));
        }
        let second = total(input.bytes(data, MANAGED + model, "second header")?);
        let whole = plain + second == recorded && size > 0;
        Ok(Self { data: data + MANAGED + model, size, model, whole })
    }
}
