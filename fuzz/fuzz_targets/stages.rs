// SPDX-License-Identifier: Apache-2.0
//! What an intruder types, as transcript and as log: parsing, stages, shapes, summary.
#![no_main]

use kakoi_assess::stages::{Sessions, Summary, classify_transcript, parse_record};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for line in classify_transcript(data) {
        assert!(!line.parts.is_empty());
        let _ = line.to_tsv();
    }
    let mut sessions = Sessions::new(4);
    let mut summary = Summary::new();
    for (number, line) in (1..).zip(data.split(|&byte| byte == b'\n')) {
        let _ = sessions.push(number, &parse_record(line));
        summary.push("fuzz", line);
    }
    let _ = sessions.finish();
    let _ = summary.report();
});
