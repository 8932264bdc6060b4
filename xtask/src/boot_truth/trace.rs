// SPDX-License-Identifier: Apache-2.0
//! What ran, from the log of strace.

use std::collections::BTreeSet;
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

/// Programs executed after init, each once. `sh -c` is left out: it is how programs start others.
pub fn read(trace: &Path, guest: &Guest) -> anyhow::Result<BTreeSet<Ran>> {
    let text = std::fs::read(trace).with_context(|| trace.display().to_string())?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let calls: Vec<(String, Vec<String>)> = text.lines().filter_map(parse).collect();
    let is_last = |(_, words): &(String, Vec<String>)| words.first().is_some_and(|w| w == "perl");
    let first = calls.iter().rposition(is_last).context("init was never reached")? + 1;
    let guest_calls = calls.get(first..).unwrap_or_default();
    anyhow::ensure!(!guest_calls.is_empty(), "init could not be executed");
    let mut ran = BTreeSet::new();
    for (path, words) in guest_calls {
        let is_shell = base(path) == "sh" && words.get(1).is_some_and(|word| word == "-c");
        let mut name = base(path).to_owned();
        if name == "busybox" && words.len() > 1 {
            name = words.get(1).map(|word| base(word).to_owned()).unwrap_or_default();
        }
        if is_shell || PERHAPS_BUILT_IN.contains(&name.as_str()) || path.starts_with("/proc/self") {
            continue;
        }
        ran.insert(Ran { file: guest.resolve(path), name, path: path.clone() });
    }
    Ok(ran)
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `PID execve("PATH", ["WORD", …], …) = 0`.
fn parse(line: &str) -> Option<(String, Vec<String>)> {
    let (_, call) = line.split_once("execve(")?;
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
        let line =
            r#"617   execve("/bin/sh", ["sh", "-c", "echo \"a, b\""], 0x7ff /* 3 vars */) = 0"#;
        let (path, words) = parse(line).unwrap_or_default();
        assert_eq!(path, "/bin/sh");
        assert_eq!(words, ["sh", "-c", "echo \"a, b\""]);
        assert_eq!(parse("617 +++ exited with 0 +++"), None);
    }
}
