// SPDX-License-Identifier: Apache-2.0
//! What `qemu -strace` reports of a session of MIPS programs, under the typed lines. Recorded are the calls that the emulator makes
//! on the host: of those that it reports, the ones that it passes on are compared, by families of names.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::Counted;

/// Names of one family, here and there, and whether its calls have a path. What is not here the emulator answers itself (brk,
/// rt_sigaction, requests of ioctl that it does not know), asks as often as time has it (poll), or asks the host for on its own account too (mmap, rt_sigprocmask).
const FAMILIES: [(&str, &[&str], bool); 30] = [
    ("open", &["open", "openat"], true),
    ("stat", &["stat", "lstat", "stat64", "lstat64", "fstatat64", "newfstatat", "statx"], true),
    ("access", &["access", "faccessat", "faccessat2"], true),
    ("readlink", &["readlink", "readlinkat"], true),
    ("chdir", &["chdir"], true),
    ("chmod", &["chmod", "fchmodat"], true),
    ("unlink", &["unlink", "unlinkat", "rmdir"], true),
    ("rename", &["rename", "renameat", "renameat2"], true),
    ("mkdir", &["mkdir", "mkdirat"], true),
    ("execve", &["execve"], true),
    ("read", &["read"], false),
    ("write", &["write"], false),
    ("writev", &["writev"], false),
    ("close", &["close"], false),
    ("dup2", &["dup2", "dup3"], false),
    ("pipe", &["pipe", "pipe2"], false),
    ("make", &["fork", "vfork", "clone"], false),
    ("wait", &["wait4", "waitpid"], false),
    ("exit", &["exit_group"], false),
    ("getdents", &["getdents64", "getdents"], false),
    ("seek", &["_llseek", "llseek", "lseek"], false),
    ("fcntl", &["fcntl", "fcntl64"], false),
    ("sendfile", &["sendfile", "sendfile64"], false),
    ("getcwd", &["getcwd"], false),
    ("uname", &["uname"], false),
    ("umask", &["umask"], false),
    ("getuid", &["getuid", "geteuid"], false),
    ("setpgid", &["setpgid"], false),
    ("getpgid", &["getpgid"], false),
    ("kill", &["kill", "tgkill"], false),
];

fn family(name: &str) -> Option<(&'static str, bool)> {
    let found = FAMILIES.iter().find(|(_, names, _)| names.contains(&name));
    found.map(|(family, _, path)| (*family, *path))
}

/// A shell that runs itself again is named by its file where the emulator passes it on.
fn as_passed_on(path: &str) -> &str {
    if path == "/bin/sh" { "/proc/self/exe" } else { path }
}

/// What was recorded, by families.
pub(crate) fn by_family(recorded: &Counted) -> Counted {
    let mut counted = Counted::new();
    for ((line, name, path), count) in recorded {
        let Some((family, has_path)) = family(name) else { continue };
        let path = if has_path { as_passed_on(path) } else { "" };
        *counted.entry((*line, family.to_owned(), path.to_owned())).or_default() += count;
    }
    counted
}

/// Runs the lines in a shell under the emulator, each of whose processes reports to a file of its own.
///
/// Where two processes wrote over each other so that typed bytes are missing, the lines are not known: then all is run anew.
pub(crate) fn reported(root: &Path, lines: &[&str], type_into: impl Fn(&str)) -> Counted {
    let told = (0..8).map(|_| told(root, lines, &type_into)).find(Told::is_whole);
    told.expect("the emulator's reports have all that was typed in one of eight runs").counted
}

fn told(root: &Path, lines: &[&str], type_into: &impl Fn(&str)) -> Told {
    fs::create_dir_all(root.join("log")).unwrap();
    fs::create_dir_all(root.join("mnt")).unwrap();
    // Little-endian 32-bit ELF programs of machine 8; see `registration` in src/persona.rs.
    let magic = "\\x7f\\x45\\x4c\\x46\\x01\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\x08\\x00";
    let mask = "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\xfe\\xff\\xff\\xff";
    let registration = format!(":q:M::{magic}:{mask}:/usr/bin/qemu-mipsel-static:PF");
    fs::write(root.join("registration"), registration).unwrap();
    let script = format!(
        "mount -t tmpfs none {0}/tmp && mount --rbind /dev {0}/dev && mount -t proc proc {0}/proc && \
         mount -t binfmt_misc none {0}/mnt && cat {0}/registration > {0}/mnt/register && \
         exec env -i USER=root LOGNAME=root HOME=/root SHELL=/bin/sh PATH=/bin:/sbin:/usr/bin:/usr/sbin TERM=linux \
         QEMU_STRACE=1 QEMU_LOG_FILENAME=/log/%d chroot {0} /bin/sh",
        root.display()
    );
    type_into(&format!("unshare -Urmpf --propagation private sh -c '{script}'"));
    let mut told = Told::read(&root.join("log"), lines);
    told.follow(1, 0);
    fs::remove_dir_all(root.join("log")).unwrap();
    told
}

/// Reports of all processes, and how much of what was typed they have read.
struct Told {
    calls: BTreeMap<u32, Vec<String>>,
    /// Bytes of each line with its end.
    lengths: Vec<usize>,
    line: u32,
    bytes: usize,
    counted: Counted,
}

impl Told {
    /// A process reports to its parent's file until it runs a program of its own.
    fn read(directory: &Path, lines: &[&str]) -> Self {
        let mut files: Vec<(u32, String)> = Vec::new();
        for file in fs::read_dir(directory).unwrap().flatten() {
            let number = file.file_name().to_str().unwrap().parse().unwrap();
            files.push((
                number,
                String::from_utf8_lossy(&fs::read(file.path()).unwrap()).into_owned(),
            ));
        }
        files.sort();
        let mut calls = BTreeMap::<u32, Vec<String>>::new();
        for own in [false, true] {
            for (number, text) in &files {
                for (pid, call) in calls_in(text) {
                    if (pid == *number) == own {
                        calls.entry(pid).or_default().push(call);
                    }
                }
            }
        }
        let lengths = lines.iter().chain([&"exit"]).map(|line| line.len() + 1).collect();
        Self { calls, lengths, line: 0, bytes: 0, counted: Counted::new() }
    }

    /// Was all read that was typed, and `exit` after it?
    fn is_whole(&self) -> bool {
        usize::try_from(self.line) == Ok(self.lengths.len())
    }

    /// A process from its begin; what it makes is followed where it is made, so that lines are read in their order.
    fn follow(&mut self, pid: u32, mut line: u32) {
        let mut redirected = false;
        for call in self.calls.remove(&pid).unwrap_or_default() {
            let Some((name, rest)) = call.split_once('(') else { continue };
            if let Some((family, has_path)) = family(name) {
                let path = rest.split('"').nth(1).filter(|_| has_path).map_or("", as_passed_on);
                *self.counted.entry((line, family.to_owned(), path.to_owned())).or_default() += 1;
            }
            let result = rest.rsplit_once(") = ").map_or("", |(_, result)| result);
            let result =
                result.split_whitespace().next().and_then(|number| number.parse::<u32>().ok());
            match (name, result) {
                ("read", Some(1) | None) if rest.starts_with("0,") && !redirected => {
                    self.bytes += 1;
                    let at = usize::try_from(self.line).unwrap();
                    if self.lengths.get(at).is_some_and(|length| *length == self.bytes) {
                        (self.bytes, self.line) = (0, self.line + 1);
                        line = self.line;
                    }
                }
                // Shells keep the terminal at descriptor 10 or above meanwhile.
                ("dup2", Some(0)) => {
                    redirected = rest
                        .split(',')
                        .next()
                        .and_then(|from| from.parse::<u32>().ok())
                        .is_some_and(|from| from < 10);
                }
                ("fork" | "vfork" | "clone", Some(child @ 1..)) => self.follow(child, line),
                _ => {}
            }
        }
    }
}

/// Calls with their processes. Two that report to one file at once cut each other off between a call and its result.
fn calls_in(text: &str) -> Vec<(u32, String)> {
    let mut calls: Vec<(u32, String)> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for line in text.lines() {
        let mut rest = line;
        if let Some(result) = rest.strip_prefix(" = ") {
            if let Some(at) = open.pop() {
                calls[at].1 += &format!(" = {result}");
            }
            continue;
        }
        while !rest.is_empty() {
            let ends = rest.match_indices(')').map(|(at, _)| at + 1);
            let cut = ends.filter(|at| rest[*at..].starts_with(|next: char| next.is_ascii_digit()));
            let (piece, more) = rest.split_at(cut.min().unwrap_or(rest.len()));
            if let Some((Ok(pid), call)) =
                piece.split_once(' ').map(|(pid, call)| (pid.parse(), call))
            {
                if !call.contains(") = ") {
                    open.push(calls.len());
                }
                calls.push((pid, call.to_owned()));
            }
            rest = more;
        }
    }
    calls
}
