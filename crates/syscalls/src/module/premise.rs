// SPDX-License-Identifier: Apache-2.0
//! Parts of C libraries that do something only after the program has asked for it by another function.
//!
//! A mutex asks the scheduler for priorities only when its attributes said so; a thread gets a policy only when its attributes had
//! one. Such places are known by the function around them: what it calls, or which system calls it makes, since stripped
//! libraries do not name it. A function that other files can call is never meant.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::function::{Callee, Function, Input, Site};
use crate::object::{Export, Import, Machine};
use crate::table::Table;

/// What has to happen before a place is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Premise {
    /// A mutex protects by priority (glibc, nptl/tpp.c).
    PriorityProtection,
    /// A remote service is registered (glibc, sunrpc/rpc_thread.c).
    RemoteService,
    /// The program measures its time by a timer: the dynamic linker does only for `LD_PROFILE` (glibc, elf/dl-profile.c).
    ProfilingTimer,
    /// A thread is made with a policy of scheduling (glibc, nptl/pthread_create.c).
    ThreadPolicy,
    /// A thread is made for certain processors (glibc, nptl/pthread_create.c).
    ThreadAffinity,
    /// A program is started with attributes (glibc, sysdeps/unix/sysv/linux/spawni.c).
    SpawnAttributes,
}

/// A premise, where it stands, and what fulfils it.
struct Rule {
    premise: Premise,
    /// Functions of which one has to run. The library that the place lies in offers one of them.
    needs: &'static [&'static str],
    /// Functions that the function around the place calls, all of them.
    around: &'static [&'static str],
    /// Calls of these functions, and system calls of these names, wait; everything in the function where there are none.
    held: &'static [&'static str],
}

const ATTRIBUTES: &[&str] = &[
    "pthread_attr_setinheritsched",
    "pthread_attr_setschedparam",
    "pthread_attr_setschedpolicy",
    "pthread_setattr_default_np",
];

const RULES: &[Rule] = &[
    Rule {
        premise: Premise::PriorityProtection,
        needs: &[
            "pthread_mutex_setprioceiling",
            "pthread_mutexattr_setprioceiling",
            "pthread_mutexattr_setprotocol",
        ],
        around: &["sched_get_priority_min", "sched_setscheduler"],
        held: &[],
    },
    Rule {
        premise: Premise::RemoteService,
        needs: &["svc_register"],
        around: &["svc_unregister"],
        held: &[],
    },
    Rule {
        premise: Premise::SpawnAttributes,
        needs: &["posix_spawnattr_setflags"],
        around: &["sched_setparam", "sched_setscheduler"],
        held: &["sched_setparam", "sched_setscheduler", "setpgid", "setsid"],
    },
    Rule {
        premise: Premise::ThreadPolicy,
        needs: ATTRIBUTES,
        around: &[],
        held: &["sched_setscheduler"],
    },
    Rule {
        premise: Premise::ThreadAffinity,
        needs: &["pthread_attr_setaffinity_np", "pthread_setattr_default_np"],
        around: &[],
        held: &["sched_setaffinity"],
    },
];

/// What a program calls that fulfils [`Premise::ProfilingTimer`].
const TIMER: &str = "setitimer";

/// Premises that a function fulfils by running.
pub(crate) fn fulfilled_by(name: &str) -> impl Iterator<Item = Premise> {
    let rules = RULES.iter().filter(move |rule| rule.needs.contains(&name));
    let timer = (name == TIMER).then_some(Premise::ProfilingTimer);
    rules.map(|rule| rule.premise).chain(timer)
}

/// A file, as far as its premises need it.
pub(super) struct Library<'a> {
    pub(super) machine: Machine,
    pub(super) soname: Option<&'a str>,
    pub(super) functions: &'a [Function],
    pub(super) exports: &'a [Export],
    pub(super) imports: &'a BTreeMap<u32, Import>,
}

/// Addresses of calls and system calls that wait.
pub(super) fn find_premises(library: &Library<'_>) -> BTreeMap<u64, Premise> {
    let exported: BTreeMap<u64, &str> =
        library.exports.iter().map(|export| (export.address, export.name.as_str())).collect();
    let local = library.functions.iter().filter(|function| !exported.contains_key(&function.start));
    if library.soname.is_some_and(|name| name.starts_with("ld-linux") || name.starts_with("ld.so"))
    {
        let sites = local.flat_map(|function| &function.sites);
        let timers = sites.filter(|site| calls_kernel(library.machine, site, TIMER));
        return timers.map(|site| (site.address, Premise::ProfilingTimer)).collect();
    }
    let offered: BTreeSet<&str> = exported.values().copied().collect();
    let wanted: Vec<&Rule> =
        RULES.iter().filter(|rule| rule.needs.iter().any(|name| offered.contains(name))).collect();
    if wanted.is_empty() {
        return BTreeMap::new();
    }
    let mut found = BTreeMap::new();
    for function in local {
        let callees = Callees { exported: &exported, imports: library.imports };
        let names: BTreeSet<&str> =
            function.calls.iter().filter_map(|call| callees.name(&call.callee)).collect();
        // The first rule counts: a function that fits two is described more closely by it.
        let fits = |rule: &&&Rule| rule.around.iter().all(|name| names.contains(name));
        for rule in wanted.iter().filter(fits) {
            hold(library.machine, rule, function, &callees, &mut found);
        }
    }
    found
}

fn hold(
    machine: Machine,
    rule: &Rule,
    function: &Function,
    callees: &Callees<'_>,
    found: &mut BTreeMap<u64, Premise>,
) {
    let all = rule.held.is_empty();
    let calls = function.calls.iter().filter(|call| {
        !rule.around.is_empty()
            && (all || callees.name(&call.callee).is_some_and(|name| rule.held.contains(&name)))
    });
    let sites = function
        .sites
        .iter()
        .filter(|site| all || rule.held.iter().any(|name| calls_kernel(machine, site, name)));
    let places = calls.map(|call| call.address).chain(sites.map(|site| site.address));
    for place in places {
        found.entry(place).or_insert(rule.premise);
    }
}

/// Does the instruction make exactly this system call?
fn calls_kernel(machine: Machine, site: &Site, name: &str) -> bool {
    let number = Table::of(machine).and_then(|table| table.number(name));
    match (&site.number, number) {
        (Some(Input::Constants(all)), Some(number)) => all.as_slice() == [number],
        _ => false,
    }
}

struct Callees<'a> {
    exported: &'a BTreeMap<u64, &'a str>,
    imports: &'a BTreeMap<u32, Import>,
}

impl<'a> Callees<'a> {
    /// The name of a callee, without the underscores of private names.
    fn name(&self, callee: &Callee) -> Option<&'a str> {
        let name = match callee {
            Callee::Address(address) => self.exported.get(address).copied(),
            Callee::Symbol(symbol) => self.imports.get(symbol).map(|import| import.name.as_str()),
            Callee::Entry(_) | Callee::Unknown => None,
        };
        name.map(|name| name.trim_start_matches('_'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::{Call, Door};
    use crate::object::SymbolKind;

    fn export(name: &str, address: u64) -> Export {
        let kind = SymbolKind::Function;
        Export { name: name.to_owned(), version: None, hidden: false, kind, address }
    }

    fn function(start: u64, callees: &[u64], numbers: &[u64]) -> Function {
        let call = |(at, callee): (usize, &u64)| Call {
            address: start + at as u64,
            callee: Callee::Address(*callee),
            inputs: Vec::new(),
            guards: Vec::new(),
        };
        let site = |(at, number): (usize, &u64)| Site {
            address: start + 0x80 + at as u64,
            door: Door::Usual,
            number: Some(Input::Constants(vec![*number])),
            inputs: Vec::new(),
            guards: Vec::new(),
        };
        Function {
            start,
            end: start + 0x100,
            sites: numbers.iter().enumerate().map(site).collect(),
            calls: callees.iter().enumerate().map(call).collect(),
            references: Vec::new(),
            edges: Vec::new(),
            exhausted: false,
            undecoded: None,
        }
    }

    #[test]
    fn only_local_functions_wait_for_what_they_are_asked_to_do() {
        let exports = [
            export("__sched_get_priority_min", 0x1000),
            export("pthread_attr_setschedparam", 0x2000),
            export("pthread_mutexattr_setprotocol", 0x3000),
            export("sched_setscheduler", 0x4000),
            export("pthread_setschedprio", 0x5000),
        ];
        let calls = [0x1000, 0x4000];
        // 144 is sched_setscheduler on x86-64, 1 is write.
        let functions = [
            function(0x5000, &calls, &[]),
            function(0x6000, &calls, &[]),
            function(0x7000, &[], &[1, 144]),
        ];
        let found = find_premises(&Library {
            machine: Machine::X86_64,
            soname: Some("libc.so.6"),
            functions: &functions,
            exports: &exports,
            imports: &BTreeMap::new(),
        });
        let expected = [
            (0x6000, Premise::PriorityProtection),
            (0x6001, Premise::PriorityProtection),
            (0x7081, Premise::ThreadPolicy),
        ];
        assert_eq!(found, expected.into());
    }

    #[test]
    fn a_premise_is_fulfilled_by_any_of_its_functions() {
        let found: Vec<Premise> = fulfilled_by("pthread_setattr_default_np").collect();
        assert_eq!(found, [Premise::ThreadPolicy, Premise::ThreadAffinity]);
        assert_eq!(fulfilled_by("setitimer").collect::<Vec<_>>(), [Premise::ProfilingTimer]);
        assert_eq!(fulfilled_by("write").count(), 0);
    }
}
