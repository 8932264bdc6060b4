// SPDX-License-Identifier: Apache-2.0
//! MH01: OpenSSL's salted AES-128 behind a header with the initial vector in hexadecimal.

use kakoi_model::{Confidence, Endian, Problem};

use super::{PASSPHRASES, check_room, from_hex, no_key};
use crate::codec::cipher::{self, Derivation};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct Mh01;

static DOC: FormatDoc = FormatDoc {
    name: "dlink-mh01",
    title: "D-Link firmware (MH01)",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"MH01")],
    reads: "the published passphrases of the EAGLE PRO AI devices; the image inside, too, which \
            has the same header without encryption",
    limits: "the digest at the end is not checked",
    references: &["github.com/devttys0/delink, src/mh01.rs (facts only)"],
};

const LITTLE: Endian = Endian::Little;

/// Two headers of sixteen bytes; a text of 33 bytes follows.
const HEADERS: usize = 32;

struct Header {
    data: usize,
    size: usize,
    iv: Option<[u8; 16]>,
    end: usize,
}

fn read(input: &Input, start: usize) -> Result<Header, Problem> {
    let bad = |subject: &'static str| {
        Problem::new(kakoi_model::ProblemCode::BadValue, start as u64, subject)
    };
    let image = input.size32(start + 4, LITTLE, "image size")?;
    let footer = input.size32(start + 8, LITTLE, "footer size")?;
    let text = input.size32(start + 20, LITTLE, "text size")?;
    let size = input.size32(start + 24, LITTLE, "data size")?;
    if input.bytes(start, 4, "magic")? != b"MH01"
        || input.bytes(start + 16, 4, "second magic")? != b"MH01"
        || !(32..=256).contains(&text)
        || size == 0
    {
        return Err(bad("header"));
    }
    let data = start + HEADERS + text;
    let digits = input.bytes(start + HEADERS, 32, "initial vector")?;
    let inner = data.saturating_add(size);
    let outer = (start + 16).saturating_add(image).saturating_add(footer);
    // The footer, a signature, follows the data; images whose sizes say otherwise end with the data.
    let end = if outer >= inner && outer - inner <= 4096 { outer } else { inner };
    Ok(Header { data, size, iv: from_hex(digits), end })
}

impl Format for Mh01 {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let header = read(input, start)?;
        let end = header.end.min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let header = read(input, claim.start)?;
        let data = header.data;
        let bytes = input.bytes(data, header.size, "data")?;
        let salted = bytes.strip_prefix(b"Salted__").and_then(|rest| rest.split_at_checked(8));
        let Some((salt, bytes)) = salted else {
            return output.part("image", data..data.saturating_add(header.size));
        };
        output.reads_to(data + 4096);
        check_room(bytes.len(), data, output)?;
        let iv = header.iv.ok_or_else(|| no_key(data))?;
        let key = PASSPHRASES.iter().find_map(|passphrase| {
            let (key, _) = cipher::derive(Derivation::Sha256, *passphrase, salt, 16);
            let first = cipher::cbc(&key, iv, bytes.get(..16)?)?;
            first.starts_with(b"MH01").then_some(key)
        });
        let image = key.and_then(|key| cipher::unpad(cipher::cbc(&key, iv, bytes)?));
        let image = image.ok_or_else(|| no_key(data))?;
        output.attribute("cipher", "aes-128-cbc");
        output.confirm(Confidence::Checksum);
        output.payload("image", image.into())
    }
}
