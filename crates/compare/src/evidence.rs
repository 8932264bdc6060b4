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
}

impl Evidence {
    pub(crate) fn between(old: &Program, new: &Program) -> Self {
        let (before, after) = (Meaning::of_program(old), Meaning::of_program(new));
        let long = |text: &&String| text.len() >= LEAST_TEXT && is_prose(text);
        let gone = before.texts.difference(&after.texts).filter(long).filter(|t| lacks(new, t));
        let fresh = after.texts.difference(&before.texts).filter(long).filter(|t| lacks(old, t));
        let (old_calls, new_calls) = (needs(old), needs(new));
        let calls = old_calls.symmetric_difference(&new_calls).cloned().collect();
        let texts = gone.chain(fresh).cloned().collect();
        let all = before.texts.union(&after.texts).filter(long).count()
            + old_calls.union(&new_calls).count();
        Self { texts, calls, all }
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
        let unlike = self.all < FEW && found.similarity < LEAST_SIMILAR;
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
    !text.contains('\u{1}') && memchr::memmem::find(&program.constants, text.as_bytes()).is_none()
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
