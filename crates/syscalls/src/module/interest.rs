// SPDX-License-Identifier: Apache-2.0
//! Which entry values decide something: the number of a system call, a branch, an argument that filters bind. What callers pass
//! elsewhere is not kept.

use std::collections::HashMap;

use crate::arch::{Convention, convention};
use crate::function::{Call, Callee, Function, Input, Inputs, Site};
use crate::object::{Import, Machine};
use crate::profile::is_bound;
use crate::table::Table;

/// Functions of other files that callers decide by what they pass. To others numbers are passed as well, but not what the
/// caller got itself: that only widens.
const DECIDING: &[&str] = &[
    "__fcntl_time64",
    "__libc_dlopen_mode",
    "__libc_dlsym",
    "__libc_start_main",
    "__open64_2",
    "__open_2",
    "__openat64_2",
    "__openat_2",
    "__sysconf",
    "__uClibc_main",
    "clone",
    "dlmopen",
    "dlopen",
    "dlsym",
    "dlvsym",
    "fcntl",
    "fcntl64",
    "fpathconf",
    "glob",
    "glob64",
    "ioctl",
    "kill",
    "mmap",
    "mmap64",
    "mprotect",
    "open",
    "open64",
    "openat",
    "openat64",
    "pathconf",
    "personality",
    "prctl",
    "ptrace",
    "setsockopt",
    "socket",
    "socketpair",
    "syscall",
    "sysconf",
    "unshare",
];

/// A bit for each entry value.
type Mask = u128;

/// Drops what no callee asks for.
pub(super) fn trim_inputs(
    machine: Machine,
    functions: &mut [Function],
    imports: &std::collections::BTreeMap<u32, Import>,
) {
    let known = Known {
        table: Table::of(machine),
        convention: convention(machine),
        starts: functions.iter().enumerate().map(|(number, f)| (f.start, number)).collect(),
        machine,
        imports,
    };
    let masks = known.find_masks(functions);
    for function in functions {
        for site in &mut function.sites {
            let kept = known.bound(site);
            site.inputs.retain(|(register, _)| kept >> (register & 127) & 1 == 1);
        }
        for call in &mut function.calls {
            let mask = known.asked(call, &masks);
            call.inputs.retain(|(register, _)| mask >> (register & 127) & 1 == 1);
        }
    }
}

struct Known<'a> {
    table: Option<&'static Table>,
    convention: Convention,
    starts: HashMap<u64, usize>,
    machine: Machine,
    imports: &'a std::collections::BTreeMap<u32, Import>,
}

impl Known<'_> {
    /// Registers of a system call whose content filters may bind.
    fn bound(&self, site: &Site) -> Mask {
        let names = |number: &u64| self.table.and_then(|table| table.name(*number));
        let registers = self.convention.kernel_arguments;
        let one = |number: &u64| {
            let Some(name) = names(number) else { return Mask::MAX };
            let places = (0_u8..).zip(registers).filter(|(place, _)| is_bound(name, *place));
            places.fold(0, |mask, (_, register)| mask | bit(register.0))
        };
        match &site.number {
            Some(Input::Constants(all)) => all.iter().map(one).fold(0, |all, mask| all | mask),
            // Whatever call it is.
            _ => registers.iter().fold(0, |mask, register| mask | bit(register.0)),
        }
    }

    /// What a callee asks for.
    fn asked(&self, call: &Call, masks: &[Mask]) -> Mask {
        match call.callee {
            Callee::Symbol(_) => Mask::MAX,
            Callee::Address(address) => {
                let start = self.starts.get(&self.machine.without_mode(address));
                start.and_then(|number| masks.get(*number)).copied().unwrap_or(0)
            }
            Callee::Entry(_) | Callee::Unknown => 0,
        }
    }

    /// What each function asks for, to a fixpoint.
    fn find_masks(&self, functions: &[Function]) -> Vec<Mask> {
        let mut masks: Vec<Mask> = functions.iter().map(|function| self.own(function)).collect();
        let mut callers: Vec<Vec<usize>> = vec![Vec::new(); functions.len()];
        for (number, function) in functions.iter().enumerate() {
            for call in &function.calls {
                let Callee::Address(address) = call.callee else { continue };
                let callee = self.starts.get(&self.machine.without_mode(address));
                if let Some(list) = callee.and_then(|callee| callers.get_mut(*callee)) {
                    list.push(number);
                }
            }
        }
        let mut work: Vec<usize> =
            (0..functions.len()).filter(|n| masks.get(*n) != Some(&0)).collect();
        while let Some(number) = work.pop() {
            for caller in callers.get(number).into_iter().flatten() {
                let Some(function) = functions.get(*caller) else { continue };
                let calls = function.calls.iter();
                let local = calls.filter(|call| matches!(call.callee, Callee::Address(_)));
                let more = local
                    .fold(0, |all, call| all | entries(&call.inputs, self.asked(call, &masks)));
                let Some(mask) = masks.get_mut(*caller) else { continue };
                if *mask | more != *mask {
                    *mask |= more;
                    work.push(*caller);
                }
            }
        }
        masks
    }

    /// What a function decides itself, or passes to other files.
    fn own(&self, function: &Function) -> Mask {
        let mut mask = 0;
        for site in &function.sites {
            mask |= guarded(&site.guards) | entries(&site.inputs, self.bound(site));
            if let Some(Input::Entry(register, _)) = site.number {
                mask |= bit(register);
            }
        }
        for call in &function.calls {
            mask |= guarded(&call.guards);
            if self.decides(call) {
                mask |= entries(&call.inputs, Mask::MAX);
            }
        }
        mask
    }

    fn decides(&self, call: &Call) -> bool {
        let Callee::Symbol(symbol) = call.callee else { return false };
        let import = self.imports.get(&symbol);
        import.is_some_and(|import| DECIDING.contains(&import.name.as_str()))
    }
}

fn bit(register: u8) -> Mask {
    1 << (register & 127)
}

fn guarded(guards: &crate::function::Guards) -> Mask {
    guards.iter().fold(0, |mask, (register, _)| mask | bit(*register))
}

/// Entry values that go into the inputs of a mask.
fn entries(inputs: &Inputs, asked: Mask) -> Mask {
    inputs.iter().fold(0, |mask, (register, input)| match input {
        Input::Entry(entry, _) if asked >> (register & 127) & 1 == 1 => mask | bit(*entry),
        _ => mask,
    })
}
