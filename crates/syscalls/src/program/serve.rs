// SPDX-License-Identifier: Apache-2.0
//! The phase of serving: what can still run once the program waits for others in a loop.
//!
//! The loop is that of the function nearest to the entry which waits again and again (`accept`, `poll`, `epoll_wait` …) itself or in
//! what it calls. What can come after its wait counts, in that function and, behind the call, in those that called it; with it
//! finalisers, and every function whose address is taken, whenever that happens. In the dynamic linker such a function counts only when
//! what takes it counts, since it passes its own start-up code by address.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::blocks::{Blocks, Region};
use super::reach::{Cause, Node, Reach};
use crate::function::{Callee, Door, Input, Reference, Site};
use crate::module::piece_at;
use crate::table::Table;

/// Calls that wait for others.
const WAITS: &[&str] = &[
    "_newselect",
    "accept",
    "accept4",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "poll",
    "ppoll",
    "ppoll_time64",
    "pselect6",
    "pselect6_time64",
    "rt_sigsuspend",
    "select",
    "sigsuspend",
];

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

struct Edge {
    at: u64,
    to: Node,
}

struct Serve<'r, 'p> {
    reach: &'r mut Reach<'p>,
    /// Direct calls of every function that runs.
    calls: BTreeMap<Node, Vec<Edge>>,
    callers: BTreeMap<Node, Vec<(Node, u64)>>,
    regions: BTreeMap<Node, Region>,
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
            pieces: BTreeSet::new(),
        };
        serve.find_calls();
        let (node, address) = serve.find_loop()?;
        serve.follow_from(node, address);
        let numbers = serve.numbers();
        Some(Serving { node, address, numbers })
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

    fn is_wait(&self, node: Node, site: &Site) -> bool {
        let Some(summary) = self.reach.summary(node.module) else { return false };
        let Some(table) = Table::of(summary.machine) else { return false };
        let Some(Input::Constants(numbers)) = &site.number else { return false };
        let waits = |number: &u64| table.name(*number).is_some_and(|name| WAITS.contains(&name));
        site.door == Door::Usual && numbers.iter().any(waits)
    }

    /// Functions that wait themselves.
    fn wrappers(&self) -> BTreeSet<Node> {
        let waits = |node: &Node| {
            let function = self.reach.function(*node);
            function.is_some_and(|f| f.sites.iter().any(|site| self.is_wait(*node, site)))
        };
        self.calls.keys().copied().filter(waits).collect()
    }

    /// Functions that call one that waits. A C library also waits for name servers, so what it calls itself does not count where it
    /// is a file of its own.
    fn waiting(&self, wrappers: &BTreeSet<Node>) -> BTreeSet<Node> {
        let waits = |node: &Node| {
            !is_apart(wrappers, *node)
                && self
                    .calls
                    .get(node)
                    .is_some_and(|all| all.iter().any(|e| wrappers.contains(&e.to)))
        };
        self.calls.keys().copied().filter(waits).collect()
    }

    /// Functions from the entry on, those called earlier first, but not those of the C library.
    fn in_order(&mut self, wrappers: &BTreeSet<Node>) -> Vec<Node> {
        let summary = self.reach.summary(0);
        let entry = summary.and_then(|summary| summary.entry);
        let Some(entry) = entry.and_then(|entry| self.reach.node_at(0, entry)) else {
            return Vec::new();
        };
        // The entry passes `main` by address.
        let mut queue: VecDeque<Node> = [entry].into();
        queue.extend(self.taken_by(entry));
        let mut seen: BTreeSet<Node> = queue.iter().copied().collect();
        let mut order = Vec::new();
        while let Some(node) = queue.pop_front() {
            order.push(node);
            let callees = self.calls.get(&node).into_iter().flatten().map(|edge| edge.to);
            queue.extend(callees.filter(|to| !is_apart(wrappers, *to) && seen.insert(*to)));
        }
        order
    }

    /// The nearest loop around a call of what waits; else around one of a function that calls what waits; else around one of a function
    /// that calls through a pointer, where a pointer to a function that waits is taken.
    fn find_loop(&mut self) -> Option<(Node, u64)> {
        let wrappers = self.wrappers();
        let waiting = self.waiting(&wrappers);
        let order = self.in_order(&wrappers);
        let first = |leads: &BTreeSet<Node>| self.first_loop(&order, leads);
        first(&wrappers).or_else(|| first(&waiting)).or_else(|| {
            let taken = waiting.iter().filter(|node| self.is_taken(**node));
            let modules: BTreeSet<usize> = taken.map(|node| node.module).collect();
            first(&self.calling_pointers(&modules))
        })
    }

    fn first_loop(&self, order: &[Node], leads: &BTreeSet<Node>) -> Option<(Node, u64)> {
        order.iter().find_map(|node| {
            let edges = self.calls.get(node)?;
            if !edges.iter().any(|edge| leads.contains(&edge.to)) {
                return None;
            }
            let blocks = Blocks::of(self.reach.function(*node)?);
            let is_loop = |edge: &&Edge| leads.contains(&edge.to) && blocks.repeats(edge.at);
            edges.iter().find(is_loop).map(|edge| (*node, edge.at))
        })
    }

    fn is_taken(&self, node: Node) -> bool {
        matches!(self.reach.known.reached.causes.get(&node), Some(Cause::Taken(_)))
    }

    /// Functions of these modules that call what a pointer tells.
    fn calling_pointers(&self, modules: &BTreeSet<usize>) -> BTreeSet<Node> {
        let unknown = |node: &Node| {
            let function = self.reach.function(*node).filter(|_| modules.contains(&node.module));
            function.is_some_and(|f| f.calls.iter().any(|call| call.callee == Callee::Unknown))
        };
        self.calls.keys().copied().filter(unknown).collect()
    }

    /// Notes everything that can come after the call.
    fn follow_from(&mut self, node: Node, address: u64) {
        let mut work = self.places_after(node, address);
        work.extend(self.lasting_roots());
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

    fn entry(&self) -> Option<Node> {
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
            let Some(function) = self.reach.function(node) else { continue };
            found.push((node, Blocks::of(function).region(address)));
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

    /// Finalisers, and what other files may call by name at any time.
    fn lasting_roots(&mut self) -> Vec<(Node, Region)> {
        let mut found = Vec::new();
        for (number, module) in self.reach.program.modules.iter().enumerate() {
            let opened = self.reach.program.plugins.contains(&number);
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
        let (Some(function), Some(region)) = (self.reach.function(node), self.regions.get(&node))
        else {
            return Vec::new();
        };
        let blocks = (*region != Region::All).then(|| Blocks::of(function));
        let is_in = |edge: &&Edge| blocks.as_ref().is_none_or(|all| all.contains(region, edge.at));
        let called = self.calls.get(&node).into_iter().flatten().filter(is_in).map(|edge| edge.to);
        let mut found: Vec<(Node, Region)> = called.map(|to| (to, Region::All)).collect();
        found.extend(self.taken_by(node).into_iter().map(|to| (to, Region::All)));
        found
    }

    /// Functions whose address a function takes, itself or through data that it refers to.
    fn taken_by(&mut self, node: Node) -> Vec<Node> {
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
            let Some(function) = self.reach.function(site.node) else { continue };
            if *region == Region::All || Blocks::of(function).contains(region, site.address) {
                found.insert((site.door, site.number));
            }
        }
        found
    }
}

/// Does the function lie in a library that has functions which wait?
fn is_apart(wrappers: &BTreeSet<Node>, node: Node) -> bool {
    node.module != 0 && wrappers.iter().any(|wrapper| wrapper.module == node.module)
}
