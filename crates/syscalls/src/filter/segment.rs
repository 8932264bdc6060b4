// SPDX-License-Identifier: Apache-2.0
//! Numbers of calls, cut into stretches with the same answer, and the cheapest way to tell them apart.

use std::collections::BTreeSet;

use super::{Action, Rules};

/// What a number leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaf {
    Action(Action),
    /// The call of this number, whose arguments are looked at.
    Call(u32),
}

/// Numbers from `first` to the next stretch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) first: u32,
    leaf: Leaf,
    /// Share of all calls that are expected here.
    weight: f64,
}

/// A decision about a number.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Leaf(Leaf),
    /// Each number leads to its leaf, in this order, all others to the last.
    Chain(Vec<(u32, Leaf)>, Leaf),
    /// Numbers from the bound on, and those below it.
    From(u32, Box<Node>, Box<Node>),
}

/// Longest chain: with longer ones the time to find the cheapest tree grows.
const CHAIN: usize = 64;

/// Beyond this many stretches the cheapest tree takes too long to find (its time grows with the third power).
const OPTIMAL: usize = 400;

/// All numbers, cut where the answer changes.
pub(super) fn segments(rules: &Rules) -> Vec<Segment> {
    let listed = rules
        .calls
        .keys()
        .chain(&rules.missing)
        .flat_map(|number| [Some(*number), number.checked_add(1)]);
    let newer = rules.newest.and_then(|newest| newest.checked_add(1));
    let bounds: BTreeSet<u32> = listed
        .flatten()
        .chain(newer)
        .chain(rules.architecture.foreign_numbers())
        .chain([0])
        .collect();
    let total: f64 = rules.calls.values().map(|rule| rule.frequency.max(1) as f64).sum();
    let mut segments: Vec<Segment> = Vec::with_capacity(bounds.len());
    for first in bounds {
        let leaf = leaf(rules, first);
        let frequency = rules.calls.get(&first).map_or(0, |rule| rule.frequency.max(1));
        let weight = frequency as f64 / total.max(1.0);
        match segments.last_mut() {
            Some(last) if last.leaf == leaf => last.weight += weight,
            _ => segments.push(Segment { first, leaf, weight }),
        }
    }
    segments
}

fn leaf(rules: &Rules, number: u32) -> Leaf {
    match rules.calls.get(&number) {
        Some(rule) if rule.checks.is_empty() => Leaf::Action(Action::Allow),
        Some(_) => Leaf::Call(number),
        None => Leaf::Action(rules.verdict_of_unlisted(number)),
    }
}

/// The tree with the fewest expected comparisons among those of at most `budget` comparisons; the smallest one if none has so
/// few.
pub(super) fn tree(segments: &[Segment], budget: usize) -> Node {
    if segments.len() > OPTIMAL {
        return bisect(segments);
    }
    let plan = Plan::new(segments);
    // What one instruction may cost in expected comparisons.
    let prices = [0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 1e6];
    let mut trees = prices.iter().map(|price| plan.table(*price));
    let mut last = trees.next().unwrap_or_default();
    while size(&last) > budget {
        match trees.next() {
            Some(next) => last = next,
            None => break,
        }
    }
    plan.node(&last, 0, segments.len())
}

/// Comparisons of the whole tree.
fn size(table: &[Vec<Best>]) -> usize {
    table.last().and_then(|row| row.first()).map_or(0, |best| best.size)
}

/// Halves by number, for sets that are too many to plan.
fn bisect(segments: &[Segment]) -> Node {
    match segments {
        [] => Node::Leaf(Leaf::Action(Action::Kill)),
        [only] => Node::Leaf(only.leaf),
        _ => {
            let (low, high) = segments.split_at(segments.len() / 2);
            let bound = high.first().map_or(0, |segment| segment.first);
            Node::From(bound, Box::new(bisect(high)), Box::new(bisect(low)))
        }
    }
}

/// Dynamic programming over stretches `from..to`; tables are indexed by length - 1 and `from`.
struct Plan<'a> {
    segments: &'a [Segment],
    /// Sums of weights before each stretch.
    before: Vec<f64>,
    /// Size and cost of each range as a chain.
    chains: Vec<Vec<Option<(usize, f64)>>>,
}

/// The best for one range.
#[derive(Clone, Copy)]
struct Best {
    cost: f64,
    size: usize,
    /// Where to split; none for a chain.
    split: Option<usize>,
}

impl<'a> Plan<'a> {
    fn new(segments: &'a [Segment]) -> Self {
        let mut before = vec![0.0];
        for segment in segments {
            before.push(before.last().unwrap_or(&0.0) + segment.weight);
        }
        let mut plan = Self { segments, before, chains: Vec::new() };
        let longest = segments.len().min(2 * CHAIN + 1);
        plan.chains = (1..=longest)
            .map(|length| {
                (0..=segments.len() - length)
                    .map(|from| plan.cost_of_chain(from, from + length))
                    .collect()
            })
            .collect();
        plan
    }

    fn weight(&self, from: usize, to: usize) -> f64 {
        self.before[to] - self.before[from]
    }

    fn cost_of_chain(&self, from: usize, to: usize) -> Option<(usize, f64)> {
        let (chain, _) = self.chain(from, to)?;
        let tested: f64 =
            chain.iter().zip(1..).map(|((_, _, weight), step)| weight * f64::from(step)).sum();
        let named: f64 = chain.iter().map(|(_, _, weight)| weight).sum();
        let rest = (self.weight(from, to) - named).max(0.0) * chain.len() as f64;
        Some((chain.len(), tested + rest))
    }

    fn table(&self, price: f64) -> Vec<Vec<Best>> {
        let count = self.segments.len();
        let mut table: Vec<Vec<Best>> = Vec::with_capacity(count);
        for length in 1..=count {
            let row = (0..=count - length)
                .map(|from| self.best(&table, price, from, from + length))
                .collect();
            table.push(row);
        }
        table
    }

    fn best(&self, table: &[Vec<Best>], price: f64, from: usize, to: usize) -> Best {
        let mut best = Best { cost: f64::INFINITY, size: usize::MAX, split: None };
        if let Some(Some((size, cost))) =
            self.chains.get(to - from - 1).and_then(|row| row.get(from))
        {
            best = Best { cost: cost + price * *size as f64, size: *size, split: None };
        }
        let weight = self.weight(from, to);
        for split in from + 1..to {
            let (low, high) = (table[split - from - 1][from], table[to - split - 1][split]);
            let cost = weight + price + low.cost + high.cost;
            if cost < best.cost {
                best = Best { cost, size: 1 + low.size + high.size, split: Some(split) };
            }
        }
        best
    }

    /// Numbers to compare one by one, the most frequent first, and the leaf of all others; none if the wide stretches have
    /// different leaves, or there are too many numbers.
    #[allow(clippy::type_complexity, reason = "a list and what is left")]
    fn chain(&self, from: usize, to: usize) -> Option<(Vec<(u32, Leaf, f64)>, Leaf)> {
        if to - from > 2 * CHAIN + 1 {
            return None;
        }
        let mut base = None;
        let mut named = Vec::new();
        for index in from..to {
            let segment = self.segments[index];
            let next = self.segments.get(index + 1).map(|next| next.first);
            match next.map(|next| next - segment.first) {
                Some(length @ (1 | 2)) if base != Some(segment.leaf) => {
                    let weight = segment.weight / f64::from(length);
                    named.extend(
                        (0..length).map(|step| (segment.first + step, segment.leaf, weight)),
                    );
                }
                _ if base.is_none_or(|base| base == segment.leaf) => base = Some(segment.leaf),
                _ => return None,
            }
        }
        let base = match base {
            Some(base) => base,
            None => named.pop()?.1,
        };
        named.retain(|(_, leaf, _)| *leaf != base);
        named.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)));
        (named.len() <= CHAIN).then_some((named, base))
    }

    fn node(&self, table: &[Vec<Best>], from: usize, to: usize) -> Node {
        let split =
            table.get(to - from - 1).and_then(|row| row.get(from)).and_then(|best| best.split);
        if let Some(split) = split {
            let bound = self.segments[split].first;
            let (high, low) = (self.node(table, split, to), self.node(table, from, split));
            return Node::From(bound, Box::new(high), Box::new(low));
        }
        match self.chain(from, to) {
            Some((chain, base)) if chain.is_empty() => Node::Leaf(base),
            Some((chain, base)) => Node::Chain(
                chain.into_iter().map(|(number, leaf, _)| (number, leaf)).collect(),
                base,
            ),
            None => Node::Leaf(Leaf::Action(Action::Kill)),
        }
    }
}
