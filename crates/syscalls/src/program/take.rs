// SPDX-License-Identifier: Apache-2.0
//! References: what taking an address makes reachable, and names that lead to other files.

use super::reach::{Cause, Node, Reach, Taken};
use crate::function::{Call, Input, Reference};
use crate::module::{Summary, function_of};

impl<'p> Reach<'p> {
    pub(super) fn refer(&mut self, module: usize, reference: &Reference, by: Option<Node>) {
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
    pub(super) fn take_address(&mut self, module: usize, address: u64, by: Option<Node>) {
        let Some(summary) = self.summary(module) else { return };
        if let Some(library) = summary.libraries.get(&address) {
            self.known.reached.libraries.insert((module, library.clone()));
        }
        if let Some(name) = summary.services.get(&address) {
            self.name_service(name);
        }
        if let Some(piece) = crate::module::piece_at(&summary.pieces, address) {
            self.read_pieces(module, summary, piece, by);
        }
        let names = self.service_names(summary, address);
        if names.is_empty() {
            // Where a file does not say what is code, a piece may reach over some.
            self.open(module, address, by.map_or(Cause::Root, Cause::Taken));
        }
        for name in names {
            self.take_named(module, name, address, by);
        }
    }

    /// The names of a function of the name service; none for any other.
    fn service_names(&self, summary: &'p Summary, address: u64) -> Vec<&'p str> {
        let address = summary.machine.without_mode(address);
        if summary.names.get(&address).is_none_or(|name| function_of(name).is_none()) {
            return Vec::new();
        }
        let same = summary.exports.iter().filter(|export| export.address == address);
        let names: Vec<&str> = same.map(|export| export.name.as_str()).collect();
        // One that has another name as well may be called by that.
        if names.iter().all(|name| function_of(name).is_some()) { names } else { Vec::new() }
    }

    /// A function whose name is known too: one of the name service waits until something names it.
    pub(super) fn take_named(&mut self, module: usize, name: &str, address: u64, by: Option<Node>) {
        match function_of(name) {
            Some(service) if !self.known.services.contains(service) => {
                self.known.unnamed.entry(service).or_default().push(Taken { module, address, by });
            }
            Some(_) => self.open(module, address, by.map_or(Cause::Root, Cause::Taken)),
            None => self.take_address(module, address, by),
        }
    }

    fn name_service(&mut self, name: &str) {
        if !self.known.services.insert(name.to_owned()) {
            return;
        }
        for Taken { module, address, by } in self.known.unnamed.remove(name).unwrap_or_default() {
            self.open(module, address, by.map_or(Cause::Root, Cause::Taken));
        }
    }

    /// A piece of data counts, and what may be the rest of the same object.
    pub(super) fn read_pieces(
        &mut self,
        module: usize,
        summary: &'p Summary,
        first: usize,
        by: Option<Node>,
    ) {
        let mut number = first;
        while let Some(piece) = summary.pieces.get(number) {
            let rest = number > first;
            if rest && !piece.continues || !self.known.pieces.mark(module, number) {
                return;
            }
            for target in &piece.targets {
                self.refer(module, target, by);
            }
            number += 1;
        }
    }

    /// Names that `dlopen` and `dlsym` get.
    pub(super) fn look_up(&mut self, module: usize, symbol: u32, call: &Call) {
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
}
