// SPDX-License-Identifier: Apache-2.0
//! The mark of a task and its lineage: the specification of `kk_fork`, `kk_accept` and `kk_exec`.

use std::collections::BTreeSet;

use crate::argv::{self, Invocation};
use crate::attempt::Attempt;
use crate::pattern::Pattern;
use crate::policy::{Domain, Policy};
use crate::words::{Op, Program, Unknown};

/// The mark of a task. Domains are indices into the policy's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mark {
    /// Domains that it is in.
    pub domains: BTreeSet<usize>,
    /// Domains that its sessions enter: it is a login daemon.
    pub daemon: BTreeSet<usize>,
    /// A login daemon that has taken a connection.
    pub accepted: bool,
    /// The mark was lost, or two sources of it disagree.
    pub unknown: bool,
    /// Number of the login.
    pub session: u32,
    /// Kinds of the program that it runs.
    pub program: BTreeSet<Program>,
}

/// What an exec attempt runs: kinds, applet, and where its code comes from.
#[must_use]
pub fn invocation(policy: &Policy, attempt: &Attempt) -> Invocation {
    let path = known_path(attempt);
    let own =
        path.map(|path| policy.kinds(|pattern| pattern.matches_path(path))).unwrap_or_default();
    let readable = !attempt.unknown.contains(&Unknown::Argv);
    let vector = if readable { attempt.argument_bytes() } else { Vec::new() };
    let mut found = argv::read(policy, &own, &vector);
    let unreadable =
        path_is_unknown(attempt) || (own.contains(&Program::MultiCall) && found.unknown);
    if unreadable {
        found.kinds.extend([Program::Shell, Program::Scripting]);
    }
    found
}

/// A path that is too long to be matched is unknown.
fn path_is_unknown(attempt: &Attempt) -> bool {
    let long = attempt.object.path.as_ref().is_some_and(|path| path.len() > crate::LONGEST_PATH);
    long || attempt.unknown.contains(&Unknown::Path)
}

/// The path of the object, unless it is unknown.
pub(crate) fn known_path(attempt: &Attempt) -> Option<&str> {
    attempt.object.path.as_deref().filter(|_| !path_is_unknown(attempt))
}

/// Does one of these patterns name the object: by its path, or by the applet that runs?
pub(crate) fn names(
    patterns: &BTreeSet<Pattern>,
    attempt: &Attempt,
    invocation: &Invocation,
) -> bool {
    let by_path = known_path(attempt)
        .is_some_and(|path| patterns.iter().any(|pattern| pattern.matches_path(path)));
    let multi_call = attempt.op == Op::Exec
        && invocation.kinds.contains(&Program::MultiCall)
        && !invocation.unknown;
    let applet = invocation.applet.as_deref().filter(|_| multi_call);
    by_path
        || applet
            .is_some_and(|name: &[u8]| patterns.iter().any(|pattern| pattern.matches_applet(name)))
}

impl Mark {
    /// The mark of a new process (threads share the mark of theirs).
    #[must_use]
    pub fn fork(&self, serial: u32) -> Self {
        let mut child = self.clone();
        if !self.daemon.is_empty() && self.accepted {
            child.domains.extend(&self.daemon);
            child.daemon.clear();
            child.accepted = false;
            child.session = serial;
        }
        child
    }

    /// A connection is taken.
    pub fn accept(&mut self) {
        self.accepted |= !self.daemon.is_empty();
    }

    /// The mark after an exec that is not refused.
    #[must_use]
    pub fn exec(&self, policy: &Policy, attempt: &Attempt, serial: u32) -> Self {
        let invocation = invocation(policy, attempt);
        let mut next = self.clone();
        let mut replaced: BTreeSet<usize> = BTreeSet::new();
        for (index, domain) in policy.domains.iter().enumerate() {
            let daemon =
                domain.daemons.as_ref().is_some_and(|list| names(list, attempt, &invocation));
            if !daemon && next.daemon.remove(&index) {
                next.domains.insert(index);
            } else if daemon && !self.domains.contains(&index) {
                next.daemon.insert(index);
            }
            if !self.domains.contains(&index) && self.enters(domain, attempt, &invocation) {
                next.domains.insert(index);
                replaced.extend(&domain.replaces);
            }
        }
        next.domains.retain(|index| {
            let left = replaced.contains(index) && self.domains.contains(index);
            !left || policy.domains.get(*index).is_some_and(|domain| domain.sticky)
        });
        next.accepted &= !next.daemon.is_empty();
        if self.domains.is_empty() && !next.domains.is_empty() {
            next.session = serial;
        }
        next.program = invocation.kinds;
        next
    }

    fn enters(&self, domain: &Domain, attempt: &Attempt, invocation: &Invocation) -> bool {
        if domain.remote.intersection(&attempt.remote).next().is_some() {
            return true;
        }
        let from_parent = domain.parents.intersection(&self.domains).next().is_some();
        match &domain.enter {
            Some(list) => {
                names(list, attempt, invocation) && (from_parent || domain.parents.is_empty())
            }
            None => from_parent,
        }
    }

    /// Who is judged for an exec: this mark, and the sessions that the exec begins.
    #[must_use]
    pub fn judged_for(&self, policy: &Policy, next: &Self) -> Self {
        let sticky =
            |index: &&usize| policy.domains.get(**index).is_some_and(|domain| domain.sticky);
        let mut judged = self.clone();
        judged.domains.extend(next.domains.iter().filter(sticky));
        judged
    }
}
