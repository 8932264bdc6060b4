// SPDX-License-Identifier: Apache-2.0
//! The .xz file format: one or more streams, whose contents follow each other.

use kakoi_model::Confidence;

use super::{Chain, Stream, unnamed};
use crate::codec::Codec;
use crate::{Family, FormatDoc, Magic, Scope};

/// The format.
pub(in crate::formats) static XZ: Stream = Stream {
    doc: &DOC,
    codec: Codec::Xz,
    check: is_header,
    proof: Confidence::Checksum,
    chain: Chain::Padded(4),
    name: unnamed,
};

static DOC: FormatDoc = FormatDoc {
    name: "xz",
    title: "xz stream",
    family: Family::Compression,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"\xfd7zXZ\0")],
    reads: "all streams, all filters of liblzma (BCJ too), CRC32, CRC64 and SHA-256 are checked",
    limits: "dictionaries beyond 160 MiB; blocks after a damaged one are not searched for",
    references: &["The .xz File Format 1.2.0"],
};

/// Stream flags have a checksum of their own (section 2.1.1).
fn is_header(bytes: &[u8]) -> bool {
    let Some(&[0xfd, b'7', b'z', b'X', b'Z', 0, f0, f1, c0, c1, c2, c3]) =
        bytes.first_chunk::<12>()
    else {
        return false;
    };
    f0 == 0 && f1 < 16 && crc32fast::hash(&[f0, f1]) == u32::from_le_bytes([c0, c1, c2, c3])
}
