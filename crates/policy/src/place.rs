// SPDX-License-Identifier: Apache-2.0
//! Where in a policy file something stands, and what is to be said about it.

use std::fmt;
use std::ops::Range;

/// A place in a text: line and column from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// Line, from 1; 0 for what stands nowhere (a built-in default).
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl Place {
    /// The place of a byte offset.
    #[must_use]
    pub fn of(text: &str, offset: usize) -> Self {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = text.get(..offset).unwrap_or_default();
        let line = before.bytes().filter(|&byte| byte == b'\n').count();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(start..).unwrap_or_default().chars().count();
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
        Self { line: number(line), column: number(column) }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The policy can be used, but probably does not do what its author meant.
    Warning,
    /// The policy cannot be used.
    Error,
}

/// Something to be said about a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Where it begins.
    pub place: Place,
    /// Its bytes in the text.
    pub span: Range<usize>,
    /// One sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// For a terminal: `FILE:LINE:COLUMN: error: …`, the line, and a mark beneath.
    #[must_use]
    pub fn render(&self, file: &str, text: &str) -> String {
        let word = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let Place { line, column } = self.place;
        let mut out = format!("{file}:{line}:{column}: {word}: {}\n", self.message);
        let index = usize::try_from(line).unwrap_or(1).saturating_sub(1);
        if let Some(source) = text.lines().nth(index) {
            let source = source.replace('\t', " ");
            let before = usize::try_from(column).unwrap_or(1).saturating_sub(1);
            let room = source.chars().count().saturating_sub(before).max(1);
            let width = self.span.len().clamp(1, room);
            out.push_str(&format!(
                "{line:>5} | {source}\n      | {}{}\n",
                " ".repeat(before),
                "^".repeat(width)
            ));
        }
        if let Some(help) = &self.help {
            out.push_str(&format!("      = {help}\n"));
        }
        out
    }
}

/// The known word nearest to a misspelt one, when it is near enough to be meant.
#[must_use]
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    let scored = known.map(|known| (distance(word, known), known));
    scored
        .filter(|(score, _)| *score <= limit)
        .min_by_key(|(score, _)| *score)
        .map(|(_, known)| known)
}

/// Edits between two words, a swap of neighbours counted as one (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=right.len()).collect()];
    for i in 1..=left.len() {
        let mut row = vec![i];
        for j in 1..=right.len() {
            let same = usize::from(left[i - 1] != right[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        assert_eq!(Place::of("ab\ncé=1", 0), Place { line: 1, column: 1 });
        assert_eq!(Place::of("ab\ncé=1", 6), Place { line: 2, column: 3 });
        assert_eq!(Place::of("ab", 99), Place { line: 1, column: 3 });
    }

    #[test]
    fn a_misspelt_word_is_recognised_and_a_strange_one_is_not() {
        let known = ["shell-start", "script-exec"];
        assert_eq!(nearest("shel-strat", known.into_iter()), Some("shell-start"));
        assert_eq!(nearest("wombat", known.into_iter()), None);
    }
}
