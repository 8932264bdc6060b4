// SPDX-License-Identifier: Apache-2.0
//! A zlib stream (RFC 1950) that is a whole file.

use kakoi_model::Confidence;

use super::{Chain, Stream, begins_well, unnamed};
use crate::codec::Codec;
use crate::{Family, FormatDoc, Magic, Scope};

/// The format.
pub(in crate::formats) static ZLIB: Stream = Stream {
    doc: &DOC,
    codec: Codec::Zlib,
    check: is_header,
    proof: Confidence::Checksum,
    chain: Chain::Single,
    name: unnamed,
};

static DOC: FormatDoc = FormatDoc {
    name: "zlib",
    title: "zlib stream",
    family: Family::Compression,
    scope: Scope::Start,
    magics: &[Magic::new(b"\x78")],
    reads: "one stream at the start of a content",
    limits: "not looked for elsewhere: two bytes are too weak a mark",
    references: &["RFC 1950"],
};

/// Two bytes that are a multiple of 31 (RFC 1950 §2.2), and data that decodes.
fn is_header(bytes: &[u8]) -> bool {
    let Some(&[method, flags]) = bytes.first_chunk::<2>() else { return false };
    let checked = u16::from_be_bytes([method, flags]) % 31 == 0;
    checked && flags & 0x20 == 0 && bytes.len() > 8 && begins_well(Codec::Zlib, bytes)
}
