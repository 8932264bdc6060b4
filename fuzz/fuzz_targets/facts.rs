// SPDX-License-Identifier: Apache-2.0
//! `facts.jsonl` as `--baseline` and the parent of a worker read it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(facts) = kakoi_model::Facts::from_json_lines(&String::from_utf8_lossy(data)) {
        let _ = facts.to_json_lines();
    }
});
