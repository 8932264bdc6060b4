// SPDX-License-Identifier: Apache-2.0
//! The tie between calls and lines against strace: the same persona, the same typed lines, once in the honeypot and once
//! under `strace -f`. Needs root, and busybox-static, strace and script (bsdutils) of Debian.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod emulated;
mod rig;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use rig::{Client, Honeypot};

/// No pipe is left by its reader before its end: whether the writer is killed for that is a matter of time.
/// Built-ins, redirections, nested shells, pipes, loops, substitutions, background, scripts, programs of one's own.
const LINES: &[&str] = &[
    "cd /tmp",
    "echo hello > f; cat f",
    "cat f | wc -c > n",
    "sh",
    "cd /etc; cat passwd > /tmp/p",
    "exit",
    "(sleep 1; echo late > g) &",
    "cp /bin/busybox b; chmod 777 b; ./b ls -l / > l",
    "sleep 2",
    "for i in 1 2 3 4 5; do >x$i; cat f f > y$i; done",
    "sh -c 'cd /; ls -l /bin > /tmp/ls; wc -l /tmp/ls'",
    "echo 'echo one > s1; cat f > s2' > s.sh; sh s.sh; chmod +x s.sh; ./s.sh",
    "while read i; do echo $i; done < p",
    "dd if=/bin/busybox of=d bs=4096 count=64; md5sum d b; rm d",
    "a=$(cat f | tr a-z A-Z); echo $a > up; grep HELLO up && mv up down",
    "find /etc /bin -type f | xargs ls -l > all; sort all | uniq > u; head -n 3 u; tar cf t.tar f n g; rm -rf x* y*",
];

/// Name and path of calls, by line.
type Counted = BTreeMap<(u32, String, String), usize>;

/// What the honeypot records in this way.
fn recorded(root: &Path, way: &str) -> Counted {
    let settings = format!(
        "failure_delay_ms = 0\npool = 1\nrecording = '{way}'\nrootfs = '{}'\n",
        root.display()
    );
    let honeypot = Honeypot::start(&settings);
    let mut client = Client::log_in(&honeypot);
    LINES.iter().for_each(|line| drop(client.type_line(line)));
    client.end();
    let mut counted = Counted::new();
    for event in honeypot.settled(1) {
        assert!(event["event"] != "session-end" || event["lost"] == 0, "{event}");
        if event["event"] == "call" {
            let pid = event["subject"]["pid"].as_u64().unwrap();
            assert!((1..10_000).contains(&pid), "no number in the cell: {event}");
            let line = u32::try_from(event["line"].as_u64().unwrap()).unwrap();
            let path = event["arguments"]["path"].as_str().unwrap_or_default().to_owned();
            let name = event["call"].as_str().unwrap().to_owned();
            *counted.entry((line, name, path)).or_default() += 1;
        }
    }
    counted
}

/// What strace reports.
fn reported(root: &Path, log: &Path) -> String {
    let inner = format!(
        "mount -t tmpfs none {0}/tmp && mount --rbind /dev {0}/dev && mount -t proc proc {0}/proc && \
         exec env -i USER=root LOGNAME=root HOME=/root SHELL=/bin/sh PATH=/bin:/sbin:/usr/bin:/usr/sbin TERM=linux \
         strace -f -s 4096 -o {1} chroot {0} /bin/sh",
        root.display(),
        log.display()
    );
    typed_into(&format!("unshare -mpf --propagation private sh -c '{inner}'"));
    fs::read_to_string(log).expect("strace is needed")
}

/// Types the lines into a shell at a terminal, each at its prompt.
fn typed_into(inner: &str) {
    let mut child = Command::new("script")
        .args(["-q", "-e", "-c", inner, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script is needed");
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut wait_for_prompt = || {
        let (mut shown, mut byte) = (Vec::new(), [0]);
        while !shown.ends_with(b"# \x1b[6n") {
            assert!(output.read(&mut byte).unwrap() > 0, "{}", String::from_utf8_lossy(&shown));
            shown.push(byte[0]);
        }
    };
    wait_for_prompt();
    for line in LINES {
        writeln!(input, "{line}").unwrap();
        wait_for_prompt();
    }
    writeln!(input, "exit").unwrap();
    drop(input);
    child.wait().unwrap();
}

/// The process that made another, for all.
fn parents(log: &str) -> BTreeMap<u32, u32> {
    let mut parents = BTreeMap::new();
    for line in log.lines() {
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start().trim_start_matches("<... ");
        let makes = ["fork", "vfork", "clone"]
            .iter()
            .any(|name| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(['(', ' '])));
        let result = rest.rsplit_once(" = ").and_then(|(_, result)| result.trim().parse().ok());
        if let (true, Some(child), Ok(parent)) = (makes, result, pid.parse()) {
            parents.insert(child, parent);
        }
    }
    parents
}

/// Counts strace's calls under the line that was typed before: of the process, or of the one that made it, at that time.
fn counted(log: &str) -> Counted {
    let parents = parents(log);
    let (mut lines, mut number, mut counted) = (BTreeMap::<u32, u32>::new(), 0, Counted::new());
    // Shells whose input is a file for now: ash keeps the terminal at descriptor 10 or above meanwhile.
    let mut redirected = BTreeMap::<u32, bool>::new();
    for line in log.lines() {
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let (pid, rest) = (pid.parse::<u32>().unwrap(), rest.trim_start());
        let own = parents.get(&pid).and_then(|parent| lines.get(parent)).copied().unwrap_or(0);
        let own = *lines.entry(pid).or_insert(own);
        if let Some((name, arguments)) = rest.split_once('(').filter(|_| !rest.starts_with('<'))
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            *counted.entry((own, name.to_owned(), path(name, arguments))).or_default() += 1;
        }
        let read = rest.strip_prefix("read(0, ").or(rest.strip_prefix("<... read resumed>"));
        let ends = |read: &str| {
            let Some((call, "1")) = read.rsplit_once(" = ") else { return false };
            let newline = call.starts_with("\"\\n") || call.starts_with("\"\\r");
            newline && call.trim_end().ends_with(", 1)")
        };
        if read.is_some_and(ends) && redirected.get(&pid) != Some(&true) {
            number += 1;
            lines.insert(pid, number);
        }
        let from = rest.strip_prefix("dup2(").and_then(|rest| rest.split_once(", 0)"));
        if let Some(Ok(from)) = from.map(|(from, _)| from.parse::<u32>()) {
            redirected.insert(pid, from < 10);
        }
    }
    counted
}

/// The path of a call that has one as strace writes it; those that the honeypot tells.
fn path(name: &str, arguments: &str) -> String {
    let told = [
        "open",
        "openat",
        "execve",
        "chdir",
        "chmod",
        "unlink",
        "unlinkat",
        "rename",
        "stat",
        "lstat",
        "readlink",
        "access",
        "mkdir",
        "newfstatat",
    ];
    if !told.contains(&name) {
        return String::new();
    }
    arguments.split('"').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn calls_are_under_the_lines_under_which_strace_reports_them() {
    let (root, log) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    rig::lay_out(root.path());
    let log = reported(root.path(), log.path());
    let reference = counted(&log);
    // `auto` is BPF where that is to be had.
    for way in ["auto", "ptrace"] {
        agree(way, &recorded(root.path(), way), &reference);
    }
}

fn agree(way: &str, own: &Counted, reference: &Counted) {
    let last = u32::try_from(LINES.len()).unwrap();
    let (mut all, mut agreed) = (0, 0);
    let mut differing = Vec::new();
    // How many children's ends come as one signal is a matter of time, and differs between any two runs.
    let told = |(line, name, _): &(u32, String, String)| {
        (1..=last).contains(line) && name != "rt_sigreturn"
    };
    for (key, count) in reference.iter().filter(|(key, _)| told(key)) {
        // Told names have what strace leaves out of them: nothing, for calls without a path.
        let found: usize = match key.2.as_str() {
            "" => own
                .iter()
                .filter(|(own, _)| (own.0, &own.1) == (key.0, &key.1))
                .map(|(_, count)| count)
                .sum(),
            _ => own.get(key).copied().unwrap_or(0),
        };
        all += count;
        agreed += found.min(*count);
        if found < *count {
            differing.push(format!("{key:?}: {count}, {found} here"));
        }
    }
    let share = agreed as f64 / all as f64;
    println!("{way}: {agreed} of {all} calls, {share:.5}; {differing:#?}");
    assert!(all > 1000, "{all}");
    assert!(share >= 0.999, "{way}: {agreed} of {all} calls; {differing:#?}");
}

#[test]
fn calls_of_emulated_programs_are_under_the_lines_under_which_the_emulator_reports_them() {
    let root = tempfile::tempdir().unwrap();
    rig::lay_out(root.path());
    let personas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/personas");
    let busybox = personas.join("mipsel-router/busybox");
    fs::copy(busybox, root.path().join("bin/busybox")).expect("`make personas` is needed");
    let reference = emulated::reported(root.path(), LINES, typed_into);
    for way in ["auto", "ptrace"] {
        agree(way, &emulated::by_family(&recorded(root.path(), way)), &reference);
    }
}
