// SPDX-License-Identifier: Apache-2.0
//! Functions that do not return: no return, and no jump out of them, can be reached from their entry. What is laid out behind a call
//! of one is another part of the caller, often one that ran long before.

use std::collections::{BTreeMap, BTreeSet};

use super::blocks::Blocks;
use super::reach::Node;
use super::serve::Serve;
use crate::function::Function;

/// Called in most functions, at their end, when the stack was overwritten: tells nothing about those.
const GUARD: &str = "stack_chk_fail";

impl Serve<'_, '_> {
    /// Finds them, callees first. Those of libraries that wait count only where they have no return at all.
    pub(super) fn find_ends(&mut self) {
        let known = |node: &&Node| self.function_of(**node).is_some_and(never_leaves);
        self.ends = self.calls.keys().filter(known).copied().collect();
        let mut work: Vec<Node> =
            self.ends.iter().copied().filter(|node| !self.is_guard(*node)).collect();
        while let Some(node) = work.pop() {
            let callers = self.callers.get(&node).into_iter().flatten().map(|(caller, _)| *caller);
            let open: BTreeSet<Node> = callers
                .filter(|caller| caller.module == 0 && !self.ends.contains(caller))
                .collect();
            for caller in open {
                if self.ends_in_callees(caller) {
                    self.ends.insert(caller);
                    work.push(caller);
                }
            }
        }
    }

    fn function_of(&self, node: Node) -> Option<&Function> {
        self.reach.function(node)
    }

    fn is_guard(&self, node: Node) -> bool {
        let summary = self.reach.summary(node.module);
        let name = summary.zip(self.function_of(node));
        let name = name.and_then(|(summary, function)| summary.names.get(&function.start));
        name.is_some_and(|name| name.trim_start_matches('_') == GUARD)
    }

    /// Is every way out of the function behind a call that does not return, or such a call itself?
    fn ends_in_callees(&self, node: Node) -> bool {
        let Some(function) = self.function_of(node) else { return false };
        if function.exhausted || function.undecoded.is_some() {
            return false;
        }
        let stops = self.stops(node);
        let leaves: Vec<u64> =
            function.leaves.iter().copied().filter(|leaf| !stops.contains(leaf)).collect();
        let blocks = Blocks::of(function, stops);
        let whole = blocks.whole(function.start);
        !leaves.into_iter().any(|leaf| blocks.contains(&whole, leaf))
    }

    /// Calls of a function that do not return: every function that one may go to does not.
    pub(super) fn stops(&self, node: Node) -> BTreeSet<u64> {
        let Some(function) = self.function_of(node) else { return BTreeSet::new() };
        let edges = self.calls.get(&node).into_iter().flatten();
        let mut ending: BTreeMap<u64, usize> = BTreeMap::new();
        for edge in edges.filter(|edge| self.ends.contains(&edge.to)) {
            *ending.entry(edge.at).or_default() += 1;
        }
        if ending.is_empty() {
            return BTreeSet::new();
        }
        for call in &function.calls {
            if let Some(count) = ending.get_mut(&call.address) {
                *count = count.wrapping_sub(1);
            }
        }
        ending.into_iter().filter(|(_, left)| *left == 0).map(|(at, _)| at).collect()
    }

    /// The blocks of a function, without what comes after calls that do not return.
    pub(super) fn blocks(&self, node: Node) -> Option<Blocks> {
        Some(Blocks::of(self.function_of(node)?, self.stops(node)))
    }
}

/// Has the function, as a whole, no way out?
fn never_leaves(function: &Function) -> bool {
    function.leaves.is_empty() && !function.exhausted && function.undecoded.is_none()
}
