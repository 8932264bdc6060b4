// SPDX-License-Identifier: Apache-2.0
//! LZ4 frames, and the older frame that the kernel's build writes.

use kakoi_model::Confidence;

use super::{Chain, Stream, unnamed};
use crate::codec::Codec;
use crate::{Family, FormatDoc, Magic, Scope};

/// The frame format.
pub(in crate::formats) static LZ4: Stream = Stream {
    doc: &FRAME,
    codec: Codec::Lz4Frame,
    check: is_frame,
    proof: Confidence::Structure,
    chain: Chain::Adjacent,
    name: unnamed,
};

/// The legacy frame.
pub(in crate::formats) static LZ4_LEGACY: Stream = Stream {
    doc: &LEGACY,
    codec: Codec::Lz4Legacy,
    check: is_legacy,
    proof: Confidence::Structure,
    chain: Chain::Adjacent,
    name: unnamed,
};

static FRAME: FormatDoc = FormatDoc {
    name: "lz4",
    title: "LZ4 frame",
    family: Family::Compression,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"\x04\x22\x4d\x18")],
    reads: "all frames; checksums where they are present",
    limits: "frames that need a dictionary",
    references: &["LZ4 Frame Format Description 1.6.2"],
};

static LEGACY: FormatDoc = FormatDoc {
    name: "lz4-legacy",
    title: "LZ4 legacy frame",
    family: Family::Compression,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"\x02\x21\x4c\x18")],
    reads: "blocks of 8 MiB; the size that the kernel's build appends is not part of the frame",
    limits: "the format has no checksum",
    references: &["LZ4 Frame Format Description 1.6.2, legacy frame"],
};

/// Version 01 in the two highest bits of FLG, reserved bits zero, block size code 4 to 7.
fn is_frame(bytes: &[u8]) -> bool {
    let Some(&[4, 0x22, 0x4d, 0x18, flags, size, _]) = bytes.first_chunk::<7>() else {
        return false;
    };
    flags & 0xc2 == 0x40 && size & 0x8f == 0 && size >> 4 >= 4
}

/// A first block that is not empty and not longer than one of 8 MiB can be.
fn is_legacy(bytes: &[u8]) -> bool {
    let Some(&[2, 0x21, 0x4c, 0x18, l0, l1, l2, l3]) = bytes.first_chunk::<8>() else {
        return false;
    };
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    (5..9 << 20).contains(&length)
}
