// SPDX-License-Identifier: Apache-2.0
//! Connections that a service accepted, where processes are stopped at their calls: which request a process works for.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;

use kakoi_kernel::Watched;

/// Connections that are known at once.
const MOST: usize = 4096;

/// Device and number of a socket.
type Connection = (u64, u64);

/// Of one cell.
#[derive(Debug, Default)]
pub(super) struct Requests {
    accepted: BTreeSet<Connection>,
    worked_for: BTreeMap<Watched, Connection>,
}

impl Requests {
    /// A process accepted a connection.
    pub(super) fn accepted(&mut self, process: Watched, descriptor: i64) {
        let descriptor = u64::try_from(descriptor).unwrap_or(u64::MAX);
        if let Some(connection) = connection(process, descriptor)
            && self.accepted.len() < MOST
        {
            self.accepted.insert(connection);
        }
    }

    /// Does a process read from an accepted connection other than the one that it works for? Then it works for this one.
    pub(super) fn is_new(&mut self, process: Watched, descriptor: u64) -> bool {
        let connection = connection(process, descriptor);
        let connection = connection.filter(|connection| self.accepted.contains(connection));
        connection.is_some_and(|connection| {
            self.worked_for.insert(process, connection) != Some(connection)
        })
    }

    /// A process was made.
    pub(super) fn inherit(&mut self, parent: Watched, child: Watched) {
        if let Some(connection) = self.worked_for.get(&parent).copied() {
            self.worked_for.insert(child, connection);
        }
    }

    /// A process is no more.
    pub(super) fn forget(&mut self, process: Watched) {
        self.worked_for.remove(&process);
    }
}

fn connection(process: Watched, descriptor: u64) -> Option<Connection> {
    let path = format!("/proc/{}/fd/{descriptor}", process.process());
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
