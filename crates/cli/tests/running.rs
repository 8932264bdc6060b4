// SPDX-License-Identifier: Apache-2.0
//! `kakoi run`: a program under a filter.
#![cfg(target_arch = "x86_64")]

use kakoi_syscalls::filter::{Action, Architecture, Budget, CallRule, Rules, compile};

use super::{kakoi, stderr, stdout, text};

/// A filter that refuses `uname` only.
fn without_uname(directory: &std::path::Path) -> std::path::PathBuf {
    let mut rules = Rules::new(Architecture::X86_64, Action::REFUSE);
    for number in (0..600).filter(|number| *number != 63) {
        rules.calls.insert(number, CallRule::default());
    }
    let file = directory.join("f.bpf");
    let program = compile(&rules, Budget::List).unwrap();
    std::fs::write(&file, program.encode(Architecture::X86_64.order())).unwrap();
    file
}

#[test]
fn run_blocks_what_the_filter_does_not_allow_and_ends_as_the_program_does() {
    let directory = tempfile::tempdir().unwrap();
    let filter = without_uname(directory.path());
    let blocked = kakoi(&["run", "--filter", text(&filter), "--", "uname"]);
    assert_eq!(blocked.status.code(), Some(1), "{}", stderr(&blocked));
    let other = kakoi(&["run", "--filter", text(&filter), "--", "sh", "-c", "echo ran; exit 9"]);
    assert_eq!((other.status.code(), stdout(&other).as_str()), (Some(9), "ran\n"));
}

#[test]
fn run_with_log_blocks_nothing_and_tells_what_it_would_have() {
    let directory = tempfile::tempdir().unwrap();
    let filter = without_uname(directory.path());
    let output = kakoi(&["run", "--filter", text(&filter), "--log", "--", "uname"]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "Linux\n"));
    assert!(
        stderr(&output).contains("would have been blocked: call 63 (uname), "),
        "{}",
        stderr(&output)
    );
}

#[test]
fn run_refuses_a_file_that_is_no_filter() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("f.bpf");
    std::fs::write(&file, b"no filter").unwrap();
    let output = kakoi(&["run", "--filter", text(&file), "--", "true"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("whole number of instructions"), "{}", stderr(&output));
}
