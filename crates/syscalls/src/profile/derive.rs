// SPDX-License-Identifier: Apache-2.0
//! From what can run to a profile.

use std::collections::{BTreeMap, BTreeSet};

use super::{AllowedCall, FORMAT, Phase, Profile, ProfiledFile, Source, Unresolved};
use crate::function::Door;
use crate::object::Machine;
use crate::program::{Cause, Node, Program, Reached, SiteNumber};
use crate::table::{Table, abi_name};

/// A program and what can run of it.
pub struct Subject<'a> {
    /// The executable, as the user named it.
    pub name: &'a str,
    /// Its files.
    pub program: &'a Program,
    /// What can run.
    pub reached: &'a Reached,
    /// What can run once it serves, and where that begins.
    pub serving: Option<(&'a Reached, String)>,
}

/// Longest chain of functions that is written down.
const LONGEST_CHAIN: usize = 12;

/// Makes the profile.
#[must_use]
pub fn derive(subject: &Subject<'_>) -> Profile {
    let machine =
        subject.program.modules.first().map_or(Machine::X86_64, |module| module.summary.machine);
    let table = Table::of(machine);
    let mut profile = Profile {
        kakoi_syscalls: FORMAT,
        program: subject.name.to_owned(),
        abi: abi_name(machine).to_owned(),
        table: table.map(|table| table.source.clone()).unwrap_or_default(),
        serving_from: subject.serving.as_ref().map(|(_, place)| place.clone()),
        files: files(subject.program),
        unresolved: unresolved(subject),
        calls: BTreeMap::new(),
    };
    let serving: Option<BTreeSet<(Door, u64)>> = subject
        .serving
        .as_ref()
        .map(|(reached, _)| reached.numbers.iter().map(|site| (site.door, site.number)).collect());
    for site in &subject.reached.numbers {
        let Some(name) = name_of(machine, site) else {
            profile.unresolved.push(unknown_number(subject.program, site));
            continue;
        };
        if profile.calls.contains_key(&name) {
            continue;
        }
        let serves = serving.as_ref().is_none_or(|all| all.contains(&(site.door, site.number)));
        let call = AllowedCall {
            source: [Source::Static].into(),
            phase: if serves { Phase::Serving } else { Phase::Start },
            why: chain(subject.program, subject.reached, site),
            arguments: BTreeMap::new(),
        };
        profile.calls.insert(name, call);
    }
    profile.unresolved.sort();
    profile.unresolved.dedup();
    profile
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
    gaps.map(|gap| Unresolved {
        file: gap.file.clone(),
        address: gap.address,
        function: gap.function.clone(),
        reason: gap.reason.clone(),
    })
    .collect()
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
