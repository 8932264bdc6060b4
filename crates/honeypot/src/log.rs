// SPDX-License-Identifier: Apache-2.0
//! A log of whole lines. What cannot be written waits in memory and is written when there is room again; a file that has
//! grown long goes on under a new name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Bytes that wait at most while a log cannot be written; what comes after is lost, and counted.
const MOST_HELD: usize = 64 << 20;

/// When a log goes on in another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rotation {
    /// Bytes after which it does; 0 for never.
    pub bytes: u64,
    /// Earlier files that are kept; 0 for all.
    pub files: u64,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { bytes: 256 << 20, files: 0 }
    }
}

/// What a user has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It cannot be written, for this reason; what comes waits.
    Stuck(String),
    /// It can be written again; this many lines were lost for good.
    Freed(u64),
}

/// A log.
pub(crate) struct Log {
    sink: Box<dyn Write + Send>,
    file: Option<Place>,
    held: Vec<u8>,
    stuck: bool,
    lost: u64,
}

/// The file that a log is in.
struct Place {
    path: PathBuf,
    length: u64,
    /// Number that it gets when it is done.
    number: u64,
    rotation: Rotation,
}

impl Log {
    /// Lines go there, wherever it is.
    pub(crate) fn to(sink: Box<dyn Write + Send>) -> Self {
        Self { sink, file: None, held: Vec::new(), stuck: false, lost: 0 }
    }

    /// Lines are appended to a file.
    pub(crate) fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        let file = append(path)?;
        let length = file.metadata()?.len();
        let number = numbers(path).last().map_or(1, |last| last.saturating_add(1));
        let place = Place { path: path.to_owned(), length, number, rotation };
        Ok(Self { file: Some(place), ..Self::to(Box::new(file)) })
    }

    /// Can it be written?
    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck
    }

    /// Lines that could not be written so far.
    pub(crate) fn unwritten(&self) -> u64 {
        self.lost + self.held.iter().filter(|byte| **byte == b'\n').count() as u64
    }

    /// Appends whole lines, after those that wait.
    pub(crate) fn write(&mut self, lines: &[u8]) -> Option<Turn> {
        self.rotate();
        if self.held.is_empty() {
            let (done, error) = write_some(&mut self.sink, lines);
            self.count(done);
            self.hold(lines.get(done..).unwrap_or_default());
            return error.and_then(|error| self.turn(Some(error)));
        }
        self.hold(lines);
        self.retry()
    }

    /// Tries again to write what waits.
    pub(crate) fn retry(&mut self) -> Option<Turn> {
        let held = std::mem::take(&mut self.held);
        let (done, error) = write_some(&mut self.sink, &held);
        self.count(done);
        self.held = held.get(done..).unwrap_or_default().to_vec();
        self.turn(error)
    }

    fn turn(&mut self, error: Option<io::Error>) -> Option<Turn> {
        match (error, self.stuck) {
            (Some(error), false) => {
                self.stuck = true;
                Some(Turn::Stuck(error.to_string()))
            }
            (None, true) if self.held.is_empty() => {
                self.stuck = false;
                Some(Turn::Freed(std::mem::take(&mut self.lost)))
            }
            _ => None,
        }
    }

    /// The rest of a line that was begun always finds room: half a line would spoil the next.
    fn hold(&mut self, lines: &[u8]) {
        if self.held.len() + lines.len() <= MOST_HELD {
            self.held.extend_from_slice(lines);
        } else {
            self.lost += lines.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
    }

    fn count(&mut self, written: usize) {
        if let Some(place) = &mut self.file {
            place.length += written as u64;
        }
    }

    /// At a line's end only. What cannot be renamed goes on as it is.
    fn rotate(&mut self) {
        let Some(place) = &mut self.file else { return };
        let full = place.rotation.bytes > 0 && place.length >= place.rotation.bytes;
        if !full || !self.held.is_empty() {
            return;
        }
        let done = numbered(&place.path, place.number);
        if fs::rename(&place.path, done).is_err() {
            return;
        }
        if let Ok(file) = append(&place.path) {
            self.sink = Box::new(file);
            place.length = 0;
            place.number += 1;
            remove_old(place);
        }
    }
}

fn remove_old(place: &Place) {
    let keep = place.rotation.files;
    let old = numbers(&place.path);
    let surplus = old.len().saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX));
    for number in old.iter().take(if keep == 0 { 0 } else { surplus }) {
        let _ = fs::remove_file(numbered(&place.path, *number));
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// `events.jsonl.000001`
pub(crate) fn numbered(path: &Path, number: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number:06}"));
    PathBuf::from(name)
}

/// Numbers of the earlier files of a log, in order.
pub(crate) fn numbers(path: &Path) -> Vec<u64> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let name = format!("{}.", name.to_string_lossy());
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<u64> = entries
        .filter_map(|entry| entry.file_name().to_str()?.strip_prefix(&name)?.parse().ok())
        .collect();
    found.sort_unstable();
    found
}

/// How much could be written, and why not all.
fn write_some(sink: &mut impl Write, bytes: &[u8]) -> (usize, Option<io::Error>) {
    let mut done = 0;
    while done < bytes.len() {
        match sink.write(bytes.get(done..).unwrap_or_default()) {
            Ok(0) => return (done, Some(io::ErrorKind::WriteZero.into())),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (done, Some(error)),
        }
    }
    match sink.flush() {
        Ok(()) => (done, None),
        Err(error) => (done, Some(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A disk with so much room.
    #[derive(Clone, Default)]
    struct Disk(Arc<(Mutex<Vec<u8>>, AtomicUsize)>);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = self.0.1.load(Ordering::Relaxed).min(bytes.len());
            if room == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.1.fetch_sub(room, Ordering::Relaxed);
            self.0.0.lock().unwrap().extend_from_slice(&bytes[..room]);
            Ok(room)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_loses_nothing_and_says_so_once() {
        let disk = Disk::default();
        disk.0.1.store(5, Ordering::Relaxed);
        let mut log = Log::to(Box::new(disk.clone()));
        assert_eq!(log.write(b"one\n"), None);
        assert!(matches!(log.write(b"two\n"), Some(Turn::Stuck(_))));
        assert_eq!(log.write(b"three\n"), None);
        assert!(log.is_stuck());
        disk.0.1.store(100, Ordering::Relaxed);
        assert_eq!(log.retry(), Some(Turn::Freed(0)));
        assert_eq!(disk.0.0.lock().unwrap().as_slice(), b"one\ntwo\nthree\n");
        assert_eq!(log.write(b"four\n"), None);
    }

    #[test]
    fn a_long_file_goes_on_under_a_new_name_and_old_ones_go() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("events.jsonl");
        let mut log = Log::open(&path, Rotation { bytes: 4, files: 2 }).unwrap();
        for line in ["a1\n", "a2\n", "b1\n", "b2\n", "c1\n", "c2\n", "d1\n"] {
            log.write(line.as_bytes());
        }
        assert_eq!(numbers(&path), [2, 3]);
        assert_eq!(fs::read_to_string(numbered(&path, 3)).unwrap(), "c1\nc2\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "d1\n");
        drop(log);
        let mut log = Log::open(&path, Rotation { bytes: 4, files: 0 }).unwrap();
        log.write(b"d2\n");
        log.write(b"e1\n");
        assert_eq!(numbers(&path), [2, 3, 4]);
    }
}
