// SPDX-License-Identifier: Apache-2.0
//! gzip (RFC 1952): one or more members, whose contents follow each other.

use kakoi_model::Confidence;

use super::{Chain, Stream, base_name};
use crate::codec::Codec;
use crate::{Family, FormatDoc, Magic, Scope};

/// The format.
pub(in crate::formats) static GZIP: Stream = Stream {
    doc: &DOC,
    codec: Codec::Gzip,
    check: is_header,
    proof: Confidence::Checksum,
    chain: Chain::Adjacent,
    name: original_name,
};

static DOC: FormatDoc = FormatDoc {
    name: "gzip",
    title: "gzip stream",
    family: Family::Compression,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"\x1f\x8b\x08")],
    reads: "all members; checksum and length of each are checked",
    limits: "a member that fails its checksum ends the stream; what came before it is kept",
    references: &["RFC 1952"],
};

/// FLG bits that RFC 1952 §2.3.1.2 reserves: must be zero.
const RESERVED: u8 = 0xe0;

/// FLG bit 3: a file name follows the header (RFC 1952 §2.3.1).
const FNAME: u8 = 0x08;

/// FLG bit 2: an extra field comes before the name.
const FEXTRA: u8 = 0x04;

fn is_header(bytes: &[u8]) -> bool {
    let Some(&[0x1f, 0x8b, 8, flags, _, _, _, _, _, system]) = bytes.first_chunk::<10>() else {
        return false;
    };
    // OS byte: 0 to 13 or 255 (RFC 1952 §2.3.1); vendors write nothing else.
    flags & RESERVED == 0 && (system <= 13 || system == 255)
}

/// The file name that the header records, reduced to its last part.
fn original_name(bytes: &[u8]) -> Option<Vec<u8>> {
    let flags = *bytes.get(3)?;
    if flags & FNAME == 0 || flags & FEXTRA != 0 {
        return None;
    }
    base_name(bytes.get(10..)?.split(|&byte| byte == 0).next()?)
}
