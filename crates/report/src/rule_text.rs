// SPDX-License-Identifier: Apache-2.0
//! The catalogue of rules as plain text, for `kakoi rules [CODE]`.

use std::fmt::Write as _;

use kakoi_model::{RuleDoc, Theme};

/// Columns of running text.
const WIDTH: usize = 80;

/// All rules, one line each, by theme.
pub fn render_rules(docs: &[RuleDoc]) -> String {
    let width = docs.iter().map(|doc| doc.code.len()).max().unwrap_or(0);
    let mut text = String::new();
    for theme in Theme::ALL {
        let mut of_theme = docs.iter().filter(|doc| doc.theme == theme).peekable();
        if of_theme.peek().is_none() {
            continue;
        }
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{gap}{}", theme.title());
        for doc in of_theme {
            let _ = writeln!(text, "  {:width$}  {}", doc.code, doc.title);
        }
    }
    text
}

/// One rule in full.
pub fn render_rule(doc: &RuleDoc) -> String {
    let severity = match doc.mildest == doc.worst {
        true => doc.worst.to_string(),
        false => format!("{} to {}", doc.mildest, doc.worst),
    };
    let references: Vec<String> = doc.references.iter().map(ToString::to_string).collect();
    let mut text = format!("{}\n{}\n\n", doc.code, doc.title);
    let parts = [
        ("Severity", severity.as_str()),
        ("How it works", doc.how),
        ("False positives", doc.false_positives),
        ("False negatives", doc.false_negatives),
        ("Remedy", doc.remedy),
        ("References", &references.join("; ")),
    ];
    for (heading, body) in parts.into_iter().filter(|(_, body)| !body.is_empty()) {
        let _ = writeln!(text, "{heading}");
        for line in wrap(body, WIDTH - 2) {
            let _ = writeln!(text, "  {line}");
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Words in lines of at most `width` characters; a longer word has a line of its own.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let needed = line.chars().count() + usize::from(!line.is_empty()) + word.chars().count();
        if !line.is_empty() && needed > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}
