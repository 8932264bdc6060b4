// SPDX-License-Identifier: Apache-2.0
//! DLK: a signature and blocks of AES-256 in CBC mode, each with its own initial vector.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use super::{PASSPHRASES, check_room, no_key};
use crate::codec::cipher;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct Dlk;

static DOC: FormatDoc = FormatDoc {
    name: "dlink-dlk",
    title: "D-Link encrypted firmware (DLK)",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"DLK")],
    reads: "the published keys of the EAGLE PRO AI devices; the padding of every block proves the \
            key",
    limits: "the signature is not checked",
    references: &["github.com/devttys0/delink, src/dlk.rs (facts only)"],
};

const LITTLE: Endian = Endian::Little;

/// Each of the two headers.
const HEADER: usize = 0x50;

/// Initial vector and padding of a block.
const OVERHEAD: usize = 32;

/// Longest signature.
const MAX_SIGNATURE: usize = 64 << 10;

struct Layout {
    data: usize,
    block: usize,
    size: usize,
}

fn read(input: &Input, start: usize) -> Result<Layout, Problem> {
    let bad = |subject: &'static str| Problem::new(ProblemCode::BadValue, start as u64, subject);
    let signature = input.size32(start + 0x2c, LITTLE, "signature size")?;
    if input.bytes(start, 3, "magic")? != b"DLK" || signature > MAX_SIGNATURE {
        return Err(bad("header"));
    }
    let second = start + HEADER + signature;
    let block = input.size32(second + 0x10, LITTLE, "block size")?;
    let size = input.size32(second + 0x2c, LITTLE, "data size")?;
    if input.bytes(second, 3, "second magic")? != b"DLK"
        || !(16..=64 << 20).contains(&block)
        || size < 2 * OVERHEAD
    {
        return Err(bad("second header"));
    }
    Ok(Layout { data: second + HEADER, block: block + OVERHEAD, size })
}

impl Format for Dlk {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let layout = read(input, start)?;
        let end = layout.data.saturating_add(layout.size).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let layout = read(input, claim.start)?;
        let bytes = input.bytes(layout.data, layout.size, "data")?;
        output.reads_to(claim.end);
        check_room(bytes.len(), layout.data, output)?;
        let image = PASSPHRASES.iter().find_map(|key| decrypt(*key, bytes, layout.block));
        let image = image.ok_or_else(|| no_key(layout.data))?;
        output.attribute("cipher", "aes-256-cbc");
        output.confirm(Confidence::Checksum);
        output.payload("image", image.into())
    }
}

/// A wrong key fails at the padding of the first block, but that costs all of it: its last two
/// cipher blocks are tried first.
fn decrypt(key: &[u8], bytes: &[u8], block: usize) -> Option<Vec<u8>> {
    let first = bytes.get(..block).unwrap_or(bytes);
    let (before, last) = first.split_last_chunk::<16>()?;
    cipher::unpad(cipher::cbc(key, *before.last_chunk()?, last)?)?;
    let mut image = Vec::with_capacity(bytes.len());
    for block in bytes.chunks(block) {
        let (iv, body) = block.split_first_chunk()?;
        image.extend(cipher::unpad(cipher::cbc(key, *iv, body)?)?);
    }
    Some(image)
}
