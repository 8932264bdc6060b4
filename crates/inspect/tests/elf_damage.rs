// SPDX-License-Identifier: Apache-2.0
//! Hostile ELF files: parsing always ends, and what it says is never a guess.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on should stop.

mod toolchain;

use kakoi_inspect::elf::parse_elf;
use kakoi_model::{Endian, Observed};
use toolchain::TOOLCHAINS;

/// Numbers that look random and are the same in every run (Marsaglia, "Xorshift RNGs").
struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

fn samples() -> Vec<Vec<u8>> {
    let directory = tempfile::tempdir().unwrap();
    let flags = ["-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-Wl,-z,relro"];
    let build = |toolchain: &toolchain::Toolchain| {
        std::fs::read(toolchain.compile(directory.path(), "sample", &flags)).unwrap()
    };
    TOOLCHAINS.iter().map(build).collect()
}

#[test]
fn truncated_at_any_length_a_file_is_read_to_its_end() {
    for sample in samples() {
        for length in (0..sample.len()).step_by(61) {
            assert_eq!(parse_elf(&sample[..length]).is_some(), length >= 4);
        }
    }
}

#[test]
fn fields_of_any_value_do_not_stop_the_parser() {
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    for sample in samples() {
        for round in 0..1500 {
            let mut copy = sample.clone();
            // Most of what is parsed lies in the first kilobytes.
            let reach = if round % 3 == 0 { copy.len() } else { copy.len().min(2048) };
            for _ in 0..1 + random.next(8) {
                let at = 4 + random.next(reach - 8);
                let value = [0, 1, 0x7f, 0x80, 0xff, random.next(256) as u8][random.next(6)];
                let width = 1 + random.next(4);
                copy[at..at + width].fill(value);
            }
            assert!(parse_elf(&copy).is_some());
        }
    }
}

#[test]
fn a_big_endian_and_a_little_endian_build_get_the_same_verdicts() {
    let samples = samples();
    let facts: Vec<_> = samples.iter().map(|sample| parse_elf(sample).unwrap()).collect();
    let (big, little) = (&facts[3], &facts[4]);
    assert_eq!((big.endian, little.endian), (Endian::Big, Endian::Little));
    assert_eq!(big.imports, little.imports);
    assert!(big.needed.contains(&"libc.so.6".to_owned()), "{:?}", big.needed);
    assert_eq!(big.abi.as_deref(), Some("o32"));
    assert_eq!(big.hardening.fortify.observed, little.hardening.fortify.observed);
    assert_eq!(big.hardening.stack_protector.observed, little.hardening.stack_protector.observed);
}

#[test]
fn content_that_is_not_elf_gives_nothing_and_a_bare_magic_gives_no_verdict() {
    assert!(parse_elf(b"#!/bin/sh").is_none());
    let facts = parse_elf(b"\x7fELF").unwrap();
    assert!(!facts.damage.is_empty());
    assert!(matches!(facts.hardening.nx.observed, Observed::Undetermined(_)));
    assert!(matches!(facts.linkage, Observed::Undetermined(_)));
}
