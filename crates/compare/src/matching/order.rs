// SPDX-License-Identifier: Apache-2.0
//! Matches by order: functions lie in the order of their sources, so between two matched ones lie the same others.

use super::similarity::{most_similar, similarity};
use super::{Matching, may_match};
use crate::program::{Function, Program};

/// Gaps with more combinations are matched by equal code only, and those with far more not at all.
const MOST_COMPARED: usize = 4_000;
const MOST_ALIGNED: usize = 1_000_000;
/// Below this two functions are not taken for the same.
const LEAST: f64 = 0.4;

pub(super) fn match_by_order(old: &Program, new: &Program, matching: &mut Matching) {
    let anchors = longest_increasing(&matching.pairs().collect::<Vec<_>>());
    let ends = std::iter::once((old.functions.len(), new.functions.len()));
    let (mut after_old, mut after_new) = (0, 0);
    for (to_old, to_new) in anchors.into_iter().chain(ends) {
        let olds: Vec<usize> =
            (after_old..to_old).filter(|n| matching.old.get(*n) == Some(&None)).collect();
        let news: Vec<usize> =
            (after_new..to_new).filter(|n| matching.new.get(*n) == Some(&None)).collect();
        fill_gap(old, new, &olds, &news, matching);
        (after_old, after_new) = (to_old + 1, to_new + 1);
    }
}

/// The longest run of pairs that is in order on both sides.
fn longest_increasing(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut tails: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (index, (_, new)) in pairs.iter().enumerate() {
        let place = tails.partition_point(|tail| pairs.get(*tail).is_some_and(|(_, n)| n < new));
        before.push(place.checked_sub(1).and_then(|place| tails.get(place).copied()));
        match tails.get_mut(place) {
            Some(tail) => *tail = index,
            None => tails.push(index),
        }
    }
    let mut run = Vec::with_capacity(tails.len());
    let mut at = tails.last().copied();
    while let Some(index) = at {
        run.extend(pairs.get(index));
        at = before.get(index).copied().flatten();
    }
    run.reverse();
    run
}

/// The pairs in order whose likeness sums up to the most.
fn fill_gap(old: &Program, new: &Program, olds: &[usize], news: &[usize], matching: &mut Matching) {
    let combinations = olds.len().saturating_mul(news.len());
    if combinations == 0 || combinations > MOST_ALIGNED {
        return;
    }
    let columns = news.len() + 1;
    let likeness = |row: usize, column: usize| -> f64 {
        let functions = olds
            .get(row)
            .and_then(|n| old.functions.get(*n))
            .zip(news.get(column).and_then(|n| new.functions.get(*n)));
        functions.map_or(0.0, |(left, right)| alike(left, right, combinations <= MOST_COMPARED))
    };
    let mut best = vec![0.0_f64; (olds.len() + 1) * columns];
    let mut scores = vec![0.0_f64; olds.len() * news.len()];
    let cell = |row: usize, column: usize| row * columns + column;
    let value = |table: &[f64], at: usize| table.get(at).copied().unwrap_or(0.0);
    for row in (0..olds.len()).rev() {
        for column in (0..news.len()).rev() {
            let score = likeness(row, column);
            let with =
                if score > 0.0 { score + value(&best, cell(row + 1, column + 1)) } else { 0.0 };
            let without =
                value(&best, cell(row + 1, column)).max(value(&best, cell(row, column + 1)));
            if let Some(place) = best.get_mut(cell(row, column)) {
                *place = with.max(without);
            }
            if let Some(place) = scores.get_mut(row * news.len() + column) {
                *place = score;
            }
        }
    }
    let (mut row, mut column) = (0, 0);
    while row < olds.len() && column < news.len() {
        let score = value(&scores, row * news.len() + column);
        let here = value(&best, cell(row, column));
        if score > 0.0 && (here - score - value(&best, cell(row + 1, column + 1))).abs() < 1e-9 {
            if let (Some(left), Some(right)) = (olds.get(row), news.get(column)) {
                matching.add(*left, *right);
            }
            (row, column) = (row + 1, column + 1);
        } else if value(&best, cell(row + 1, column)) >= value(&best, cell(row, column + 1)) {
            row += 1;
        } else {
            column += 1;
        }
    }
}

/// 0 where they are not the same.
fn alike(old: &Function, new: &Function, compare: bool) -> f64 {
    if !may_match(old, new) {
        return 0.0;
    }
    if old.strict == new.strict {
        return 1.0;
    }
    if !compare || most_similar(old, new) < LEAST {
        return 0.0;
    }
    let score = similarity(old, new);
    if score >= LEAST { score } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::longest_increasing;

    #[test]
    fn functions_that_moved_are_no_anchors() {
        let pairs = [(0, 5), (1, 1), (2, 2), (3, 0), (4, 4)];
        assert_eq!(longest_increasing(&pairs), [(1, 1), (2, 2), (4, 4)]);
        assert!(longest_increasing(&[]).is_empty());
    }
}
