// SPDX-License-Identifier: Apache-2.0
//! What is known of a session: the files that it brought, its variables, how far it has come.

use std::collections::BTreeMap;
use std::sync::Arc;

use kakoi_model::Purpose;
use kakoi_shell::Command;

use super::paths::base;

/// Files that are remembered of one session.
const MAX_FILES: usize = 4_096;
/// Variables and functions that are remembered.
const MAX_VARIABLES: usize = 1_024;
const MAX_FUNCTIONS: usize = 32;
/// Longest name and value that are remembered, in bytes.
const MAX_NAME_BYTES: usize = 255;
const MAX_VALUE_BYTES: usize = 64 * 1024;

/// How a file came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// Made to see whether it can be made.
    Probe,
    /// Brought over the network, or put together from what was.
    Fetched,
    /// Written from text of command lines.
    Written,
    /// A copy of a program, whose mode it has, or another name for it.
    Copied(String),
    /// Known only because something was done to it.
    Seen,
}

/// What is known of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) origin: Origin,
    /// Was it made executable?
    pub(super) granted: bool,
    /// Is it a script by its content?
    pub(super) script: bool,
    /// Was it run?
    pub(super) ran: bool,
}

/// What is known of a session so far. Bounded.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// By last name: from text it is rarely known in which directory a session is
    /// (`cd /tmp || cd /var/run`), and intruders do not use one name for two files.
    files: BTreeMap<String, Known>,
    variables: BTreeMap<String, Vec<u8>>,
    functions: BTreeMap<String, Arc<Vec<Command>>>,
    /// Was anything done that only a shell does? Before, unknown words go to a login or a vendor's
    /// command line.
    pub(super) in_shell: bool,
    /// Did a descriptor above 2 get connected to the network?
    pub(super) connected: bool,
    /// Did the line before start a program that asks?
    pub(super) conversing: bool,
    /// The purpose that a mark carries on.
    pub(super) last: Option<Purpose>,
}

impl Session {
    pub(super) fn file(&self, path: &str) -> Option<&Known> {
        self.files.get(base(path))
    }

    /// Remembers how a file came to be; that it was made executable stays true when its content
    /// changes.
    pub(super) fn remember(&mut self, path: &str, origin: Origin, script: bool) {
        let granted = matches!(origin, Origin::Copied(_))
            || self.file(path).is_some_and(|known| known.granted);
        self.insert(path, Known { origin, granted, script, ran: false });
    }

    pub(super) fn grant(&mut self, path: &str) {
        match self.files.get_mut(base(path)) {
            Some(known) => known.granted = true,
            None => {
                self.insert(
                    path,
                    Known { origin: Origin::Seen, granted: true, script: false, ran: false },
                );
            }
        }
    }

    pub(super) fn run(&mut self, path: &str) {
        if let Some(known) = self.files.get_mut(base(path)) {
            known.ran = true;
        }
    }

    pub(super) fn forget(&mut self, path: &str) -> Option<Known> {
        self.files.remove(base(path))
    }

    fn insert(&mut self, path: &str, known: Known) {
        let name = base(path);
        let room = self.files.len() < MAX_FILES || self.files.contains_key(name);
        if room && !name.is_empty() && name.len() <= MAX_NAME_BYTES {
            self.files.insert(name.to_owned(), known);
        }
    }

    /// Did the session bring, write or prepare any file to run?
    pub(super) fn has_payload(&self) -> bool {
        self.files.values().any(|known| known.granted || known.origin != Origin::Probe)
    }

    /// The value of a variable, none when it is not known.
    pub(super) fn variable(&self, name: &str) -> Option<&[u8]> {
        self.variables.get(name).map(Vec::as_slice)
    }

    /// Sets a variable; a value that is not known makes it unknown.
    pub(super) fn assign(&mut self, name: &str, value: Option<Vec<u8>>) {
        let room = self.variables.len() < MAX_VARIABLES || self.variables.contains_key(name);
        match value {
            Some(value)
                if room && name.len() <= MAX_NAME_BYTES && value.len() <= MAX_VALUE_BYTES =>
            {
                self.variables.insert(name.to_owned(), value);
            }
            _ => {
                self.variables.remove(name);
            }
        }
    }

    pub(super) fn define(&mut self, name: &str, body: &[Command]) {
        if self.functions.len() < MAX_FUNCTIONS && name.len() <= MAX_NAME_BYTES && body.len() <= 256
        {
            self.functions.insert(name.to_owned(), Arc::new(body.to_vec()));
        }
    }

    pub(super) fn function(&self, name: &str) -> Option<Arc<Vec<Command>>> {
        if self.functions.is_empty() { None } else { self.functions.get(name).cloned() }
    }
}
