// SPDX-License-Identifier: Apache-2.0
//! SEAMA, the header of Alpha Networks (D-Link and others): images with an MD5, and a sealed form,
//! called DLOB by others, that puts a header without an image in front.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};
use md5::{Digest as _, Md5};

use super::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// One image.
pub(super) struct Seama;

/// A header without image, and the images that it seals.
pub(super) struct Dlob;

static SEAMA: FormatDoc = FormatDoc {
    name: "seama",
    title: "SEAMA image",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: MAGICS,
    reads: "both byte orders; the MD5 is checked; the meta data as attributes",
    limits: "signatures in the meta data are not checked",
    references: &["OpenWrt tools/firmware-utils/src/seama.h (facts only)"],
};

static DLOB: FormatDoc = FormatDoc {
    name: "dlob",
    title: "sealed SEAMA images (DLOB)",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: MAGICS,
    reads: "the meta data of the seal, and all images behind it",
    limits: "signatures in the meta data are not checked",
    references: &["OpenWrt tools/firmware-utils/src/seama.h (facts only)"],
};

static MAGICS: &[Magic] = &[Magic::new(b"\x5e\xa3\xa4\x17"), Magic::new(b"\x17\xa4\xa3\x5e")];

/// Length without MD5 and meta data.
const HEADER: usize = 12;

/// Longest meta data that is believed.
const MAX_META: usize = 4096;

const MAX_IMAGES: usize = 16;

struct Header {
    endian: Endian,
    meta: (usize, usize),
    /// Where the MD5 lies; a seal has none.
    md5: Option<usize>,
    data: usize,
    size: usize,
}

impl Header {
    const fn end(&self) -> usize {
        self.data.saturating_add(self.size)
    }
}

impl Format for Seama {
    fn doc(&self) -> &'static FormatDoc {
        &SEAMA
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let header = parse(input, start)?;
        if header.size == 0 || header.data >= input.len() || header.end() > input.len() * 2 {
            return Err(Refusal("size of the image"));
        }
        let end = header.end().min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let header = parse(input, claim.start)?;
        describe(&header, input, output)?;
        if let (Some(md5), Ok(bytes)) = (header.md5, input.bytes(header.data, header.size, "image"))
        {
            if Md5::digest(bytes).as_slice() == input.bytes(md5, 16, "MD5")? {
                output.confirm(Confidence::Checksum);
            } else {
                output.problem(Problem::new(ProblemCode::BadChecksum, md5 as u64, "MD5"));
            }
        }
        output.part("image", header.data..header.end())
    }
}

impl Format for Dlob {
    fn doc(&self) -> &'static FormatDoc {
        &DLOB
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let seal = parse(input, start)?;
        if seal.size != 0 {
            return Err(Refusal("an image, no seal"));
        }
        let first = Seama.identify(input, seal.end())?;
        let mut end = first.end;
        for _ in 1..MAX_IMAGES {
            let Ok(next) = Seama.identify(input, end) else { break };
            end = next.end;
        }
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let seal = parse(input, claim.start)?;
        describe(&seal, input, output)?;
        let mut at = seal.end();
        let mut index = 0;
        while at < claim.end {
            let next = Seama.identify(input, at).map_or(claim.end, |image| image.end);
            output.part(format!("seama-{index}"), at..next)?;
            (at, index) = (next, index + 1);
        }
        Ok(())
    }
}

fn parse(input: &Input, start: usize) -> Result<Header, Problem> {
    let bad = || Problem::new(ProblemCode::BadValue, start as u64, "SEAMA header");
    let endian = match input.bytes(start, 4, "magic")? {
        b"\x5e\xa3\xa4\x17" => Endian::Big,
        b"\x17\xa4\xa3\x5e" => Endian::Little,
        _ => return Err(bad()),
    };
    // The length of the meta data is the second half of the word in either byte order.
    let meta = usize::from(input.u16(start + 6, endian, "length of the meta data")?);
    let size = input.size32(start + 8, endian, "size of the image")?;
    let md5 = (size > 0).then_some(start + HEADER);
    let from = start + HEADER + if size > 0 { 16 } else { 0 };
    if meta > MAX_META || input.u16(start + 4, endian, "reserved")? != 0 {
        return Err(bad());
    }
    let text = input.bytes(from, meta, "meta data")?;
    if text.iter().any(|&byte| byte != 0 && !(0x20..0x7f).contains(&byte)) {
        return Err(bad());
    }
    Ok(Header { endian, meta: (from, meta), md5, data: from + meta, size })
}

/// `key=value`, each ended by a zero.
fn describe(header: &Header, input: &Input, output: &mut Output<'_>) -> Result<(), Problem> {
    let order = if header.endian == Endian::Little { "little" } else { "big" };
    output.attribute("byte-order", order);
    let meta = input.bytes(header.meta.0, header.meta.1, "meta data")?;
    for pair in meta.split(|&byte| byte == 0) {
        for key in ["dev", "type", "signature", "version"] {
            if let Some(value) =
                pair.strip_prefix(key.as_bytes()).and_then(|v| v.strip_prefix(b"="))
            {
                output.attribute(key, printable(value));
            }
        }
    }
    Ok(())
}
