// SPDX-License-Identifier: Apache-2.0
//! Every format, one file each. The order decides between formats that claim the same first byte:
//! the more specific comes first.

use crate::Format;

mod cramfs;
mod erofs;
mod fields;
mod gzip;
mod romfs;
mod squashfs;

/// All formats.
pub static ALL: &[&dyn Format] = &[
    // File systems
    &squashfs::Squashfs,
    &cramfs::Cramfs,
    &romfs::Romfs,
    &erofs::Erofs,
    // Compression
    &gzip::Gzip,
];

/// The format with this name in the catalogue.
#[must_use]
pub fn find_by_name(name: &str) -> Option<&'static dyn Format> {
    ALL.iter().copied().find(|format| format.doc().name == name)
}
