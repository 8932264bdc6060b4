// SPDX-License-Identifier: Apache-2.0
//! UEFI firmware: volumes of files of sections, and Intel's descriptor of the flash that they lie in.

mod descriptor;
mod section;
mod volume;

pub(super) use descriptor::IntelFlash;
pub(super) use volume::FirmwareVolume;

use kakoi_model::Endian;

const LITTLE: Endian = Endian::Little;

/// A GUID as people write it: the first three fields are little-endian.
fn guid(bytes: [u8; 16]) -> String {
    let [a0, a1, a2, a3, b0, b1, c0, c1, rest @ ..] = bytes;
    let (first, second) = (u32::from_le_bytes([a0, a1, a2, a3]), u16::from_le_bytes([b0, b1]));
    let third = u16::from_le_bytes([c0, c1]);
    let [d0, d1, d2, d3, d4, d5, d6, d7] = rest;
    format!(
        "{first:08x}-{second:04x}-{third:04x}-{d0:02x}{d1:02x}-{d2:02x}{d3:02x}{d4:02x}{d5:02x}{d6:02x}{d7:02x}"
    )
}
