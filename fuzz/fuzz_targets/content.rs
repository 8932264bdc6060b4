// SPDX-License-Identifier: Apache-2.0
//! What is looked for in every content: component marks, keys and certificates, kind.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = kakoi_inspect::component::find_marks(data);
    let _ = kakoi_inspect::surface::find_content_secrets(data);
    let _ = kakoi_unpack::find_kind(data);
});
