// SPDX-License-Identifier: Apache-2.0
//! What only one of two builds has, and no compiler makes or drops: texts and names of other files' functions.

use std::collections::BTreeSet;

use crate::change::FunctionChange;
use crate::program::Program;
use crate::semantics::{Meaning, plain_import};
use crate::verdict::{Difference, Verdict};

/// Texts shorter than that may be there or not as the compiler likes.
const LEAST_TEXT: usize = 8;

/// What one build has and the other lacks.
pub(crate) struct Evidence {
    texts: BTreeSet<String>,
    calls: BTreeSet<String>,
    /// Long texts and calls of both together.
    all: usize,
    /// Most functions that others may bind to have the same names.
    same_names: bool,
}

impl Evidence {
    pub(crate) fn between(old: &Program, new: &Program) -> Self {
        let (before, after) = (Meaning::of_program(old), Meaning::of_program(new));
        let long = |text: &&String| text.len() >= LEAST_TEXT && is_prose(text);
        let gone = before.texts.difference(&after.texts).filter(long).filter(|t| lacks(new, t));
        let fresh = after.texts.difference(&before.texts).filter(long).filter(|t| lacks(old, t));
        let (old_calls, new_calls) = (needs(old), needs(new));
        let calls = old_calls.symmetric_difference(&new_calls).cloned().collect();
        let known = |text: &String| {
            // What only a longer text of the same file ends with, the linker or compiler cut off.
            let all = before.texts.iter().chain(&after.texts);
            !all.into_iter().any(|other| other.len() > text.len() && other.contains(text.as_str()))
        };
        let texts = gone.chain(fresh).filter(|text| known(text)).cloned().collect();
        let all = before.texts.union(&after.texts).filter(long).count()
            + old_calls.union(&new_calls).count();
        let same_names = have_same_names(old, new);
        Self { texts, calls, all, same_names }
    }

    /// Does a change make or drop one of these?
    pub(crate) fn touches(&self, change: &FunctionChange) -> bool {
        let texts = change.texts_added.iter().chain(&change.texts_removed);
        let calls = change.calls_added.iter().chain(&change.calls_removed);
        texts.into_iter().any(|text| self.texts.contains(text))
            || calls.into_iter().any(|call| self.calls.contains(call))
    }

    /// What it is, for people.
    pub(crate) fn words(&self) -> String {
        const MOST: usize = 4;
        let list = |what: &str, all: &BTreeSet<String>| {
            let shown: Vec<String> = all.iter().take(MOST).map(|one| format!("{one:?}")).collect();
            let more = if all.len() > MOST { ", …" } else { "" };
            (!all.is_empty())
                .then(|| format!("{what} that one build lacks: {}{more}", shown.join(", ")))
        };
        let words: Vec<String> = [list("texts", &self.texts), list("calls", &self.calls)]
            .into_iter()
            .flatten()
            .collect();
        if words.is_empty() { "no build lacks a text or call".to_owned() } else { words.join("; ") }
    }

    /// The verdict where the code itself does not tell.
    pub(crate) fn verdict(&self, found: &Difference) -> Verdict {
        /// Programs with less in common are not the same.
        const LEAST_COMMON: f64 = 0.7;
        /// With so few texts and calls the code has to be alike.
        const FEW: usize = 6;
        const LEAST_SIMILAR: f64 = 0.25;
        let own = self.texts.len() + self.calls.len();
        let common = 1.0 - own as f64 / self.all.max(1) as f64;
        let unlike = self.all < FEW && !self.same_names && found.similarity < LEAST_SIMILAR;
        if unlike || self.all >= FEW && common < LEAST_COMMON {
            Verdict::Different
        } else if found.functions.is_empty() {
            Verdict::Rebuilt
        } else {
            Verdict::Patched
        }
    }
}

/// Words for people. Names of functions, conditions of assertions and tables of bytes go with code that compilers prove dead.
fn is_prose(text: &str) -> bool {
    let is_word = |word: &&str| word.bytes().filter(u8::is_ascii_alphabetic).count() >= 2;
    let is_code =
        ["->", "==", "!=", "&&", "||", "::", " < ", " > "].iter().any(|sign| text.contains(sign));
    // `__PRETTY_FUNCTION__` of clang.
    let call = text
        .split_once('(')
        .is_some_and(|(head, _)| head.ends_with(|c: char| c.is_ascii_alphanumeric()));
    let is_signature = call && text.ends_with(')');
    text.is_ascii() && !is_code && !is_signature && text.split(' ').filter(is_word).count() >= 2
}

/// A text that holds a version or date is in no build but its own; one that is a part of another was joined by the linker.
fn lacks(program: &Program, text: &str) -> bool {
    // Compilers copy short texts by instructions that hold eight bytes each.
    const PIECE: usize = 8;
    let has = |piece: &[u8]| memchr::memmem::find(&program.constants, piece).is_some();
    !text.contains('\u{1}')
        && !has(text.as_bytes())
        && !text.as_bytes().chunks_exact(PIECE).all(has)
}

fn have_same_names(old: &Program, new: &Program) -> bool {
    const LEAST: usize = 4;
    let names = |program: &Program| -> BTreeSet<String> {
        let functions = program.functions.iter().filter(|function| function.exported);
        functions.filter_map(|function| function.name.clone()).collect()
    };
    let (old, new) = (names(old), names(new));
    let both = old.intersection(&new).count();
    both >= LEAST && 2 * both >= old.union(&new).count()
}

fn needs(program: &Program) -> BTreeSet<String> {
    program.needs.iter().filter_map(|name| plain_import(name)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::is_prose;

    #[test]
    fn conditions_and_names_are_no_prose() {
        assert!(is_prose("cannot open %s") && is_prose("name too long"));
        assert!(!is_prose("enum XML_Error doProlog(XML_Parser, const char *)"));
        assert!(!is_prose("! rootParser->m_parentParser") && !is_prose("accountingReportStats"));
    }
}
