// SPDX-License-Identifier: Apache-2.0
//! compress(1): LZW in a file of its own.

use kakoi_model::Confidence;

use super::{Chain, Stream, begins_well, unnamed};
use crate::codec::Codec;
use crate::{Family, FormatDoc, Magic, Scope};

/// The format.
pub(in crate::formats) static COMPRESS: Stream = Stream {
    doc: &DOC,
    codec: Codec::Compress,
    check: is_header,
    proof: Confidence::Structure,
    chain: Chain::Single,
    name: unnamed,
};

static DOC: FormatDoc = FormatDoc {
    name: "compress",
    title: "compress stream",
    family: Family::Compression,
    scope: Scope::Start,
    magics: &[Magic::new(b"\x1f\x9d")],
    reads: "codes of 9 to 16 bits, with and without block mode",
    limits: "the format has no checksum and no length; not looked for inside other contents",
    references: &["ncompress 4.2, source (facts only)"],
};

fn is_header(bytes: &[u8]) -> bool {
    let Some(&[0x1f, 0x9d, flags]) = bytes.first_chunk::<3>() else { return false };
    flags & 0x60 == 0 && (9..=16).contains(&(flags & 0x1f)) && begins_well(Codec::Compress, bytes)
}
