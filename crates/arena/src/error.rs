// SPDX-License-Identifier: Apache-2.0
//! What can go wrong, with the operation and its subject.

use std::fmt;

/// Why a guest could not be made or run.
#[derive(Debug)]
pub enum Error {
    /// The image cannot live in any guest: no root file system, an architecture without a machine.
    Image(String),
    /// The host lacks something, or refused it.
    Host(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(why) | Self::Host(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

/// An operation on a subject failed.
pub(crate) fn host<E: fmt::Display>(subject: impl fmt::Display) -> impl FnOnce(E) -> Error {
    move |why| Error::Host(format!("{subject}: {why}"))
}
