// SPDX-License-Identifier: Apache-2.0
//! The .lzma file format: no magic, so everything that the header and the first bytes tell is
//! checked.

use kakoi_model::Confidence;

use super::{Chain, Stream, begins_well, unnamed};
use crate::codec::Codec;
use crate::{Family, FormatDoc, Magic, Scope};

/// The format.
pub(in crate::formats) static LZMA: Stream = Stream {
    doc: &DOC,
    codec: Codec::LzmaAlone,
    check: is_header,
    proof: Confidence::Structure,
    chain: Chain::Single,
    name: unnamed,
};

static DOC: FormatDoc = FormatDoc {
    name: "lzma",
    title: "LZMA stream",
    family: Family::Compression,
    scope: Scope::Anywhere,
    // Properties byte and the two low bytes of a dictionary of at least 64 KiB. The properties are
    // those that encoders of devices use: mostly lc 3 or 0 to 4 with lp 0, and a few with lp 1 or 2.
    magics: &[
        Magic::new(b"\x5d\0\0"),
        Magic::new(b"\x6d\0\0"),
        Magic::new(b"\x6c\0\0"),
        Magic::new(b"\x6e\0\0"),
        Magic::new(b"\x5a\0\0"),
        Magic::new(b"\x5b\0\0"),
        Magic::new(b"\x5c\0\0"),
        Magic::new(b"\x5e\0\0"),
        Magic::new(b"\x66\0\0"),
        Magic::new(b"\x75\0\0"),
        Magic::new(b"\x51\0\0"),
        Magic::new(b"\x87\0\0"),
    ],
    reads: "streams with known and unknown length, with and without end marker",
    limits: "rare properties, dictionaries below 64 KiB; the format has no checksum",
    references: &["LZMA SDK, lzma-specification.txt"],
};

/// Longest content that is believed.
const MAX_LENGTH: u64 = 1 << 30;

/// Shortest content that is believed.
const MIN_LENGTH: u64 = 16;

/// A dictionary of 2^n or 2^n + 2^(n-1) bytes, a plausible length, the zero with which the range
/// coder begins, and data that decodes.
fn is_header(bytes: &[u8]) -> bool {
    let Some(&[_, d0, d1, d2, d3, ref length @ .., first]) = bytes.first_chunk::<14>() else {
        return false;
    };
    let dictionary = u32::from_le_bytes([d0, d1, d2, d3]);
    let length = u64::from_le_bytes(*length);
    let known = (MIN_LENGTH..=MAX_LENGTH).contains(&length);
    first == 0
        && is_dictionary(dictionary)
        && (known || length == u64::MAX)
        && begins_well(Codec::LzmaAlone, bytes)
}

fn is_dictionary(size: u32) -> bool {
    let top = size & (size & size.wrapping_sub(1));
    let low = size ^ top;
    // One bit, or two neighbours.
    (0x1_0000..=0x4000_0000).contains(&size) && (top == 0 || top == low << 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionaries_have_one_bit_or_two_neighbours() {
        for (size, valid) in [
            (0x80_0000, true),
            (0x1_8000, true),
            (0xc0_0000, true),
            (0xa0_0000, false),
            (0x1_0001, false),
            (0, false),
        ] {
            assert_eq!(is_dictionary(size), valid, "{size:#x}");
        }
    }
}
