// SPDX-License-Identifier: Apache-2.0
//! Compiled filters in the kernel that the tests run on: what it answers is what the rules say.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::expect_used, reason = "a test may fail")]

use std::fmt::Write;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use kakoi_kernel::{ForeignFilter, run_filtered, run_watched};
use kakoi_syscalls::filter::{Action, Architecture, Budget, CallRule, Check, Data, Rules, compile};

/// Calls that do nothing, whatever their arguments are.
const HARMLESS: [u32; 8] = [24, 39, 102, 104, 107, 108, 110, 186];

/// An error number that no call gives by itself.
const REFUSED: u16 = 999;

type Call = [u64; 7];

/// Builds the program that makes these calls.
fn caller(directory: &Path, calls: &[Call], flags: &[&str]) -> PathBuf {
    let mut table = String::from("{");
    for call in calls {
        let numbers: Vec<String> = call.iter().map(|number| format!("{number}ul")).collect();
        write!(table, "{{{}}},", numbers.join(",")).expect("memory");
    }
    let header = directory.join("calls.h");
    std::fs::write(&header, format!("#define CALLS {table}}}\n")).expect("writable");
    let program = directory.join("caller");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/caller.c");
    let status = Command::new("gcc")
        .args(["-O1", "-static", "-nostdlib", "-fno-stack-protector", "-include"])
        .arg(&header)
        .args(flags)
        .arg("-o")
        .arg(&program)
        .arg(source)
        .status();
    assert!(status.is_ok_and(|status| status.success()), "needs gcc (tools/install.sh test)");
    program
}

fn filter(rules: &Rules) -> ForeignFilter {
    let program = compile(rules, Budget::List).expect("fits");
    ForeignFilter::from_bytes(program.encode(rules.architecture.order())).expect("a filter")
}

/// Runs the program under the filter: how it ended, and the results of its calls.
fn results(program: &Path, filter: &ForeignFilter) -> (ExitStatus, Vec<i64>) {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(writer);
    let collector = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).expect("readable");
        bytes
    });
    let status = run_filtered(&mut command, filter).expect("the program runs");
    drop(command);
    let bytes = collector.join().expect("read");
    let (words, _) = bytes.as_chunks::<8>();
    (status, words.iter().map(|word| i64::from_ne_bytes(*word)).collect())
}

/// Rules of which every allowed call is harmless; `write` and `exit_group` are for the program's own end.
fn rules() -> Rules {
    let mut rules = Rules::new(Architecture::X86_64, Action::Fail(REFUSED));
    for number in [1, 231] {
        rules.calls.insert(number, CallRule::default());
    }
    let masks =
        [u64::MAX, 0xffff_ffff, 4, 0xffff_ffff_0000_0000, 0, u64::MAX, 0x8000_0001, u64::MAX];
    for (place, (number, mask)) in HARMLESS.into_iter().zip(masks).enumerate() {
        let check = Check {
            argument: place as u8 % 6,
            mask,
            values: [5, 0x1_0000_0005, 0xffff_fffe].into(),
        };
        let checks = if place == 0 { Vec::new() } else { vec![check] };
        rules.calls.insert(number, CallRule { checks, frequency: place as u64 });
    }
    rules.missing = [435, 439].into();
    rules.newest = Some(450);
    rules
}

/// Every number, and for those that are allowed arguments at the edges.
fn calls(rules: &Rules) -> Vec<Call> {
    let edges = [0, 4, 5, 6, 0xffff_fffe, 0xffff_ffff, 0x1_0000_0005, 0x1_0000_0006, u64::MAX - 1];
    // Linux from 6.11 on lets `uretprobe` and `uprobe` pass before any filter, and ends a process that makes them itself.
    let own = [1, 231, 335, 336];
    let numbers =
        (0..=470).chain([0x3fff_ffff, 0x4000_0000, 0x4000_0027, 0x7fff_ffff, 0xffff_fffe]);
    let mut calls = Vec::new();
    for number in numbers.filter(|number| !own.contains(number)) {
        let tried = if rules.calls.contains_key(&number) { &edges[..] } else { &edges[2..3] };
        calls.extend(
            tried.iter().map(|edge| [u64::from(number), *edge, *edge, *edge, *edge, *edge, *edge]),
        );
    }
    calls
}

#[test]
fn the_kernel_answers_every_call_as_the_rules_say() {
    let directory = tempfile::tempdir().expect("a directory");
    let rules = rules();
    let calls = calls(&rules);
    let (status, results) = results(&caller(directory.path(), &calls, &[]), &filter(&rules));
    assert!(status.success(), "{status}");
    assert_eq!(results.len(), calls.len());
    for (call, result) in calls.iter().zip(results) {
        let [number, arguments @ ..] = *call;
        let data = Data {
            number: number as u32,
            architecture: Architecture::X86_64.audit(),
            instruction_pointer: 0,
            arguments,
            order: Architecture::X86_64.order(),
        };
        let answered = match result {
            -999 => Action::Fail(REFUSED),
            -38 => Action::Fail(38),
            _ => Action::Allow,
        };
        assert_eq!(answered, rules.verdict(&data), "{call:x?} gave {result}");
    }
}

#[test]
fn a_refused_call_ends_the_process_where_the_rules_say_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut rules = rules();
    rules.action = Action::Kill;
    let program = caller(directory.path(), &[[83, 0, 0, 0, 0, 0, 0]], &[]);
    let (status, _) = results(&program, &filter(&rules));
    assert_eq!(status.signal(), Some(31), "SIGSYS");
}

#[test]
fn a_call_by_the_door_of_i386_ends_the_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let program = caller(directory.path(), &[[24, 0, 0, 0, 0, 0, 0]], &["-DCOMPAT"]);
    let (status, _) = results(&program, &filter(&rules()));
    assert_eq!(status.signal(), Some(31), "SIGSYS");
}

#[test]
fn the_program_starts_although_its_filter_forbids_starting_programs() {
    let directory = tempfile::tempdir().expect("a directory");
    let program = caller(directory.path(), &[[59, 0, 0, 0, 0, 0, 0]], &[]);
    let (status, results) = results(&program, &filter(&rules()));
    assert!(status.success());
    assert_eq!(results, [-999], "execve");
}

#[test]
fn a_watched_program_is_told_on_for_each_call_and_does_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut rules = rules();
    rules.action = Action::Trace;
    let program = caller(directory.path(), &[[39, 9, 9, 9, 9, 9, 9], [63, 0, 0, 0, 0, 0, 0]], &[]);
    let mut told = Vec::new();
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let status = run_watched(&mut command, &filter(&rules), &mut |call| {
        told.push((call.number, call.arguments[0]))
    });
    assert!(status.expect("the program runs").success());
    assert_eq!(told, [(39, 9), (63, 0)], "getpid with wrong arguments, uname");
}

#[test]
fn children_of_a_watched_program_are_watched_too() {
    let mut rules = Rules::new(Architecture::X86_64, Action::Trace);
    for number in (0..450).filter(|number| ![79, 110].contains(number)) {
        rules.calls.insert(number, CallRule::default());
    }
    let mut told = Vec::new();
    let mut command = Command::new("sh");
    command.args(["-c", "(cd / && /bin/pwd); exit 7"]).stdout(Stdio::null());
    let status = run_watched(&mut command, &filter(&rules), &mut |call| told.push(call.number));
    assert_eq!(status.expect("the program runs").code(), Some(7));
    assert!(told.contains(&79), "getcwd of the child: {told:?}");
}

#[test]
fn a_filter_that_the_kernel_refuses_ends_the_program_before_it_begins() {
    let directory = tempfile::tempdir().expect("a directory");
    let witness = directory.path().join("witness");
    let nonsense = ForeignFilter::from_bytes(vec![0xff; 8]).expect("eight bytes");
    let error = run_filtered(Command::new("touch").arg(&witness), &nonsense).expect_err("refused");
    assert_eq!(error.raw_os_error(), Some(22), "EINVAL");
    assert!(!witness.exists());
}

#[test]
fn a_program_that_does_not_exist_is_an_error() {
    let filter = filter(&rules());
    let error = run_filtered(&mut Command::new("/nonexistent"), &filter).expect_err("missing");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}
