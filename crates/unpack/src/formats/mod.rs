// SPDX-License-Identifier: Apache-2.0
//! Every format, one file each. The order decides between formats that claim the same first byte:
//! the more specific comes first.

use crate::Format;

mod ext;
mod fat;
mod gaps;
mod gpt;
mod gzip;
mod jffs2;
mod mbr;
mod names;
mod qcow2;
mod ubi;
mod ubifs;
mod unix;
mod vmdk;
mod yaffs;

/// All formats.
pub static ALL: &[&dyn Format] = &[
    // File systems
    &ext::Ext,
    &fat::Fat,
    &jffs2::Jffs2,
    &ubifs::Ubifs,
    &yaffs::Yaffs,
    // Partitions
    &ubi::Ubi,
    &gpt::Gpt,
    &mbr::Mbr,
    &qcow2::Qcow2,
    &vmdk::Vmdk,
    // Compression
    &gzip::Gzip,
];

/// The format with this name in the catalogue.
#[must_use]
pub fn find_by_name(name: &str) -> Option<&'static dyn Format> {
    ALL.iter().copied().find(|format| format.doc().name == name)
}
