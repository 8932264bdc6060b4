// SPDX-License-Identifier: Apache-2.0
//! The engine with all formats: carving, nesting, regions.
#![no_main]

use kakoi_unpack::{Limits, NoJournal, Store, unpack_image};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = Limits { output_bytes: 64 << 20, content_bytes: 16 << 20, entries: 100_000, ..Limits::default() };
    let found = unpack_image(bytes::Bytes::copy_from_slice(data), &Store::in_memory(), &limits, &NoJournal);
    let image = kakoi_model::Digest::of(data);
    let covered: u64 = found.regions.iter().filter(|region| region.blob == image).map(|region| region.size).sum();
    assert!(covered == data.len() as u64 || found.contents.iter().any(|content| content.kind == "empty"));
});
