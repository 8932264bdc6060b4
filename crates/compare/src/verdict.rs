// SPDX-License-Identifier: Apache-2.0
//! Whether two programs are the same, the same source built again, a source that was patched, or different ones.
//!
//! Where most functions are equal, both were built the same way, and whatever else differs is a change of the source, but for
//! numbers that move together (lines, distances in structures that grew). Where few are equal, the build differs, and only
//! what no compiler changes counts: texts, and calls of other files.

use std::collections::{BTreeMap, BTreeSet};

use kakoi_model::Digest;
use serde::Serialize;

use crate::change::{
    Change, FunctionChange, Pairing, compare_code, describe, describe_alone, round,
};
use crate::evidence::Evidence;
use crate::lines::Lines;
use crate::matching::{Matching, match_functions, similarity};
use crate::program::{Function, Number, Program};

/// What two programs are to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The same bytes.
    Identical,
    /// The same source, built or packed again.
    Rebuilt,
    /// The same source but for some functions.
    Patched,
    /// Other programs, or versions that are far apart.
    Different,
}

/// One of the two programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// Identity of the file.
    pub digest: Digest,
    /// Bytes.
    pub size_bytes: u64,
    /// Functions that were found in it.
    pub functions: usize,
    /// Of them with a name.
    pub named: usize,
}

/// The result of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The verdict.
    pub verdict: Verdict,
    /// What it rests on, in words.
    pub reasons: Vec<String>,
    /// Instructions in functions that both have, weighed by how alike those are: from 0 to 1.
    pub similarity: f64,
    /// The old program.
    pub old: Side,
    /// The new program.
    pub new: Side,
    /// Functions that both have.
    pub matched: usize,
    /// Of them equal but for addresses and line numbers.
    pub equal: usize,
    /// Functions that changed, by name.
    pub functions: Vec<FunctionChange>,
    /// Functions in which only numbers moved as in others (a structure grew, a list of codes got one more), or that call what
    /// another function became, or use data of which only what lies behind its beginning differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shifted: Vec<String>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// Compares two programs.
#[must_use]
pub fn compare(old: &Program, new: &Program) -> Difference {
    if old.digest == new.digest {
        return result(old, new, Verdict::Identical, vec!["the same bytes".to_owned()]);
    }
    if old.loaded == new.loaded && old.machine == new.machine {
        let reason = "what is loaded is the same; only symbols, notes or headers differ";
        return result(old, new, Verdict::Rebuilt, vec![reason.to_owned()]);
    }
    let matching = match_functions(old, new);
    let evidence = Evidence::between(old, new);
    let pairs = compare_pairs(old, new, &matching);
    let equal = pairs.iter().filter(|pair| pair.how == Pairing::Equal).count();
    let same_build = old.machine == new.machine && is_same_build(old, new, &pairs);
    let mut found = result(old, new, Verdict::Rebuilt, Vec::new());
    found.matched = pairs.len();
    found.equal = equal;
    found.similarity = round(overall(old, new, &pairs));
    if same_build {
        judge_same_build((old, new), &matching, &pairs, &evidence, &mut found);
    } else {
        judge_other_build((old, new), &matching, &evidence, &mut found);
    }
    found.functions.sort_by(|a, b| {
        (&a.name, a.new_address, a.old_address).cmp(&(&b.name, b.new_address, b.old_address))
    });
    found
}

fn side(program: &Program) -> Side {
    Side {
        digest: program.digest,
        size_bytes: program.size_bytes,
        functions: program.functions.len(),
        named: program.functions.iter().filter(|function| function.name.is_some()).count(),
    }
}

fn result(old: &Program, new: &Program, verdict: Verdict, reasons: Vec<String>) -> Difference {
    let problems = |side: &str, program: &Program| -> Vec<String> {
        program.problems.iter().map(|problem| format!("{side}: {problem}")).collect()
    };
    let mut all = problems("old", old);
    all.extend(problems("new", new));
    Difference {
        verdict,
        reasons,
        similarity: 1.0,
        old: side(old),
        new: side(new),
        matched: old.functions.len().min(new.functions.len()),
        equal: old.functions.len().min(new.functions.len()),
        functions: Vec::new(),
        shifted: Vec::new(),
        problems: all,
    }
}

/// A matched pair.
struct Pair<'a> {
    old: &'a Function,
    new: &'a Function,
    how: Pairing,
}

fn compare_pairs<'a>(old: &'a Program, new: &'a Program, matching: &Matching) -> Vec<Pair<'a>> {
    let mut lines = Lines::default();
    let mut pairs: Vec<Pair<'a>> = Vec::new();
    for (left, right) in matching.pairs() {
        let pair = old.functions.get(left).zip(new.functions.get(right));
        let Some((left, right)) = pair else { continue };
        let how = compare_code((old, new), (left, right), matching, &mut lines);
        pairs.push(Pair { old: left, new: right, how });
    }
    for pair in &mut pairs {
        if let Pairing::Numbers(numbers) = &pair.how
            && lines.explain((old, new), pair.old, numbers)
        {
            pair.how = Pairing::Equal;
        }
    }
    pairs
}

/// Functions of so few instructions are equal in any build.
const TRIVIAL: usize = 6;

/// Is most of the code equal?
fn is_same_build(old: &Program, new: &Program, pairs: &[Pair<'_>]) -> bool {
    const LEAST_SHARE: f64 = 0.5;
    let count = |program: &Program| {
        program.functions.iter().filter(|function| function.tokens.len() > TRIVIAL).count()
    };
    let equal = pairs
        .iter()
        .filter(|pair| pair.old.tokens.len() > TRIVIAL && pair.how != Pairing::Different)
        .count();
    let all = count(old).max(count(new));
    all == 0 || equal as f64 >= LEAST_SHARE * all as f64
}

/// Share of the code in pairs, by how alike they are.
fn overall(old: &Program, new: &Program, pairs: &[Pair<'_>]) -> f64 {
    let size =
        |program: &Program| -> usize { program.functions.iter().map(|f| f.tokens.len()).sum() };
    let all = size(old).max(size(new));
    let shared: f64 = pairs
        .iter()
        .map(|pair| {
            similarity(pair.old, pair.new) * pair.old.tokens.len().max(pair.new.tokens.len()) as f64
        })
        .sum();
    if all == 0 { 1.0 } else { (shared / all as f64).min(1.0) }
}

/// Numbers that changed the same way in so many functions are moves.
const MOVED: usize = 3;

/// Which numbers moved together over many functions: distances in a structure that grew, its size, a list of codes.
struct Moves {
    pairs: BTreeMap<(i64, i64), usize>,
    distances: BTreeMap<i64, usize>,
}

impl Moves {
    fn of(pairs: &[Pair<'_>]) -> Self {
        let mut moves = Self { pairs: BTreeMap::new(), distances: BTreeMap::new() };
        for pair in pairs {
            let Pairing::Numbers(numbers) = &pair.how else { continue };
            let mut deltas = BTreeSet::new();
            for (old, new) in numbers {
                *moves.pairs.entry((old.value(), new.value())).or_default() += 1;
                if matches!(old, Number::Displacement(_)) {
                    deltas.insert(new.value().wrapping_sub(old.value()));
                }
            }
            deltas.into_iter().for_each(|by| *moves.distances.entry(by).or_default() += 1);
        }
        moves
    }

    fn has(&self, old: Number, new: Number) -> bool {
        let by = new.value().wrapping_sub(old.value());
        let count = self.pairs.get(&(old.value(), new.value())).copied().unwrap_or(0);
        // A structure is larger by what its members moved.
        let moved = self.distances.get(&by).copied().unwrap_or(0);
        let may_move = match old {
            Number::Displacement(_) => true,
            Number::Immediate(size) => size >= 16,
            Number::Frame(_) => false,
        };
        count >= MOVED || may_move && moved >= MOVED
    }
}

fn judge_same_build(
    (old, new): (&Program, &Program),
    matching: &Matching,
    pairs: &[Pair<'_>],
    evidence: &Evidence,
    found: &mut Difference,
) {
    let moves = Moves::of(pairs);
    let is_other_compiler =
        old.compilers != new.compilers && !old.compilers.is_empty() && !new.compilers.is_empty()
            || has_other_frames(pairs);
    let (mut moved, mut likely) = (Vec::new(), Vec::new());
    for pair in pairs {
        let is_move = match &pair.how {
            Pairing::Equal => continue,
            Pairing::Numbers(numbers) => numbers.iter().all(|(old, new)| moves.has(*old, *new)),
            Pairing::Likely => true,
            Pairing::Frame => is_other_compiler,
            Pairing::Different => false,
        };
        let change = describe((old, new), (pair.old, pair.new), matching);
        let into = match is_move {
            true if pair.how == Pairing::Likely => &mut likely,
            true => &mut moved,
            false => &mut found.functions,
        };
        into.push(change);
    }
    found.functions.extend(alone(old, new, matching));
    if is_other_compiler {
        drop_noise(found);
        moved.clear();
        likely.clear();
    }
    // No flag makes a structure larger.
    let has_grown = moved.len() >= MOVED && !is_other_compiler;
    if !has_grown && is_other_recipe(found) {
        found.reasons.push(format!(
            "{} functions differ, more than a patch changes: other flags; only texts and calls that one build lacks count",
            found.functions.len()
        ));
        found.reasons.push(evidence.words());
        found.functions.retain(|change| evidence.touches(change));
        found.verdict = evidence.verdict(found);
        return;
    }
    moved.append(&mut likely);
    if found.functions.is_empty() {
        found.functions = moved;
    } else {
        found.shifted = moved.into_iter().map(|change| change.name).collect();
        found.shifted.sort();
    }
    decide(found, pairs.len());
}

/// Frames that differ in many functions, or a stack protector that came or went, which no patch does: the compiler differs.
fn has_other_frames(pairs: &[Pair<'_>]) -> bool {
    const LEAST: usize = 4;
    const LEAST_SHARE: f64 = 0.03;
    let frames = pairs.iter().filter(|pair| pair.how == Pairing::Frame).count();
    frames >= LEAST && frames as f64 >= LEAST_SHARE * pairs.len() as f64
}

/// Did so many functions change that it was built with other flags? Distributions patch a function in ten at most, but for
/// sources of few functions.
fn is_other_recipe(found: &Difference) -> bool {
    const MOST_SHARE: f64 = 0.15;
    const FEW: usize = 2;
    let all = found.old.functions.max(found.new.functions).max(1);
    let changed = found.functions.len();
    changed > FEW && changed as f64 > MOST_SHARE * all as f64
}

/// What a slightly different compiler does to many functions is no change of the source: without another call, text or
/// operand nothing tells the two apart.
fn drop_noise(found: &mut Difference) {
    let before = found.functions.len();
    found.functions.retain(|change| match change.change {
        Change::Modified => {
            let is_operand = |number: &i64| !may_be_frame(*number);
            change.has_meaning()
                || change.numbers_added.iter().any(is_operand)
                    && change.blocks.first() != change.blocks.last()
        }
        Change::Added | Change::Removed => change.has_meaning(),
    });
    let dropped = before - found.functions.len();
    found.reasons.push(format!(
        "the compiler differs: {dropped} functions that differ in no call, text or operand are left out"
    ));
}

/// Sizes of large frames are set by numbers of their own.
fn may_be_frame(number: i64) -> bool {
    (512..0x1_0000).contains(&number.unsigned_abs()) && number % 16 == 0
}

/// Functions that only one program has.
fn alone(old: &Program, new: &Program, matching: &Matching) -> Vec<FunctionChange> {
    let of = |program: &Program, matched: &[Option<usize>], change: Change| {
        let functions = program.functions.iter().zip(matched);
        let without = functions.filter(|(_, other)| other.is_none());
        without.map(|(function, _)| describe_alone(program, function, change)).collect::<Vec<_>>()
    };
    let mut all = of(old, &matching.old, Change::Removed);
    all.extend(of(new, &matching.new, Change::Added));
    all
}

fn decide(found: &mut Difference, pairs: usize) {
    let all = found.old.functions.max(found.new.functions).max(1);
    let changed = found.functions.len();
    found.reasons.push(format!(
        "{changed} of {all} functions changed, {} of {pairs} pairs equal",
        found.equal
    ));
    found.verdict = if changed == 0 { Verdict::Rebuilt } else { Verdict::Patched };
}

fn judge_other_build(
    (old, new): (&Program, &Program),
    matching: &Matching,
    evidence: &Evidence,
    found: &mut Difference,
) {
    found.reasons.push(format!(
        "built another way: {} of {} pairs equal; only texts and calls that one build lacks count",
        found.equal, found.matched
    ));
    found.reasons.push(evidence.words());
    for (left, right) in matching.pairs() {
        let Some(pair) = old.functions.get(left).zip(new.functions.get(right)) else { continue };
        let change = describe((old, new), pair, matching);
        if evidence.touches(&change) {
            found.functions.push(change);
        }
    }
    found.functions.extend(alone(old, new, matching).into_iter().filter(|c| evidence.touches(c)));
    found.verdict = evidence.verdict(found);
    if found.verdict == Verdict::Different {
        found.functions.clear();
    }
}
