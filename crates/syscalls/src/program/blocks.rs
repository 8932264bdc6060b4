// SPDX-License-Identifier: Apache-2.0
//! Which places of a function can come after which.

use std::collections::{BTreeMap, BTreeSet};

use crate::function::Function;

/// The blocks of a function with their edges.
pub(super) struct Blocks {
    next: BTreeMap<u64, Vec<u64>>,
}

/// Places that control may still come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Region {
    /// The whole function.
    All,
    /// Behind this address in its block, and these blocks.
    After(u64, BTreeSet<u64>),
}

impl Blocks {
    pub(super) fn of(function: &Function) -> Self {
        let mut next: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        next.entry(function.start).or_default();
        for (from, to) in &function.edges {
            next.entry(*to).or_default();
            next.entry(*from).or_default().push(*to);
        }
        Self { next }
    }

    fn block_of(&self, address: u64) -> Option<u64> {
        self.next.range(..=address).next_back().map(|(start, _)| *start)
    }

    /// Blocks that can come after the one that an address lies in.
    fn after(&self, address: u64) -> BTreeSet<u64> {
        let mut found = BTreeSet::new();
        let mut work: Vec<u64> = self.block_of(address).into_iter().collect();
        while let Some(block) = work.pop() {
            let all = self.next.get(&block).into_iter().flatten();
            work.extend(all.copied().filter(|next| found.insert(*next)));
        }
        found
    }

    /// Blocks of the loop that an address lies in; none where control does not come to it again.
    pub(super) fn circle(&self, address: u64) -> BTreeSet<u64> {
        let Some(block) = self.block_of(address) else { return BTreeSet::new() };
        let mut before: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (from, all) in &self.next {
            all.iter().for_each(|to| before.entry(*to).or_default().push(*from));
        }
        let after = self.after(address);
        let mut found = BTreeSet::new();
        let mut work = vec![block];
        while let Some(block) = work.pop() {
            let all = before.get(&block).into_iter().flatten().copied();
            work.extend(all.filter(|block| after.contains(block) && found.insert(*block)));
        }
        found
    }

    pub(super) fn lies_in(&self, blocks: &BTreeSet<u64>, address: u64) -> bool {
        self.block_of(address).is_some_and(|block| blocks.contains(&block))
    }

    /// What can come after the address.
    pub(super) fn region(&self, address: u64) -> Region {
        Region::After(address, self.after(address))
    }

    pub(super) fn contains(&self, region: &Region, address: u64) -> bool {
        match region {
            Region::All => true,
            Region::After(from, blocks) => {
                let block = self.block_of(address);
                block.is_some_and(|block| blocks.contains(&block))
                    || address >= *from && block == self.block_of(*from)
            }
        }
    }
}

impl Region {
    /// Takes another one in.
    pub(super) fn join(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::After(from, blocks), Self::After(other, more)) => {
                // Both begin in blocks of their own; the earlier one then counts as whole.
                if *from != other {
                    blocks.extend([*from, other]);
                }
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
            exhausted: false,
            undecoded: None,
        }
    }

    #[test]
    fn a_loop_repeats_and_what_comes_before_it_does_not_come_after() {
        let blocks = Blocks::of(&function(&[(0, 10), (10, 20), (20, 10), (20, 30)]));
        assert_eq!(blocks.circle(15), [10, 20].into());
        assert_eq!(blocks.circle(25), blocks.circle(15));
        assert!(blocks.circle(5).is_empty() && blocks.circle(35).is_empty());
        assert!(blocks.lies_in(&blocks.circle(15), 22) && !blocks.lies_in(&blocks.circle(15), 32));
        let region = blocks.region(22);
        assert!(blocks.contains(&region, 12) && blocks.contains(&region, 33));
        assert!(!blocks.contains(&region, 5));
    }

    #[test]
    fn in_straight_code_only_what_follows_comes_after() {
        let blocks = Blocks::of(&function(&[]));
        let region = blocks.region(50);
        assert!(blocks.contains(&region, 60) && !blocks.contains(&region, 40));
    }
}
