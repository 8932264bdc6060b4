// SPDX-License-Identifier: Apache-2.0
//! lzip: one or more members, whose contents follow each other.

use kakoi_model::Confidence;

use super::{Chain, Stream, unnamed};
use crate::codec::Codec;
use crate::{Family, FormatDoc, Magic, Scope};

/// The format.
pub(in crate::formats) static LZIP: Stream = Stream {
    doc: &DOC,
    codec: Codec::Lzip,
    check: is_header,
    proof: Confidence::Checksum,
    chain: Chain::Adjacent,
    name: unnamed,
};

static DOC: FormatDoc = FormatDoc {
    name: "lzip",
    title: "lzip member",
    family: Family::Compression,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"LZIP\x01")],
    reads: "all members; checksum and length of each are checked",
    limits: "version 0 members",
    references: &["lzip manual, File format"],
};

/// Version 1, and a dictionary of 2^12 to 2^29 bytes less up to 7 sixteenths.
fn is_header(bytes: &[u8]) -> bool {
    let size = bytes.get(5).map_or(0, |coded| coded & 0x1f);
    bytes.starts_with(b"LZIP\x01") && (12..=29).contains(&size) && bytes.get(6) == Some(&0)
}
