// SPDX-License-Identifier: Apache-2.0
//! The phase of serving: what can still run once the program waits for others in a loop.
//!
//! The loop is found in `waits.rs`. What can come after its wait counts, in that function and, behind the call, in those that called it; with it
//! finalisers, and every function whose address is taken, whenever that happens. In the dynamic linker such a function counts only when
//! what takes it counts, since it passes its own start-up code by address.

use std::collections::{BTreeMap, BTreeSet};

use super::blocks::Region;
use super::reach::{Cause, Node, Reach};
use crate::function::{Callee, Door, Reference};
use crate::module::piece_at;

/// What can run while the program serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// The function that waits in a loop.
    pub node: Node,
    /// The call that waits, or leads to what waits, with bias.
    pub address: u64,
    /// System calls by door and number.
    pub numbers: BTreeSet<(Door, u64)>,
}

pub(super) struct Edge {
    pub(super) at: u64,
    pub(super) to: Node,
}

pub(super) struct Serve<'r, 'p> {
    pub(super) reach: &'r mut Reach<'p>,
    /// Direct calls of every function that runs.
    pub(super) calls: BTreeMap<Node, Vec<Edge>>,
    pub(super) callers: BTreeMap<Node, Vec<(Node, u64)>>,
    regions: BTreeMap<Node, Region>,
    /// Functions that do not return.
    pub(super) ends: BTreeSet<Node>,
    /// Functions by the data that holds their address, once looked up.
    pieces: BTreeSet<(usize, usize)>,
}

impl<'p> Reach<'p> {
    /// The phase of serving; none where nothing waits in a loop.
    pub(super) fn serve(&mut self) -> Option<Serving> {
        let mut serve = Serve {
            reach: self,
            calls: BTreeMap::new(),
            callers: BTreeMap::new(),
            regions: BTreeMap::new(),
            ends: BTreeSet::new(),
            pieces: BTreeSet::new(),
        };
        serve.find_calls();
        serve.find_ends();
        let loops = serve.find_loops();
        let all = loops.into_iter().map(|(node, address)| {
            let numbers = serve.numbers_from(node, address);
            Serving { node, address, numbers }
        });
        // Of loops that do about as much the one that leaves least: what comes before it is not done again.
        all.min_by_key(|serving| serving.numbers.len())
    }
}

impl Serve<'_, '_> {
    fn find_calls(&mut self) {
        let nodes = self.reach.nodes();
        for node in nodes {
            let Some(function) = self.reach.function(node) else { continue };
            let mut edges = Vec::new();
            for call in &function.calls {
                let entries = self.reach.entries(node);
                let permitted = entries.is_some_and(|entries| entries.permit(&call.guards));
                if !permitted || self.reach.holds(node, call.address) {
                    continue;
                }
                let found = match call.callee {
                    Callee::Address(address) => Some((node.module, address)),
                    Callee::Symbol(symbol) => self.reach.binding(node.module, symbol),
                    Callee::Entry(_) | Callee::Unknown => None,
                };
                let to = found.and_then(|(module, address)| self.reach.node_at(module, address));
                edges.extend(to.map(|to| Edge { at: call.address, to }));
            }
            for edge in &edges {
                self.callers.entry(edge.to).or_default().push((node, edge.at));
            }
            self.calls.insert(node, edges);
        }
    }

    /// System calls of everything that can come after the call.
    fn numbers_from(&mut self, node: Node, address: u64) -> BTreeSet<(Door, u64)> {
        self.regions.clear();
        self.pieces.clear();
        self.follow_from(node, address);
        self.numbers()
    }

    /// Notes everything that can come after the call.
    fn follow_from(&mut self, node: Node, address: u64) {
        let mut work = self.places_after(node, address);
        work.extend(self.lasting_roots());
        work.extend(self.places_jumped_to());
        let taken: Vec<Node> = self.calls.keys().copied().collect();
        for by in taken {
            let within = self.reach.program.interpreter == Some(by.module);
            let starts = by.module == 0 && Some(by) == self.entry();
            if !within && !starts {
                work.extend(self.taken_by(by).into_iter().map(|node| (node, Region::All)));
            }
        }
        while let Some((node, region)) = work.pop() {
            let grown = match self.regions.get_mut(&node) {
                Some(known) => {
                    let before = known.clone();
                    known.join(region);
                    *known != before
                }
                None => self.regions.insert(node, region).is_none(),
            };
            if grown {
                work.extend(self.run(node));
            }
        }
    }

    pub(super) fn entry(&self) -> Option<Node> {
        let entry = self.reach.summary(0)?.entry?;
        self.reach.node_at(0, entry)
    }

    /// Places after the call, and behind the calls that led there, up to the entry.
    fn places_after(&mut self, node: Node, address: u64) -> Vec<(Node, Region)> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let mut work = vec![(node, address)];
        while let Some((node, address)) = work.pop() {
            if !seen.insert((node, address)) {
                continue;
            }
            let Some(blocks) = self.blocks(node) else { continue };
            found.push((node, blocks.region(address)));
            if self.ends.contains(&node) {
                continue;
            }
            match self.callers.get(&node) {
                Some(callers) => work.extend(callers.iter().copied()),
                None => work.extend(self.callers_by_pointer()),
            }
        }
        found
    }

    /// Calls through pointers in what the entry calls first: one of them calls `main`.
    fn callers_by_pointer(&self) -> Vec<(Node, u64)> {
        const DEPTH: usize = 4;
        let mut near: BTreeSet<Node> = self.entry().into_iter().collect();
        for _ in 0..DEPTH {
            let callees = near.iter().filter_map(|node| self.calls.get(node)).flatten();
            let more: Vec<Node> = callees.map(|edge| edge.to).collect();
            near.extend(more);
        }
        let by_pointer = |callee: &Callee| matches!(callee, Callee::Entry(_) | Callee::Unknown);
        let functions = near.iter().filter_map(|node| Some((*node, self.reach.function(*node)?)));
        functions
            .flat_map(|(node, function)| {
                let calls = function.calls.iter().filter(|call| by_pointer(&call.callee));
                calls.map(move |call| (node, call.address))
            })
            .collect()
    }

    /// What comes after a call of `setjmp`: `longjmp` leads there at any time.
    fn places_jumped_to(&self) -> Vec<(Node, Region)> {
        let is_mark = |node: Node| {
            let summary = self.reach.summary(node.module);
            let function = summary.zip(self.reach.function(node));
            let name = function.and_then(|(summary, function)| summary.names.get(&function.start));
            name.is_some_and(|name| matches!(name.trim_start_matches('_'), "setjmp" | "sigsetjmp"))
        };
        let edges = self.calls.iter().flat_map(|(node, all)| all.iter().map(|edge| (*node, edge)));
        let marked = edges.filter(|(_, edge)| is_mark(edge.to));
        marked.filter_map(|(node, edge)| Some((node, self.blocks(node)?.region(edge.at)))).collect()
    }

    /// Finalisers, and what other files may call by name at any time.
    fn lasting_roots(&mut self) -> Vec<(Node, Region)> {
        let mut found = Vec::new();
        for (number, module) in self.reach.program.modules.iter().enumerate() {
            // Whatever is loaded at run time may be loaded while the program serves.
            let opened = number >= self.reach.program.at_start;
            let roots = if opened { &module.summary.roots } else { &module.summary.finals };
            let nodes = roots.iter().filter_map(|root| self.reach.node_at(number, *root));
            found.extend(nodes.map(|node| (node, Region::All)));
        }
        let causes = &self.reach.known.reached.causes;
        let opened = causes.iter().filter(|(node, cause)| {
            **cause == Cause::Root && self.reach.program.plugins.contains(&node.module)
        });
        found.extend(opened.map(|(node, _)| (*node, Region::All)));
        found
    }

    /// What a part of a function calls and takes.
    fn run(&mut self, node: Node) -> Vec<(Node, Region)> {
        let Some(region) = self.regions.get(&node) else { return Vec::new() };
        let blocks = if *region == Region::All { None } else { self.blocks(node) };
        let is_in = |edge: &&Edge| blocks.as_ref().is_none_or(|all| all.contains(region, edge.at));
        let called = self.calls.get(&node).into_iter().flatten().filter(is_in).map(|edge| edge.to);
        let mut found: Vec<(Node, Region)> = called.map(|to| (to, Region::All)).collect();
        found.extend(self.taken_by(node).into_iter().map(|to| (to, Region::All)));
        found
    }

    /// Functions whose address a function takes, itself or through data that it refers to.
    pub(super) fn taken_by(&mut self, node: Node) -> Vec<Node> {
        let Some(function) = self.reach.function(node) else { return Vec::new() };
        let mut found = Vec::new();
        let mut work: Vec<(usize, Reference)> =
            function.references.iter().map(|reference| (node.module, *reference)).collect();
        while let Some((module, reference)) = work.pop() {
            let place = match reference {
                Reference::Address(address) => Some((module, address)),
                Reference::Symbol(symbol) => self.reach.binding(module, symbol),
            };
            let Some((module, address)) = place else { continue };
            let node = self.reach.node_at(module, address);
            found.extend(node.filter(|node| self.calls.contains_key(node)));
            self.read_pieces(module, address, &mut work);
        }
        found
    }

    /// What a piece of data holds, the first time that it is looked at: what it holds counts from then on.
    fn read_pieces(&mut self, module: usize, address: u64, work: &mut Vec<(usize, Reference)>) {
        let Some(summary) = self.reach.summary(module) else { return };
        let Some(first) = piece_at(&summary.pieces, address) else { return };
        for (number, piece) in summary.pieces.iter().enumerate().skip(first) {
            let rest = number > first;
            if rest && !piece.continues || !self.pieces.insert((module, number)) {
                return;
            }
            work.extend(piece.targets.iter().map(|target| (module, *target)));
        }
    }

    fn numbers(&mut self) -> BTreeSet<(Door, u64)> {
        let mut found = BTreeSet::new();
        let regions = std::mem::take(&mut self.regions);
        for site in &self.reach.known.reached.numbers {
            let Some(region) = regions.get(&site.node) else { continue };
            let blocks = if *region == Region::All { None } else { self.blocks(site.node) };
            if blocks.is_none_or(|blocks| blocks.contains(region, site.address)) {
                found.insert((site.door, site.number));
            }
        }
        found
    }
}
