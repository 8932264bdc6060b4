// SPDX-License-Identifier: Apache-2.0
//! Numbers and arguments of the system calls of everything that runs, and what hides some.

use std::collections::BTreeSet;

use super::Gap;
use super::reach::{Node, Reach, SiteNumber};
use super::values::Entries;
use crate::function::{Callee, Door, Function, Site};
use crate::object::Machine;

impl<'p> Reach<'p> {
    pub(super) fn tell_unbound(&mut self) {
        let unbound = std::mem::take(&mut self.known.unbound);
        // What a library that is missing would define is told with the library.
        if self.program.gaps.iter().any(|gap| gap.reason.starts_with("library ")) {
            return;
        }
        for (node, address, symbol) in unbound {
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

    /// Numbers of all sites that can run as far as is known now.
    pub(super) fn numbers(&mut self) -> BTreeSet<(Door, u64)> {
        let mut numbers = BTreeSet::new();
        let nodes = self.nodes();
        for node in nodes {
            let Some(function) = self.function(node) else { continue };
            if function.sites.is_empty() {
                continue;
            }
            let Some(entries) = self.entries(node).cloned() else { continue };
            for site in function.sites.iter().filter(|site| entries.permit(&site.guards)) {
                if !self.holds(node, site.address) {
                    let known = entries.evaluate(site.number.as_ref()).known;
                    numbers.extend(known.into_iter().map(|number| (site.door, number)));
                }
            }
        }
        numbers
    }

    /// Numbers of all sites that run, now that all entry values are known.
    pub(super) fn collect(&mut self) {
        self.tell_unbound();
        let nodes = self.nodes();
        for node in nodes {
            let Some(function) = self.function(node) else { continue };
            let Some(entries) = self.entries(node).cloned() else { continue };
            for site in function.sites.iter().filter(|site| entries.permit(&site.guards)) {
                if self.holds(node, site.address) {
                    continue;
                }
                self.count(node, function, site, &entries);
            }
            self.tell_opened(node, function, &entries);
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

    /// What is opened by a name that nothing tells may call anything. Texts that running code has are opened, but the name may be made of
    /// parts, or come from a file.
    fn tell_opened(&mut self, node: Node, function: &'p Function, entries: &Entries) {
        let Some(summary) = self.summary(node.module) else { return };
        for call in function.calls.iter().filter(|call| entries.permit(&call.guards)) {
            let Callee::Symbol(symbol) = call.callee else { continue };
            let import = summary.imports.get(&symbol).map(|import| import.name.as_str());
            let place = match import {
                Some("dlopen" | "__libc_dlopen_mode") => 0,
                Some("dlmopen") => 1,
                _ => continue,
            };
            // On i386 arguments are on the stack.
            let register = match summary.machine {
                Machine::I386 => None,
                machine => crate::arch::convention(machine).arguments.get(place),
            };
            if register.is_none_or(|register| entries.passed(&call.inputs, register.0).open) {
                let reason = "the name of the library that is opened is not known";
                self.gap(node, function, call.address, reason);
            }
        }
    }

    pub(super) fn count(
        &mut self,
        node: Node,
        function: &Function,
        site: &Site,
        entries: &Entries,
    ) {
        let values = entries.evaluate(site.number.as_ref());
        for number in values.known {
            let (door, address) = (site.door, site.address);
            self.note_arguments(node, site, number, entries);
            self.known.reached.numbers.insert(SiteNumber { door, number, node, address });
        }
        if values.open && !self.repeats_others(node) {
            self.gap(node, function, site.address, "the number of the call is not known");
        }
    }

    /// Thread libraries of their own make calls by a number that they are given: those of `setuid` and its like, for every thread.
    /// Who gives the number makes the call too where there is one thread only (nptl, `__nptl_setxid`), so it is known already. No
    /// function that other files can call by name does that.
    fn repeats_others(&self, node: Node) -> bool {
        let (Some(summary), Some(function)) = (self.summary(node.module), self.function(node))
        else {
            return false;
        };
        let is_threads =
            summary.soname.as_deref().is_some_and(|name| name.starts_with("libpthread"));
        is_threads && !summary.exports.iter().any(|export| export.address == function.start)
    }

    pub(super) fn note_arguments(
        &mut self,
        node: Node,
        site: &Site,
        number: u64,
        entries: &Entries,
    ) {
        let Some(summary) = self.summary(node.module) else { return };
        let registers = crate::arch::convention(summary.machine).kernel_arguments;
        for (place, register) in (0_u8..).zip(registers) {
            let values = entries.passed(&site.inputs, register.0);
            self.known.arguments.entry((site.door, number, place)).or_default().join(&values);
        }
    }

    pub(super) fn gap(&mut self, node: Node, function: &Function, address: u64, reason: &str) {
        let Some(module) = self.program.modules.get(node.module) else { return };
        self.known.reached.gaps.insert(Gap {
            file: module.name.clone(),
            address: address.wrapping_sub(module.summary.bias),
            function: module.summary.name_of(function),
            reason: reason.to_owned(),
        });
    }
}
