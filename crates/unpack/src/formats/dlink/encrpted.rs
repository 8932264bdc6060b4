// SPDX-License-Identifier: Apache-2.0
//! `encrpted_img`: a UBI image, each of its blocks encrypted with AES-256 in CBC mode.

use kakoi_model::{Confidence, Endian, Problem};

use super::{check_room, no_key};
use crate::codec::cipher;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct Encrpted;

static DOC: FormatDoc = FormatDoc {
    name: "dlink-encrpted",
    title: "D-Link encrypted firmware (encrpted_img)",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(MAGIC)],
    reads: "the published key of the DIR-X devices; the UBI headers inside prove the key",
    limits: "UBI with erase blocks of 128 KiB only",
    references: &["Onekey, Extracting decryption keys for D-Link, 2022 (facts only)"],
};

const MAGIC: &[u8] = b"encrpted_img";

/// Magic and length.
const HEADER: usize = 16;

/// Bytes that are encrypted as one.
const CHUNK: usize = 128 << 10;

const KEY: &[u8; 32] = b"he9-4+M!)d6=m~we1,q2a3d1n&2*Z^%8";
const IV: [u8; 16] = *b"J%1iQl8$=lm-;8AE";

/// Magic and version of a UBI block.
const UBI: &[u8] = b"UBI#\x01\0\0\0";

impl Format for Encrpted {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let length = input.size32(start + 12, Endian::Big, "length")?;
        if input.bytes(start, 12, "magic")? != MAGIC || length < 32 {
            return Err(Refusal("length"));
        }
        // The length counts the header in some images.
        let end = start.saturating_add(length).saturating_add(HEADER).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let data = claim.start + HEADER;
        let bytes = input.tail(data).get(..claim.end - data).unwrap_or_default();
        output.reads_to(data + CHUNK);
        check_room(bytes.len(), data, output)?;
        let mut image = Vec::with_capacity(bytes.len());
        let mut before = IV;
        for (index, chunk) in bytes.chunks(CHUNK).enumerate() {
            let mut plain = cipher::cbc(KEY, IV, chunk).unwrap_or_default();
            if !plain.starts_with(UBI) {
                // Some images chain all blocks: then only the first sixteen bytes differ.
                let head = cipher::cbc(KEY, before, chunk.get(..16).unwrap_or_default());
                let head = head.filter(|head| head.starts_with(UBI));
                match head.zip(plain.get_mut(..16)) {
                    Some((head, place)) => place.copy_from_slice(&head),
                    None if index == 0 => return Err(no_key(data)),
                    None => {}
                }
            }
            if let Some(last) = chunk.last_chunk() {
                before = *last;
            }
            image.extend(plain);
        }
        output.attribute("cipher", "aes-256-cbc");
        output.confirm(Confidence::Checksum);
        output.payload("image", image.into())
    }
}
