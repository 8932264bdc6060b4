// SPDX-License-Identifier: Apache-2.0
//! Line numbers in code (`__LINE__` beside `__FILE__`): every build with a patch above them has others.

use std::collections::BTreeSet;

use crate::program::{Function, Number, Program, Refer, Token};
use crate::text::is_source;

/// A file is not patched by more lines than that.
const MOST_LINES: u64 = 5000;
/// Arguments of a call are set by so few instructions.
const WINDOW: usize = 10;
/// So many numbers that moved by the same are lines, wherever the name of their file was loaded.
const UNIFORM: usize = 3;

/// By how many lines the parts of source files moved: by the hash of the file's name, what was seen for certain.
#[derive(Debug, Default)]
pub(crate) struct Lines(BTreeSet<(u64, i64)>);

impl Lines {
    /// Is each of these a line number of a file that the function names, moved as another function of that file did?
    pub(crate) fn explain(
        &self,
        programs: (&Program, &Program),
        function: &Function,
        numbers: &BTreeSet<(Number, Number)>,
    ) -> bool {
        let files = source_files(programs.0, function);
        let is_known = |by: i64| files.iter().any(|file| self.0.contains(&(*file, by)));
        numbers.iter().all(|(old, new)| is_line(*old, *new) && is_known(delta(*old, *new)))
    }
}

fn delta(old: Number, new: Number) -> i64 {
    new.value().wrapping_sub(old.value())
}

/// Can it be one, as far as the number itself tells?
fn is_line(old: Number, new: Number) -> bool {
    matches!((old, new), (Number::Immediate(1..), Number::Immediate(1..)))
        && delta(old, new).unsigned_abs() < MOST_LINES
}

/// What is left when line numbers (`__LINE__` beside `__FILE__`) are taken out.
pub(crate) fn without_lines(
    programs: (&Program, &Program),
    pair: (&Function, &Function),
    numbers: Vec<(usize, Number, Number)>,
    lines: &mut Lines,
) -> BTreeSet<(Number, Number)> {
    let places = if numbers.is_empty() { Vec::new() } else { source_places(programs.0, pair.0) };
    let all_are = !places.is_empty() && (is_uniform(&numbers) || is_in_order(&numbers));
    let beside = |at: usize| places.iter().any(|file| is_beside(pair.0, *file, at));
    let (taken, kept): (Vec<_>, Vec<_>) = numbers
        .into_iter()
        .partition(|(at, old, new)| is_line(*old, *new) && (all_are || beside(*at)));
    for file in source_files(programs.0, pair.0) {
        lines.0.extend(taken.iter().map(|(_, old, new)| (file, delta(*old, *new))));
    }
    kept.into_iter().map(|(_, old, new)| (old, new)).collect()
}

fn is_uniform(numbers: &[(usize, Number, Number)]) -> bool {
    let mut deltas = numbers.iter().map(|(_, old, new)| delta(*old, *new));
    let first = deltas.next();
    numbers.len() >= UNIFORM && deltas.all(|by| Some(by) == first)
}

/// Several lines of one file move, but none past another; sizes and masks are multiples of four, lines are not.
fn is_in_order(numbers: &[(usize, Number, Number)]) -> bool {
    let moved: BTreeSet<(i64, i64)> =
        numbers.iter().map(|(_, old, new)| (old.value(), new.value())).collect();
    let values: Vec<(i64, i64)> = moved.into_iter().collect();
    let ordered = values.windows(2).all(|two| match two {
        [a, b] => a.0 < b.0 && a.1 < b.1,
        _ => true,
    });
    let is_odd = |(old, new): &(i64, i64)| old % 4 != 0 || new % 4 != 0;
    values.len() >= 2
        && ordered
        && values.iter().any(is_odd)
        && numbers.iter().all(|(_, old, new)| is_line(*old, *new))
}

/// Names of source files that a function loads, by hash.
fn source_files(program: &Program, function: &Function) -> BTreeSet<u64> {
    let refers = function.tokens.iter().flat_map(|token| &token.refers);
    let hash = |refer: &Refer| match refer {
        Refer::Text(hash, number) => {
            let text = program.texts.get(*number as usize);
            text.is_some_and(|text| is_source(text)).then_some(*hash)
        }
        _ => None,
    };
    refers.filter_map(hash).collect()
}

/// Instructions that load the name of a source file.
fn source_places(program: &Program, function: &Function) -> Vec<usize> {
    let is_file = |refer: &Refer| match refer {
        Refer::Text(_, number) => {
            program.texts.get(*number as usize).is_some_and(|text| is_source(text))
        }
        _ => false,
    };
    let tokens = function.tokens.iter().enumerate();
    tokens.filter(|(_, token)| token.refers.iter().any(is_file)).map(|(at, _)| at).collect()
}

/// Are both arguments of one call: near, and no call between them?
fn is_beside(function: &Function, left: usize, right: usize) -> bool {
    let (first, last) = (left.min(right), left.max(right));
    let between = function.tokens.get(first..last).unwrap_or_default();
    let calls = |token: &Token| {
        token.refers.iter().any(|r| matches!(r, Refer::Call(_) | Refer::Import(..)))
    };
    last - first <= WINDOW && !between.iter().any(calls)
}

#[cfg(test)]
mod tests {
    use super::{is_in_order, is_uniform};
    use crate::program::Number;

    fn numbers(pairs: &[(i64, i64)]) -> Vec<(usize, Number, Number)> {
        let number =
            |(old, new): &(i64, i64)| (0, Number::Immediate(*old), Number::Immediate(*new));
        pairs.iter().map(number).collect()
    }

    #[test]
    fn lines_keep_their_order() {
        assert!(is_in_order(&numbers(&[(254, 257), (278, 283)])));
        assert!(!is_in_order(&numbers(&[(254, 290), (278, 283)])));
        assert!(!is_in_order(&numbers(&[(254, 257), (278, 90_000)])));
    }

    #[test]
    fn sizes_and_single_numbers_are_no_lines_by_themselves() {
        assert!(!is_in_order(&numbers(&[(1024, 2048), (4096, 8192)])));
        assert!(!is_in_order(&numbers(&[(255, 257)])));
        assert!(is_uniform(&numbers(&[(5, 8), (9, 12), (9, 12)])));
        assert!(!is_uniform(&numbers(&[(5, 8), (9, 13), (9, 12)])));
    }
}
