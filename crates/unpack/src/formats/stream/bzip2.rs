// SPDX-License-Identifier: Apache-2.0
//! bzip2: one or more streams, whose contents follow each other.

use kakoi_model::Confidence;

use super::{Chain, Stream, unnamed};
use crate::codec::Codec;
use crate::{Family, FormatDoc, Magic, Scope};

/// The format.
pub(in crate::formats) static BZIP2: Stream = Stream {
    doc: &DOC,
    codec: Codec::Bzip2,
    check: is_header,
    proof: Confidence::Checksum,
    chain: Chain::Adjacent,
    name: unnamed,
};

static DOC: FormatDoc = FormatDoc {
    name: "bzip2",
    title: "bzip2 stream",
    family: Family::Compression,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"BZh")],
    reads: "all streams; the checksum of each block is checked",
    limits: "blocks after a damaged one are not searched for",
    references: &["bzip2 1.0.8, manual"],
};

/// Level, then the magic of a block (digits of pi) or of an empty stream (digits of its root).
fn is_header(bytes: &[u8]) -> bool {
    let Some(&[b'B', b'Z', b'h', level, ref magic @ ..]) = bytes.first_chunk::<10>() else {
        return false;
    };
    level.is_ascii_digit()
        && level != b'0'
        && (magic == b"1AY&SY" || magic == b"\x17\x72\x45\x38\x50\x90")
}
