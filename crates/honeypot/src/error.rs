// SPDX-License-Identifier: Apache-2.0
//! What went wrong, at which operation.

use std::fmt;
use std::io;

/// An operation that failed.
#[derive(Debug)]
pub struct Error {
    operation: String,
    cause: io::Error,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.cause)
    }
}

impl std::error::Error for Error {}

/// Says which operation failed.
pub(crate) trait During<T> {
    /// The same, with the operation named.
    fn during(self, operation: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> During<T> for Result<T, E> {
    fn during(self, operation: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|cause| Error { operation: operation(), cause: cause.into() })
    }
}

/// An error of our own.
pub(crate) fn fail(operation: &str, reason: impl fmt::Display) -> Error {
    Error { operation: operation.to_owned(), cause: io::Error::other(reason.to_string()) }
}
