// SPDX-License-Identifier: Apache-2.0
//! `kakoi profile`, and `kakoi run --profile`.
#![cfg(target_arch = "x86_64")]

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{kakoi, stderr, stdout, text};

/// Writes one line; with an argument it also asks for its parent.
const PROGRAM: &str = r#"
static long call(long number, long a, const char *b, long c) {
    long result;
    __asm__ volatile ("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}
void start(long *stack) {
    call(1, 1, "ran\n", 4);
    if (*stack > 1) call(110, 0, 0, 0);
    call(60, 0, 0, 0);
}
__asm__ (".globl _start\n_start: mov %rsp, %rdi\ncall start\n");
"#;

fn program(directory: &Path) -> PathBuf {
    let (source, program) = (directory.join("p.c"), directory.join("p"));
    std::fs::write(&source, PROGRAM).unwrap();
    let flags = ["-nostdlib", "-static", "-O1", "-fno-stack-protector", "-s"];
    let status = Command::new("gcc").args(flags).arg("-o").args([&program, &source]).status();
    assert!(status.expect("gcc is needed (tools/install.sh test)").success());
    program
}

/// The static profile of the program, in a file.
fn profile(directory: &Path) -> (PathBuf, PathBuf) {
    let (program, file) = (program(directory), directory.join("p.toml"));
    let output = kakoi(&["profile", "static", text(&program), "--no-cache", "-o", text(&file)]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    (program, file)
}

#[test]
fn a_static_profile_lists_the_calls_and_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let (program, file) = profile(directory.path());
    let names = ["profile", "static", text(&program), "--no-cache", "--format", "names"];
    assert_eq!(stdout(&kakoi(&names)), "exit\ngetppid\nwrite\n");
    let shown = stdout(&kakoi(&["profile", "show", text(&file), "--why"]));
    assert!(shown.contains("allowed: 3 of "), "{shown}");
    assert!(shown.contains("start a program: stopped at execve or execveat"), "{shown}");
    assert!(shown.contains("unresolved: 0"), "{shown}");
}

#[test]
fn a_program_runs_under_its_profile_and_ends_at_what_it_lacks() {
    let directory = tempfile::tempdir().unwrap();
    let (program, file) = profile(directory.path());
    let whole = kakoi(&["run", "--profile", text(&file), "--kill", "--", text(&program), "x"]);
    assert_eq!((whole.status.code(), stdout(&whole).as_str()), (Some(0), "ran\n"));
    let shortened =
        std::fs::read_to_string(&file).unwrap().replace("[call.getppid]", "[call.getpgrp]");
    std::fs::write(&file, shortened).unwrap();
    let arguments = ["run", "--profile", text(&file), "--kill", "--", text(&program), "x"];
    assert_eq!(kakoi(&arguments).status.code(), Some(128 + 31), "SIGSYS");
    let logged = kakoi(&["run", "--profile", text(&file), "--log", "--", text(&program), "x"]);
    assert!(stderr(&logged).contains("blocked: call 110 (getppid)"), "{}", stderr(&logged));
}

#[test]
fn a_trace_holds_what_was_done_and_is_merged_and_compared() {
    let directory = tempfile::tempdir().unwrap();
    let (program, file) = profile(directory.path());
    let traced = directory.path().join("t.toml");
    let output = kakoi(&["profile", "trace", "-o", text(&traced), "--", text(&program)]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let difference = kakoi(&["profile", "diff", text(&file), text(&traced)]);
    assert!(stdout(&difference).contains("- getppid\n"), "{}", stdout(&difference));
    assert_eq!(difference.status.code(), Some(1));
    let merged = directory.path().join("m.toml");
    kakoi(&["profile", "merge", text(&file), text(&traced), "-o", text(&merged)]);
    let shown = stdout(&kakoi(&["profile", "show", text(&merged)]));
    assert!(shown.contains("code and runs: 2, from code only: 1, from runs only: 0"), "{shown}");
    let check = kakoi(&["profile", "check", text(&traced), "--against", text(&file)]);
    assert!(stdout(&check).starts_with("getppid\t"), "{}", stdout(&check));
    assert_eq!(check.status.code(), Some(1));
}

#[test]
fn a_log_of_another_recorder_is_checked() {
    let directory = tempfile::tempdir().unwrap();
    let (_, file) = profile(directory.path());
    let log = directory.path().join("log");
    std::fs::write(&log, "7 write(1, \"x\", 1) = 1\n7 reboot(0) = -1\nnonsense\n").unwrap();
    let check = kakoi(&["profile", "check", text(&file), "--log", text(&log)]);
    assert_eq!(stdout(&check), "reboot\treboot(0) = -1\n");
    assert!(stderr(&check).contains("1 lines were not understood"), "{}", stderr(&check));
}

#[test]
fn profiles_are_compiled_and_exported() {
    let directory = tempfile::tempdir().unwrap();
    let (_, file) = profile(directory.path());
    let filter = directory.path().join("f.bpf");
    let output = kakoi(&["profile", "compile", text(&file), "-o", text(&filter)]);
    assert!(stderr(&output).contains("added: exit_group"), "{}", stderr(&output));
    assert_eq!(std::fs::metadata(&filter).unwrap().len() % 8, 0);
    let unit = stdout(&kakoi(&["profile", "export", text(&file), "--to", "systemd"]));
    assert!(unit.contains("SystemCallFilter=") && unit.contains(" getppid "), "{unit}");
    let other = kakoi(&["profile", "compile", text(&file), "--arch", "mipsel"]);
    assert_eq!(other.status.code(), Some(3), "{}", stderr(&other));
}

#[test]
fn what_is_no_program_or_no_profile_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x");
    std::fs::write(&file, "#!/bin/sh\n").unwrap();
    let output = kakoi(&["profile", "static", text(&file), "--no-cache"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("not an ELF file"), "{}", stderr(&output));
    assert_eq!(kakoi(&["profile", "show", text(&file)]).status.code(), Some(3));
}

#[test]
fn a_program_that_is_cut_off_is_never_taken_for_whole() {
    let directory = tempfile::tempdir().unwrap();
    let whole = std::fs::read("/bin/true").unwrap();
    let path = directory.path().join("cut");
    for part in 0..8 {
        std::fs::write(&path, &whole[..whole.len() * part / 10]).unwrap();
        let output = kakoi(&["profile", "static", text(&path), "--no-cache", "--format", "names"]);
        let said = stderr(&output);
        match output.status.code() {
            Some(3) => assert!(said.contains("ELF") || said.contains("ends within"), "{said}"),
            Some(0) => assert!(said.contains("cut off") || said.contains("outside"), "{said}"),
            other => panic!("{part}: {other:?}: {said}"),
        }
    }
}
