// SPDX-License-Identifier: Apache-2.0
//! What a filter shall do, and the specification of what it answers.

use std::collections::{BTreeMap, BTreeSet};

use super::{Architecture, Data};

/// `EPERM`, the same on every architecture.
const NOT_PERMITTED: u16 = 1;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// It is done.
    Allow,
    /// It is done and logged (Linux 4.14).
    Log,
    /// It fails with this error number of the architecture.
    Fail(u16),
    /// A tracer decides; without one the call fails with `ENOSYS`.
    Trace,
    /// The process ends. Before Linux 4.14 the thread.
    Kill,
}

impl Action {
    /// Fails with `EPERM`.
    pub const REFUSE: Self = Self::Fail(NOT_PERMITTED);

    /// The filter's return value (include/uapi/linux/seccomp.h).
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Allow => 0x7fff_0000,
            Self::Log => 0x7ffc_0000,
            Self::Trace => 0x7ff0_0000,
            Self::Fail(number) => 0x0005_0000 | number as u32,
            Self::Kill => 0x8000_0000,
        }
    }
}

/// A condition on one argument: `argument & mask` is one of the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which argument, 0 to 5.
    pub argument: u8,
    /// Bits that are looked at. The kernel cuts an `int` to 32 bits, so 0xffff_ffff is right for one.
    pub mask: u64,
    /// Values; bits outside the mask are ignored.
    pub values: BTreeSet<u64>,
}

/// A call that is allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallRule {
    /// All must hold; none for a call that is allowed with any arguments.
    pub checks: Vec<Check>,
    /// How often it was seen, for the order of comparisons. 0 counts as once.
    pub frequency: u64,
}

/// What a filter shall do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Whose calls.
    pub architecture: Architecture,
    /// Calls that are allowed, by number as it stands in the register (MIPS o32 from 4000 on).
    pub calls: BTreeMap<u32, CallRule>,
    /// For every other call.
    pub action: Action,
    /// Calls that are answered `ENOSYS`: newer members of a family, which a libc tries first and does without.
    pub missing: BTreeSet<u32>,
    /// The highest number that the maker of the profile knew; later calls are answered `ENOSYS`. None: they are refused too.
    pub newest: Option<u32>,
}

impl Rules {
    /// Rules that allow nothing.
    #[must_use]
    pub fn new(architecture: Architecture, action: Action) -> Self {
        let (calls, missing) = (BTreeMap::new(), BTreeSet::new());
        Self { architecture, calls, action, missing, newest: None }
    }

    /// What happens to a call: the specification that a compiled filter is tested against.
    #[must_use]
    pub fn verdict(&self, data: &Data) -> Action {
        if data.architecture != self.architecture.audit() {
            return self.foreign();
        }
        match self.calls.get(&data.number) {
            Some(rule) if rule.checks.iter().all(|check| self.holds(check, data)) => Action::Allow,
            Some(_) => self.action,
            None => self.verdict_of_unlisted(data.number),
        }
    }

    /// What happens to a call that is not in `calls`.
    pub(super) fn verdict_of_unlisted(&self, number: u32) -> Action {
        let is_foreign = self.architecture.foreign_numbers().is_some_and(|first| number >= first);
        let is_newer = self.newest.is_some_and(|newest| number > newest);
        if is_foreign || !(is_newer || self.missing.contains(&number)) {
            return self.action;
        }
        self.no_such_call()
    }

    /// What happens to calls of another architecture: what the kernel would do with them is not known to the rules, so the process
    /// ends, unless the filter is only to log.
    #[must_use]
    pub fn foreign(&self) -> Action {
        match self.action {
            Action::Allow | Action::Log | Action::Trace => self.action,
            Action::Fail(_) | Action::Kill => Action::Kill,
        }
    }

    /// `ENOSYS`, unless the filter is not to block.
    fn no_such_call(&self) -> Action {
        match self.action {
            Action::Allow | Action::Log | Action::Trace => self.action,
            Action::Fail(_) | Action::Kill => Action::Fail(self.architecture.no_such_call()),
        }
    }

    fn holds(&self, check: &Check, data: &Data) -> bool {
        let mask = self.effective_mask(check);
        let argument = data.arguments.get(usize::from(check.argument)).copied().unwrap_or(0);
        check.values.iter().any(|value| value & mask == argument & mask)
    }

    /// The mask, cut to what the kernel looks at.
    pub(super) fn effective_mask(&self, check: &Check) -> u64 {
        if self.architecture.is_wide() { check.mask } else { check.mask & 0xffff_ffff }
    }
}
