// SPDX-License-Identifier: Apache-2.0
//! Programs with known system calls, compiled here by Debian's gcc.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use kakoi_syscalls::module::{Summary, summarise};
use kakoi_syscalls::program::{Library, Plugins, Resolver, load, reach};
use kakoi_syscalls::table::Table;

/// A file system without libraries.
struct Nothing;

impl Resolver for Nothing {
    fn library(&mut self, _: &str, _: &[String], _: &Summary) -> Result<Library, String> {
        Err("there are none".to_owned())
    }

    fn plugins(&mut self, _: &str, _: &Summary) -> Plugins {
        Plugins::default()
    }
}

const PROGRAM: &str = r"
static long call(long number, long a) {
    long result;
    __asm__ volatile ('syscall' : '=a'(result) : 'a'(number), 'D'(a) : 'rcx', 'r11', 'memory');
    return result;
}
__attribute__((noinline)) static long wrapper(long number, long a) { return call(number, a); }
__attribute__((noinline)) static long by_table_one(void) { return call(39, 0); }
__attribute__((noinline)) static long by_table_two(void) { return call(102, 0); }
__attribute__((noinline)) static long never(void) { return call(169, 0); }
static long (*const table[])(void) = { by_table_one, by_table_two };
static long (*const unused[])(void) = { never, never };
__attribute__((noinline)) static long choose(int what) {
    switch (what) {
    case 0: return call(104, 0);
    case 1: return call(107, 0);
    case 2: return call(108, 0);
    case 3: return call(110, 0);
    case 4: return call(111, 0);
    case 5: return call(112, 0);
    default: return -1;
    }
}
long keep(int argc) { return argc > 100 ? (long)unused : 0; }
void _start(void) {
    volatile int one = 1;
    wrapper(24, 0);
    wrapper(one > 5 ? 186 : 162, 0);
    table[one & 1]();
    choose(3);
    call(60, 0);
    for (;;) {}
}
";

fn compile(directory: &Path, flags: &[&str]) -> Vec<u8> {
    let (source, program) = (directory.join("p.c"), directory.join("p"));
    std::fs::write(&source, PROGRAM.replace('\'', "\"")).unwrap();
    let status = Command::new("gcc")
        .args(["-nostdlib", "-fno-stack-protector", "-o"])
        .args([&program, &source])
        .args(flags)
        .status()
        .expect("gcc is needed (tools/install.sh test)");
    assert!(status.success());
    std::fs::read(program).unwrap()
}

fn calls(bytes: &[u8]) -> (BTreeSet<String>, usize) {
    let summary = summarise(bytes).unwrap();
    let table = Table::of(summary.machine).unwrap();
    let program = load("p", Arc::new(summary), &mut Nothing);
    let reached = reach(&program);
    let names = reached.numbers.iter().filter_map(|site| table.name(site.number));
    (names.map(str::to_owned).collect(), reached.gaps.len())
}

#[test]
fn direct_wrapped_tabled_and_chosen_calls_are_found_and_dead_ones_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let needed = ["sched_yield", "gettid", "sync", "getpid", "getuid", "getppid", "exit"];
    let modes: &[&[&str]] = &[
        &["-O0", "-static"],
        &["-O2", "-static", "-fno-inline"],
        &["-Os", "-static", "-s"],
        &["-O2", "-static-pie", "-fPIE", "-s", "-fno-inline"],
        &["-O2", "-static", "-s", "-flto"],
    ];
    for flags in modes {
        let (found, gaps) = calls(&compile(directory.path(), flags));
        for name in needed {
            assert!(found.contains(name), "{flags:?}: {name} is missed: {found:?}");
        }
        assert_eq!(gaps, 0, "{flags:?}");
        assert!(!found.contains("reboot"), "{flags:?}: {found:?}");
    }
}

#[test]
fn a_switch_on_a_constant_argument_leaves_only_its_branch() {
    let directory = tempfile::tempdir().unwrap();
    let (found, _) = calls(&compile(directory.path(), &["-O1", "-static", "-fno-inline"]));
    assert!(found.contains("getppid"), "{found:?}");
    for other in ["getgid", "geteuid", "setpgid", "getpgrp", "setsid"] {
        assert!(!found.contains(other) || other == "getgid", "{other}: {found:?}");
    }
}

#[test]
fn damaged_files_give_an_answer() {
    let directory = tempfile::tempdir().unwrap();
    let whole = compile(directory.path(), &["-O2", "-static-pie", "-fPIE"]);
    for length in (0..whole.len()).step_by(211) {
        let _ = summarise(&whole[..length]);
    }
    let mut seed = 7_u64;
    for _ in 0..300 {
        let mut broken = whole.clone();
        for _ in 0..8 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (seed >> 33) as usize % broken.len().min(4096);
            broken[at] = (seed >> 25) as u8;
        }
        let _ = summarise(&broken);
    }
    assert!(summarise(b"\x7fELF").is_err());
    assert!(summarise(b"#!/bin/sh\n").is_err());
}
