// SPDX-License-Identifier: Apache-2.0
//! Who is told which content is being read.

use crate::Digest;

/// Told which content is being read, so that one that kills or stalls a worker can be named.
pub trait Journal: Sync {
    /// Reading of this content begins. The token is given back at the end.
    fn begin(&self, content: &Digest, size: u64) -> u64;

    /// Reading ended.
    fn end(&self, token: u64);
}

/// Tells nobody.
pub struct NoJournal;

impl Journal for NoJournal {
    fn begin(&self, _: &Digest, _: u64) -> u64 {
        0
    }

    fn end(&self, _: u64) {}
}
