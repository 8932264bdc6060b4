// SPDX-License-Identifier: Apache-2.0
//! One service: what its program, its libraries, and what these run refer to.

mod gather;
mod reach;

use std::collections::{BTreeSet, VecDeque};

use kakoi_model::{File, FileKind, StartUp};

use gather::gathered;

use super::refer::{Referred, Runs, in_program, in_text};
use super::tree::{Tree, absolute, is_multi_call};
use super::{Known, Line, Lines, Service, applet, base, is_login};

/// Steps from the service to a content that is still searched.
const DEEPEST: usize = 3;
/// Contents that are searched for one service.
const MOST: usize = 160;
/// Shells and such are run by services, and are none.
const NO_SERVICES: &[&str] =
    &["init", "sh", "ash", "login", "getty", "sulogin", "sleep", "askfirst"];
/// Directories of the device that change at run time.
const CHANGING: &[&str] = &["/tmp", "/var", "/run", "/dev", "/mnt", "/media", "/proc/sys"];
/// So general that the whole of them is never meant.
const GENERAL: &[&str] = &[
    "/", "/etc", "/usr", "/bin", "/sbin", "/lib", "/var", "/tmp", "/dev", "/proc", "/sys", "/mnt",
];

/// Pattern by which the service is entered, or why it has no domain.
pub(super) fn enter(tree: &Tree<'_>, start: &StartUp) -> Result<String, String> {
    let name = start.applet.as_deref().unwrap_or_else(|| base(&start.command));
    if is_login(name) {
        return Err("what descends from it is the domain remote-session".to_owned());
    }
    if NO_SERVICES.contains(&name) {
        return Err("a shell, init or login is no service".to_owned());
    }
    let program = start.program.as_ref().ok_or("its program is not in the image")?;
    if let Some(applet) = &start.applet {
        return Ok(format!("busybox:{applet}"));
    }
    let path = format!("/{}", program.path);
    let file = tree.file(&path).ok_or("its program is not in the root file system")?;
    if tree.elf(file).is_none() {
        return Err("a script: its shell enters no domain".to_owned());
    }
    match super::super::Pattern::parse(&path) {
        Ok(_) => Ok(path),
        Err(why) => Err(why),
    }
}

/// Derives one domain.
pub(super) fn derive(
    tree: &Tree<'_>,
    enter: &str,
    starts: &[&StartUp],
    names: &mut BTreeSet<String>,
) -> Service {
    let service = Service {
        name: name_of(enter, names),
        enter: enter.to_owned(),
        start: starts.first().map(|start| chain(start)).unwrap_or_default(),
        ..Service::default()
    };
    let mut walk = Walk {
        tree,
        service,
        open: VecDeque::new(),
        seen: BTreeSet::new(),
        imports: BTreeSet::new(),
    };
    let first = starts.iter().find_map(|start| Some(format!("/{}", start.program.as_ref()?.path)));
    if let Some(file) = first.and_then(|path| tree.file(&path)) {
        walk.add_program(file, 0);
    }
    walk.add_applet();
    for start in starts {
        walk.add_arguments(start);
    }
    walk.run();
    walk.add_network(starts);
    walk.add_calls(starts);
    walk.finish()
}

/// `httpd`, `httpd-2`: letters, digits and dashes, at most 31.
fn name_of(enter: &str, names: &mut BTreeSet<String>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let base = enter.rsplit(['/', ':']).next().unwrap_or(enter);
    let short: String = base.chars().map(plain).take(24).collect();
    let short = short.trim_matches('-');
    let short = if short.is_empty() { "service" } else { short };
    let reserved = ["remote-session", super::super::EVERYONE];
    let mut name = short.to_owned();
    let mut number = 2;
    while reserved.contains(&name.as_str()) || !names.insert(name.clone()) {
        name = format!("{short}-{number}");
        number += 1;
    }
    name
}

/// The last steps of a chain, in words.
fn chain(start: &StartUp) -> String {
    let steps = start.chain.iter().rev().take(3).rev().map(|step| {
        let file = step.file.as_ref().map(|file| format!("/{}", file.path)).unwrap_or_default();
        match (step.line, step.offset) {
            (Some(line), _) => format!("{file}:{line}"),
            (None, Some(offset)) => format!("{file}+0x{offset:x}"),
            _ => format!("{file} {}", step.what),
        }
    });
    let words: Vec<String> = steps.collect();
    format!("{}: {} {}", words.join(" > "), start.command, start.arguments.join(" "))
}

struct Walk<'a> {
    tree: &'a Tree<'a>,
    service: Service,
    /// Contents still to be searched: the file, and how far away it is.
    open: VecDeque<(&'a File, usize)>,
    seen: BTreeSet<String>,
    imports: BTreeSet<String>,
}

fn put(lines: &mut Lines, what: impl Into<String>, evidence: impl Into<String>) {
    let line = Line { known: Known::Static, evidence: evidence.into() };
    lines.entry(what.into()).or_insert(line);
}

impl<'a> Walk<'a> {
    fn run(&mut self) {
        let mut searched = 0;
        while let Some((file, depth)) = self.open.pop_front() {
            searched += 1;
            if searched > MOST {
                self.service.gaps.push(format!("more than {MOST} files are within reach"));
                return;
            }
            self.search(file, depth);
        }
    }

    fn queue(&mut self, file: &'a File, depth: usize) {
        if depth <= DEEPEST && self.seen.insert(absolute(file)) {
            self.open.push_back((file, depth));
        }
    }

    /// A program: its libraries and its dynamic linker are read, its strings are searched.
    fn add_program(&mut self, file: &'a File, depth: usize) {
        let path = absolute(file);
        put(&mut self.service.read, path.clone(), "the program itself");
        let Some(elf) = self.tree.elf(file) else { return };
        if let Some(linker) = elf.interpreter.as_deref().and_then(|name| self.tree.real(name)) {
            put(&mut self.service.read, linker, format!("PT_INTERP of {path}"));
        }
        let mut open = vec![file];
        let mut known = BTreeSet::new();
        while let Some(asker) = open.pop() {
            let Some(elf) = self.tree.elf(asker) else { continue };
            self.imports.extend(elf.imports.iter().cloned());
            for name in &elf.needed {
                let Some(library) = self.tree.library(name) else { continue };
                if !known.insert(absolute(library)) {
                    continue;
                }
                let evidence = format!("DT_NEEDED {name} of {}", absolute(asker));
                put(&mut self.service.read, absolute(library), evidence);
                open.push(library);
                if !is_c_library(name) {
                    self.queue(library, depth);
                }
            }
        }
        for path in OF_THE_LIBRARY {
            put(&mut self.service.read, *path, "the C library and the dynamic linker open it");
        }
        for path in OF_A_DAEMON {
            put(&mut self.service.read, *path, "daemon(3) and syslog(3) open it");
            put(&mut self.service.write, *path, "daemon(3) and syslog(3) open it");
        }
        put(&mut self.service.read, "/", "daemon(3) goes there");
        if !is_multi_call(file) {
            self.queue(file, depth);
        }
    }

    fn add_applet(&mut self) {
        let Some(name) = self.service.enter.strip_prefix("busybox:").map(str::to_owned) else {
            return;
        };
        let Some(known) = applet::named(&name) else { return };
        let evidence = format!("BusyBox's {name}");
        known.read.iter().for_each(|path| put(&mut self.service.read, *path, evidence.clone()));
        known.write.iter().for_each(|path| put(&mut self.service.write, *path, evidence.clone()));
        for run in known.exec {
            self.add_command(run, &evidence, 1);
        }
        if name == "crond" {
            self.add_crontabs();
        }
    }

    /// What crontabs run is run by crond.
    fn add_crontabs(&mut self) {
        for folder in ["/etc/crontabs", "/var/spool/cron"] {
            for file in self.tree.beneath(folder) {
                let Some(content) = self.tree.content(file) else { continue };
                let path = absolute(file);
                for one in in_text(&content, Runs::Commands) {
                    self.refer(one.what, &format!("{} of {path}", one.at), 1, true);
                }
            }
        }
    }

    fn add_arguments(&mut self, start: &StartUp) {
        for word in &start.arguments {
            for found in in_text(word.as_bytes(), Runs::Nothing) {
                let evidence = format!("argument {word} where it is started");
                self.refer(found.what, &evidence, 0, false);
            }
        }
    }

    fn search(&mut self, file: &'a File, depth: usize) {
        let Some(content) = self.tree.content(file) else { return };
        let path = absolute(file);
        let (found, script) = match (content.starts_with(b"\x7fELF"), content.starts_with(b"#!")) {
            (true, _) => (in_program(&content), false),
            (_, true) => (in_text(&content, Runs::Commands), true),
            _ if path.ends_with(".sh") => (in_text(&content, Runs::Commands), true),
            _ if file.size() > 96 << 10 => return,
            _ => (in_text(&content, Runs::Nothing), false),
        };
        for one in found {
            let evidence = match script || one.at.starts_with("line") {
                true => format!("{} of {path}", one.at),
                false => format!("text at {} of {path}", one.at),
            };
            self.refer(one.what, &evidence, depth, script);
        }
    }

    fn refer(&mut self, what: Referred, evidence: &str, depth: usize, script: bool) {
        match what {
            Referred::Command(name, arguments) => {
                let starts = script
                    || [
                        "system",
                        "popen",
                        "execv",
                        "execl",
                        "execve",
                        "execvp",
                        "execlp",
                        "doSystem",
                        "posix_spawn",
                    ]
                    .iter()
                    .any(|name| self.imports.contains(*name))
                    || self
                        .imports
                        .iter()
                        .any(|name| name.contains("ystem") || name.contains("exec"));
                if starts {
                    self.add_command(&name, evidence, depth + 1);
                    if let Some(next) = arguments.first().filter(|_| is_shell(&name)) {
                        self.add_command(next, evidence, depth + 1);
                    }
                }
            }
            Referred::Written(path) => self.add_written(&path, evidence),
            Referred::Path(path) => self.add_path(&path, evidence, depth),
        }
    }

    fn add_command(&mut self, name: &str, evidence: &str, depth: usize) {
        let Some(file) = self.tree.program(name) else { return };
        if matches!(file.kind, FileKind::Directory) || is_library(file) {
            return;
        }
        if is_multi_call(file) {
            let applet = base(name);
            if applet.len() <= 60 && !applet.starts_with("busybox") {
                put(&mut self.service.exec, format!("busybox:{applet}"), evidence);
                put(&mut self.service.read, absolute(file), evidence);
                APPLETS_READ.iter().for_each(|path| {
                    put(&mut self.service.read, *path, "applets that it runs report from there");
                });
            }
            return;
        }
        let path = absolute(file);
        // Its own name in its own strings is usage or a log line; others of its kind are restarts.
        put(&mut self.service.exec, path, evidence);
        if self.tree.elf(file).is_some() {
            self.add_program(file, depth);
            return;
        }
        self.add_shell(evidence);
        self.queue(file, depth);
    }

    fn add_shell(&mut self, evidence: &str) {
        let Some(shell) = self.tree.program("/bin/sh") else { return };
        let pattern = if is_multi_call(shell) { "busybox:sh".to_owned() } else { absolute(shell) };
        put(&mut self.service.exec, pattern, evidence);
        put(&mut self.service.read, absolute(shell), evidence);
    }

    fn add_written(&mut self, path: &str, evidence: &str) {
        put(&mut self.service.write, path.to_owned(), evidence);
        put(&mut self.service.read, path.to_owned(), evidence);
    }

    /// A path that is named: read if it is there or may be made at run time; written where things change.
    fn add_path(&mut self, path: &str, evidence: &str, depth: usize) {
        if self.service.read.contains_key(path) && self.service.write.contains_key(path) {
            return;
        }
        let changes =
            CHANGING.iter().any(|folder| within(path, folder)) && !GENERAL.contains(&path);
        let kernel = within(path, "/proc") || within(path, "/sys");
        if changes {
            put(&mut self.service.write, path.to_owned(), evidence);
        }
        if self.tree.is_directory(path) {
            let whole =
                if GENERAL.contains(&path) { path.to_owned() } else { format!("{path}/**") };
            put(&mut self.service.read, whole, evidence);
            return;
        }
        let there = self.tree.file(path);
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let may_be = path.contains('*') && self.tree.is_directory(parent) && !parent.is_empty();
        if changes || kernel || may_be || there.is_some() {
            let real = there.map_or_else(|| path.to_owned(), absolute);
            put(&mut self.service.read, real, evidence);
        }
        if let Some(file) = there.filter(|file| !is_library(file)) {
            let text =
                file.mode.is_none_or(|mode| mode & 0o111 == 0) || self.tree.elf(file).is_none();
            if text && within(path, "/etc") {
                self.queue(file, depth + 1);
            }
        }
    }

    fn finish(self) -> Service {
        let mut service = self.service;
        for lines in [&mut service.read, &mut service.write, &mut service.exec] {
            *lines = gathered(std::mem::take(lines));
        }
        service
    }
}

/// What every program of a C library opens (ld.so(8), and the strings of uClibc, musl and glibc).
const OF_THE_LIBRARY: &[&str] = &[
    "/dev/null",
    "/dev/urandom",
    "/etc/TZ",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.preload",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/proc/sys/**",
];
/// What programs open when they go into the background, and to say something.
const OF_A_DAEMON: &[&str] = &["/dev/null", "/dev/console", "/dev/log", "/dev/tty"];
/// What ps, ifconfig, route, free, mount and the like print.
const APPLETS_READ: &[&str] =
    &["/dev/null", "/proc/**", "/sys/class/net/**", "/etc/passwd", "/etc/group"];

fn within(path: &str, folder: &str) -> bool {
    path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn is_shell(name: &str) -> bool {
    ["sh", "ash", "bash", "."].contains(&base(name))
}

fn is_library(file: &File) -> bool {
    let name = String::from_utf8_lossy(file.path.file_name()).into_owned();
    name.contains(".so") || name.ends_with(".ko")
}

fn is_c_library(name: &str) -> bool {
    const PLAIN: &[&str] = &[
        "libc.",
        "libc-",
        "libm.",
        "libpthread",
        "libdl",
        "libgcc",
        "libcrypt.",
        "librt",
        "libstdc++",
        "ld-",
        "libuClibc",
        "libresolv",
        "libnsl",
        "libutil",
        "libssl",
        "libcrypto",
        "libz.",
    ];
    PLAIN.iter().any(|plain| name.starts_with(plain))
}
