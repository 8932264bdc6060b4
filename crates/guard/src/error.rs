// SPDX-License-Identifier: Apache-2.0
//! What can go wrong: the operation, its subject, and what the system said.

use std::fmt;

/// Why something could not be done.
#[derive(Debug)]
pub enum Error {
    /// The blob is not to be used; the policy in force stays.
    Blob(crate::BlobFault),
    /// The kernel or libbpf refused.
    Kernel {
        /// What was tried.
        what: String,
        /// What was said.
        why: String,
    },
    /// A file could not be read or written.
    File {
        /// Its path.
        path: std::path::PathBuf,
        /// What was said.
        why: std::io::Error,
    },
    /// It cannot be done, whatever the kernel is.
    Refused(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blob(fault) => write!(f, "the compiled policy is refused: {fault}"),
            Self::Kernel { what, why } => write!(f, "{what}: {why}"),
            Self::File { path, why } => write!(f, "{}: {why}", path.display()),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    #[cfg(feature = "bpf")]
    pub(crate) fn kernel(what: impl Into<String>) -> impl FnOnce(libbpf_rs::Error) -> Self {
        let what = what.into();
        move |error| Self::Kernel { what, why: format!("{error:#}") }
    }

    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |why| Self::File { path, why }
    }
}
