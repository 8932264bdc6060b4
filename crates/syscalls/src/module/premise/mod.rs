// SPDX-License-Identifier: Apache-2.0
//! Parts of C libraries that do something only after the program has asked for it by another function.
//!
//! A mutex asks the scheduler for priorities only when its attributes said so; a thread gets a policy only when its attributes had
//! one. Such places are known by the function around them: what it calls, or which system calls it makes, since stripped
//! libraries do not name it. A function that other files can call is never meant.

mod rules;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::arch::convention;
use crate::function::{Call, Callee, Function, Input, Site};
use crate::object::{Export, Import, Machine};
use crate::table::Table;
use rules::{OFFERED, PATTERNS, RULES, Rule, SOURCES, STARTS, TIMER};

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
    /// A program is started with all higher descriptors closed (the same file).
    SpawnCloseFrom,
    /// A program is started in another directory, given by path or by descriptor (the same file).
    SpawnDirectory,
    /// A program is started in the foreground of a terminal (the same file).
    SpawnTerminal,
    /// The dynamic linker is started as a program itself: only then does it start another one (glibc, elf/rtld.c).
    LinkerStarted,
    /// A pattern may begin with the home of a user: `GLOB_TILDE` (glibc, posix/glob.c).
    HomePatterns,
    /// There is a second thread: only then does a thread end by itself or wait for another one to give up a stream (glibc,
    /// sysdeps/nptl/libc_start_call_main.h and libio/genops.c).
    OtherThreads,
    /// The event loop in the name service of systemd watches files, signals or processes. It is given connections and times only
    /// (systemd, src/shared/userdb.c and varlink.c), so nothing fulfils this.
    WatchedSources,
}

/// Premises that a function fulfils by running.
pub(crate) fn fulfilled_by(name: &str) -> impl Iterator<Item = Premise> {
    let rules = RULES.iter().filter(move |rule| rule.needs.contains(&name));
    let timer = (name == TIMER).then_some(Premise::ProfilingTimer);
    rules.map(|rule| rule.premise).chain(timer)
}

/// Does a function of this name expand patterns?
pub(crate) fn expands_patterns(name: &str) -> bool {
    PATTERNS.contains(&name)
}

/// Is the file the dynamic linker of a C library?
pub(crate) fn is_linker(summary: &super::Summary) -> bool {
    summary.soname.as_deref().is_some_and(names_linker)
}

fn names_linker(soname: &str) -> bool {
    soname.starts_with("ld-linux") || soname.starts_with("ld.so")
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
    if library.soname.is_some_and(names_linker) {
        let sites = local.flat_map(|function| &function.sites);
        return sites
            .filter_map(|site| Some((site.address, linker_premise(library.machine, site)?)))
            .collect();
    }
    if library.soname.is_some_and(|soname| soname.starts_with("libnss_systemd.")) {
        return find_sources(library);
    }
    let offered: BTreeSet<&str> = exported.values().copied().collect();
    let wanted: Vec<&Rule> =
        RULES.iter().filter(|rule| rule.needs.iter().any(|name| offered.contains(name))).collect();
    let mut found = find_offered(library, &exported);
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

/// Places in functions that other files can call.
fn find_offered(library: &Library<'_>, exported: &BTreeMap<u64, &str>) -> BTreeMap<u64, Premise> {
    let callees = Callees { exported, imports: library.imports };
    let mut found = BTreeMap::new();
    for function in library.functions {
        let Some(name) = exported.get(&function.start) else { continue };
        let name = name.trim_start_matches('_');
        for (premise, functions, held) in OFFERED {
            if functions.contains(&name) {
                let places = held_places(library.machine, held, function, &callees);
                found.extend(places.map(|place| (place, *premise)));
            }
        }
    }
    found
}

/// Calls for sources that the event loop of systemd's name service is never given; a module that starts processes is another one.
fn find_sources(library: &Library<'_>) -> BTreeMap<u64, Premise> {
    let imports = library.imports.values().map(|import| import.name.as_str());
    if imports.into_iter().any(|name| STARTS.contains(&name)) {
        return BTreeMap::new();
    }
    let callees = Callees { exported: &BTreeMap::new(), imports: library.imports };
    let number = Table::of(library.machine).and_then(|table| table.number("pidfd_send_signal"));
    let first = convention(library.machine).arguments.first().copied();
    let signals = |call: &Call| {
        let mut inputs = call.inputs.iter();
        let input = inputs.find(|(register, _)| first.is_some_and(|first| first.0 == *register));
        matches!((input, number), (Some((_, Input::Constants(all))), Some(number)) if all.as_slice() == [number])
    };
    let calls = library.functions.iter().flat_map(|function| &function.calls);
    let held = calls.filter(|call| match callees.name(&call.callee) {
        Some("syscall") => signals(call),
        Some(name) => SOURCES.contains(&name),
        None => false,
    });
    held.map(|call| (call.address, Premise::WatchedSources)).collect()
}

/// What a system call of the dynamic linker waits for.
fn linker_premise(machine: Machine, site: &Site) -> Option<Premise> {
    let premises = [(TIMER, Premise::ProfilingTimer), ("execve", Premise::LinkerStarted)];
    premises.into_iter().find(|(name, _)| calls_kernel(machine, site, name)).map(|(_, held)| held)
}

fn hold(
    machine: Machine,
    rule: &Rule,
    function: &Function,
    callees: &Callees<'_>,
    found: &mut BTreeMap<u64, Premise>,
) {
    let calls = function.calls.iter().map(|call| call.address);
    let sites = function.sites.iter().map(|site| site.address);
    let places: Vec<u64> = match (rule.held, rule.around) {
        ([], []) => sites.collect(),
        ([], _) => calls.chain(sites).collect(),
        (held, []) => held_sites(machine, held, function).collect(),
        (held, _) => held_places(machine, held, function, callees).collect(),
    };
    for place in places {
        found.entry(place).or_insert(rule.premise);
    }
}

/// Calls of these functions and system calls of these names.
fn held_places(
    machine: Machine,
    held: &'static [&'static str],
    function: &Function,
    callees: &Callees<'_>,
) -> impl Iterator<Item = u64> {
    let is_held = |callee: &Callee| callees.name(callee).is_some_and(|name| held.contains(&name));
    let calls = function.calls.iter().filter(move |call| is_held(&call.callee));
    calls.map(|call| call.address).chain(held_sites(machine, held, function))
}

fn held_sites(
    machine: Machine,
    held: &'static [&'static str],
    function: &Function,
) -> impl Iterator<Item = u64> {
    let is_held = move |site: &&Site| held.iter().any(|name| calls_kernel(machine, site, name));
    function.sites.iter().filter(is_held).map(|site| site.address)
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
    use crate::function::Door;
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
            leaves: Vec::new(),
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

    fn premises(exports: &[Export], functions: &[Function]) -> BTreeMap<u64, Premise> {
        find_premises(&Library {
            machine: Machine::X86_64,
            soname: Some("libc.so.6"),
            functions,
            exports,
            imports: &BTreeMap::new(),
        })
    }

    #[test]
    fn the_child_that_is_spawned_does_only_what_it_was_told() {
        let exports = [
            export("__sched_setparam", 0x1000),
            export("fchdir", 0x2000),
            export("posix_spawn_file_actions_addclosefrom_np", 0x3000),
            export("posix_spawn_file_actions_addfchdir_np", 0x4000),
            export("sched_setscheduler", 0x5000),
        ];
        // 436 is close_range on x86-64, 59 is execve.
        let child = function(0x6000, &[0x1000, 0x5000, 0x2000], &[436, 59]);
        let found = premises(&exports, &[child]);
        let expected = [(0x6002, Premise::SpawnDirectory), (0x6080, Premise::SpawnCloseFrom)];
        assert_eq!(found, expected.into());
    }

    #[test]
    fn patterns_and_threads_wait_where_they_are_offered_by_name() {
        let exports = [
            export("getlogin_r", 0x1000),
            export("glob64", 0x2000),
            export("opendir", 0x3000),
            export("pthread_create", 0x4000),
        ];
        // 143 is sched_getparam on x86-64, 1 is write.
        let functions = [
            function(0x2000, &[0x1000, 0x3000], &[]),
            function(0x4000, &[], &[143, 1]),
            function(0x5000, &[0x1000], &[143]),
        ];
        let expected = [(0x2000, Premise::HomePatterns), (0x4080, Premise::ThreadPolicy)];
        assert_eq!(premises(&exports, &functions), expected.into());
    }

    #[test]
    fn a_dynamic_linker_starts_programs_only_when_it_is_one() {
        // 59 is execve on x86-64, 9 is mmap.
        let functions = [function(0x1000, &[], &[59, 9])];
        let found = find_premises(&Library {
            machine: Machine::X86_64,
            soname: Some("ld-linux-x86-64.so.2"),
            functions: &functions,
            exports: &[],
            imports: &BTreeMap::new(),
        });
        assert_eq!(found, [(0x1080, Premise::LinkerStarted)].into());
    }

    #[test]
    fn a_premise_is_fulfilled_by_any_of_its_functions() {
        let found: BTreeSet<Premise> = fulfilled_by("pthread_setattr_default_np").collect();
        assert_eq!(found, [Premise::ThreadPolicy, Premise::ThreadAffinity].into());
        assert_eq!(fulfilled_by("setitimer").collect::<Vec<_>>(), [Premise::ProfilingTimer]);
        assert_eq!(fulfilled_by("write").count(), 0);
    }

    #[test]
    fn a_thread_ends_or_waits_for_another_only_when_there_is_one() {
        let exports = [
            export("exit", 0x1000),
            export("pthread_create", 0x2000),
            export("sched_yield", 0x3000),
            export("_exit", 0x7000),
        ];
        // 60 is exit on x86-64, 231 is exit_group.
        let functions = [
            function(0x5000, &[0x1000], &[60]),
            function(0x6000, &[0x3000], &[]),
            function(0x7000, &[], &[231, 60]),
        ];
        let expected = [(0x5080, Premise::OtherThreads), (0x6000, Premise::OtherThreads)];
        assert_eq!(premises(&exports, &functions), expected.into());
        assert_eq!(fulfilled_by("clone").collect::<Vec<_>>(), [Premise::OtherThreads; 2]);
    }

    #[test]
    fn the_name_service_of_systemd_watches_no_files_unless_it_starts_processes() {
        let import = |name: &str| Import { name: name.to_owned(), version: None, weak: false };
        let mut imports: BTreeMap<u32, Import> =
            [(1, import("inotify_init1")), (2, import("epoll_create1")), (3, import("syscall"))]
                .into();
        let call = |address, symbol, number| Call {
            address,
            callee: Callee::Symbol(symbol),
            inputs: vec![(7, Input::Constants(vec![number]))],
            guards: Vec::new(),
        };
        let mut asking = function(0x1000, &[], &[]);
        // 424 is pidfd_send_signal on x86-64, 318 is getrandom; register 7 is rdi.
        asking.calls = vec![call(1, 1, 0), call(2, 2, 0), call(3, 3, 424), call(4, 3, 318)];
        let find = |imports: &BTreeMap<u32, Import>| {
            find_premises(&Library {
                machine: Machine::X86_64,
                soname: Some("libnss_systemd.so.2"),
                functions: std::slice::from_ref(&asking),
                exports: &[],
                imports,
            })
        };
        let expected = [(1, Premise::WatchedSources), (3, Premise::WatchedSources)];
        assert_eq!(find(&imports), expected.into());
        imports.insert(4, import("fork"));
        assert_eq!(find(&imports), BTreeMap::new());
    }
}
