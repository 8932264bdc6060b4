// SPDX-License-Identifier: Apache-2.0
//! Recorded runs: strace's log (`-f`, with process numbers), that of user-mode QEMU (`-strace`), the kernel's audit records of seccomp,
//! and what `kakoi run --log` says.
//!
//! Calls belong to the executable that makes them: a process has its parent's until its `execve` succeeds. A line that cannot
//! be read, and what the recorder itself says it lost, is counted.

use std::collections::BTreeMap;

use super::{AllowedCall, Phase, Profile, Source};
use crate::filter::Architecture;
use crate::table::Table;

/// Calls by executable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Name of the executable (its last part), then call, then how often, and the first line that shows it.
    pub programs: BTreeMap<String, BTreeMap<String, (u64, String)>>,
    /// Lines that say nothing that is understood, and calls that the recorder lost.
    pub lost: LostEvents,
}

/// What a recording does not hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LostEvents {
    /// Lines that were not understood.
    pub lines: u64,
    /// Numbers without a name in the table.
    pub unnamed: u64,
    /// Events that the recorder says it dropped.
    pub dropped: u64,
}

/// Longest part of a line that is kept as the reason of a call.
const LONGEST_REASON: usize = 160;

/// Reads a log. `first` is the executable of processes whose `execve` the log does not show; numbers are of the architecture's
/// table.
#[must_use]
pub fn of_log(log: &str, first: &str, architecture: Architecture) -> Recorded {
    let mut reader = Reader {
        recorded: Recorded::default(),
        images: BTreeMap::new(),
        first: base(first).to_owned(),
        table: Table::named(architecture.abi()),
        architecture,
    };
    log.lines().for_each(|line| reader.line(line));
    reader.recorded
}

struct Reader {
    recorded: Recorded,
    /// Executable of each process.
    images: BTreeMap<u64, String>,
    first: String,
    table: Option<&'static Table>,
    architecture: Architecture,
}

impl Reader {
    fn line(&mut self, line: &str) {
        let text = line.trim();
        if text.is_empty() {
            return;
        }
        let understood = self.audit(text) || self.watched(text) || self.strace(text);
        if !understood {
            self.recorded.lost.lines += 1;
        }
    }

    /// `type=SECCOMP … exe="/usr/sbin/httpd" … arch=c000003e syscall=41 …`
    fn audit(&mut self, text: &str) -> bool {
        if let Some(dropped) = field(text, "audit_lost=").and_then(|number| number.parse().ok()) {
            self.recorded.lost.dropped = self.recorded.lost.dropped.max(dropped);
            return true;
        }
        let (Some(call), Some(arch)) = (field(text, "syscall="), field(text, "arch=")) else {
            return false;
        };
        if u32::from_str_radix(arch, 16) != Ok(self.architecture.audit()) {
            return false;
        }
        let Ok(number) = call.parse::<u64>() else { return false };
        let program =
            field(text, "exe=").map_or_else(|| self.first.clone(), |exe| base(exe).to_owned());
        self.number(&program, number, text);
        true
    }

    /// `kakoi: would have been blocked: call 63 (uname), …`
    fn watched(&mut self, text: &str) -> bool {
        let Some(rest) = text.split_once("would have been blocked: call ").map(|(_, rest)| rest)
        else {
            return false;
        };
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let Ok(number) = digits.parse() else { return false };
        let program = self.first.clone();
        self.number(&program, number, text);
        true
    }

    fn number(&mut self, program: &str, number: u64, text: &str) {
        match self.table.and_then(|table| table.name(number)) {
            Some(name) => self.note(program, name, text),
            None => self.recorded.lost.unnamed += 1,
        }
    }

    fn note(&mut self, program: &str, call: &str, text: &str) {
        let calls = self.recorded.programs.entry(program.to_owned()).or_default();
        let reason = || text.chars().take(LONGEST_REASON).collect();
        calls.entry(call.to_owned()).or_insert_with(|| (0, reason())).0 += 1;
    }

    /// `1234 openat(…) = 3`, `[pid 1234] …`, `1234 <... read resumed>…`; without a number all is one process.
    fn strace(&mut self, line: &str) -> bool {
        let (process, text) = process_of(line);
        if ["---", "+++", "strace: "].iter().any(|start| text.starts_with(start)) {
            return true;
        }
        let Some(call) = call_name(text) else { return false };
        let image = self.images.get(&process).unwrap_or(&self.first).clone();
        // The second half of a call that was interrupted is no second call.
        if !text.starts_with("<...") {
            self.note(&image, call, text);
        }
        if makes_process(call)
            && let Some(child) = result(text)
        {
            self.images.entry(child).or_insert(image);
        }
        if let Some(image) = started(text) {
            self.images.insert(process, image.to_owned());
        }
        true
    }
}

fn process_of(line: &str) -> (u64, &str) {
    let marked = line.strip_prefix("[pid ").and_then(|rest| rest.split_once(']'));
    let Some((number, rest)) = marked.or_else(|| line.split_once(' ')) else { return (0, line) };
    match number.trim().parse() {
        Ok(process) => (process, rest.trim_start()),
        Err(_) => (0, line),
    }
}

fn call_name(text: &str) -> Option<&str> {
    let name = match text.strip_prefix("<... ") {
        Some(rest) => rest.split(' ').next()?,
        None => text.split_once('(')?.0,
    };
    let plain =
        name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    (plain && !name.is_empty()).then_some(name)
}

fn makes_process(call: &str) -> bool {
    matches!(call, "clone" | "clone3" | "fork" | "vfork")
}

fn result(text: &str) -> Option<u64> {
    text.rsplit_once("= ")?.1.split(' ').next()?.parse().ok()
}

/// The executable of an `execve` that is not seen to fail.
fn started(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("execve(\"")?;
    (!text.contains("= -1 ")).then(|| rest.split('"').next().map(base))?
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The value behind a key, with quotes taken off.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let rest = text.split_once(key)?.1;
    let value = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split_whitespace().next()?,
    };
    (!value.is_empty()).then_some(value)
}

impl Recorded {
    /// The profile of one executable.
    #[must_use]
    pub fn profile(&self, program: &str, architecture: Architecture) -> Profile {
        let mut profile = Profile::empty(program, architecture);
        let calls = self.programs.get(base(program)).into_iter().flatten();
        profile.calls = calls
            .map(|(name, (seen, line))| {
                let call = AllowedCall {
                    by_services: false,
                    source: [Source::Trace].into(),
                    phase: Phase::Serving,
                    why: vec![line.clone()],
                    seen: *seen,
                    arguments: BTreeMap::new(),
                };
                (name.clone(), call)
            })
            .collect();
        profile
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(recorded: &Recorded, program: &str) -> Vec<String> {
        recorded.profile(program, Architecture::X86_64).calls.into_keys().collect()
    }

    #[test]
    fn calls_belong_to_the_executable_that_made_them() {
        let log = "1 execve(\"/bin/sh\", [\"sh\"]) = 0\n1 vfork( <unfinished ...>\n1 clone(x) = 2\n2 getpid() = 2\n\
                   2 execve(\"/bin/ls\", x) = 0\n2 brk(NULL) = 0\n[pid 1] wait4(2) = 2\n1 +++ exited with 0 +++\n";
        let recorded = of_log(log, "sh", Architecture::X86_64);
        assert_eq!(names(&recorded, "/bin/sh"), ["clone", "execve", "getpid", "vfork", "wait4"]);
        assert_eq!(names(&recorded, "ls"), ["brk"]);
        assert_eq!(recorded.lost, LostEvents::default());
    }

    #[test]
    fn audit_records_are_of_the_architecture_and_losses_are_counted() {
        let log = "type=SECCOMP msg=audit(1.2:3): pid=4 comm=\"h\" exe=\"/usr/sbin/httpd\" sig=0 arch=c000003e syscall=41 compat=0\n\
                   audit: audit_lost=7 audit_rate_limit=0\n\
                   type=SECCOMP msg=audit(1.2:4): exe=\"/usr/sbin/httpd\" arch=c000003e syscall=9999 code=0x0\ngarbage\n\
                   kakoi: would have been blocked: call 63, 1 times\n";
        let recorded = of_log(log, "/usr/sbin/httpd", Architecture::X86_64);
        assert_eq!(names(&recorded, "httpd"), ["socket", "uname"]);
        assert_eq!(recorded.lost, LostEvents { lines: 1, unnamed: 1, dropped: 7 });
    }
}
