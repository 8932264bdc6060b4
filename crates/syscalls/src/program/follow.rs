// SPDX-License-Identifier: Apache-2.0
//! Calls: what they lead to, and what they pass.

use super::reach::{Cause, Node, Reach};
use super::values::{Entries, Values};
use crate::arch::convention;
use crate::function::{Call, Callee};
use crate::module::{Premise, expands_patterns, fulfilled_by};
use crate::object::{Import, Machine};

/// `GLOB_TILDE` and `GLOB_TILDE_CHECK` of glibc, musl and uClibc (glob.h).
const HOMES: u64 = 0x5000;

impl<'p> Reach<'p> {
    pub(super) fn run(&mut self) {
        while let Some(node) = self.known.work.pop() {
            self.known.queued.unmark(node.module, node.function);
            let Some(function) = self.function(node) else { continue };
            for call in &function.calls {
                if !self.holds(node, call.address) {
                    self.follow(node, call);
                }
            }
            if self.known.referred.mark(node.module, node.function) {
                for reference in &function.references {
                    self.refer(node.module, reference, Some(node));
                }
            }
        }
    }

    pub(super) fn queue(&mut self, node: Node) {
        if self.known.queued.mark(node.module, node.function) {
            self.known.work.push(node);
        }
    }

    /// A function runs, with anything in its registers.
    pub(super) fn open(&mut self, module: usize, address: u64, cause: Cause) {
        let Some(node) = self.node_at(module, address) else { return };
        let fresh = self.enter(node, cause);
        let grown = self.entries_mut(node).is_some_and(Entries::open);
        if self.known.patterns.contains(&node) {
            self.fulfil(Premise::HomePatterns);
        }
        if fresh || grown {
            self.queue(node);
        }
    }

    /// Notes that a function runs. True: that is new.
    pub(super) fn enter(&mut self, node: Node, cause: Cause) -> bool {
        if self.entries(node).is_some() {
            return false;
        }
        let Some(function) = self.function(node) else { return false };
        let entries = Entries::of(function);
        if let Some(place) = self.known.entries.at_mut(node.module, node.function) {
            *place = Some(entries);
        }
        self.known.reached.causes.insert(node, cause);
        self.happen(node);
        true
    }

    /// A function runs that others wait for.
    fn happen(&mut self, node: Node) {
        let Some(summary) = self.summary(node.module) else { return };
        let Some(start) = summary.functions.get(node.function).map(|function| function.start)
        else {
            return;
        };
        let Some(name) = summary.names.get(&start) else { return };
        let name = name.trim_start_matches('_');
        if expands_patterns(name) {
            self.known.patterns.insert(node);
        }
        fulfilled_by(name).for_each(|premise| self.fulfil(premise));
    }

    /// What waits for this waits no more.
    pub(super) fn fulfil(&mut self, premise: Premise) {
        if self.known.premises.insert(premise) {
            for waiting in self.known.held.remove(&premise).unwrap_or_default() {
                self.queue(waiting);
            }
        }
    }

    /// May a call of a function that expands patterns ask for the homes of users? Such a function calls itself without asking for more
    /// than it was asked for.
    fn asks_for_homes(&self, from: Node, call: &Call, to: Node) -> bool {
        if from == to || !self.known.patterns.contains(&to) {
            return false;
        }
        let machine = self.summary(from.module).map(|summary| summary.machine);
        let register = machine.and_then(|machine| {
            // On i386 arguments are on the stack.
            let known = (machine != Machine::I386).then(|| convention(machine).arguments)?;
            known.get(1)
        });
        let (Some(register), Some(own)) = (register, self.entries(from)) else { return true };
        let flags = own.passed(&call.inputs, register.0);
        flags.open || flags.known.iter().any(|flags| flags & HOMES != 0)
    }

    /// Does a call or a system call wait for something that has not happened?
    pub(super) fn holds(&mut self, node: Node, address: u64) -> bool {
        let premises = self.summary(node.module).map(|summary| &summary.premises);
        let Some(premise) = premises.and_then(|premises| premises.get(&address)) else {
            return false;
        };
        let waits = !self.known.premises.contains(premise);
        if waits {
            self.known.held.entry(*premise).or_default().insert(node);
        }
        waits
    }

    pub(super) fn node_at(&self, module: usize, address: u64) -> Option<Node> {
        let function = self.summary(module)?.function_at(address)?;
        Some(Node { module, function })
    }

    pub(super) fn follow(&mut self, from: Node, call: &'p Call) {
        if !self.entries(from).is_some_and(|entries| entries.permit(&call.guards)) {
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
    pub(super) fn unbound(&mut self, from: Node, call: &Call, symbol: u32) {
        let import = self.summary(from.module).and_then(|summary| summary.imports.get(&symbol));
        if import.is_none_or(|import| !import.weak) {
            self.known.unbound.insert((from, call.address, symbol));
        }
    }

    pub(super) fn call(&mut self, from: Node, call: &Call, module: usize, address: u64) {
        let Some(node) = self.node_at(module, address) else { return };
        let cause = Cause::Call(from, call.address);
        let mut grown = self.enter(node, cause);
        if self.asks_for_homes(from, call, node) {
            self.fulfil(Premise::HomePatterns);
        }
        let machine = self.summary(module).map(|summary| summary.machine);
        let address = machine.map_or(address, |machine| machine.without_mode(address));
        if self.function(node).is_none_or(|function| function.start != address) {
            grown |= self.entries_mut(node).is_some_and(Entries::open);
        } else {
            grown |= self.pass(from, call, node);
        }
        if grown {
            self.queue(node);
        }
    }

    pub(super) fn pass(&mut self, from: Node, call: &Call, to: Node) -> bool {
        let Some(entries) = self.entries(to) else { return false };
        let own = self.entries(from);
        let passed: Vec<(u8, Values)> = entries
            .registers()
            .map(|register| {
                let values = own.map_or_else(Values::all, |own| own.passed(&call.inputs, register));
                (register, values)
            })
            .collect();
        let Some(entries) = self.entries_mut(to) else { return false };
        passed
            .iter()
            .fold(false, |grown, (register, values)| entries.join(*register, values) | grown)
    }

    pub(super) fn binding(&mut self, module: usize, symbol: u32) -> Option<(usize, u64)> {
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
}
