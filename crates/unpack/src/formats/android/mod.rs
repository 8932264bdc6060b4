// SPDX-License-Identifier: Apache-2.0
//! Android: boot images, sparse images, the super partition and update payloads.

mod boot;
mod payload;
mod sparse;
mod super_partition;
mod vendor_boot;

pub(super) use boot::AndroidBoot;
pub(super) use payload::AndroidPayload;
pub(super) use sparse::AndroidSparse;
pub(super) use super_partition::AndroidSuper;
pub(super) use vendor_boot::AndroidVendorBoot;

use kakoi_model::Endian;

use super::parts::Part;

const LITTLE: Endian = Endian::Little;

/// Lays parts of these lengths one after the other, each at a multiple of the page size.
fn lay_out(start: usize, header: usize, page: usize, lengths: &[(&str, usize)]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut at = header.next_multiple_of(page);
    for &(name, length) in lengths {
        let end = at.saturating_add(length);
        if length > 0 {
            parts.push(Part::new(name, start.saturating_add(at)..start.saturating_add(end)));
        }
        at = end.checked_next_multiple_of(page).unwrap_or(usize::MAX);
    }
    parts
}

/// Where parts end, with the padding of the last one if the content has it.
fn end_of(start: usize, page: usize, parts: &[Part], limit: usize) -> usize {
    let last = parts.iter().map(|part| part.range.end).max().unwrap_or(start);
    let length = last.saturating_sub(start);
    let padded = start.saturating_add(length.checked_next_multiple_of(page).unwrap_or(length));
    if padded <= limit { padded } else { last.min(limit) }
}
