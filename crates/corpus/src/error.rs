// SPDX-License-Identifier: Apache-2.0
//! What can go wrong with a corpus.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why an operation on a corpus failed.
#[derive(Debug)]
pub enum CorpusError {
    /// The tables; what was done, and what SQLite says.
    Tables(&'static str, rusqlite::Error),
    /// A file; which, and what the system says.
    File(PathBuf, io::Error),
    /// A record or the tables are damaged: which file, and how.
    Damaged(PathBuf, String),
    /// No room is left on the device. What was complete before is still there.
    Full(PathBuf),
    /// The corpus was written by a newer kakoi: its schema, and ours.
    Newer(u32, u32),
    /// What was asked for is not in the corpus.
    Unknown(String),
    /// The question is not one that a corpus answers.
    Question(String),
}

impl fmt::Display for CorpusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tables(what, error) => write!(f, "{what}: {error}"),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Damaged(path, how) => {
                write!(f, "{}: {how}; `kakoi corpus check --repair` mends it", path.display())
            }
            Self::Full(path) => write!(
                f,
                "{}: no room is left on the device; what was added before is kept, add the rest again",
                path.display()
            ),
            Self::Newer(found, known) => {
                write!(f, "the corpus has schema {found}, this kakoi knows {known}")
            }
            Self::Unknown(what) => write!(f, "{what} is not in the corpus"),
            Self::Question(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for CorpusError {}

impl CorpusError {
    /// A failure of SQLite, told apart into a full device, a damaged file, and the rest.
    pub(crate) fn tables(path: &Path, what: &'static str, error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full(path.to_owned()),
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::Damaged(path.to_owned(), format!("{what}: {error}"))
            }
            _ => Self::Tables(what, error),
        }
    }

    /// A failure of a file, told apart into a full device and the rest.
    pub(crate) fn file(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Full(path.to_owned())
            }
            _ => Self::File(path.to_owned(), error),
        }
    }
}
