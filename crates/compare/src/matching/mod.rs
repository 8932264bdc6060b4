// SPDX-License-Identifier: Apache-2.0
//! Which function of the new program is which of the old one: from what is certain to what is likely.
//!
//! Names first, then equal code, then order (functions of one source file lie together), calls of matched functions, and rare
//! texts and imports; each round builds on the last.

mod graph;
mod order;
mod similarity;

use std::collections::HashMap;

use crate::program::{Function, Program};

pub(crate) use similarity::similarity;

/// Pairs of functions by their numbers.
#[derive(Debug)]
pub(crate) struct Matching {
    /// For each old function the new one.
    pub(crate) old: Vec<Option<usize>>,
    /// For each new function the old one.
    pub(crate) new: Vec<Option<usize>>,
}

impl Matching {
    fn add(&mut self, old: usize, new: usize) -> bool {
        match (self.old.get_mut(old), self.new.get_mut(new)) {
            (Some(left @ None), Some(right @ None)) => {
                *left = Some(new);
                *right = Some(old);
                true
            }
            _ => false,
        }
    }

    fn is_free(&self, old: usize, new: usize) -> bool {
        self.old.get(old) == Some(&None) && self.new.get(new) == Some(&None)
    }

    /// Pairs in the order of the old program.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        self.old.iter().enumerate().filter_map(|(old, new)| Some((old, (*new)?)))
    }
}

/// Functions of less tokens are not told by their code alone.
const LEAST_TOKENS: usize = 5;
/// Rounds of order and calls.
const MOST_ROUNDS: usize = 4;

/// Matches the functions of two programs.
pub(crate) fn match_functions(old: &Program, new: &Program) -> Matching {
    let mut matching =
        Matching { old: vec![None; old.functions.len()], new: vec![None; new.functions.len()] };
    by_key(old, new, &mut matching, |function| function.name.clone());
    by_key(old, new, &mut matching, |f| (f.tokens.len() >= LEAST_TOKENS).then_some(f.strict));
    by_key(old, new, &mut matching, |f| (f.tokens.len() >= LEAST_TOKENS).then_some(f.shape));
    by_key(old, new, &mut matching, |f| (f.links.len() > 1).then(|| f.links.clone()));
    for _ in 0..MOST_ROUNDS {
        let before = matching.pairs().count();
        graph::match_by_calls(old, new, &mut matching);
        order::match_by_order(old, new, &mut matching);
        similarity::match_by_links(old, new, &mut matching);
        if matching.pairs().count() == before {
            break;
        }
    }
    matching
}

/// Matches functions that alone have a key on each side.
fn by_key<K: std::hash::Hash + Eq>(
    old: &Program,
    new: &Program,
    matching: &mut Matching,
    key: impl Fn(&Function) -> Option<K>,
) {
    let mut places: HashMap<K, (Vec<usize>, Vec<usize>)> = HashMap::new();
    for (index, function) in old.functions.iter().enumerate() {
        if let Some(key) = key(function).filter(|_| matching.old.get(index) == Some(&None)) {
            places.entry(key).or_default().0.push(index);
        }
    }
    for (index, function) in new.functions.iter().enumerate() {
        if let Some(key) = key(function).filter(|_| matching.new.get(index) == Some(&None)) {
            places.entry(key).or_default().1.push(index);
        }
    }
    for (olds, news) in places.values() {
        if let ([left], [right]) = (olds.as_slice(), news.as_slice()) {
            let names = (old.functions.get(*left), new.functions.get(*right));
            if let (Some(left_function), Some(right_function)) = names
                && may_match(left_function, right_function)
            {
                matching.add(*left, *right);
            }
        }
    }
}

/// Two functions with names are the same only if they have the same name.
pub(crate) fn may_match(old: &Function, new: &Function) -> bool {
    match (&old.name, &new.name) {
        (Some(old), Some(new)) => old == new,
        _ => true,
    }
}
