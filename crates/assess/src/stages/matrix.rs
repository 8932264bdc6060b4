// SPDX-License-Identifier: Apache-2.0
//! How well the stages agree with labels that people gave: confusion matrix, precision, recall, F1.

use std::collections::BTreeMap;
use std::fmt::Write;

use kakoi_model::Purpose;

use super::classify::{Classifier, LineStages};

/// Labels of one line: its number and what each sub-command is for.
pub type Labels = (u64, Vec<Purpose>);

/// Reads a file of labels: `file-line TAB line-stage TAB stage,stage,…`; `m` after a code is a mark.
///
/// # Errors
/// The number of the first line that is none, from 1.
pub fn parse_labels(text: &str) -> Result<Vec<Labels>, usize> {
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty());
    lines.map(|(at, line)| parse_label(line).ok_or(at + 1)).collect()
}

fn parse_label(line: &str) -> Option<Labels> {
    let mut columns = line.split('\t');
    let number = columns.next()?.parse().ok()?;
    let codes = columns.nth(1)?.split(',');
    let purposes = codes.map(|code| code.trim().trim_end_matches('m').parse().ok());
    Some((number, purposes.collect::<Option<_>>()?))
}

/// The lines of a transcript, classified. A first line that begins with `# ` is about the
/// transcript and not of it.
#[must_use]
pub fn classify_transcript(text: &[u8]) -> Vec<LineStages> {
    let mut classifier = Classifier::new();
    let mut lines = Vec::new();
    for (number, line) in (1_u64..).zip(text.split(|&byte| byte == b'\n')) {
        if number > 1 || !line.starts_with(b"# ") {
            lines.extend(classifier.push(number, line));
        }
    }
    lines.extend(classifier.finish());
    lines
}

/// Counts of label and answer. A missing or surplus sub-command has no partner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matrix {
    counts: BTreeMap<(Option<Purpose>, Option<Purpose>), u64>,
}

impl Matrix {
    /// Adds the sub-commands of one line, compared place by place.
    pub fn add(&mut self, labels: &[Purpose], answers: &[Purpose]) {
        for at in 0..labels.len().max(answers.len()) {
            let pair = (labels.get(at).copied(), answers.get(at).copied());
            *self.counts.entry(pair).or_default() += 1;
        }
    }

    /// Adds a transcript with its labels; gives the numbers of the lines that differ.
    pub fn add_transcript(&mut self, labels: &[Labels], lines: &[LineStages]) -> Vec<u64> {
        let mut answers: BTreeMap<u64, Vec<Purpose>> = lines
            .iter()
            .map(|line| (line.number, line.parts.iter().map(|part| part.purpose).collect()))
            .collect();
        let mut differing = Vec::new();
        for (number, labels) in labels {
            let answer = answers.remove(number).unwrap_or_default();
            if answer != *labels {
                differing.push(*number);
            }
            self.add(labels, &answer);
        }
        for (number, answer) in answers {
            differing.push(number);
            self.add(&[], &answer);
        }
        differing
    }

    /// Sub-commands with a label.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.count(|label, _| label.is_some())
    }

    fn count(&self, wanted: impl Fn(Option<Purpose>, Option<Purpose>) -> bool) -> u64 {
        let found = self.counts.iter().filter(|((label, answer), _)| wanted(*label, *answer));
        found.map(|(_, count)| count).sum()
    }

    /// Labelled so, answered so, and both: from these come precision, recall and F1.
    #[must_use]
    pub fn score(&self, purpose: Purpose) -> Score {
        let purpose = Some(purpose);
        Score {
            labelled: self.count(|label, _| label == purpose),
            answered: self.count(|_, answer| answer == purpose),
            both: self.count(|label, answer| label == purpose && answer == purpose),
        }
    }

    /// As Markdown: a row for each label, a column for each answer, then the scores.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::from("| label | sub-commands |");
        let columns: Vec<Option<Purpose>> =
            Purpose::ALL.into_iter().map(Some).chain([None]).collect();
        for column in &columns {
            let _ = write!(text, " {} |", name(*column));
        }
        text.push_str(" precision | recall | F1 |\n|---|");
        text.push_str(&"--:|".repeat(columns.len() + 4));
        text.push('\n');
        for row in &columns {
            self.render_row(*row, &columns, &mut text);
        }
        text
    }

    fn render_row(&self, row: Option<Purpose>, columns: &[Option<Purpose>], text: &mut String) {
        let total = self.count(|label, _| label == row);
        if row.is_none() && total == 0 {
            return;
        }
        let _ = write!(text, "| {} | {total} |", name(row));
        for column in columns {
            let count = self.count(|label, answer| label == row && answer == *column);
            let _ = if count == 0 { write!(text, "  |") } else { write!(text, " {count} |") };
        }
        match row.map(|purpose| self.score(purpose)) {
            Some(score) => {
                let _ = writeln!(
                    text,
                    " {} | {} | {} |",
                    share(score.precision()),
                    share(score.recall()),
                    share(score.f1())
                );
            }
            None => text.push_str(" | | |\n"),
        }
    }
}

fn name(purpose: Option<Purpose>) -> &'static str {
    match purpose {
        Some(Purpose::Stage(stage)) => stage.as_str(),
        Some(Purpose::CleanUp) => "7",
        Some(Purpose::Outside) => "-",
        None => "none",
    }
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "n/a".to_owned(), |value| format!("{value:.3}"))
}

/// Counts of one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    /// Sub-commands with this label.
    pub labelled: u64,
    /// Sub-commands with this answer.
    pub answered: u64,
    /// Sub-commands with both.
    pub both: u64,
}

impl Score {
    /// Of what was answered so, how much is labelled so. None without answers.
    #[must_use]
    pub fn precision(self) -> Option<f64> {
        ratio(self.both, self.answered)
    }

    /// Of what is labelled so, how much was answered so. None without labels.
    #[must_use]
    pub fn recall(self) -> Option<f64> {
        ratio(self.both, self.labelled)
    }

    /// The harmonic mean of both. None without labels and answers.
    #[must_use]
    pub fn f1(self) -> Option<f64> {
        ratio(2 * self.both, self.labelled + self.answered)
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
