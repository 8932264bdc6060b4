// SPDX-License-Identifier: Apache-2.0
//! From what can run to a profile.

use std::collections::{BTreeMap, BTreeSet};

use super::{AllowedCall, Phase, Profile, ProfiledFile, Source, Unresolved};
use crate::filter::Architecture;
use crate::function::Door;
use crate::object::Machine;
use crate::program::{Cause, Node, Program, Reached, Serving, SiteNumber};
use crate::table::Table;

/// A program and what can run of it.
pub struct Subject<'a> {
    /// The executable, as the user named it.
    pub name: &'a str,
    /// Its files.
    pub program: &'a Program,
    /// What can run.
    pub reached: &'a Reached,
}

/// Longest chain of functions that is written down.
const LONGEST_CHAIN: usize = 24;

/// Makes the profile.
#[must_use]
pub fn derive(subject: &Subject<'_>) -> Profile {
    let first = subject.program.modules.first();
    let machine = first.map_or(Machine::X86_64, |module| module.summary.machine);
    let big = first.is_some_and(|module| module.summary.big);
    let mut profile = Profile {
        serving_from: subject
            .reached
            .serving
            .as_ref()
            .map(|serving| place_of(subject.program, serving)),
        absent: subject.program.absent.clone(),
        files: files(subject.program),
        unresolved: unresolved(subject),
        ..Profile::empty(subject.name, architecture(machine, big))
    };
    let serving = subject.reached.serving.as_ref().map(|serving| &serving.numbers);
    for site in &subject.reached.numbers {
        let Some(name) = name_of(machine, site) else {
            profile.unresolved.push(unknown_number(subject.program, site));
            continue;
        };
        if profile.calls.contains_key(&name) {
            continue;
        }
        let serves = serving.is_none_or(|all| all.contains(&(site.door, site.number)));
        let call = AllowedCall {
            source: [Source::Static].into(),
            phase: if serves { Phase::Serving } else { Phase::Start },
            by_services: subject.reached.by_services.contains(&(site.door, site.number)),
            why: chain(subject.program, subject.reached, site),
            seen: 0,
            arguments: arguments(&name, site, subject.reached),
        };
        profile.calls.insert(name, call);
    }
    add_restart(machine, &mut profile);
    profile.unresolved.sort();
    profile.unresolved.dedup();
    profile
}

/// Calls that the kernel goes on with by `restart_syscall` when the process was stopped in one (kernel, `ERESTART_RESTARTBLOCK`).
const RESTARTED: &[&str] =
    &["clock_nanosleep", "clock_nanosleep_time64", "futex", "futex_time64", "nanosleep", "poll"];

/// No instruction of the program makes that call; the kernel does in its place.
fn add_restart(machine: Machine, profile: &mut Profile) {
    const NAME: &str = "restart_syscall";
    if Table::of(machine).and_then(|table| table.number(NAME)).is_none() {
        return;
    }
    let restarted = RESTARTED.iter().filter_map(|name| profile.calls.get_key_value(*name));
    let Some((name, first)) = restarted.max_by_key(|(_, call)| call.phase == Phase::Serving) else {
        return;
    };
    let mut call = AllowedCall { arguments: BTreeMap::new(), ..first.clone() };
    call.why.push(format!("{NAME}: the kernel goes on with {name}"));
    profile.calls.entry(NAME.to_owned()).or_insert(call);
}

/// Where a program waits: `nginx:ngx_master_process_cycle+0x123`.
fn place_of(program: &Program, serving: &Serving) -> String {
    let module = program.modules.get(serving.node.module);
    let file = module.map_or("", |module| module.name.rsplit('/').next().unwrap_or_default());
    let start = module.and_then(|module| module.summary.functions.get(serving.node.function));
    let distance = start.map_or(0, |function| serving.address.wrapping_sub(function.start));
    format!("{file}:{}+{distance:#x}", name_of_node(program, serving.node))
}

/// What filters are made for.
fn architecture(machine: Machine, big: bool) -> Architecture {
    match (machine, big) {
        (Machine::X86_64, _) => Architecture::X86_64,
        (Machine::I386, _) => Architecture::I386,
        (Machine::Aarch64, _) => Architecture::Aarch64,
        (Machine::Arm, false) => Architecture::Arm,
        (Machine::Arm, true) => Architecture::Armeb,
        (Machine::MipsO32, false) => Architecture::Mipsel,
        (Machine::MipsO32, true) => Architecture::Mips,
        (Machine::MipsN64, false) => Architecture::Mips64el,
        (Machine::MipsN64, true) => Architecture::Mips64,
        (Machine::MipsN32, false) => Architecture::Mipsn32el,
        (Machine::MipsN32, true) => Architecture::Mipsn32,
    }
}

/// Arguments worth binding: what they select is what an intruder would want changed.
const BOUND: &[(&str, u8)] = &[
    ("clone", 0),
    ("fcntl", 1),
    ("fcntl64", 1),
    ("ioctl", 1),
    ("ipc", 0),
    ("kill", 1),
    ("mmap", 2),
    ("mmap2", 2),
    ("mprotect", 2),
    ("open", 1),
    ("openat", 2),
    ("personality", 0),
    ("prctl", 0),
    ("setsockopt", 1),
    ("setsockopt", 2),
    ("socket", 0),
    ("socket", 1),
    ("socketcall", 0),
    ("socketpair", 0),
    ("unshare", 0),
];

/// Do filters bind this argument of this call?
pub(crate) fn is_bound(name: &str, place: u8) -> bool {
    BOUND.contains(&(name, place))
}

/// Numbers that hold on every path to the call, at whichever place it is made.
fn arguments(name: &str, site: &SiteNumber, reached: &Reached) -> BTreeMap<String, BTreeSet<u64>> {
    let wanted = BOUND.iter().filter(|(call, _)| *call == name).map(|(_, place)| *place);
    wanted
        .filter_map(|place| {
            let values = reached.arguments.get(&(site.door, site.number, place))?;
            (!values.is_empty()).then(|| (place.to_string(), values.iter().copied().collect()))
        })
        .collect()
}

fn files(program: &Program) -> Vec<ProfiledFile> {
    let modules = program.modules.iter().enumerate();
    modules
        .map(|(number, module)| ProfiledFile {
            path: module.path.clone(),
            opened: program.plugins.contains(&number),
        })
        .collect()
}

fn unresolved(subject: &Subject<'_>) -> Vec<Unresolved> {
    let gaps = subject.program.gaps.iter().chain(&subject.reached.gaps);
    let gaps = gaps.map(|gap| Unresolved {
        file: gap.file.clone(),
        address: gap.address,
        function: gap.function.clone(),
        reason: gap.reason.clone(),
    });
    gaps.chain(damage(subject.program)).collect()
}

/// What could not be read of a file may make any call.
fn damage(program: &Program) -> impl Iterator<Item = Unresolved> {
    program.modules.iter().flat_map(|module| {
        module.summary.problems.iter().map(|problem| Unresolved {
            file: module.name.clone(),
            address: 0,
            function: String::new(),
            reason: problem.clone(),
        })
    })
}

/// The name of a call; calls by the 32-bit door of a 64-bit program are of another ABI.
fn name_of(machine: Machine, site: &SiteNumber) -> Option<String> {
    let machine = match (site.door, machine) {
        (Door::Narrow, Machine::X86_64) => return None,
        (_, machine) => machine,
    };
    let number = match site.door {
        // arch/arm/include/uapi/asm/unistd.h: OABI numbers count from 0x900000.
        Door::Coded(_) => site.number & 0xf_ffff,
        _ => site.number & 0xffff_ffff,
    };
    Table::of(machine)?.name(number).map(str::to_owned)
}

fn unknown_number(program: &Program, site: &SiteNumber) -> Unresolved {
    let module = program.modules.get(site.node.module);
    let bias = module.map_or(0, |module| module.summary.bias);
    let reason = match site.door {
        Door::Narrow => format!("call {} by the 32-bit door", site.number),
        _ => format!("call {:#x} has no name in the table", site.number),
    };
    Unresolved {
        file: module.map(|module| module.name.clone()).unwrap_or_default(),
        address: site.address.wrapping_sub(bias),
        function: name_of_node(program, site.node),
        reason,
    }
}

fn name_of_node(program: &Program, node: Node) -> String {
    let module = program.modules.get(node.module);
    module
        .and_then(|module| {
            Some(module.summary.name_of(module.summary.functions.get(node.function)?))
        })
        .unwrap_or_default()
}

/// Functions from an entry to the place of the call.
fn chain(program: &Program, reached: &Reached, site: &SiteNumber) -> Vec<String> {
    let place = program.modules.get(site.node.module).map_or_else(String::new, |module| {
        format!("{}+{:#x}", module.name, site.address.wrapping_sub(module.summary.bias))
    });
    let mut chain = vec![place, name_of_node(program, site.node)];
    let mut at = site.node;
    while chain.len() < LONGEST_CHAIN {
        at = match reached.causes.get(&at) {
            Some(Cause::Call(from, _) | Cause::Taken(from)) => *from,
            _ => break,
        };
        let name = name_of_node(program, at);
        let module = program.modules.get(at.module).map_or("", |module| module.name.as_str());
        chain.push(format!("{module}:{name}"));
    }
    chain.reverse();
    chain
}
