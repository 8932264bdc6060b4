// SPDX-License-Identifier: Apache-2.0
//! Which places of a function can come after which.
//!
//! A block is what lies between two places that control is led to; jumps leave it on the way. Nothing comes after a call that does not
//! return. Places that only exceptions or unknown jumps lead to can come after any other.

use std::collections::{BTreeMap, BTreeSet};

use crate::function::{Function, NOWHERE};

/// The blocks of a function with their edges.
pub(super) struct Blocks {
    /// By first address: instructions that lead out of it, with where to.
    next: BTreeMap<u64, Vec<(u64, u64)>>,
    /// Blocks that no instruction is known to lead to.
    alone: Vec<u64>,
    /// Calls that do not return.
    stops: BTreeSet<u64>,
}

/// Places that control may still come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Region {
    /// The whole function.
    All,
    /// Behind these addresses in their blocks, and these blocks.
    After(BTreeSet<u64>, BTreeSet<u64>),
}

impl Blocks {
    pub(super) fn of(function: &Function, stops: BTreeSet<u64>) -> Self {
        let mut next: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
        next.entry(function.start).or_default();
        for (_, to) in &function.edges {
            next.entry(*to).or_default();
        }
        let mut alone = Vec::new();
        for (from, to) in &function.edges {
            if *from == NOWHERE {
                alone.extend(Some(*to).filter(|to| *to != function.start));
            } else if let Some((_, edges)) = next.range_mut(..=*from).next_back() {
                edges.push((*from, *to));
            }
        }
        Self { next, alone, stops }
    }

    fn block_of(&self, address: u64) -> Option<u64> {
        self.next.range(..=address).next_back().map(|(start, _)| *start)
    }

    /// Does a call from the first address on, and before the second, not return?
    fn stopped(&self, from: u64, before: u64) -> bool {
        from < before && self.stops.range(from..before).next().is_some()
    }

    /// Blocks that follow when control is at an address of a block.
    fn leaving(&self, address: u64) -> impl Iterator<Item = u64> {
        let block = self.block_of(address).and_then(|block| self.next.get(&block));
        let edges = block.into_iter().flatten();
        let passed = move |source: u64| {
            source >= address && !self.stopped(address, source.saturating_add(1))
        };
        edges.filter(move |(source, _)| passed(*source)).map(|(_, to)| *to)
    }

    /// Everything that these blocks lead to, with themselves.
    fn closure(&self, start: impl Iterator<Item = u64>) -> BTreeSet<u64> {
        let mut work: Vec<u64> = start.chain(self.alone.iter().copied()).collect();
        let mut found: BTreeSet<u64> = work.iter().copied().collect();
        while let Some(block) = work.pop() {
            work.extend(self.leaving(block).filter(|next| found.insert(*next)));
        }
        found
    }

    /// Blocks of the loop that an address lies in; none where control does not come to it again.
    pub(super) fn circle(&self, address: u64) -> BTreeSet<u64> {
        let Some(block) = self.block_of(address) else { return BTreeSet::new() };
        if self.stopped(block, address) {
            return BTreeSet::new();
        }
        let after = self.closure(self.leaving(address));
        let mut before: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for from in &after {
            self.leaving(*from).for_each(|to| before.entry(to).or_default().push(*from));
        }
        let mut found = BTreeSet::new();
        let mut work = vec![block];
        while let Some(block) = work.pop() {
            let all = before.get(&block).into_iter().flatten().copied();
            work.extend(all.filter(|block| found.insert(*block)));
        }
        found
    }

    /// Is the address in one of these blocks, and not behind a call that does not return?
    pub(super) fn lies_in(&self, blocks: &BTreeSet<u64>, address: u64) -> bool {
        self.block_of(address)
            .is_some_and(|block| blocks.contains(&block) && !self.stopped(block, address))
    }

    /// What can come after the address.
    pub(super) fn region(&self, address: u64) -> Region {
        Region::After([address].into(), self.closure(self.leaving(address)))
    }

    /// What can come after the entry.
    pub(super) fn whole(&self, start: u64) -> Region {
        Region::After(BTreeSet::new(), self.closure(std::iter::once(start)))
    }

    pub(super) fn contains(&self, region: &Region, address: u64) -> bool {
        match region {
            Region::All => true,
            Region::After(from, blocks) => {
                let same = |from: &u64| {
                    address >= *from
                        && self.block_of(address) == self.block_of(*from)
                        && !self.stopped(*from, address)
                };
                self.lies_in(blocks, address) || from.iter().any(same)
            }
        }
    }
}

impl Region {
    /// Takes another one in.
    pub(super) fn join(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::After(from, blocks), Self::After(other, more)) => {
                from.extend(other);
                blocks.extend(more);
            }
            (_, Self::All) => *self = Self::All,
            (Self::All, Self::After(..)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(edges: &[(u64, u64)]) -> Function {
        Function {
            start: 0,
            end: 100,
            sites: Vec::new(),
            calls: Vec::new(),
            references: Vec::new(),
            edges: edges.to_vec(),
            leaves: Vec::new(),
            exhausted: false,
            undecoded: None,
        }
    }

    fn blocks(edges: &[(u64, u64)], stops: &[u64]) -> Blocks {
        Blocks::of(&function(edges), stops.iter().copied().collect())
    }

    #[test]
    fn a_loop_repeats_and_what_comes_before_it_does_not_come_after() {
        let blocks = blocks(&[(9, 10), (19, 20), (25, 10), (29, 30)], &[]);
        assert_eq!(blocks.circle(15), [10, 20].into());
        assert_eq!(blocks.circle(22), blocks.circle(15));
        assert!(blocks.circle(5).is_empty() && blocks.circle(35).is_empty());
        let region = blocks.region(22);
        assert!(blocks.contains(&region, 12) && blocks.contains(&region, 33));
        assert!(!blocks.contains(&region, 5));
    }

    #[test]
    fn behind_the_jump_that_leads_back_nothing_repeats() {
        let blocks = blocks(&[(9, 10), (19, 20), (25, 10), (29, 30)], &[]);
        assert!(blocks.circle(27).is_empty());
        assert!(!blocks.contains(&blocks.region(27), 12));
    }

    #[test]
    fn in_straight_code_only_what_follows_comes_after() {
        let blocks = blocks(&[], &[]);
        let region = blocks.region(50);
        assert!(blocks.contains(&region, 60) && !blocks.contains(&region, 40));
    }

    #[test]
    fn nothing_comes_after_a_call_that_does_not_return() {
        // 10: a loop; at 22 a call that does not return, before what is laid out behind it.
        let edges = [(9, 10), (12, 20), (19, 10), (29, 30)];
        let open = blocks(&edges, &[]);
        let closed = blocks(&edges, &[22]);
        assert!(open.contains(&open.region(15), 33));
        assert!(!closed.contains(&closed.region(11), 33));
        assert!(
            closed.contains(&closed.region(11), 22) && !closed.contains(&closed.region(11), 25)
        );
        assert!(closed.contains(&closed.region(11), 15));
    }

    #[test]
    fn where_exceptions_lead_can_come_after_anything() {
        let blocks = blocks(&[(9, 10), (NOWHERE, 40), (45, 50)], &[]);
        let region = blocks.region(12);
        assert!(blocks.contains(&region, 42) && blocks.contains(&region, 55));
    }
}
