// SPDX-License-Identifier: Apache-2.0
//! How two functions that are the same by name or place differ.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::lines::{Lines, without_lines};
use crate::matching::{Matching, similarity};
use crate::program::{Function, Number, Program, Refer, Token};
use crate::semantics::Meaning;

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
    /// Where the code differs first, and in what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<FirstDifference>,
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

/// The first instruction in which a pair differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FirstDifference {
    /// Its number in the function, from 0.
    pub instruction: usize,
    /// What differs in it.
    pub what: Differing,
}

/// What differs in an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Differing {
    /// The operation, its registers, or where it jumps to.
    Operation,
    /// A number.
    Number,
    /// The function that it calls or points to.
    Function,
    /// Text, data or symbol that it refers to.
    Reference,
    /// One function ends there.
    Length,
}

/// How the code of a pair compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pairing {
    /// The same but for addresses, line numbers, and what texts mask.
    Equal,
    /// The same but for these numbers, old and new.
    Numbers(BTreeSet<(Number, Number)>),
    /// The same as far as it is known: it calls what another function became, or uses data of which only what lies behind its
    /// beginning differs, which may be of another object.
    Likely,
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
    lines: &mut Lines,
) -> Pairing {
    let (old, new) = pair;
    let otherwise = if old.core == new.core { Pairing::Frame } else { Pairing::Different };
    if old.tokens.len() != new.tokens.len() {
        return otherwise;
    }
    let (mut numbers, mut is_likely) = (Vec::new(), false);
    for (at, (left, right)) in old.tokens.iter().zip(&new.tokens).enumerate() {
        let is_same_form = left.shape == right.shape && left.numbers.len() == right.numbers.len();
        match agreement(programs, left, right, matching) {
            Agreement::Full if is_same_form => {}
            Agreement::Likely if is_same_form => is_likely = true,
            _ => return otherwise,
        }
        let differing = left.numbers.iter().zip(&right.numbers).filter(|(a, b)| a != b);
        numbers.extend(differing.map(|(a, b)| (at, *a, *b)));
    }
    let numbers = without_lines(programs, pair, numbers, lines);
    match numbers.is_empty() {
        true if is_likely => Pairing::Likely,
        true => Pairing::Equal,
        false if old.core == new.core => Pairing::Frame,
        false => Pairing::Numbers(numbers),
    }
}

/// Whether the addresses of two instructions lead to the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Agreement {
    Full,
    /// Perhaps: a function that stands for the other, data with the same beginning.
    Likely,
    None,
}

fn agreement(
    programs: (&Program, &Program),
    left: &Token,
    right: &Token,
    matching: &Matching,
) -> Agreement {
    let (old, new) = programs;
    if left.refers.len() != right.refers.len() {
        return Agreement::None;
    }
    let full = |is_same: bool| if is_same { Agreement::Full } else { Agreement::None };
    let each = left.refers.iter().zip(&right.refers).map(|pair| match pair {
        (Refer::Call(a), Refer::Call(b)) | (Refer::Code(a), Refer::Code(b)) => {
            agreement_of_functions(programs, *a as usize, *b as usize, matching)
        }
        (Refer::Data(a), Refer::Data(b)) => agreement_of_data(programs, *a, *b),
        (Refer::Text(left, a), Refer::Text(right, b)) => {
            full(left == right || old.inner_texts.contains(a) && new.inner_texts.contains(b))
        }
        (left, right) => full(left.stable() == right.stable()),
    });
    each.max().unwrap_or(Agreement::Full)
}

/// Functions so much alike are the same in both builds, whatever else was matched with one of them.
const SAME_FUNCTION: f64 = 0.6;
/// A function that only passes on is no longer than that.
const LONGEST_WRAPPER: usize = 24;

fn agreement_of_functions(
    (old, new): (&Program, &Program),
    a: usize,
    b: usize,
    matching: &Matching,
) -> Agreement {
    let (Some(left), Some(right)) = (old.functions.get(a), new.functions.get(b)) else {
        return Agreement::None;
    };
    let (forth, back) =
        (matching.old.get(a).copied().flatten(), matching.new.get(b).copied().flatten());
    if forth == Some(b) || left.strict == right.strict || forth.is_none() && back.is_none() {
        return Agreement::Full;
    }
    let passes_on = |function: &Function, to: Option<usize>| {
        let calls = |refer: &Refer| matches!(refer, Refer::Call(n) if Some(*n as usize) == to);
        function.tokens.len() <= LONGEST_WRAPPER
            && to.is_some()
            && function.tokens.iter().flat_map(|token| &token.refers).any(calls)
    };
    // Where a compiler or a patch split a function, one half stands for the whole.
    let split =
        back.is_none() && passes_on(right, forth) || forth.is_none() && passes_on(left, back);
    if split || similarity(left, right) >= SAME_FUNCTION {
        Agreement::Likely
    } else {
        Agreement::None
    }
}

/// So many of the hashes cover what an instruction surely reads: 4, 8 and 16 bytes.
const SURE: usize = 3;

/// As far as both are known. Nothing tells where an object ends but the next one that code refers to.
fn agreement_of_data(programs: (&Program, &Program), old: u64, new: u64) -> Agreement {
    let hashes = programs.0.data.get(&old).zip(programs.1.data.get(&new));
    let Some((left, right)) = hashes else { return Agreement::Full };
    match left.iter().zip(right).position(|(a, b)| a != b) {
        None => Agreement::Full,
        Some(SURE..) => Agreement::Likely,
        Some(_) => Agreement::None,
    }
}

/// Describes the change of a pair.
pub(crate) fn describe(
    programs: (&Program, &Program),
    pair: (&Function, &Function),
    matching: &Matching,
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
        first: first_difference(programs, pair, matching),
        calls_added: more(&after.calls, &before.calls),
        calls_removed: more(&before.calls, &after.calls),
        texts_added: after.texts.difference(&before.texts).cloned().collect(),
        texts_removed: before.texts.difference(&after.texts).cloned().collect(),
        numbers_added,
        numbers_removed,
    }
}

fn first_difference(
    programs: (&Program, &Program),
    (old, new): (&Function, &Function),
    matching: &Matching,
) -> Option<FirstDifference> {
    let is_function = |refer: &Refer| matches!(refer, Refer::Call(_) | Refer::Code(_));
    let differing = |(left, right): (&Token, &Token)| match () {
        () if left.shape != right.shape => Some(Differing::Operation),
        () if left.numbers != right.numbers => Some(Differing::Number),
        () if agreement(programs, left, right, matching) == Agreement::Full => None,
        () if left.refers.iter().any(is_function) => Some(Differing::Function),
        () => Some(Differing::Reference),
    };
    let shorter = old.tokens.len().min(new.tokens.len());
    let mut pairs = old.tokens.iter().zip(&new.tokens).map(differing).enumerate();
    let found =
        pairs.find_map(|(instruction, what)| Some(FirstDifference { instruction, what: what? }));
    let end = FirstDifference { instruction: shorter, what: Differing::Length };
    found.or((old.tokens.len() != new.tokens.len()).then_some(end))
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
        first: None,
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
