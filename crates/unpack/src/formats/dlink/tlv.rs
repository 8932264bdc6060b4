// SPDX-License-Identifier: Apache-2.0
//! D-Link's header of types, lengths and values, in front of a plain or encrypted image.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};
use sha1::{Digest, Sha1};

use super::super::parts::printable;
use super::{check_room, from_hex, no_key};
use crate::codec::cipher::{self, Derivation};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct DlinkTlv;

static DOC: FormatDoc = FormatDoc {
    name: "dlink-tlv",
    title: "D-Link firmware (TLV header)",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(MAGIC)],
    reads: "plain images and those encrypted with a key from the header itself; the MD5 is checked \
            where the header has one",
    limits: "none known",
    references: &["github.com/devttys0/delink, src/tlv.rs (facts only)"],
};

const MAGIC: &[u8] = b"\x64\x80\x19\x40";

const HEADER: usize = 0x74;

impl Format for DlinkTlv {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let model = input.text(start + 4, 32, "model")?;
        let board = input.text(start + 36, 32, "board")?;
        let texts = [model, board];
        if input.bytes(start, 4, "magic")? != MAGIC
            || input.u32(start + 0x6c, Endian::Little, "type")? != 1
            || texts.iter().any(|text| text.is_empty() || !text.iter().all(u8::is_ascii_graphic))
        {
            return Err(Refusal("model, board or type"));
        }
        let size = input.size32(start + 0x70, Endian::Little, "size")?;
        let end = (start + HEADER).saturating_add(size).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let start = claim.start;
        let model = input.text(start + 4, 32, "model")?;
        let board = input.text(start + 36, 32, "board")?;
        output.attribute("model", printable(model));
        output.attribute("board", printable(board));
        let size = input.size32(start + 0x70, Endian::Little, "size")?;
        let data = start + HEADER;
        let bytes = input.bytes(data, size, "image")?;
        output.reads_to(data + size);
        if let Some(recorded) = from_hex(input.bytes(start + 0x4c, 32, "MD5")?) {
            if md5::Md5::digest(bytes)[..] == recorded {
                output.confirm(Confidence::Checksum);
            } else {
                let place = start as u64 + 0x4c;
                output.problem(Problem::new(ProblemCode::BadChecksum, place, "image"));
            }
        }
        let salted = bytes.strip_prefix(b"Salted__").and_then(|rest| rest.split_at_checked(8));
        let Some((salt, bytes)) = salted else {
            return output.part("image", data..data.saturating_add(size));
        };
        check_room(bytes.len(), data, output)?;
        let password: String =
            authenticate(board, model).iter().map(|byte| format!("{byte:02x}")).collect();
        let (key, iv) = cipher::derive(Derivation::Md5, password.as_bytes(), salt, 32);
        let image = cipher::cbc(&key, iv, bytes).and_then(cipher::unpad);
        let image = image.ok_or_else(|| no_key(data))?;
        output.attribute("cipher", "aes-256-cbc");
        output.payload("image", image.into())
    }
}

/// HMAC with SHA-1 (RFC 2104); keys of the header are shorter than a block.
fn authenticate(key: &[u8], message: &[u8]) -> [u8; 20] {
    let mut block = [0; 64];
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    let inner = Sha1::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message);
    let outer = Sha1::new().chain_update(block.map(|byte| byte ^ 0x5c));
    outer.chain_update(inner.finalize()).finalize().into()
}
