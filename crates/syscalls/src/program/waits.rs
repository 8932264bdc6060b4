// SPDX-License-Identifier: Apache-2.0
//! Where a program begins to serve: the loop around a call that waits for others (`accept`, `poll`, `epoll_wait` …), itself or in what
//! it calls.
//!
//! Programs have many such loops: one writes a log, one asks a name server, one serves. That of serving leads to most of the program,
//! and it is in no other: of loops that are called from one another the outer counts, since it runs the inner one again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::reach::{Cause, Node};
use super::serve::Serve;
use crate::function::{Callee, Door, Input, Site};
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

/// Calls that make processes.
const FORKS: &[&str] = &["clone", "clone3", "fork", "vfork"];

/// How many functions of a C library lie between `fork` and the call: `fork` and what it calls.
const FORK_DEPTH: usize = 3;

/// Loops that are looked at more closely, those nearest to the entry.
const MOST_LOOPS: usize = 12;

/// A loop, and what it does again.
struct Candidate {
    node: Node,
    /// The call that waits, or leads to what waits.
    address: u64,
    /// Functions that its calls lead to.
    called: BTreeSet<Node>,
    /// How many functions of the executable it leads to, through pointers too.
    size: usize,
}

impl Serve<'_, '_> {
    /// Loops that may be the one of serving, with the call that waits or leads to what waits.
    pub(super) fn find_loops(&mut self) -> Vec<(Node, u64)> {
        let wrappers = self.wrappers();
        // A C library also waits for name servers, so what it calls itself does not count where it is a file of its own.
        let apart: BTreeSet<usize> =
            wrappers.iter().map(|node| node.module).filter(|module| *module != 0).collect();
        let waiting = self.leading_to(&wrappers, &apart);
        let order = self.in_order(&apart);
        let mut found = self.outer_loops(&order, &waiting, MOST_LOOPS);
        // Where a pointer to a function that waits is taken, a call through a pointer may wait.
        let taken = waiting.iter().filter(|node| self.is_taken(**node));
        let modules: BTreeSet<usize> =
            taken.map(|node| node.module).filter(|module| !apart.contains(module)).collect();
        let pointing = self.calling_pointers(&modules);
        found.extend(self.outer_loops(&order, &pointing, 1));
        let largest = found.iter().map(|one| one.size).max().unwrap_or(0);
        let large = found.into_iter().filter(|one| one.size >= largest.div_ceil(2));
        large.map(|one| (one.node, one.address)).collect()
    }

    /// Does the instruction make one of these calls?
    fn is_one_of(&self, node: Node, site: &Site, wanted: &[&str]) -> bool {
        let Some(summary) = self.reach.summary(node.module) else { return false };
        let Some(table) = Table::of(summary.machine) else { return false };
        let Some(Input::Constants(numbers)) = &site.number else { return false };
        let is_one = |number: &u64| table.name(*number).is_some_and(|name| wanted.contains(&name));
        site.door == Door::Usual && numbers.iter().any(is_one)
    }

    /// Functions that wait themselves.
    fn wrappers(&self) -> BTreeSet<Node> {
        let waits = |node: &Node| {
            let function = self.reach.function(*node);
            function.is_some_and(|f| f.sites.iter().any(|site| self.is_one_of(*node, site, WAITS)))
        };
        self.calls.keys().copied().filter(waits).collect()
    }

    /// These functions and those whose calls lead to them, outside of these modules.
    fn leading_to(&self, to: &BTreeSet<Node>, apart: &BTreeSet<usize>) -> BTreeSet<Node> {
        let mut found = to.clone();
        let mut work: Vec<Node> = to.iter().copied().collect();
        while let Some(node) = work.pop() {
            let callers = self.callers.get(&node).into_iter().flatten().map(|(caller, _)| *caller);
            let outside = callers.filter(|caller| !apart.contains(&caller.module));
            work.extend(outside.filter(|caller| found.insert(*caller)));
        }
        found
    }

    /// Functions from the entry on, those called earlier first, but not those of the C library.
    fn in_order(&mut self, apart: &BTreeSet<usize>) -> Vec<Node> {
        let Some(entry) = self.entry() else { return Vec::new() };
        // The entry passes `main` by address.
        let mut queue: VecDeque<Node> = [entry].into();
        queue.extend(self.taken_by(entry));
        let mut seen: BTreeSet<Node> = queue.iter().copied().collect();
        let mut order = Vec::new();
        while let Some(node) = queue.pop_front() {
            order.push(node);
            let callees = self.calls.get(&node).into_iter().flatten().map(|edge| edge.to);
            let outside = callees.filter(|to| !apart.contains(&to.module));
            queue.extend(outside.filter(|to| seen.insert(*to)));
        }
        order
    }

    /// Loops around a call that leads to one of these, less those that lie in what another one calls.
    fn outer_loops(&self, order: &[Node], leads: &BTreeSet<Node>, most: usize) -> Vec<Candidate> {
        let taken = self.taken_by_module();
        let forking = self.forking();
        let mut found: Vec<Candidate> = Vec::new();
        for node in order {
            let Some(edges) = self.calls.get(node) else { continue };
            let is_inner = |one: &Candidate| one.called.contains(node);
            if !edges.iter().any(|edge| leads.contains(&edge.to)) || found.iter().any(is_inner) {
                continue;
            }
            let Some(blocks) = self.blocks(*node) else { continue };
            let mut circles: Vec<BTreeSet<u64>> = Vec::new();
            for edge in edges.iter().filter(|edge| leads.contains(&edge.to)) {
                let circle = blocks.circle(edge.at);
                if circle.is_empty() || circles.contains(&circle) {
                    continue;
                }
                let forks = edges
                    .iter()
                    .any(|edge| forking.contains(&edge.to) && blocks.lies_in(&circle, edge.at));
                let region = blocks.region(edge.at);
                // A process that the loop makes leaves it.
                let again = |at: u64| match forks {
                    true => blocks.contains(&region, at),
                    false => blocks.lies_in(&circle, at),
                };
                found.push(self.candidate(*node, edge.at, &again, &taken));
                circles.push(circle);
                if found.len() >= most {
                    return found;
                }
            }
        }
        found
    }

    /// Functions that make a process, and those that call such a function.
    fn forking(&self) -> BTreeSet<Node> {
        let forks = |node: &Node| {
            let function = self.reach.function(*node);
            function.is_some_and(|f| f.sites.iter().any(|site| self.is_one_of(*node, site, FORKS)))
        };
        let mut found: BTreeSet<Node> = self.calls.keys().copied().filter(forks).collect();
        for _ in 0..FORK_DEPTH {
            let callers = found.iter().filter_map(|node| self.callers.get(node)).flatten();
            let more: Vec<Node> = callers.map(|(caller, _)| *caller).collect();
            found.extend(more);
        }
        found
    }

    fn candidate(
        &self,
        node: Node,
        address: u64,
        again: &dyn Fn(u64) -> bool,
        taken: &BTreeMap<usize, Vec<Node>>,
    ) -> Candidate {
        let edges = self.calls.get(&node).into_iter().flatten();
        let first: Vec<Node> = edges.filter(|edge| again(edge.at)).map(|edge| edge.to).collect();
        let called = self.closure(first.clone(), &BTreeMap::new());
        let calls_pointer = self.reach.function(node).is_some_and(|function| {
            function.calls.iter().any(|call| is_pointer(&call.callee) && again(call.address))
        });
        let mut start = first;
        if calls_pointer {
            start.extend(taken.get(&node.module).into_iter().flatten());
        }
        let all = self.closure(start, taken);
        let size = all.iter().filter(|node| node.module == 0).count();
        Candidate { node, address, called, size }
    }

    /// Everything that these call, and with a call through a pointer the functions of its module and of the executable that are taken.
    fn closure(&self, start: Vec<Node>, taken: &BTreeMap<usize, Vec<Node>>) -> BTreeSet<Node> {
        let mut found = BTreeSet::new();
        let mut modules = BTreeSet::new();
        let mut work = start;
        while let Some(node) = work.pop() {
            if !found.insert(node) {
                continue;
            }
            work.extend(self.calls.get(&node).into_iter().flatten().map(|edge| edge.to));
            let function = self.reach.function(node);
            let points = function.is_some_and(|f| f.calls.iter().any(|c| is_pointer(&c.callee)));
            for module in [node.module, 0].into_iter().filter(|_| points) {
                if modules.insert(module) {
                    work.extend(taken.get(&module).into_iter().flatten());
                }
            }
        }
        found
    }

    /// Functions whose address is taken, by module.
    fn taken_by_module(&self) -> BTreeMap<usize, Vec<Node>> {
        let mut found: BTreeMap<usize, Vec<Node>> = BTreeMap::new();
        for node in self.calls.keys().filter(|node| self.is_taken(**node)) {
            found.entry(node.module).or_default().push(*node);
        }
        found
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
}

fn is_pointer(callee: &Callee) -> bool {
    matches!(callee, Callee::Entry(_) | Callee::Unknown)
}
