// SPDX-License-Identifier: Apache-2.0
//! Size and instructions per call beside libseccomp's, for the same rules.

use std::fmt::Write;
use std::path::Path;

use kakoi_model::Endian;
use kakoi_syscalls::filter::{
    Action, Architecture, Budget, CallRule, Check, Data, Program, Rules, Table, compile,
    multiplexed,
};

use crate::meaning::data;
use crate::random::Random;
use crate::rival;

/// A daemon's calls: what dnsmasq, lighttpd and dropbear have in common on a recent glibc.
const DAEMON: &[&str] = &[
    "read",
    "write",
    "close",
    "fstat",
    "lseek",
    "mmap",
    "mmap2",
    "mprotect",
    "munmap",
    "brk",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "ioctl",
    "pread64",
    "writev",
    "access",
    "pipe2",
    "poll",
    "dup2",
    "getpid",
    "socket",
    "connect",
    "accept4",
    "sendto",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "bind",
    "listen",
    "getsockname",
    "setsockopt",
    "getsockopt",
    "clone",
    "execve",
    "exit",
    "wait4",
    "kill",
    "fcntl",
    "fcntl64",
    "ftruncate",
    "getcwd",
    "chdir",
    "rename",
    "unlink",
    "readlink",
    "umask",
    "getuid",
    "geteuid",
    "setuid",
    "setgid",
    "setgroups",
    "setsid",
    "prctl",
    "arch_prctl",
    "futex",
    "set_tid_address",
    "clock_gettime",
    "clock_nanosleep",
    "exit_group",
    "epoll_wait",
    "epoll_ctl",
    "epoll_create1",
    "openat",
    "newfstatat",
    "set_robust_list",
    "prlimit64",
    "getrandom",
    "rseq",
];

/// Arguments that are checked in the sets that have checks.
const CHECKED: &[(&str, u8, &[u64])] = &[
    ("ioctl", 1, &[0x5401, 0x5413, 0x541b, 0x8912]),
    ("prctl", 0, &[1, 4, 15, 38]),
    ("socket", 0, &[1, 2, 10, 16]),
];

/// One set of rules.
struct Case {
    name: &'static str,
    calls: Vec<String>,
    checked: bool,
}

/// Calls behind a multiplexer are left out where there is one: libseccomp allows the multiplexer for them by itself.
fn cases(table: &Table) -> Vec<Case> {
    let is_behind = |name: &str| multiplexed(name).is_some_and(|(by, _)| table.contains_key(by));
    let table: &Table =
        &table.iter().filter(|(name, _)| !is_behind(name)).map(|(n, v)| (n.clone(), *v)).collect();
    let mut random = Random(0xca11);
    let mut some = |share: u64| {
        let chosen = table.keys().filter(|_| random.below(100) < share);
        chosen.cloned().collect::<Vec<_>>()
    };
    let (few, many) = (some(10), some(50));
    let daemon: Vec<String> = DAEMON
        .iter()
        .filter(|name| table.contains_key(**name))
        .map(|name| (*name).into())
        .collect();
    let case = |name, calls, checked| Case { name, calls, checked };
    vec![
        case("daemon", daemon.clone(), false),
        case("daemon, arguments", daemon, true),
        case("10 % of calls", few, false),
        case("50 % of calls", many, false),
        case("all calls", table.keys().cloned().collect(), false),
    ]
}

impl Case {
    fn checks(&self, name: &str) -> Option<(u8, &'static [u64])> {
        let known = CHECKED.iter().find(|(checked, ..)| self.checked && *checked == name);
        known.map(|(_, argument, values)| (*argument, *values))
    }

    fn rules(&self, architecture: Architecture, table: &Table) -> Rules {
        let mut rules = Rules::new(architecture, Action::Kill);
        for name in &self.calls {
            let check = self.checks(name).map(|(argument, values)| Check {
                argument,
                mask: u64::MAX,
                values: values.iter().copied().collect(),
            });
            rules.calls.insert(
                table[name],
                CallRule { checks: check.into_iter().collect(), frequency: 0 },
            );
        }
        rules
    }

    fn input(&self) -> String {
        let mut input = String::new();
        for name in &self.calls {
            match self.checks(name) {
                None => writeln!(input, "{name}").expect("memory"),
                Some((argument, values)) => values.iter().for_each(|value| {
                    writeln!(input, "{name} {argument} {} {value}", u64::MAX).expect("memory")
                }),
            }
        }
        input
    }

    /// Every allowed call once, with arguments that pass.
    fn allowed(&self, architecture: Architecture, table: &Table) -> Vec<Data> {
        let one = |name: &String| {
            let mut arguments = [0; 6];
            if let Some((argument, values)) = self.checks(name) {
                arguments[usize::from(argument)] = values[values.len() / 2];
            }
            data(architecture, table[name], arguments)
        };
        self.calls.iter().map(one).collect()
    }
}

/// Mean and largest number of instructions.
fn steps(program: &Program, calls: &[Data]) -> (f64, usize) {
    let steps: Vec<usize> = calls.iter().map(|call| program.run(call).steps).collect();
    let sum: usize = steps.iter().sum();
    (sum as f64 / steps.len() as f64, steps.into_iter().max().unwrap_or(0))
}

#[test]
fn filters_are_neither_larger_nor_slower_than_libseccomps_lists_and_trees() {
    let directory = tempfile::tempdir().expect("a directory");
    let program = rival::build(directory.path());
    println!("instructions of the filter; executed for each allowed call, mean and most");
    println!(
        "{:41} {:>20} {:>20} {:>20} {:>20}",
        "", "kakoi", "libseccomp list", "kakoi tree", "libseccomp tree"
    );
    for architecture in Architecture::ALL {
        let Some(name) = rival::name(architecture) else { continue };
        let table = rival::table(&program, name);
        cases(&table).iter().for_each(|case| compare(&program, case, architecture, &table));
    }
}

fn compare(program: &Path, case: &Case, architecture: Architecture, table: &Table) {
    let calls = case.allowed(architecture, table);
    let mut line = String::new();
    for (budget, mode) in [(Budget::List, "list"), (Budget::Tree, "tree")] {
        let ours = compile(&case.rules(architecture, table), budget).expect("fits");
        let theirs = rival::filter(program, architecture, mode, &case.input());
        same_answers(case, architecture, table, &ours, &theirs);
        let [our, their] =
            [&ours, &theirs].map(|filter| (filter.instructions().len(), steps(filter, &calls)));
        for (size, (mean, most)) in [our, their] {
            write!(line, " {size:6} {mean:7.1} {most:5}").expect("memory");
        }
        assert!(
            our.0 <= their.0,
            "larger: {} {} {mode}: {our:?} {their:?}",
            architecture.name(),
            case.name
        );
        let (ours, theirs) = (our.1.0, their.1.0);
        assert!(
            ours <= theirs,
            "slower: {} {} {mode}: {ours} {theirs}",
            architecture.name(),
            case.name
        );
    }
    println!("{:14} {:26}{line}", architecture.name(), case.name);
}

/// libseccomp's filter means the same: a second opinion on numbers and words.
fn same_answers(
    case: &Case,
    architecture: Architecture,
    table: &Table,
    ours: &Program,
    theirs: &Program,
) {
    let base = table.values().copied().min().unwrap_or(0);
    let known = case.allowed(architecture, table);
    let others = (base..base + 500)
        .chain([0, 0x4000_0000, u32::MAX])
        .map(|number| data(architecture, number, [3; 6]));
    for call in known.into_iter().chain(others) {
        let (our, their) = (ours.run(&call).code, theirs.run(&call).code);
        // libseccomp 2.5.4 forgets the byte order of the answers that it repeats in long filters.
        let is_its_mistake = architecture.order() == Endian::Big && our == their.swap_bytes();
        assert!(our == their || is_its_mistake, "{} {} {call:?}", architecture.name(), case.name);
    }
}
