// SPDX-License-Identifier: Apache-2.0
//! Arcadyan's obfuscated LZMA: two blocks of 32 bytes change places, and in the first one the
//! halves of each byte and then the bytes of each pair.

use kakoi_model::{Confidence, Problem};

use super::stream::{LZMA, keep};
use crate::codec::{Codec, decode_into};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Arcadyan;

static DOC: FormatDoc = FormatDoc {
    name: "arcadyan",
    title: "Arcadyan obfuscated LZMA",
    family: Family::Compression,
    scope: Scope::Aligned(4),
    magics: &[Magic::at(SECOND, b"\0\xd5\x08\0")],
    reads: "the scheme of devices up to about 2015",
    limits: "later devices use others",
    references: &["C. Heffner, Reversing the Arcadyan firmware obfuscation, devttys0.com, 2013"],
};

const BLOCK: usize = 32;
const FIRST: usize = 4;
const SECOND: usize = 0x68;

/// Bytes that the devices obfuscate at most.
const MAX_IMAGE: usize = 0x1b_0000;

impl Format for Arcadyan {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let image = input.tail(start);
        let plain = restore(image.get(..4096).unwrap_or(image)).ok_or(Refusal("too short"))?;
        if !LZMA.begins(plain.get(FIRST..).unwrap_or_default()) {
            return Err(Refusal("no LZMA behind the obfuscation"));
        }
        Ok(Claim { start, end: input.len(), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let image = input.tail(claim.start);
        let plain = restore(image.get(..MAX_IMAGE).unwrap_or(image)).unwrap_or_default();
        let mut spool = output.spool();
        let stream = plain.get(FIRST..).unwrap_or_default();
        let at = claim.start + FIRST;
        let consumed = decode_into(Codec::LzmaAlone, stream, &mut spool)
            .map_err(|error| error.at(at, "LZMA stream"))?;
        output.attribute("compression", "lzma");
        output.ends_at(at + consumed);
        keep(spool, "payload", at, output)
    }
}

/// The image as it was before.
fn restore(image: &[u8]) -> Option<Vec<u8>> {
    let mut plain = image.to_vec();
    let (head, tail) = plain.split_at_mut_checked(SECOND)?;
    let first = head.get_mut(FIRST..FIRST + BLOCK)?;
    first.swap_with_slice(tail.get_mut(..BLOCK)?);
    for pair in first.chunks_exact_mut(2) {
        let [a, b] = [pair[0].rotate_left(4), pair[1].rotate_left(4)];
        pair.copy_from_slice(&[b, a]);
    }
    Some(plain)
}
