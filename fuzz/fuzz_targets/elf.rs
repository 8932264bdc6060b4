// SPDX-License-Identifier: Apache-2.0
//! ELF hardening.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = kakoi_inspect::elf::parse_elf(data);
});
