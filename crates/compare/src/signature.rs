// SPDX-License-Identifier: Apache-2.0
//! Signatures of fixes: what a build after a fix has and one before it lacks, learned from one pair, looked for in other builds.
//!
//! Two kinds of witnesses. Functions, by what they do without addresses, registers and order: they decide builds for the same
//! machine by a similar compiler. Texts, and calls of other files in functions of the same name: they decide builds for any
//! machine. A build is *fixed* when witnesses of the fix are there and none of the code before it, *vulnerable* the other way
//! round; without witnesses, or with both, nothing is claimed. Versions and revisions are no witnesses: texts that hold one are
//! left out.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use crate::program::{Function, Program, Refer};
use crate::semantics::plain_import;
use crate::sketch::sample_of_texts;
use crate::verdict::{Difference, Verdict};

/// What a fix changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The vulnerabilities that the pair's newer build has fixed.
    pub ids: BTreeSet<String>,
    /// The component, as inventories name it.
    pub product: String,
    /// Its upstream version, the same in both builds; empty where it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Machine of the pair.
    machine: String,
    /// Functions that changed: before and after.
    functions: Vec<FunctionWitness>,
    /// Texts that only the fixed build has.
    texts_added: BTreeSet<String>,
    /// Texts that only the other has.
    texts_removed: BTreeSet<String>,
    /// Texts that both have, sampled: what is no such program is not judged.
    anchors: Vec<u64>,
}

/// One function that a fix changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FunctionWitness {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// What it did before; none where it is too short to be told from others, or new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<u64>,
    /// Calls of other files that it makes only after the fix.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    calls_added: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    calls_removed: BTreeSet<String>,
}

/// What a signature says of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The fix is in, by these witnesses.
    Fixed(String),
    /// The code is the one before the fix.
    Vulnerable(String),
    /// Nothing is claimed, for this reason.
    Undecided(String),
}

/// Functions of fewer instructions are alike in unrelated places.
const LEAST_INSTRUCTIONS: usize = 16;
/// Shorter texts may be there or not as the compiler likes.
const LEAST_TEXT: usize = 8;
/// Share of the sampled texts that a build has at least, to be of the same program.
const LEAST_ANCHORS: f64 = 0.5;
/// Of so few texts no share is taken.
const FEW_ANCHORS: usize = 8;

/// Learns from a pair: the build before and the one after the fix. None when nothing tells the two apart.
#[must_use]
pub fn learn(old: &Program, new: &Program, found: &Difference) -> Option<Signature> {
    if found.verdict != Verdict::Patched {
        return None;
    }
    let (before, after) = (by_address(old), by_address(new));
    let (old_cores, new_cores) = (cores(old), cores(new));
    let mut functions = Vec::new();
    for change in &found.functions {
        let one = change.old_address.and_then(|address| before.get(&address).copied());
        let other = change.new_address.and_then(|address| after.get(&address).copied());
        // What the other build has somewhere too tells nothing.
        let core = |function: Option<&Function>, elsewhere: &HashSet<u64>| {
            let long = function.filter(|it| it.tokens.len() >= LEAST_INSTRUCTIONS)?;
            (!elsewhere.contains(&long.core)).then_some(long.core)
        };
        let calls = |program: &Program, function: Option<&Function>| {
            function.map(|it| calls_of(program, it)).unwrap_or_default()
        };
        let (called, calling) = (calls(old, one), calls(new, other));
        functions.push(FunctionWitness {
            name: one.or(other).and_then(|function| function.name.clone()),
            before: core(one, &new_cores),
            after: core(other, &old_cores),
            calls_added: calling.difference(&called).cloned().collect(),
            calls_removed: called.difference(&calling).cloned().collect(),
        });
    }
    let texts = |of: &dyn Fn(&crate::FunctionChange) -> Vec<String>, other: &Program| {
        let all = found.functions.iter().flat_map(of);
        all.filter(|text| is_witness(text) && !has(other, text)).collect::<BTreeSet<String>>()
    };
    let texts_added = texts(&|change| change.texts_added.clone(), old);
    let texts_removed = texts(&|change| change.texts_removed.clone(), new);
    let (left, right) = (sample_of_texts(&old.constants), sample_of_texts(&new.constants));
    let anchors: Vec<u64> =
        left.iter().filter(|hash| right.binary_search(hash).is_ok()).copied().collect();
    let signature = Signature {
        ids: BTreeSet::new(),
        product: String::new(),
        version: String::new(),
        machine: format!("{:?}", old.machine),
        functions,
        texts_added,
        texts_removed,
        anchors,
    };
    let tells = signature.functions.iter().any(|it| {
        it.before.is_some()
            || it.after.is_some()
            || !it.calls_added.is_empty()
            || !it.calls_removed.is_empty()
    });
    (tells || !signature.texts_added.is_empty() || !signature.texts_removed.is_empty())
        .then_some(signature)
}

impl Signature {
    /// Looks for the witnesses in a build.
    #[must_use]
    pub fn decide(&self, program: &Program) -> Decision {
        let sample = sample_of_texts(&program.constants);
        // Of a long program the sample holds only the smallest hashes.
        let end = sample.last().copied().filter(|_| sample.len() >= 256).unwrap_or(u64::MAX);
        let asked: Vec<&u64> = self.anchors.iter().filter(|hash| **hash <= end).collect();
        let there = asked.iter().filter(|hash| sample.binary_search(hash).is_ok()).count();
        if asked.len() >= FEW_ANCHORS && (there as f64) < LEAST_ANCHORS * asked.len() as f64 {
            return Decision::Undecided(format!(
                "another program, or another version: {there} of {} of its texts are there",
                asked.len()
            ));
        }
        let (mut fixed, mut open) = (Vec::new(), Vec::new());
        self.ask_texts(program, &mut fixed, &mut open);
        self.ask_functions(program, &mut fixed, &mut open);
        let words = |all: &[String]| all.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
        match (fixed.is_empty(), open.is_empty()) {
            (false, true) => Decision::Fixed(words(&fixed)),
            (true, false) => Decision::Vulnerable(words(&open)),
            (true, true) => {
                Decision::Undecided("no witness of the fix or of the code before it".to_owned())
            }
            (false, false) => Decision::Undecided(format!(
                "witnesses of both: {}; and {}",
                words(&fixed),
                words(&open)
            )),
        }
    }

    fn ask_texts(&self, program: &Program, fixed: &mut Vec<String>, open: &mut Vec<String>) {
        for text in &self.texts_added {
            match has(program, text) {
                true => fixed.push(format!("the text {text:?} of the fix is there")),
                false => open.push(format!("the text {text:?} of the fix is not there")),
            }
        }
        for text in &self.texts_removed {
            match has(program, text) {
                true => open.push(format!("the text {text:?}, which the fix removes, is there")),
                false => {
                    fixed.push(format!("the text {text:?}, which the fix removes, is not there"))
                }
            }
        }
    }

    fn ask_functions(&self, program: &Program, fixed: &mut Vec<String>, open: &mut Vec<String>) {
        let known = cores(program);
        let same_machine = self.machine == format!("{:?}", program.machine);
        let by_name: BTreeMap<&str, &Function> = program
            .functions
            .iter()
            .filter_map(|function| Some((function.name.as_deref()?, function)))
            .collect();
        for witness in &self.functions {
            let name = witness.name.as_deref().unwrap_or("a function without a name");
            let has_core =
                |core: Option<u64>| same_machine && core.is_some_and(|it| known.contains(&it));
            match (has_core(witness.before), has_core(witness.after)) {
                (true, false) => open.push(format!("{name} is as before the fix")),
                (false, true) => fixed.push(format!("{name} is as after the fix")),
                _ => {}
            }
            let Some(function) = by_name.get(name) else { continue };
            let calls = calls_of(program, function);
            let all = |wanted: &BTreeSet<String>| !wanted.is_empty() && wanted.is_subset(&calls);
            let none = |wanted: &BTreeSet<String>| !wanted.is_empty() && wanted.is_disjoint(&calls);
            let (added, removed) = (&witness.calls_added, &witness.calls_removed);
            let after = (all(added) || added.is_empty()) && (none(removed) || removed.is_empty());
            let before = (none(added) || added.is_empty()) && (all(removed) || removed.is_empty());
            match (after, before) {
                (true, false) => fixed.push(format!("{name} calls what it calls after the fix")),
                (false, true) => open.push(format!("{name} calls what it calls before the fix")),
                _ => {}
            }
        }
    }
}

fn by_address(program: &Program) -> BTreeMap<u64, &Function> {
    program.functions.iter().map(|function| (function.address, function)).collect()
}

fn cores(program: &Program) -> HashSet<u64> {
    let long = program.functions.iter().filter(|it| it.tokens.len() >= LEAST_INSTRUCTIONS);
    long.map(|function| function.core).collect()
}

/// Names of other files' functions that a function calls, but for those that compilers put in or take out.
fn calls_of(program: &Program, function: &Function) -> BTreeSet<String> {
    let refers = function.tokens.iter().flat_map(|token| &token.refers);
    let names = refers.filter_map(|refer| match refer {
        Refer::Import(_, number) => program.imports.get(*number as usize),
        _ => None,
    });
    let plain = names.filter_map(|name| plain_import(name));
    plain.filter(|name| !is_compilers(name)).map(str::to_owned).collect()
}

fn is_compilers(name: &str) -> bool {
    name.starts_with("__")
        || name.starts_with("mem")
        || name.starts_with("str")
        || name.ends_with("puts")
        || name.ends_with("putc")
        || name.ends_with("putchar")
        || name.ends_with("printf")
}

/// Long enough, and without a version, date or path.
fn is_witness(text: &str) -> bool {
    let words =
        text.split(' ').filter(|word| word.bytes().filter(u8::is_ascii_alphabetic).count() >= 2);
    text.len() >= LEAST_TEXT && text.is_ascii() && !text.contains('\u{1}') && words.count() >= 2
}

fn has(program: &Program, text: &str) -> bool {
    memchr::memmem::find(&program.constants, text.as_bytes()).is_some()
}
