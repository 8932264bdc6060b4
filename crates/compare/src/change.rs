// SPDX-License-Identifier: Apache-2.0
//! How two functions that are the same by name or place differ.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::matching::{Matching, similarity};
use crate::program::{Function, Number, Program, Refer, Token};
use crate::semantics::Meaning;
use crate::text::is_source;

/// What happened to a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Its code differs in more than addresses.
    Modified,
    /// Only the new program has it.
    Added,
    /// Only the old program has it.
    Removed,
}

/// One function that changed, and how.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FunctionChange {
    /// By a symbol, else `fun_ADDRESS`; the address is that in the new program where it is in both.
    pub name: String,
    /// What happened to it.
    pub change: Change,
    /// First address in the old program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_address: Option<u64>,
    /// First address in the new program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_address: Option<u64>,
    /// From 0 to 1.
    pub similarity: f64,
    /// Instructions before and after.
    pub instructions: [usize; 2],
    /// Basic blocks before and after.
    pub blocks: [usize; 2],
    /// Calls of other files that it makes more often.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls_added: Vec<String>,
    /// Calls of other files that it makes less often.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls_removed: Vec<String>,
    /// Texts that it uses now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub texts_added: Vec<String>,
    /// Texts that it no longer uses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub texts_removed: Vec<String>,
    /// Numbers that stand in its code now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub numbers_added: Vec<i64>,
    /// Numbers that no longer do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub numbers_removed: Vec<i64>,
}

impl FunctionChange {
    /// Is it a change that no compiler makes by itself: of calls or texts?
    #[must_use]
    pub fn has_meaning(&self) -> bool {
        !(self.calls_added.is_empty()
            && self.calls_removed.is_empty()
            && self.texts_added.is_empty()
            && self.texts_removed.is_empty())
    }
}

/// How the code of a pair compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pairing {
    /// The same but for addresses, line numbers, and what texts mask.
    Equal,
    /// The same but for these numbers, old and new.
    Numbers(BTreeSet<(Number, Number)>),
    /// The same operations on the same operands, with other registers, order or places on the stack.
    Frame,
    /// Different code.
    Different,
}

/// Compares the code of a pair.
pub(crate) fn compare_code(
    programs: (&Program, &Program),
    pair: (&Function, &Function),
    matching: &Matching,
) -> Pairing {
    let (old, new) = pair;
    let otherwise = if old.core == new.core { Pairing::Frame } else { Pairing::Different };
    if old.tokens.len() != new.tokens.len() {
        return otherwise;
    }
    let mut numbers = Vec::new();
    for (at, (left, right)) in old.tokens.iter().zip(&new.tokens).enumerate() {
        let alike = left.shape == right.shape
            && left.numbers.len() == right.numbers.len()
            && agree(programs, left, right, matching);
        if !alike {
            return otherwise;
        }
        let differing = left.numbers.iter().zip(&right.numbers).filter(|(a, b)| a != b);
        numbers.extend(differing.map(|(a, b)| (at, *a, *b)));
    }
    let numbers = without_lines(programs, pair, numbers);
    match numbers.is_empty() {
        true => Pairing::Equal,
        false if old.core == new.core => Pairing::Frame,
        false => Pairing::Numbers(numbers),
    }
}

/// Do the addresses of two instructions lead to the same?
fn agree(programs: (&Program, &Program), left: &Token, right: &Token, matching: &Matching) -> bool {
    let (old, new) = programs;
    left.refers.len() == right.refers.len()
        && left.refers.iter().zip(&right.refers).all(|pair| match pair {
            (Refer::Call(a), Refer::Call(b)) | (Refer::Code(a), Refer::Code(b)) => {
                let (a, b) = (*a as usize, *b as usize);
                let known = matching.old.get(a).copied().flatten();
                let twins = || {
                    let strict = old.functions.get(a).map(|function| function.strict);
                    strict.is_some() && strict == new.functions.get(b).map(|f| f.strict)
                };
                match known {
                    Some(known) => known == b || twins(),
                    None => matching.new.get(b) == Some(&None),
                }
            }
            (Refer::Data(a), Refer::Data(b)) => same_data(programs, *a, *b),
            (Refer::Text(left, a), Refer::Text(right, b)) => {
                left == right || old.inner_texts.contains(a) && new.inner_texts.contains(b)
            }
            (left, right) => left.stable() == right.stable(),
        })
}

/// As far as both are known.
fn same_data(programs: (&Program, &Program), old: u64, new: u64) -> bool {
    let hashes = programs.0.data.get(&old).zip(programs.1.data.get(&new));
    hashes.is_none_or(|(old, new)| old.iter().zip(new).all(|(a, b)| a == b))
}

/// A file is not patched by more lines than that.
const MOST_LINES: u64 = 5000;
/// Arguments of a call are set by so few instructions.
const WINDOW: usize = 10;
/// So many numbers that moved by the same are lines, wherever the name of their file was loaded.
const UNIFORM: usize = 3;

/// What is left when line numbers (`__LINE__` beside `__FILE__`) are taken out.
fn without_lines(
    programs: (&Program, &Program),
    pair: (&Function, &Function),
    numbers: Vec<(usize, Number, Number)>,
) -> BTreeSet<(Number, Number)> {
    let files = if numbers.is_empty() { Vec::new() } else { source_places(programs.0, pair.0) };
    let delta = |(_, old, new): &(usize, Number, Number)| new.value().wrapping_sub(old.value());
    let first = numbers.first().map_or(0, delta);
    let is_uniform = numbers.len() >= UNIFORM
        && !files.is_empty()
        && numbers.iter().all(|number| delta(number) == first);
    let is_line = |found: &(usize, Number, Number)| {
        let (at, old, _) = found;
        let fits =
            matches!(old, Number::Immediate(1..)) && delta(found).unsigned_abs() < MOST_LINES;
        fits && (is_uniform || files.iter().any(|file| is_beside(pair.0, *file, *at)))
    };
    let kept = numbers.iter().filter(|found| !is_line(found));
    kept.map(|(_, old, new)| (*old, *new)).collect()
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

/// Describes the change of a pair.
pub(crate) fn describe(
    programs: (&Program, &Program),
    pair: (&Function, &Function),
) -> FunctionChange {
    let (old, new) = pair;
    let (before, after) = (Meaning::of(programs.0, old), Meaning::of(programs.1, new));
    let (numbers_removed, numbers_added) = numbers(old, new);
    FunctionChange {
        name: match (&new.name, &old.name) {
            (None, Some(name)) => name.clone(),
            _ => programs.1.name_of(new),
        },
        change: Change::Modified,
        old_address: Some(old.address),
        new_address: Some(new.address),
        similarity: round(similarity(old, new)),
        instructions: [old.tokens.len(), new.tokens.len()],
        blocks: [old.blocks, new.blocks],
        calls_added: more(&after.calls, &before.calls),
        calls_removed: more(&before.calls, &after.calls),
        texts_added: after.texts.difference(&before.texts).cloned().collect(),
        texts_removed: before.texts.difference(&after.texts).cloned().collect(),
        numbers_added,
        numbers_removed,
    }
}

/// Describes a function that only one program has.
pub(crate) fn describe_alone(
    program: &Program,
    function: &Function,
    change: Change,
) -> FunctionChange {
    let meaning = Meaning::of(program, function);
    let calls: Vec<String> = meaning.calls.into_keys().collect();
    let texts: Vec<String> = meaning.texts.into_iter().collect();
    let added = change == Change::Added;
    let of = |is_new: bool, number: usize| if is_new == added { number } else { 0 };
    FunctionChange {
        name: program.name_of(function),
        change,
        old_address: (!added).then_some(function.address),
        new_address: added.then_some(function.address),
        similarity: 0.0,
        instructions: [of(false, function.tokens.len()), of(true, function.tokens.len())],
        blocks: [of(false, function.blocks), of(true, function.blocks)],
        calls_added: if added { calls.clone() } else { Vec::new() },
        calls_removed: if added { Vec::new() } else { calls },
        texts_added: if added { texts.clone() } else { Vec::new() },
        texts_removed: if added { Vec::new() } else { texts },
        numbers_added: Vec::new(),
        numbers_removed: Vec::new(),
    }
}

fn more(left: &BTreeMap<String, usize>, right: &BTreeMap<String, usize>) -> Vec<String> {
    let is_more = |(name, count): &(&String, &usize)| right.get(*name).unwrap_or(&0) < count;
    left.iter().filter(is_more).map(|(name, _)| name.clone()).collect()
}

/// Operands that only one of two functions has; of very different ones too many to tell anything.
fn numbers(old: &Function, new: &Function) -> (Vec<i64>, Vec<i64>) {
    const MOST: usize = 16;
    let of = |function: &Function| -> BTreeSet<i64> {
        let all = function.tokens.iter().flat_map(|token| &token.numbers);
        all.filter(|number| matches!(number, Number::Immediate(_))).map(|n| n.value()).collect()
    };
    let (before, after) = (of(old), of(new));
    let only = |left: &BTreeSet<i64>, right: &BTreeSet<i64>| {
        left.difference(right).copied().take(MOST).collect()
    };
    (only(&before, &after), only(&after, &before))
}

/// Three digits are what the measure is good for, and print the same everywhere.
pub(crate) fn round(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}
