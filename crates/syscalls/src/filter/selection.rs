// SPDX-License-Identifier: Apache-2.0
//! From names of calls, as a profile has them, to rules with numbers: what every process needs, versions of the same call, and
//! multiplexers are added, and each addition is said.

use std::collections::{BTreeMap, BTreeSet};

use super::family::{TRIED_FIRST, behind};
use super::{
    ARM_PRIVATE, Action, Architecture, CallRule, Check, FAMILIES, Rules, essentials, multiplexed,
};

/// Numbers of an ABI by name.
pub type Table = BTreeMap<String, u32>;

/// Calls by name; each with the numbers that an argument may be, by its place, and how often the call was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Arguments that are one of these numbers, by name of the call and place of the argument.
    pub calls: BTreeMap<String, BTreeMap<u8, BTreeSet<u64>>>,
    /// How often each call was seen; none for a static profile.
    pub frequency: BTreeMap<String, u64>,
}

/// A call that the rules allow although the selection does not have it, or that they cannot allow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Added {
    /// Every process needs it.
    Essential {
        /// Name.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// Another version of a call that is in.
    Version {
        /// Name.
        name: String,
        /// The call that it goes with.
        of: String,
    },
    /// The call by which a multiplexer reaches one that is in, or the other way round.
    Multiplexer {
        /// Name.
        name: String,
        /// The call that it goes with.
        of: String,
    },
    /// The architecture has no call of this name: it is left out.
    NoSuchCall {
        /// Name.
        name: String,
    },
}

impl Selection {
    /// The rules, and what they have that the selection has not. `table` holds all calls that the profile's maker knew.
    #[must_use]
    pub fn rules(
        &self,
        architecture: Architecture,
        action: Action,
        table: &Table,
    ) -> (Rules, Vec<Added>) {
        let mut table = table.clone();
        if architecture.abi() == "arm" {
            table.extend(ARM_PRIVATE.iter().map(|(name, number)| ((*name).to_owned(), *number)));
        }
        let mut maker = Maker {
            table: &table,
            rules: Rules::new(architecture, action),
            added: BTreeSet::new(),
        };
        maker.select(self);
        maker.essentials();
        maker.multiplexers(self);
        maker.versions(self);
        maker.missing();
        (maker.rules, maker.added.into_iter().collect())
    }
}

struct Maker<'a> {
    table: &'a Table,
    rules: Rules,
    added: BTreeSet<Added>,
}

impl Maker<'_> {
    fn number(&self, name: &str) -> Option<u32> {
        self.table.get(name).copied()
    }

    fn select(&mut self, selection: &Selection) {
        for (name, arguments) in &selection.calls {
            let Some(number) = self.number(name) else {
                self.added.insert(Added::NoSuchCall { name: name.clone() });
                continue;
            };
            let checks = arguments
                .iter()
                .map(|(argument, values)| Check {
                    argument: *argument,
                    mask: mask(name, *argument),
                    values: values.clone(),
                })
                .collect();
            let frequency = selection.frequency.get(name).copied().unwrap_or(0);
            self.rules.calls.insert(number, CallRule { checks, frequency });
        }
    }

    /// Allows a call with any arguments, if it exists and is not in yet.
    fn allow(&mut self, name: &str, added: Added) {
        if let Some(number) = self.number(name)
            && !self.rules.calls.contains_key(&number)
        {
            self.rules.calls.insert(number, CallRule::default());
            self.added.insert(added);
        }
    }

    fn essentials(&mut self) {
        for essential in essentials(self.rules.architecture) {
            let name = essential.name.to_owned();
            self.allow(essential.name, Added::Essential { name, reason: essential.reason });
        }
    }

    /// A call that is free goes with its versions. One whose arguments are checked does not: the same check would mean something else
    /// in another call.
    fn versions(&mut self, selection: &Selection) {
        for family in FAMILIES {
            let is_free =
                |name: &&&str| selection.calls.get(**name).is_some_and(BTreeMap::is_empty);
            let Some(of) = family.iter().find(is_free) else { continue };
            for name in family.iter().filter(|name| !selection.calls.contains_key(**name)) {
                self.allow(name, Added::Version { name: (*name).to_owned(), of: (*of).to_owned() });
            }
        }
    }

    /// `socketcall` and `ipc` with the numbers of the calls that are in; and those calls for the numbers that are.
    fn multiplexers(&mut self, selection: &Selection) {
        for multiplexer in ["socketcall", "ipc"] {
            let Some(number) = self.number(multiplexer) else { continue };
            let direct = selection.calls.iter().filter_map(|(name, arguments)| {
                let (by, number) = multiplexed(name)?;
                (by == multiplexer && arguments.is_empty()).then_some((number, name))
            });
            let values: BTreeMap<u64, &String> = direct.collect();
            if let Some(listed) = selection.calls.get(multiplexer) {
                for name in listed
                    .get(&0)
                    .into_iter()
                    .flatten()
                    .filter_map(|value| behind(multiplexer, *value))
                {
                    let of = multiplexer.to_owned();
                    self.allow(name, Added::Multiplexer { name: name.to_owned(), of });
                }
                self.widen(number, values.keys().copied());
            } else if let Some(of) = values.values().next() {
                let check = Check {
                    argument: 0,
                    mask: mask(multiplexer, 0),
                    values: values.keys().copied().collect(),
                };
                self.rules.calls.insert(number, CallRule { checks: vec![check], frequency: 0 });
                self.added
                    .insert(Added::Multiplexer { name: multiplexer.to_owned(), of: (*of).clone() });
            }
        }
    }

    /// A multiplexer that is checked also takes these.
    fn widen(&mut self, number: u32, values: impl Iterator<Item = u64>) {
        if let Some(rule) = self.rules.calls.get_mut(&number)
            && let Some(check) = rule.checks.iter_mut().find(|check| check.argument == 0)
        {
            check.values.extend(values);
        }
    }

    fn missing(&mut self) {
        let numbers = TRIED_FIRST.iter().filter_map(|name| self.number(name));
        self.rules.missing =
            numbers.filter(|number| !self.rules.calls.contains_key(number)).collect();
        let private = ARM_PRIVATE.iter().map(|(_, number)| *number).min().unwrap_or(u32::MAX);
        self.rules.newest = self.table.values().copied().filter(|number| *number < private).max();
    }
}

/// Bits of an argument that the kernel looks at: an `int` of the kernel is cut to 32 bits, whatever the register holds above
/// (kernel sources, `SYSCALL_DEFINE` of each call). Of `ipc`'s first argument the upper half is a version.
fn mask(name: &str, argument: u8) -> u64 {
    match (name, argument) {
        ("ipc", 0) => 0xffff,
        ("socketcall", 0) | ("socket" | "socketpair", 0..=2) => 0xffff_ffff,
        ("ioctl" | "fcntl" | "fcntl64", 0 | 1) | ("prctl", 0) | ("personality", 0) => 0xffff_ffff,
        ("setsockopt" | "getsockopt", 0..=2) | ("kill", 0 | 1) | ("tgkill", 0..=2) => 0xffff_ffff,
        ("open", 1 | 2) | ("openat", 0 | 2 | 3) | ("signalfd4" | "epoll_ctl", 0 | 1) => 0xffff_ffff,
        ("flock" | "shutdown" | "listen", 0 | 1) | ("umask", 0) | ("accept4", 0 | 3) => 0xffff_ffff,
        _ => u64::MAX,
    }
}
