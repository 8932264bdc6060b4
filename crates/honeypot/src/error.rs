// SPDX-License-Identifier: Apache-2.0
//! What went wrong, at which operation.

use std::fmt;
use std::io;

/// An operation that failed.
#[derive(Debug)]
pub struct Error {
    operation: String,
    cause: io::Error,
    of_input: bool,
}

impl Error {
    /// Is what the server was given at fault (settings, a root directory), and not the server?
    #[must_use]
    pub fn is_of_input(&self) -> bool {
        self.of_input
    }

    /// What the server was given is at fault.
    pub(crate) fn of_input(self) -> Self {
        Self { of_input: true, ..self }
    }

    /// Is the other end gone?
    pub(crate) fn is_closed(&self) -> bool {
        matches!(
            self.cause.kind(),
            io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::NotConnected
        )
    }
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
        self.map_err(|cause| Error { operation: operation(), cause: cause.into(), of_input: false })
    }
}

/// An error of our own.
pub(crate) fn fail(operation: &str, reason: impl fmt::Display) -> Error {
    let cause = io::Error::other(reason.to_string());
    Error { operation: operation.to_owned(), cause, of_input: false }
}
