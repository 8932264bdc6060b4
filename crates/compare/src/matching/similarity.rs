// SPDX-License-Identifier: Apache-2.0
//! How alike two functions are, and matches by what is rare.

use std::collections::HashMap;

use super::{Matching, may_match};
use crate::program::{Function, Program};

/// A text or an import tells as much as this many pairs of operations.
const LINK_WEIGHT: usize = 3;

/// From 0 (nothing in common) to 1: the share of pairs of operations, and of texts and imports, that both have.
pub(crate) fn similarity(old: &Function, new: &Function) -> f64 {
    let shared = common(&old.pairs, &new.pairs) + LINK_WEIGHT * common(&old.links, &new.links);
    let all = old.pairs.len() + new.pairs.len() + LINK_WEIGHT * (old.links.len() + new.links.len());
    if all == 0 { 1.0 } else { 2.0 * shared as f64 / all as f64 }
}

/// The most that [`similarity`] can give for functions of these sizes.
pub(crate) fn most_similar(old: &Function, new: &Function) -> f64 {
    let size = |f: &Function| f.pairs.len() + LINK_WEIGHT * f.links.len();
    let (old, new) = (size(old), size(new));
    if old + new == 0 { 1.0 } else { 2.0 * old.min(new) as f64 / (old + new) as f64 }
}

/// How many entries two sorted lists share.
fn common<T: Ord>(left: &[T], right: &[T]) -> usize {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    let mut shared = 0;
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        match a.cmp(b) {
            std::cmp::Ordering::Less => drop(left.next()),
            std::cmp::Ordering::Greater => drop(right.next()),
            std::cmp::Ordering::Equal => {
                shared += 1;
                left.next();
                right.next();
            }
        }
    }
    shared
}

/// A link that so many functions have tells little.
const RARE: usize = 4;
/// Below this two functions are not the same.
const LEAST: f64 = 0.5;

/// Unmatched functions that share a rare text or import, and are each other's most similar.
pub(super) fn match_by_links(old: &Program, new: &Program, matching: &mut Matching) {
    let index = |functions: &[Function], free: &[Option<usize>]| {
        let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
        for (number, function) in functions.iter().enumerate() {
            if free.get(number) == Some(&None) {
                let mut links = function.links.clone();
                links.dedup();
                links.into_iter().for_each(|link| places.entry(link).or_default().push(number));
            }
        }
        places
    };
    let (olds, news) = (index(&old.functions, &matching.old), index(&new.functions, &matching.new));
    let mut found: Vec<(f64, usize, usize)> = Vec::new();
    for (link, left) in &olds {
        let Some(right) = news.get(link) else { continue };
        if left.len() > RARE || right.len() > RARE {
            continue;
        }
        for (a, b) in left.iter().flat_map(|a| right.iter().map(move |b| (*a, *b))) {
            let (Some(one), Some(other)) = (old.functions.get(a), new.functions.get(b)) else {
                continue;
            };
            let alike = similarity(one, other);
            if alike >= LEAST && may_match(one, other) {
                found.push((alike, a, b));
            }
        }
    }
    take_best(found, matching);
}

/// The most similar first; ties by place, so that the result is the same every time.
pub(super) fn take_best(mut found: Vec<(f64, usize, usize)>, matching: &mut Matching) {
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    for (_, old, new) in found {
        matching.add(old, new);
    }
}
