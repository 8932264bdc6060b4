// SPDX-License-Identifier: Apache-2.0
//! Kernels: banner, IKCONFIG, kallsyms, inference.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = kakoi_inspect::kernel::find_kernel(data);
});
