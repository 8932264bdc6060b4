// SPDX-License-Identifier: Apache-2.0
//! Reachability over all modules, to a fixpoint, together with what callers pass.
//!
//! A function runs when something that runs calls it, or when its address is taken by code that runs
//! or lies in data that such code refers to: an indirect call may go to every such function.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::values::{Entries, Values};
use super::{Gap, Program};
use crate::function::{Call, Callee, Door, Function, Input, Reference, Site};
use crate::module::Summary;
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
    pub arguments: BTreeMap<(Door, u64, u8), BTreeSet<u64>>,
    /// What hides system calls.
    pub gaps: BTreeSet<Gap>,
    /// Texts of libraries that are referred to, by module.
    pub libraries: BTreeSet<(usize, String)>,
    /// Names that are looked up at run time, by module.
    pub looked_up: BTreeSet<(usize, String)>,
}

/// Where the walk begins.
pub(crate) struct Roots {
    pub(crate) functions: Vec<(usize, u64)>,
    /// Exports of these modules can be called by name.
    pub(crate) open_modules: Vec<usize>,
}

struct Reach<'p> {
    program: &'p Program,
    known: Known,
}

/// What was found so far; more modules only add to it.
#[derive(Default)]
pub(crate) struct Known {
    entries: HashMap<Node, Entries>,
    pub(crate) reached: Reached,
    work: Vec<Node>,
    queued: BTreeSet<Node>,
    pieces: BTreeSet<(usize, usize)>,
    bound: HashMap<(usize, u32), Option<(usize, u64)>>,
    /// Calls of names that nothing defines: function and address.
    unbound: BTreeSet<(Node, u64, u32)>,
    arguments: BTreeMap<(Door, u64, u8), Values>,
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
        for (node, _, _) in std::mem::take(&mut reach.known.unbound) {
            reach.queue(node);
        }
        for (module, address) in &roots.functions {
            reach.open(*module, *address, Cause::Root);
        }
        for module in &roots.open_modules {
            let Some(summary) = reach.summary(*module) else { continue };
            for export in summary.exports.iter().filter(|export| callable(summary, export)) {
                reach.take_address(*module, export.address, None);
            }
        }
        reach.run();
        *self = reach.known;
    }

    /// Numbers and arguments, now that nothing is added any more.
    pub(crate) fn finish(self, program: &Program) -> Reached {
        let mut reach = Reach { program, known: self };
        reach.collect();
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
        Roots { functions, open_modules: self.plugins.clone() }
    }
}

impl<'p> Reach<'p> {
    fn summary(&self, module: usize) -> Option<&'p Summary> {
        self.program.modules.get(module).map(|module| module.summary.as_ref())
    }

    fn function(&self, node: Node) -> Option<&'p Function> {
        self.summary(node.module)?.functions.get(node.function)
    }

    fn run(&mut self) {
        while let Some(node) = self.known.work.pop() {
            self.known.queued.remove(&node);
            let Some(function) = self.function(node) else { continue };
            for call in &function.calls {
                self.follow(node, call);
            }
            for reference in &function.references {
                self.refer(node.module, reference, Some(node));
            }
        }
    }

    fn queue(&mut self, node: Node) {
        if self.known.queued.insert(node) {
            self.known.work.push(node);
        }
    }

    /// A function runs, with anything in its registers.
    fn open(&mut self, module: usize, address: u64, cause: Cause) {
        let Some(node) = self.node_at(module, address) else { return };
        let fresh = self.enter(node, cause);
        let grown = self.known.entries.get_mut(&node).is_some_and(Entries::open);
        if fresh || grown {
            self.queue(node);
        }
    }

    /// Notes that a function runs. True: that is new.
    fn enter(&mut self, node: Node, cause: Cause) -> bool {
        if self.known.entries.contains_key(&node) {
            return false;
        }
        let Some(function) = self.function(node) else { return false };
        self.known.entries.insert(node, Entries::of(function));
        self.known.reached.causes.insert(node, cause);
        true
    }

    fn node_at(&self, module: usize, address: u64) -> Option<Node> {
        let function = self.summary(module)?.function_at(address)?;
        Some(Node { module, function })
    }

    fn follow(&mut self, from: Node, call: &'p Call) {
        if !self.known.entries.get(&from).is_some_and(|entries| entries.permit(&call.guards)) {
            return;
        }
        match call.callee {
            Callee::Address(address) => self.call(from, call, from.module, address),
            Callee::Symbol(symbol) => {
                match self.binding(from.module, symbol) {
                    Some((module, address)) => self.call(from, call, module, address),
                    None => self.unbound(from, call, symbol),
                }
                self.look_up(from.module, symbol, call);
            }
            // Every function whose address is taken runs anyway.
            Callee::Entry(_) | Callee::Unknown => {}
        }
    }

    /// A call of a name that nothing defines.
    fn unbound(&mut self, from: Node, call: &Call, symbol: u32) {
        let import = self.summary(from.module).and_then(|summary| summary.imports.get(&symbol));
        if import.is_none_or(|import| !import.weak) {
            self.known.unbound.insert((from, call.address, symbol));
        }
    }

    fn tell_unbound(&mut self) {
        for (node, address, symbol) in std::mem::take(&mut self.known.unbound) {
            let import = self.summary(node.module).and_then(|summary| summary.imports.get(&symbol));
            let reason = match import {
                Some(import) => format!("nothing defines {}", import.name),
                None => "the symbol that is called is not in the table".to_owned(),
            };
            if let Some(function) = self.function(node) {
                self.gap(node, function, address, &reason);
            }
        }
    }

    fn call(&mut self, from: Node, call: &Call, module: usize, address: u64) {
        let Some(node) = self.node_at(module, address) else { return };
        let cause = Cause::Call(from, call.address);
        let mut grown = self.enter(node, cause);
        let machine = self.summary(module).map(|summary| summary.machine);
        let address = machine.map_or(address, |machine| machine.without_mode(address));
        if self.function(node).is_none_or(|function| function.start != address) {
            grown |= self.known.entries.get_mut(&node).is_some_and(Entries::open);
        } else {
            grown |= self.pass(from, call, node);
        }
        if grown {
            self.queue(node);
        }
    }

    fn pass(&mut self, from: Node, call: &Call, to: Node) -> bool {
        let registers = self.known.entries.get(&to).map(Entries::registers).unwrap_or_default();
        let mut grown = false;
        for register in registers {
            let values = self
                .known
                .entries
                .get(&from)
                .map_or_else(Values::all, |own| own.passed(&call.inputs, register));
            grown |= self
                .known
                .entries
                .get_mut(&to)
                .is_some_and(|entries| entries.join(register, &values));
        }
        grown
    }

    fn binding(&mut self, module: usize, symbol: u32) -> Option<(usize, u64)> {
        if let Some(known) = self.known.bound.get(&(module, symbol)) {
            return *known;
        }
        let import: Option<&Import> = self.summary(module)?.imports.get(&symbol);
        let found = import
            .and_then(|import| self.program.bind(import))
            .map(|(module, export)| (module, export.address));
        self.known.bound.insert((module, symbol), found);
        found
    }

    fn refer(&mut self, module: usize, reference: &Reference, by: Option<Node>) {
        match reference {
            Reference::Address(address) => self.take_address(module, *address, by),
            Reference::Symbol(symbol) => {
                if let Some((module, address)) = self.binding(module, *symbol) {
                    self.take_address(module, address, by);
                }
            }
        }
    }

    /// Code whose address is taken can be called; data leads to what it holds.
    fn take_address(&mut self, module: usize, address: u64, by: Option<Node>) {
        let Some(summary) = self.summary(module) else { return };
        if let Some(library) = summary.libraries.get(&address) {
            self.known.reached.libraries.insert((module, library.clone()));
        }
        if let Some(piece) = crate::module::piece_at(&summary.pieces, address) {
            self.read_pieces(module, summary, piece, by);
        }
        // Where a file does not say what is code, a piece may reach over some.
        self.open(module, address, by.map_or(Cause::Root, Cause::Taken));
    }

    /// A piece of data counts, and what may be the rest of the same object.
    fn read_pieces(&mut self, module: usize, summary: &'p Summary, first: usize, by: Option<Node>) {
        let mut number = first;
        while let Some(piece) = summary.pieces.get(number) {
            let rest = number > first;
            if rest && !piece.continues || !self.known.pieces.insert((module, number)) {
                return;
            }
            for target in &piece.targets {
                self.refer(module, target, by);
            }
            number += 1;
        }
    }

    /// Names that `dlopen` and `dlsym` get.
    fn look_up(&mut self, module: usize, symbol: u32, call: &Call) {
        let Some(summary) = self.summary(module) else { return };
        if !summary
            .imports
            .get(&symbol)
            .is_some_and(|import| crate::module::is_lookup(&import.name))
        {
            return;
        }
        for (_, input) in &call.inputs {
            let Input::Constants(all) = input else { continue };
            for text in all.iter().filter_map(|address| summary.texts.get(address)) {
                self.known.reached.looked_up.insert((module, text.clone()));
            }
        }
    }

    /// Numbers of all sites that run, now that all entry values are known.
    fn collect(&mut self) {
        self.tell_unbound();
        let nodes: Vec<Node> = self.known.entries.keys().copied().collect();
        for node in nodes {
            let Some(function) = self.function(node) else { continue };
            let Some(entries) = self.known.entries.get(&node).cloned() else { continue };
            for site in function.sites.iter().filter(|site| entries.permit(&site.guards)) {
                self.count(node, function, site, &entries);
            }
            if let Some(address) = function.undecoded {
                self.gap(node, function, address, "control reaches what is no known instruction");
            }
            if function.exhausted {
                self.gap(
                    node,
                    function,
                    function.start,
                    "the function is too long to be walked whole",
                );
            }
        }
        let closed = std::mem::take(&mut self.known.arguments).into_iter();
        let closed = closed.filter(|(_, values)| !values.open);
        self.known.reached.arguments =
            closed.map(|(place, values)| (place, values.known)).collect();
    }

    fn count(&mut self, node: Node, function: &Function, site: &Site, entries: &Entries) {
        let values = entries.evaluate(site.number.as_ref());
        for number in values.known {
            let (door, address) = (site.door, site.address);
            self.note_arguments(node, site, number, entries);
            self.known.reached.numbers.insert(SiteNumber { door, number, node, address });
        }
        if values.open {
            self.gap(node, function, site.address, "the number of the call is not known");
        }
    }

    fn note_arguments(&mut self, node: Node, site: &Site, number: u64, entries: &Entries) {
        let Some(summary) = self.summary(node.module) else { return };
        let registers = crate::arch::convention(summary.machine).kernel_arguments;
        for (place, register) in (0_u8..).zip(registers) {
            let values = entries.passed(&site.inputs, register.0);
            self.known.arguments.entry((site.door, number, place)).or_default().join(&values);
        }
    }

    fn gap(&mut self, node: Node, function: &Function, address: u64, reason: &str) {
        let Some(module) = self.program.modules.get(node.module) else { return };
        self.known.reached.gaps.insert(Gap {
            file: module.name.clone(),
            address: address.wrapping_sub(module.summary.bias),
            function: module.summary.name_of(function),
            reason: reason.to_owned(),
        });
    }
}
