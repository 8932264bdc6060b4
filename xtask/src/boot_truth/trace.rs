// SPDX-License-Identifier: Apache-2.0
//! What ran, from the log of strace.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;

use super::root::Guest;

/// One program that ran.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ran {
    /// The file within the root, links followed; None when it is not a file of the image.
    pub file: Option<String>,
    /// The name that it was called by.
    pub name: String,
    /// The path that was executed.
    pub path: String,
}

/// What a shell may have built in: whether it is a program depends on the shell.
pub const PERHAPS_BUILT_IN: [&str; 8] =
    ["[", "[[", "test", "echo", "printf", "true", "false", "kill"];

/// What a boot showed.
#[derive(Debug, Default)]
pub struct Boot {
    /// Programs executed after init, each once. `sh -c` is left out: it is how programs start
    /// others.
    pub ran: BTreeSet<Ran>,
    /// Those of which a process was there when the time was up: the process list.
    pub alive: BTreeSet<Ran>,
}

/// Processes that end this long before the trace ends were killed with the guest, in seconds.
const LAST_MOMENT: f64 = 1.5;

pub fn read(trace: &Path, guest: &Guest) -> anyhow::Result<Boot> {
    let text = std::fs::read(trace).with_context(|| trace.display().to_string())?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<Line<'_>> = text.lines().filter_map(Line::parse).collect();
    let is_last =
        |line: &Line<'_>| line.what.starts_with("execve(\"") && line.what.contains("[\"perl\"");
    let first = lines.iter().rposition(is_last).context("init was never reached")? + 1;
    let end = lines.last().map_or(0.0, |line| line.at);
    let mut boot = Boot::default();
    let mut processes: BTreeMap<u64, Ran> = BTreeMap::new();
    let mut pending = BTreeMap::new();
    for line in lines.get(first..).unwrap_or_default() {
        let succeeded = line.what.ends_with("= 0");
        let mut call = parse(line.what).filter(|_| succeeded || !line.what.contains(") = "));
        if !succeeded {
            pending.extend(call.take().map(|call| (line.process, call)));
        } else if line.what.starts_with("<... execve resumed>") {
            call = pending.remove(&line.process);
        }
        if let Some((path, words)) = call {
            let ran = what_ran(&path, &words, guest);
            boot.ran.extend(Some(ran.clone()).filter(|ran| !ran.is_wrapper(&words)));
            processes.insert(line.process, ran);
        } else if let Some(child) = child_of(line.what) {
            if let Some(same) = processes.get(&line.process).cloned() {
                processes.entry(child).or_insert(same);
            }
        } else if line.what.starts_with("+++") && line.at + LAST_MOMENT < end {
            processes.remove(&line.process);
        }
    }
    anyhow::ensure!(!boot.ran.is_empty(), "init could not be executed");
    boot.alive = processes.into_values().filter(|ran| boot.ran.contains(ran)).collect();
    Ok(boot)
}

/// A line of the log: `PROCESS SECONDS WHAT`.
struct Line<'a> {
    process: u64,
    at: f64,
    what: &'a str,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (process, rest) = line.split_once(' ')?;
        let (at, what) = rest.trim_start().split_once(' ')?;
        Some(Self { process: process.parse().ok()?, at: at.parse().ok()?, what })
    }
}

/// What `clone` and its like return, in the numbering of the machine.
fn child_of(what: &str) -> Option<u64> {
    let is_fork = ["clone", "fork", "vfork"].iter().any(|name| {
        what.starts_with(name)
            || what.strip_prefix("<... ").is_some_and(|rest| rest.starts_with(name))
    });
    let result = what.rsplit_once(" = ").filter(|_| is_fork)?.1;
    let number = match result.split_once("/* ") {
        Some((_, outside)) => outside.split(' ').next()?,
        None => result.split(' ').next()?,
    };
    number.parse().ok()
}

fn what_ran(path: &str, words: &[String], guest: &Guest) -> Ran {
    let mut name = base(path).to_owned();
    if name == "busybox" && words.len() > 1 {
        name = words.get(1).map(|word| base(word).to_owned()).unwrap_or_default();
    }
    // `sh SCRIPT` is the script that runs.
    let script = words.get(1).filter(|word| name == "sh" && word.contains('/'));
    if let Some((file, script)) = script.and_then(|word| Some((guest.resolve(word)?, word))) {
        return Ran { file: Some(file), name: base(script).to_owned(), path: script.clone() };
    }
    Ran { file: guest.resolve(path), name, path: path.to_owned() }
}

impl Ran {
    fn is_wrapper(&self, words: &[String]) -> bool {
        let is_shell = self.name == "sh" && words.get(1).is_some_and(|word| word == "-c");
        is_shell
            || PERHAPS_BUILT_IN.contains(&self.name.as_str())
            || self.path.starts_with("/proc/self")
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `execve("PATH", ["WORD", …], …) = 0`.
fn parse(what: &str) -> Option<(String, Vec<String>)> {
    let call = what.strip_prefix("execve(")?;
    let (path, rest) = quoted(call)?;
    let mut words = Vec::new();
    let mut rest = rest.strip_prefix(", [")?;
    while let Some((word, after)) = quoted(rest) {
        words.push(word);
        rest = after.trim_start_matches("...").trim_start_matches(", ");
    }
    Some((path, words))
}

/// A text in quotation marks and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut word = String::new();
    let mut letters = inner.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((word, inner.get(at + 1..)?)),
            '\\' => word.extend(letters.next().map(|(_, letter)| letter)),
            letter => word.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_strace_gives_the_path_and_the_words() {
        let line = r#"617   17.5 execve("/bin/sh", ["sh", "-c", "echo \"a, b\""], 0x7ff /* 3 vars */) = 0"#;
        let line = Line::parse(line).unwrap_or(Line { process: 0, at: 0.0, what: "" });
        assert_eq!((line.process, line.at), (617, 17.5));
        let (path, words) = parse(line.what).unwrap_or_default();
        assert_eq!(path, "/bin/sh");
        assert_eq!(words, ["sh", "-c", "echo \"a, b\""]);
        assert_eq!(parse("+++ exited with 0 +++"), None);
    }

    #[test]
    fn a_child_is_known_by_its_number_outside_of_the_guest() {
        let inside = "clone(child_stack=NULL, flags=SIGCHLD) = 7 /* 32682 in strace's PID NS */";
        assert_eq!(child_of(inside), Some(32682));
        assert_eq!(child_of("<... vfork resumed>) = 12"), Some(12));
        assert_eq!(child_of("execve(\"/a\", [\"a\"], 0) = 0"), None);
    }
}
