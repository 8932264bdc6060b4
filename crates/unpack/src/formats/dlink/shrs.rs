// SPDX-License-Identifier: Apache-2.0
//! SHRS: AES-128 in CBC mode behind a header with SHA-512 digests.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};
use sha2::{Digest, Sha512};

use super::{check_room, no_key};
use crate::codec::cipher;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct Shrs;

static DOC: FormatDoc = FormatDoc {
    name: "dlink-shrs",
    title: "D-Link encrypted firmware (SHRS)",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"SHRS")],
    reads: "the published key of DIR-8xx, DIR-2xxx and COVR devices; both digests are checked",
    limits: "the signatures are not checked; devices with keys of their own are reported as \
             encrypted",
    references: &["OpenWrt tools/firmware-utils/src/dlink-sge-image.c (facts only)"],
};

/// Magic, two lengths, initial vector, three digests, three fields of 512 bytes.
const HEADER: usize = 1756;

/// Four zeros and a digit follow the image.
const TRAILER: &[u8] = b"\0\0\0\0\x30";

const KEY: [u8; 16] = *b"\xc0\x5f\xbf\x19\x36\xc9\x94\x29\xce\x2a\x07\x81\xf0\x8d\x6a\xd8";

fn lengths(input: &Input, start: usize) -> Result<[usize; 2], Problem> {
    let plain = input.size32(start + 4, Endian::Big, "length")?;
    Ok([plain, input.size32(start + 8, Endian::Big, "padded length")?])
}

impl Format for Shrs {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let [plain, padded] = lengths(input, start)?;
        input.bytes(start, HEADER, "header")?;
        let padding = padded.checked_sub(plain).ok_or(Refusal("lengths"))?;
        if input.bytes(start, 4, "magic")? != b"SHRS"
            || padding > cipher::BLOCK
            || padded == 0
            || padded % cipher::BLOCK != 0
        {
            return Err(Refusal("lengths"));
        }
        let end = (start + HEADER).saturating_add(padded);
        let trailer = if input.tail(end).starts_with(TRAILER) { TRAILER.len() } else { 0 };
        let end = end.saturating_add(trailer).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let [plain, padded] = lengths(input, claim.start)?;
        let data = claim.start + HEADER;
        let bytes = input.bytes(data, padded, "image")?;
        output.reads_to(claim.end);
        output.attribute("cipher", "aes-128-cbc");
        check_room(padded, data, output)?;
        let place = |at: usize| (claim.start + at) as u64;
        if Sha512::digest(bytes)[..] == *input.bytes(claim.start + 156, 64, "digest")? {
            output.confirm(Confidence::Checksum);
        } else {
            output.problem(Problem::new(ProblemCode::BadChecksum, place(156), "image"));
        }
        let iv = input.array(claim.start + 12, "initial vector")?;
        let mut image = cipher::cbc(&KEY, iv, bytes).unwrap_or_default();
        image.truncate(plain);
        if Sha512::digest(&image)[..] != *input.bytes(claim.start + 92, 64, "digest")? {
            return Err(no_key(data));
        }
        output.payload("image", image.into())
    }
}
