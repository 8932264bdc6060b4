// SPDX-License-Identifier: Apache-2.0
//! Files that a session made, taken before they are removed, overwritten or run, and at the end.
//!
//! A file is read from outside, beneath directories of the cell that were opened when the shell began: names that the
//! intruder chose never leave the cell (`openat2` without links), and its file systems stay readable after its end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use kakoi_kernel::Watched;
use kakoi_model::{Argument, Call};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use serde::{Deserialize, Serialize};

/// Files of one session that are watched.
const MOST_FILES: usize = 1024;

/// Files of one session that are taken.
const MOST_TAKEN: usize = 256;

/// File systems of a cell that a session writes to; the longest name first.
const PLACES: [&str; 3] = ["/tmp/", "/dev/", "/"];

/// Stands before the description of a file in the stream of events; its bytes follow the line.
pub(crate) const MARK: u8 = 1;

/// What is told of a file. The line is 0 where another record knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Described {
    pub(crate) line: u32,
    pub(crate) path: String,
    pub(crate) size: usize,
}

/// Tells of files, each with its bytes.
pub(crate) fn write(events: &mut impl Write, samples: Vec<(Described, Vec<u8>)>) -> io::Result<()> {
    for (described, bytes) in samples {
        events.write_all(&[MARK])?;
        serde_json::to_writer(&mut *events, &described)?;
        events.write_all(b"\n")?;
        events.write_all(&bytes)?;
    }
    Ok(())
}

/// The files of one session.
#[derive(Default)]
pub(crate) struct Samples {
    /// Longest file that is taken, in bytes; 0 for none at all.
    most_bytes: u64,
    roots: Vec<(&'static str, OwnedFd)>,
    /// Paths in the cell, and the line that opened them last.
    written: BTreeMap<String, u32>,
    /// What was taken: path, size and time of change.
    taken: BTreeSet<(String, u64, i64, i64)>,
}

impl Samples {
    pub(crate) fn new(most_bytes: u64) -> Self {
        Self { most_bytes, ..Self::default() }
    }

    /// The shell begins: the cell is as the intruder will see it.
    pub(crate) fn begin(&mut self, shell: Watched) {
        if self.most_bytes == 0 || !self.roots.is_empty() {
            return;
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        for place in PLACES {
            let path = format!("/proc/{}/root{place}", shell.process());
            if let Ok(root) = openat(CWD, path, flags, Mode::empty()) {
                self.roots.push((place, root));
            }
        }
    }

    /// A call returned: did it open a file for writing?
    pub(crate) fn opened(&mut self, process: Watched, line: u32, call: &Call) {
        if call.result < 0 || self.roots.is_empty() || !writes(call) {
            return;
        }
        let link = format!("/proc/{}/fd/{}", process.process(), call.result);
        let Ok(path) = std::fs::read_link(link) else { return };
        let path = path.to_string_lossy().into_owned();
        let kept = !path.starts_with("/dev/null") && !path.starts_with("/proc/");
        if kept && (self.written.len() < MOST_FILES || self.written.contains_key(&path)) {
            self.written.insert(path, line);
        }
    }

    /// A call begins: files of the session that it would remove, overwrite or run, as they are now.
    pub(crate) fn before(&mut self, call: &Call) -> Vec<(Described, Vec<u8>)> {
        let ends = match call.call.as_str() {
            "unlink" | "unlinkat" | "rename" | "renameat" | "renameat2" | "execve" | "execveat"
            | "truncate" => true,
            "open" | "openat" | "creat" => call.call == "creat" || truncates(call),
            _ => false,
        };
        if !ends || self.written.is_empty() {
            return Vec::new();
        }
        let names = ["path", "to"].map(|name| match call.arguments.get(name) {
            Some(Argument::Text(path)) => base(path),
            _ => "",
        });
        // From names alone it is not known which of two files is meant; both are looked at.
        let meant =
            |path: &&String| names.iter().any(|name| !name.is_empty() && *name == base(path));
        let paths: Vec<String> = self.written.keys().filter(meant).cloned().collect();
        paths.iter().filter_map(|path| self.take(path)).collect()
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> Vec<(Described, Vec<u8>)> {
        let paths: Vec<String> = self.written.keys().cloned().collect();
        paths.iter().filter_map(|path| self.take(path)).collect()
    }

    fn take(&mut self, path: &str) -> Option<(Described, Vec<u8>)> {
        if self.taken.len() >= MOST_TAKEN {
            return None;
        }
        let (place, root) = self.roots.iter().find(|(place, _)| path.starts_with(place))?;
        let file = open(root, path.strip_prefix(place)?).ok()?;
        let metadata = file.metadata().ok()?;
        let size = metadata.len();
        if !metadata.is_file() || size == 0 || size > self.most_bytes {
            return None;
        }
        let state = (path.to_owned(), size, metadata.mtime(), metadata.mtime_nsec());
        if !self.taken.insert(state) {
            return None;
        }
        let mut bytes = Vec::new();
        file.take(self.most_bytes).read_to_end(&mut bytes).ok()?;
        let line = self.written.get(path).copied().unwrap_or(0);
        Some((Described { line, path: path.to_owned(), size: bytes.len() }, bytes))
    }
}

/// Opens beneath a directory, through no link and waiting for nobody.
fn open(root: &OwnedFd, path: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    Ok(File::from(openat2(root, Path::new(path), flags, Mode::empty(), resolve)?))
}

fn flags(call: &Call) -> &[String] {
    match call.arguments.get("flags") {
        Some(Argument::List(flags)) => flags,
        _ => &[],
    }
}

/// Does it open a file for writing?
pub(crate) fn writes(call: &Call) -> bool {
    matches!(call.call.as_str(), "open" | "openat" | "openat2" | "creat") && opens_for_writing(call)
}

fn opens_for_writing(call: &Call) -> bool {
    call.call == "creat" || flags(call).iter().any(|flag| flag == "O_WRONLY" || flag == "O_RDWR")
}

fn truncates(call: &Call) -> bool {
    flags(call).iter().any(|flag| flag == "O_TRUNC")
}

pub(crate) fn base(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}
