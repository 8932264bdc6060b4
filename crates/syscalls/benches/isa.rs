// SPDX-License-Identifier: Apache-2.0
//! `cargo bench -p kakoi-syscalls --bench isa`: decoding all of a libc, ours and capstone's, in the same run, in processor time. Best of ten for
//! ours; capstone keeps details, since registers written are among them.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a measurement for a person"
)]

#[path = "../tests/capstone/code.rs"]
#[allow(dead_code, reason = "random words are for the test")]
mod code;
#[path = "../tests/capstone/oracle.rs"]
#[allow(dead_code, reason = "records are for the test")]
mod oracle;
#[path = "../tests/capstone/sets.rs"]
#[allow(dead_code, reason = "meanings of mnemonics are for the test")]
mod sets;

use std::path::Path;

use sets::Set;

fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    let program = oracle::build(directory.path());
    println!("{:10} {:>12} {:>10} {:>14}", "libc", "instructions", "ours, ms", "capstone, ms");
    for set in sets::all() {
        let Some(path) = set.libc else { continue };
        let code: Vec<u8> =
            code::sections(Path::new(path)).into_iter().flat_map(|(_, bytes)| bytes).collect();
        let (count, milliseconds) = best(&set, &code);
        let theirs = oracle::time(&program, set.name, &code);
        println!("{:10} {count:>12} {milliseconds:>10.2} {theirs:>14.2}", set.name);
    }
}

fn best(set: &Set, code: &[u8]) -> (usize, f64) {
    let mut best = f64::INFINITY;
    let mut count = 0;
    for _ in 0..10 {
        let start = processor_ms();
        count = sweep(set, code);
        best = best.min(processor_ms() - start);
    }
    (count, best)
}

/// Processor time of this thread: other work on the machine does not count. The file's first number, in nanoseconds
/// (Documentation/scheduler/sched-stats.rst).
fn processor_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split(' ').next().and_then(|number| number.parse::<f64>().ok()).expect("a number") / 1e6
}

/// Decodes from the first byte to the last, with what stands before each instruction.
fn sweep(set: &Set, code: &[u8]) -> usize {
    let step = usize::try_from(set.decoder.alignment()).expect("small");
    let (mut at, mut count) = (0, 0);
    while at < code.len() {
        match std::hint::black_box(set.decoder.decode_in(code, at, at as u64)) {
            Some(instruction) => {
                at += usize::from(instruction.size);
                count += 1;
            }
            None => at += step,
        }
    }
    count
}
