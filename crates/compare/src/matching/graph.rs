// SPDX-License-Identifier: Apache-2.0
//! Matches by calls: what a matched function calls, in order, is what the other calls.

use std::collections::BTreeMap;

use super::similarity::{similarity, take_best};
use super::{Matching, may_match};
use crate::program::{Function, Program, Refer};

/// Below this two functions in the same place are not taken for the same.
const LEAST: f64 = 0.35;
/// Functions of so few instructions are the same where their place is.
const SMALL: usize = 6;
/// Longer lists are compared by their ends only.
const MOST_CALLS: usize = 400;

pub(super) fn match_by_calls(old: &Program, new: &Program, matching: &mut Matching) {
    let mut queue: Vec<(usize, usize)> = matching.pairs().collect();
    while let Some((left, right)) = queue.pop() {
        let (Some(one), Some(other)) = (old.functions.get(left), new.functions.get(right)) else {
            continue;
        };
        for (a, b) in candidates(&calls(one), &calls(other), matching) {
            if is_same(old, new, a, b) && matching.add(a, b) {
                queue.push((a, b));
            }
        }
    }
    match_callers(old, new, matching);
}

fn is_same(old: &Program, new: &Program, left: usize, right: usize) -> bool {
    let (Some(one), Some(other)) = (old.functions.get(left), new.functions.get(right)) else {
        return false;
    };
    let small = one.tokens.len() <= SMALL && other.tokens.len() <= SMALL;
    may_match(one, other) && (small || similarity(one, other) >= LEAST)
}

fn calls(function: &Function) -> Vec<Refer> {
    let refers = function.tokens.iter().flat_map(|token| &token.refers);
    let wanted =
        |refer: &&Refer| matches!(refer, Refer::Call(_) | Refer::Code(_) | Refer::Import(..));
    refers.filter(wanted).copied().take(MOST_CALLS).collect()
}

/// Do two references lead to the same, as far as it is known?
fn agree(left: Refer, right: Refer, matching: &Matching) -> bool {
    match (left, right) {
        (Refer::Import(a, _), Refer::Import(b, _)) => a == b,
        (Refer::Call(a) | Refer::Code(a), Refer::Call(b) | Refer::Code(b)) => {
            matching.old.get(a as usize).copied().flatten() == Some(b as usize)
        }
        _ => false,
    }
}

/// Between two references that agree lie the same ones: pairs of functions in runs of equal length.
fn candidates(old: &[Refer], new: &[Refer], matching: &Matching) -> Vec<(usize, usize)> {
    let is_open = |refers: &[Refer], known: &[Option<usize>]| {
        refers.iter().any(|refer| match refer {
            Refer::Call(number) | Refer::Code(number) => known.get(*number as usize) == Some(&None),
            _ => false,
        })
    };
    if !is_open(old, &matching.old) || !is_open(new, &matching.new) {
        return Vec::new();
    }
    let anchors = align(old, new, matching);
    let mut found = Vec::new();
    let (mut from_old, mut from_new) = (0, 0);
    for (to_old, to_new) in anchors.into_iter().chain([(old.len(), new.len())]) {
        let left = old.get(from_old..to_old).unwrap_or_default();
        let right = new.get(from_new..to_new).unwrap_or_default();
        if left.len() == right.len() {
            found.extend(left.iter().zip(right).filter_map(|pair| match pair {
                (Refer::Call(a), Refer::Call(b)) | (Refer::Code(a), Refer::Code(b)) => {
                    Some((*a as usize, *b as usize))
                }
                _ => None,
            }));
        }
        (from_old, from_new) = (to_old + 1, to_new + 1);
    }
    found.retain(|(a, b)| matching.is_free(*a, *b));
    found
}

/// Longest common run of references that agree.
fn align(old: &[Refer], new: &[Refer], matching: &Matching) -> Vec<(usize, usize)> {
    let columns = new.len() + 1;
    let mut best = vec![0_u32; (old.len() + 1) * columns];
    let value = |best: &[u32], row: usize, column: usize| {
        best.get(row * columns + column).copied().unwrap_or(0)
    };
    for (row, left) in old.iter().enumerate().rev() {
        for (column, right) in new.iter().enumerate().rev() {
            let score = if agree(*left, *right, matching) {
                value(&best, row + 1, column + 1) + 1
            } else {
                value(&best, row + 1, column).max(value(&best, row, column + 1))
            };
            if let Some(place) = best.get_mut(row * columns + column) {
                *place = score;
            }
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut run = Vec::new();
    while let (Some(left), Some(right)) = (old.get(row), new.get(column)) {
        if agree(*left, *right, matching) {
            run.push((row, column));
            (row, column) = (row + 1, column + 1);
        } else if value(&best, row + 1, column) >= value(&best, row, column + 1) {
            row += 1;
        } else {
            column += 1;
        }
    }
    run
}

/// A matched function that only one unmatched function calls on each side.
fn match_callers(old: &Program, new: &Program, matching: &mut Matching) {
    let (olds, news) = (callers(old, &matching.old), callers(new, &matching.new));
    let mut found = Vec::new();
    for (callee, left) in &olds {
        let right = matching.old.get(*callee).copied().flatten().and_then(|new| news.get(&new));
        let (Some(&[a]), Some(&[b])) = (Some(left.as_slice()), right.map(Vec::as_slice)) else {
            continue;
        };
        if let (Some(one), Some(other)) = (old.functions.get(a), new.functions.get(b))
            && is_same(old, new, a, b)
        {
            found.push((similarity(one, other), a, b));
        }
    }
    take_best(found, matching);
}

/// Unmatched functions that refer to a function, by its number.
fn callers(program: &Program, free: &[Option<usize>]) -> BTreeMap<usize, Vec<usize>> {
    let mut found: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (number, function) in program.functions.iter().enumerate() {
        if free.get(number) != Some(&None) {
            continue;
        }
        for refer in function.tokens.iter().flat_map(|token| &token.refers) {
            if let Refer::Call(callee) | Refer::Code(callee) = refer {
                let known = found.entry(*callee as usize).or_default();
                if known.last() != Some(&number) {
                    known.push(number);
                }
            }
        }
    }
    found
}
