// SPDX-License-Identifier: Apache-2.0
//! Zstandard (RFC 8878): one or more frames, whose contents follow each other.

use kakoi_model::Confidence;

use super::{Chain, Stream, begins_well, unnamed};
use crate::codec::{Codec, skippable};
use crate::{Family, FormatDoc, Magic, Scope};

/// The format.
pub(in crate::formats) static ZSTD: Stream = Stream {
    doc: &DOC,
    codec: Codec::Zstd,
    check: is_header,
    proof: Confidence::Structure,
    chain: Chain::Adjacent,
    name: unnamed,
};

static DOC: FormatDoc = FormatDoc {
    name: "zstd",
    title: "Zstandard frame",
    family: Family::Compression,
    scope: Scope::Anywhere,
    // The second is a skippable frame of four bytes, which pzstd puts before each frame.
    magics: &[Magic::new(b"\x28\xb5\x2f\xfd"), Magic::new(b"\x50\x2a\x4d\x18\x04\0\0\0")],
    reads: "all frames, skippable ones between them left out; checksums where they are present",
    limits: "frames that need a dictionary",
    references: &["RFC 8878"],
};

/// The reserved bit of the frame header descriptor is zero (section 3.1.1.1.1).
fn is_header(bytes: &[u8]) -> bool {
    let frame = bytes.get(skippable(bytes)..).unwrap_or_default();
    let Some(&[0x28, 0xb5, 0x2f, 0xfd, descriptor]) = frame.first_chunk::<5>() else {
        return false;
    };
    descriptor & 0x08 == 0 && begins_well(Codec::Zstd, bytes)
}
