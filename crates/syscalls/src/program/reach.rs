// SPDX-License-Identifier: Apache-2.0
//! Reachability over all modules, to a fixpoint, together with what callers pass.
//!
//! A function runs when something that runs calls it, or when its address is taken by code that runs
//! or lies in data that such code refers to: an indirect call may go to every such function.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::grid::Grid;
use super::serve::Serving;
use super::values::{Entries, Values};
use super::{Gap, Program};
use crate::function::{Door, Function};
use crate::module::{Premise, Summary};
use crate::object::{Export, Import};

/// A function of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Number of the module.
    pub module: usize,
    /// Number of the function in it.
    pub function: usize,
}

/// Why a function runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The system or the dynamic linker calls it.
    Root,
    /// A call at this address of another function.
    Call(Node, u64),
    /// Its address is taken by another function, or lies in data that it refers to.
    Taken(Node),
}

/// A number that a site may have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SiteNumber {
    /// Door and number.
    pub door: Door,
    /// The number in the register.
    pub number: u64,
    /// Where.
    pub node: Node,
    /// Address, with bias.
    pub address: u64,
}

/// What can run.
#[derive(Debug, Default)]
pub struct Reached {
    /// Every function that can run, with the first reason that was found.
    pub causes: BTreeMap<Node, Cause>,
    /// Every system call with its places.
    pub numbers: BTreeSet<SiteNumber>,
    /// What the arguments of a call may be, by door, number and place; those that may be anything are left out.
    pub arguments: BTreeMap<(Door, u64, u8), Vec<u64>>,
    /// What hides system calls.
    pub gaps: BTreeSet<Gap>,
    /// Texts of libraries that are referred to, by module.
    pub libraries: BTreeSet<(usize, String)>,
    /// Names that are looked up at run time, by module.
    pub looked_up: BTreeSet<(usize, String)>,
    /// What of the system calls is only made by modules of the name service.
    pub by_services: BTreeSet<(Door, u64)>,
    /// What can still run once the program serves.
    pub serving: Option<Serving>,
}

/// Where the walk begins.
pub(crate) struct Roots {
    pub(crate) functions: Vec<(usize, u64)>,
    /// Exports of these modules can be called by name.
    pub(crate) open_modules: Vec<usize>,
}

pub(super) struct Reach<'p> {
    pub(super) program: &'p Program,
    pub(super) known: Known,
}

/// An address of code that was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) module: usize,
    pub(super) address: u64,
    /// The function that took it; none where it is a root.
    pub(super) by: Option<Node>,
}

/// What was found so far; more modules only add to it.
#[derive(Default)]
pub(crate) struct Known {
    pub(super) entries: Grid<Option<Entries>>,
    pub(crate) reached: Reached,
    pub(super) work: Vec<Node>,
    pub(super) queued: Grid<bool>,
    /// Functions whose references were followed.
    pub(super) referred: Grid<bool>,
    pub(super) pieces: Grid<bool>,
    pub(super) bound: HashMap<(usize, u32), Option<(usize, u64)>>,
    /// Calls of names that nothing defines: function and address.
    pub(super) unbound: BTreeSet<(Node, u64, u32)>,
    pub(super) arguments: BTreeMap<(Door, u64, u8), Values>,
    /// Functions of the name service that running code names.
    pub(super) services: BTreeSet<String>,
    /// Functions of the name service that nothing has named yet, by name.
    pub(super) unnamed: BTreeMap<&'static str, Vec<Taken>>,
    /// What has happened.
    pub(super) premises: BTreeSet<Premise>,
    /// Functions that expand patterns (`glob`).
    pub(super) patterns: BTreeSet<Node>,
    /// Functions with calls that wait for something to happen.
    pub(super) held: BTreeMap<Premise, BTreeSet<Node>>,
}

/// Everything that can run from the program's entry.
#[must_use]
pub fn reach(program: &Program) -> Reached {
    let mut known = Known::default();
    known.extend(program, &program.roots());
    known.finish(program)
}

impl Known {
    /// Follows what can run from these roots too; names that nothing defined are looked up again.
    pub(crate) fn extend(&mut self, program: &Program, roots: &Roots) {
        let mut reach = Reach { program, known: std::mem::take(self) };
        reach.known.bound.retain(|_, found| found.is_some());
        if reach.summary(0).is_some_and(crate::module::is_linker) {
            reach.fulfil(Premise::LinkerStarted);
        }
        for (node, _, _) in std::mem::take(&mut reach.known.unbound) {
            reach.queue(node);
        }
        for (module, address) in &roots.functions {
            reach.open(*module, *address, Cause::Root);
        }
        for module in &roots.open_modules {
            let Some(summary) = reach.summary(*module) else { continue };
            for export in summary.exports.iter().filter(|export| callable(summary, export)) {
                reach.take_named(*module, &export.name, export.address, None);
            }
        }
        reach.run();
        *self = reach.known;
    }

    /// Numbers as of now.
    pub(crate) fn numbers(&mut self, program: &Program) -> BTreeSet<(Door, u64)> {
        let mut reach = Reach { program, known: std::mem::take(self) };
        let numbers = reach.numbers();
        *self = reach.known;
        numbers
    }

    /// Numbers and arguments, now that nothing is added any more.
    pub(crate) fn finish(self, program: &Program) -> Reached {
        let mut reach = Reach { program, known: self };
        reach.collect();
        let serving = reach.serve();
        reach.known.reached.serving = serving;
        reach.known.reached
    }
}

/// Can a definition of a library that is opened by name be called? A name-service module only by the
/// functions of its service; a C library only by names that are looked up.
fn callable(summary: &Summary, export: &Export) -> bool {
    match summary.soname.as_deref() {
        Some(name) if name.starts_with("libnss_") => export.name.starts_with("_nss_"),
        Some(name) => {
            !["libc.so", "libc-", "libpthread", "ld-"].iter().any(|start| name.starts_with(start))
        }
        None => true,
    }
}

impl Program {
    /// Entry of the executable and of the dynamic linker, initialisers and finalisers of all.
    pub(crate) fn roots(&self) -> Roots {
        let mut functions = Vec::new();
        for (number, module) in self.modules.iter().enumerate() {
            functions.extend(module.summary.roots.iter().map(|root| (number, *root)));
            // A library's own entry only runs when somebody starts it as a program.
            let starts = number == 0 || Some(number) == self.interpreter;
            functions.extend(module.summary.entry.filter(|_| starts).map(|entry| (number, entry)));
        }
        if self.interpreter.is_some() {
            let looked_up = LOOKED_UP.iter().filter_map(|name| {
                let import = Import { name: (*name).to_owned(), version: None, weak: true };
                self.bind(&import).map(|(module, export)| (module, export.address))
            });
            functions.extend(looked_up);
        }
        Roots { functions, open_modules: self.plugins.clone() }
    }
}

/// What the dynamic linker of glibc looks up by name and calls (glibc, elf/dl-call-libc-early-init.c and elf/dl-minimal.c).
const LOOKED_UP: &[&str] = &["__libc_early_init", "calloc", "free", "malloc", "realloc"];

impl<'p> Reach<'p> {
    pub(super) fn summary(&self, module: usize) -> Option<&'p Summary> {
        self.program.modules.get(module).map(|module| module.summary.as_ref())
    }

    pub(super) fn entries(&self, node: Node) -> Option<&Entries> {
        self.known.entries.at(node.module, node.function)?.as_ref()
    }

    pub(super) fn entries_mut(&mut self, node: Node) -> Option<&mut Entries> {
        self.known.entries.at_mut(node.module, node.function)?.as_mut()
    }

    /// Every function that runs.
    pub(super) fn nodes(&self) -> Vec<Node> {
        let running = self.known.entries.iter().filter(|(_, _, entries)| entries.is_some());
        running.map(|(module, function, _)| Node { module, function }).collect()
    }

    pub(super) fn function(&self, node: Node) -> Option<&'p Function> {
        self.summary(node.module)?.functions.get(node.function)
    }
}
