// SPDX-License-Identifier: Apache-2.0
//! One container format, named by `KAKOI_FUZZ_FORMAT`: identify and open at the first byte.
#![no_main]

use std::sync::LazyLock;

use kakoi_unpack::{Format, Limits, formats, open_alone};
use libfuzzer_sys::fuzz_target;

static FORMAT: LazyLock<&'static dyn Format> = LazyLock::new(|| {
    let name = std::env::var("KAKOI_FUZZ_FORMAT").expect("KAKOI_FUZZ_FORMAT names a format");
    formats::find_by_name(&name).expect("a format of the registry")
});

fuzz_target!(|data: &[u8]| {
    let limits = Limits { output_bytes: 64 << 20, content_bytes: 16 << 20, entries: 100_000, ..Limits::default() };
    let _ = open_alone(*FORMAT, bytes::Bytes::copy_from_slice(data), &limits);
});
