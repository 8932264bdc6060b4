// SPDX-License-Identifier: Apache-2.0
//! Programs that other programs start: named in the strings of what starts at boot.
//!
//! A vendor's `httpd` or `rc` runs most daemons of many devices through `system()`. That a string
//! names a program does not tell when it runs: these start-ups are *possible*, never more.

use std::collections::BTreeSet;

use kakoi_model::{Digest, Evidence, File, ImagePath, StartCertainty, StartMechanism};
use memchr::memmem;

use super::boot::{Boot, Launch};
use super::context::Context;
use super::daemons;
use super::resolve::TargetKind;
use super::shell::{Scope, Text};
use crate::text::{is_printable, printable_stretches};

/// Bytes that are searched in one root file system.
const MAX_BYTES: u64 = 256 << 20;
/// Longest program that is searched.
const MAX_PROGRAM: u64 = 32 << 20;
/// Programs taken from the strings of one file.
const MAX_NAMED: usize = 400;
/// Programs that name each other.
const MAX_DEPTH: usize = 4;
/// Lengths of a string that may be a command.
const LENGTHS: std::ops::RangeInclusive<usize> = 4..=400;
const STEP: &str = "a string of the program names the next";
/// Functions that start programs.
const STARTERS: &[&str] =
    &["system", "popen", "execv", "execl", "posix_spawn", "_eval", "doSystem"];
/// Libraries that start nothing of the vendor's.
const PLAIN_LIBRARIES: &[&str] = &[
    "libc.",
    "libm.",
    "libpthread",
    "libdl",
    "libgcc",
    "libcrypt.",
    "librt",
    "libstdc++",
    "libssl",
    "libcrypto",
    "libz.",
    "libresolv",
    "libnsl",
    "libutil",
    "ld-",
    "libuClibc",
    "libiconv",
];

/// Follows the strings of everything found so far, and of what that brings.
pub(super) fn start_named(boot: &mut Boot<'_>) {
    let (mut at, mut bytes) = (0, 0_u64);
    // Programs whose libraries were looked for, and whatever was searched: many start-ups share one.
    let (mut looked_at, mut seen) = (BTreeSet::new(), BTreeSet::new());
    while let Some(known) = boot.found.start_ups().get(at) {
        at += 1;
        let depth = known.chain.iter().filter(|step| step.what == STEP).count();
        let context = Context::after(known);
        let program = known.program.as_ref().and_then(|place| boot.root().file(&place.path));
        let Some(program) = program.filter(|_| depth < MAX_DEPTH) else { continue };
        if !program.digest().is_some_and(|digest| looked_at.insert(digest)) {
            continue;
        }
        for file in with_libraries(boot, program) {
            let new = file.digest().is_some_and(|digest| seen.insert(digest));
            bytes = bytes.saturating_add(file.size());
            if new && bytes <= MAX_BYTES {
                start_named_by(boot, file, &context);
            }
        }
    }
}

/// A program and the libraries of the vendor that it names.
fn with_libraries<'a>(boot: &Boot<'a>, program: &'a File) -> Vec<&'a File> {
    let mut files = vec![program];
    let Some(content) = read_program(boot, program) else { return files };
    let mut digests: BTreeSet<Digest> = program.digest().into_iter().collect();
    for text in library_names(&content) {
        let name = text.rsplit('/').next().unwrap_or(text);
        if PLAIN_LIBRARIES.iter().any(|plain| name.starts_with(plain)) {
            continue;
        }
        let plug_in = text.starts_with('/');
        let directories: &[&str] =
            if plug_in { &["/"] } else { &["/lib", "/usr/lib", "/usr/local/lib"] };
        for directory in directories {
            let path = ImagePath::from(*directory).join(text.trim_start_matches('/'));
            let file = boot.root().file(&path);
            if let Some(file) = file
                && file.digest().is_some_and(|digest| digests.insert(digest))
            {
                files.push(file);
            }
        }
    }
    files
}

/// Texts like `libshared.so`, which the dynamic section or a call of `dlopen` refers to, and paths of
/// plug-ins.
fn library_names(content: &[u8]) -> impl Iterator<Item = &str> {
    let mut last = 0;
    memmem::find_iter(content, ".so").filter_map(move |at| {
        let before = content.get(last..at)?.iter().rev();
        let start = at - before.take_while(|byte| is_printable(**byte)).count();
        let behind = content.get(at..)?.iter().take(*LENGTHS.end());
        let end = at + behind.take_while(|byte| is_printable(**byte)).count();
        last = end;
        let text = std::str::from_utf8(content.get(start..end)?).ok()?;
        let name = text.rsplit('/').next().unwrap_or(text);
        let plug_in = text.starts_with('/') && name.ends_with(".so");
        let library = name.starts_with("lib") && !text.contains('/');
        let wanted = (library || plug_in) && !text.contains(' ') && LENGTHS.contains(&text.len());
        wanted.then_some(text)
    })
}

fn read_program(boot: &Boot<'_>, file: &File) -> Option<bytes::Bytes> {
    if file.size() > MAX_PROGRAM {
        return None;
    }
    let content = boot.root().content(file)?;
    if boot.resolver.is_multi_call(file) && is_tool_box(&content) {
        return None;
    }
    content.starts_with(b"\x7fELF").then_some(content)
}

/// BusyBox and Toybox have the names of programs in them because they are these programs. A
/// vendor's `rc` has them because it starts them.
fn is_tool_box(content: &[u8]) -> bool {
    [&b"BusyBox v"[..], b"toybox "].iter().any(|name| memmem::find(content, name).is_some())
}

fn start_named_by(boot: &mut Boot<'_>, file: &File, context: &Context) {
    let Some(content) = read_program(boot, file) else { return };
    let starts = |name: &&str| memmem::find(&content, name.as_bytes()).is_some();
    if !STARTERS.iter().any(&starts) {
        return;
    }
    let searches_path = ["execvp", "execlp", "_eval"].iter().any(starts);
    let mut named = BTreeSet::new();
    for (offset, text) in strings(&content) {
        for words in commands_in(text, searches_path) {
            if named.len() >= MAX_NAMED || !named.insert(words.join(" ")) {
                continue;
            }
            let evidence = Evidence::at(STEP, offset as u64)
                .in_file(boot.root().place(&file.path))
                .with_excerpt(text.as_bytes());
            start_possible(boot, &words, context.with(evidence), file);
        }
    }
}

fn start_possible(boot: &mut Boot<'_>, words: &[&str], context: Context, by: &File) {
    let scope = Scope::of_init();
    let Some(name) = words.first() else { return };
    let target = boot.resolver.resolve(name, &scope);
    let Some(file) = target.file else {
        return start_made_at_run_time(boot, words, context);
    };
    let executable = file.mode.is_none_or(|mode| mode & 0o111 != 0);
    let content = boot.root().content(file).unwrap_or_default();
    let head = content.get(..4).unwrap_or_default();
    // Text without a first line that names an interpreter is more likely data.
    let plain = !head.starts_with(b"#!") && head != b"\x7fELF" && !name.ends_with(".sh");
    let library = matches!(target.kind, TargetKind::Program) && name.contains(".so");
    // Of the names of a multi-call program most are not started by it; those of daemons may be.
    let itself = file.digest() == by.digest() && daemons::find_service(name).is_none();
    if !executable || library || plain || itself {
        return;
    }
    launch_possible(boot, words, context);
}

/// A program or script that is not in the image because it is put together at boot: its place is
/// one that changes at run time, and its name is that of something that is run.
fn start_made_at_run_time(boot: &mut Boot<'_>, words: &[&str], context: Context) {
    let Some((directory, name)) = words.first().and_then(|name| name.rsplit_once('/')) else {
        return;
    };
    let changes = directory.starts_with("/tmp") || directory.starts_with("/var");
    let is_run = directory.ends_with("bin") || name.ends_with(".sh") || name.starts_with("rc.");
    if changes && is_run && !name.is_empty() && !name.contains('%') {
        launch_possible(boot, words, context);
    }
}

fn launch_possible(boot: &mut Boot<'_>, words: &[&str], context: Context) {
    let background = words.last().is_some_and(|word| *word == "&");
    let words = words.iter().filter(|word| **word != "&").map(|word| {
        let unknown = word.contains('%');
        if unknown { Text::unknown(*word) } else { Text::known(*word) }
    });
    let mut context = context.by(StartMechanism::Program).at_most(StartCertainty::Possible);
    context.service = background;
    boot.start(Launch { words: words.collect(), context, scope: Scope::of_init() });
}

/// Words that stand before a command.
const LEADS: &[&str] = &["nohup", "exec", "-c", "then"];

/// The commands that a string may hold, each as words.
fn commands_in(text: &str, searches_path: bool) -> Vec<Vec<&str>> {
    let mut commands = Vec::new();
    // Most strings are names of functions and variables.
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.+%:=,@#".contains(&byte)) {
        let is_one = !LEADS.contains(&text) && is_command(&[text], false, searches_path);
        return if is_one { vec![vec![text]] } else { commands };
    }
    // A name with a blank behind it waits for its arguments.
    let several = text.contains([';', '|', '&']) || text.ends_with(' ') && !text.starts_with(' ');
    for segment in text.split([';', '|', '\n', '`', '(']).take(20) {
        for piece in segment.split("&&").take(20) {
            let background = piece.trim_end().ends_with('&');
            let mut words: Vec<&str> =
                piece.trim_end_matches([' ', '&', ')']).split_whitespace().take(40).collect();
            if let Some(at) = words.iter().position(|word| is_redirect(word)) {
                words.truncate(at);
            }
            if background {
                words.push("&");
            }
            while words.first().is_some_and(|word| LEADS.contains(word)) {
                words.remove(0);
            }
            if is_command(&words, several || background, searches_path) {
                commands.push(words);
            }
        }
    }
    commands
}

/// An absolute name, or a bare one that is followed by what only a command line has.
fn is_command(words: &[&str], several: bool, searches_path: bool) -> bool {
    let Some(name) = words.first() else { return false };
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+".contains(&b));
    if !plain || name.len() < 3 || name.ends_with('/') {
        return false;
    }
    if name.starts_with('/') {
        return true;
    }
    let rest = words.get(1..).unwrap_or_default();
    match rest.first() {
        Some(second) => {
            rest.iter().take(4).any(|word| is_argument(word))
                || matches!(*second, "start" | "restart")
                || several && !daemons::is_brief(name)
        }
        // The bare name of a well-known daemon is what `system` is given to start it.
        None => {
            daemons::find_service(name).is_some()
                || (several || searches_path) && name.len() > 3 && !daemons::is_brief(name)
        }
    }
}

/// What a command line has and prose has not: options, paths, formats, interfaces, addresses.
fn is_argument(word: &str) -> bool {
    let is_interface = |word: &str| {
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let known = ["eth", "br", "ath", "wlan", "ra", "ppp", "lo", "vlan", "wl", "wifi"];
        letters != word && known.contains(&letters)
    };
    word.starts_with(['-', '/', '%', '&']) || is_interface(word)
}

fn is_redirect(word: &str) -> bool {
    word.starts_with(['>', '<']) || word.starts_with("2>") || word.starts_with("1>")
}

/// Texts of a length that commands have, with their offsets.
fn strings(content: &[u8]) -> impl Iterator<Item = (usize, &str)> {
    printable_stretches::<{ *LENGTHS.start() }>(content).filter_map(|(start, text)| {
        let text = LENGTHS.contains(&text.len()).then_some(text)?;
        Some((start, std::str::from_utf8(text).ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_told_from_prose() {
        let found = |text| -> Vec<String> {
            commands_in(text, false).iter().map(|words| words.join(" ")).collect()
        };
        assert_eq!(
            found("/usr/sbin/telnetd -l /bin/login &"),
            ["/usr/sbin/telnetd -l /bin/login &"]
        );
        assert_eq!(
            found("killall -9 dnsmasq; dnsmasq -C %s"),
            ["killall -9 dnsmasq", "dnsmasq -C %s"]
        );
        assert_eq!(found("iptables -F > /dev/null 2>&1"), ["iptables -F"]);
        assert_eq!(found("login failed for user"), Vec::<String>::new());
        assert_eq!(found("/etc/config/"), Vec::<String>::new());
    }
}
