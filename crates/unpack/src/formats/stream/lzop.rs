// SPDX-License-Identifier: Apache-2.0
//! lzop: blocks of LZO1X with checksums.

use kakoi_model::Confidence;

use super::{Chain, Stream, base_name};
use crate::codec::{Codec, lzop_header};
use crate::{Family, FormatDoc, Magic, Scope};

/// The format.
pub(in crate::formats) static LZOP: Stream = Stream {
    doc: &DOC,
    codec: Codec::Lzop,
    check: is_header,
    proof: Confidence::Checksum,
    chain: Chain::Single,
    name: original_name,
};

static DOC: FormatDoc = FormatDoc {
    name: "lzop",
    title: "lzop stream",
    family: Family::Compression,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"\x89LZO\0\r\n\x1a\n")],
    reads: "LZO1X at all levels; checksums of header and blocks are checked",
    limits: "filters, several files in one stream",
    references: &["lzop 1.04"],
};

/// The header has a checksum.
fn is_header(bytes: &[u8]) -> bool {
    lzop_header(bytes).is_some()
}

fn original_name(bytes: &[u8]) -> Option<Vec<u8>> {
    base_name(&lzop_header(bytes)?.name)
}
