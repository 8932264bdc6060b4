// SPDX-License-Identifier: Apache-2.0
//! Words to texts: variables, substitutions, field splitting, and names of files of the image.

use kakoi_model::ImagePath;

use super::pattern::{cut, has_wildcard, matches_pattern, quote_pattern};
use super::run::Shell;
use super::state::Text;
use super::syntax::{Operation, Part, PartKind, Word};

/// Fields of one command.
const MAX_FIELDS: usize = 2048;

/// A field while it grows: its text, and the same as a pattern.
#[derive(Default)]
struct Field {
    text: Text,
    pattern: String,
    started: bool,
}

impl Field {
    fn push(&mut self, text: &Text, quoted: bool) {
        if !self.started {
            self.text.known = true;
        }
        self.started = true;
        self.text.push(text);
        if quoted {
            self.pattern.push_str(&quote_pattern(&text.text));
        } else {
            self.pattern.push_str(&text.text);
        }
    }
}

impl Shell<'_, '_> {
    /// The words of a command, split into fields, file names expanded.
    pub(super) fn expand_fields(&mut self, words: &[Word]) -> Vec<Text> {
        let mut fields = Vec::new();
        for word in words {
            for field in self.split(word) {
                self.expand_names(field, true, &mut fields);
            }
        }
        fields.truncate(MAX_FIELDS);
        fields
    }

    /// The words of a `for` loop: a pattern that matches no file gives no round, as scripts guard
    /// that case anyway.
    pub(super) fn expand_for_loop(&mut self, words: &[Word]) -> Vec<Text> {
        let mut fields = Vec::new();
        for word in words {
            for field in self.split(word) {
                self.expand_names(field, false, &mut fields);
            }
        }
        fields.truncate(MAX_FIELDS);
        fields
    }

    /// A word as one text: no splitting, no file names.
    pub(super) fn expand_text(&mut self, word: &Word) -> Text {
        let mut text = Text::known("");
        for part in &word.parts {
            let value = self.expand_part(part);
            text.push(&value);
        }
        text
    }

    /// A word as a pattern, and whether all of it is known.
    pub(super) fn expand_pattern(&mut self, word: &Word) -> (String, bool) {
        let (mut pattern, mut known) = (String::new(), true);
        for part in &word.parts {
            let value = self.expand_part(part);
            known &= value.known;
            if part.quoted {
                pattern.push_str(&quote_pattern(&value.text));
            } else {
                pattern.push_str(&value.text);
            }
        }
        (pattern, known)
    }

    fn split(&mut self, word: &Word) -> Vec<Field> {
        let (mut done, mut field) = (Vec::new(), Field::default());
        for part in &word.parts {
            if let PartKind::Variable { name, operation: Operation::Plain } = &part.kind
                && (name == "@" || name == "*" && !part.quoted)
            {
                let positional = self.scope.positional.clone();
                for (at, value) in positional.iter().enumerate() {
                    if at > 0 {
                        done.push(std::mem::take(&mut field));
                    }
                    field.push(value, part.quoted);
                }
                continue;
            }
            let value = self.expand_part(part);
            if part.quoted || matches!(part.kind, PartKind::Literal(_)) || !value.known {
                field.push(&value, part.quoted);
            } else {
                split_value(&value.text, &mut done, &mut field);
            }
            if done.len() > MAX_FIELDS {
                break;
            }
        }
        done.push(field);
        done.retain(|field| field.started);
        done
    }

    fn expand_names(&self, field: Field, keep_pattern: bool, fields: &mut Vec<Text>) {
        if !field.text.known || !has_wildcard(&field.pattern) {
            fields.push(field.text);
            return;
        }
        let names = self.find_names(&field.pattern);
        if names.is_empty() && keep_pattern {
            fields.push(field.text);
        }
        fields.extend(names.into_iter().take(MAX_FIELDS).map(Text::known));
    }

    /// Names of files of the image that match a pattern, in order.
    pub(super) fn find_names(&self, pattern: &str) -> Vec<String> {
        let absolute = pattern.starts_with('/');
        let start = if absolute { Some(ImagePath::root()) } else { self.scope.directory.clone() };
        let Some(start) = start else { return Vec::new() };
        let first = if absolute { "/" } else { "" };
        let mut found = vec![(start, first.to_owned())];
        for part in pattern.split('/').filter(|part| !part.is_empty()) {
            let mut next = Vec::new();
            for (directory, written) in &found {
                self.step_into(directory, written, part, &mut next);
            }
            next.truncate(MAX_FIELDS);
            found = next;
        }
        found.into_iter().map(|(_, written)| written).collect()
    }

    fn step_into(
        &self,
        directory: &ImagePath,
        written: &str,
        part: &str,
        next: &mut Vec<(ImagePath, String)>,
    ) {
        let joined = |name: &str| match written {
            "" | "/" => format!("{written}{name}"),
            _ => format!("{written}/{name}"),
        };
        if !has_wildcard(part) {
            let path = directory.join(part);
            if part == "." || part == ".." || self.boot.root().entry(&path).is_some() {
                next.push((path, joined(&part.replace('\\', ""))));
            } else if self.boot.root().is_filled(&path) {
                next.push((path, joined(part)));
            }
            return;
        }
        for child in self.boot.root().children(directory) {
            let name = String::from_utf8_lossy(child.path.file_name()).into_owned();
            let hidden = name.starts_with('.') && !part.starts_with('.');
            if !hidden && matches_pattern(part, &name) {
                next.push((child.path.clone(), joined(&name)));
            }
        }
    }

    fn expand_part(&mut self, part: &Part) -> Text {
        match &part.kind {
            PartKind::Literal(text) => Text::known(text.clone()),
            PartKind::Substitution(command) => {
                let output = self.run_substitution(command);
                if output.known { output } else { Text::unknown("$(…)") }
            }
            PartKind::Arithmetic(word) => {
                let expression = self.expand_text(word);
                let value = expression
                    .value()
                    .and_then(|expression| super::arithmetic::evaluate(expression, &self.scope));
                match value {
                    Some(value) => Text::known(value.to_string()),
                    None => Text::unknown(format!("$(({}))", expression.text)),
                }
            }
            PartKind::Variable { name, operation } => self.expand_variable(name, operation),
        }
    }

    fn expand_variable(&mut self, name: &str, operation: &Operation) -> Text {
        let value = self.variable(name);
        let empty = value.value().map(str::is_empty);
        let of_known = |change: &dyn Fn(&str) -> String| match value.value() {
            Some(text) => Text::known(change(text)),
            None => value.clone(),
        };
        match operation {
            Operation::Plain | Operation::Demand => value,
            Operation::Other => Text::unknown(format!("${{{name}}}")),
            Operation::Length => of_known(&|text| text.chars().count().to_string()),
            Operation::Default(_) | Operation::Assign(_) if empty == Some(false) => value,
            Operation::Default(word) if empty == Some(true) => self.expand_text(word),
            Operation::Assign(word) if empty == Some(true) => {
                let text = self.expand_text(word);
                self.scope.set(name, text.known.then(|| text.text.clone()));
                text
            }
            Operation::Default(_) | Operation::Assign(_) => value,
            Operation::Alternative(_) if empty == Some(true) => Text::known(""),
            Operation::Alternative(word) if empty == Some(false) => self.expand_text(word),
            Operation::Alternative(_) => Text::unknown(value.text),
            Operation::CutStart { longest, pattern } => {
                let (pattern, known) = self.expand_pattern(pattern);
                let known = known && pattern.len() * value.text.len() < 1 << 16;
                if known { of_known(&|text| cut(text, &pattern, true, *longest)) } else { value }
            }
            Operation::CutEnd { longest, pattern } => {
                let (pattern, known) = self.expand_pattern(pattern);
                let known = known && pattern.len() * value.text.len() < 1 << 16;
                if known { of_known(&|text| cut(text, &pattern, false, *longest)) } else { value }
            }
        }
    }

    fn variable(&self, name: &str) -> Text {
        let positional = &self.scope.positional;
        match name {
            "@" | "*" => {
                let mut text = Text::known("");
                for (at, value) in positional.iter().enumerate() {
                    if at > 0 {
                        text.push(&Text::known(" "));
                    }
                    text.push(value);
                }
                text
            }
            "#" => Text::known(positional.len().to_string()),
            "0" => Text::known(self.name.clone()),
            "?" => match self.status {
                Some(true) => Text::known("0"),
                Some(false) => Text::known("1"),
                None => Text::unknown("$?"),
            },
            "$" | "!" | "RANDOM" | "PPID" => Text::unknown(format!("${name}")),
            "-" => Text::known(""),
            "PWD" => match &self.scope.directory {
                Some(directory) => Text::known(directory.absolute()),
                None => Text::unknown("$PWD"),
            },
            _ => {
                if let Ok(place) = name.parse::<usize>() {
                    let value = place.checked_sub(1).and_then(|at| positional.get(at));
                    return value.cloned().unwrap_or_else(|| Text::known(""));
                }
                match self.scope.value(name) {
                    Some(value) => Text::known(value),
                    None => Text::unknown(format!("${name}")),
                }
            }
        }
    }
}

fn split_value(text: &str, done: &mut Vec<Field>, field: &mut Field) {
    let starts_blank = text.starts_with(|c: char| c.is_ascii_whitespace());
    if starts_blank && field.started {
        done.push(std::mem::take(field));
    }
    for (at, piece) in text.split_ascii_whitespace().take(MAX_FIELDS).enumerate() {
        if at > 0 {
            done.push(std::mem::take(field));
        }
        field.push(&Text::known(piece), false);
    }
    if text.ends_with(|c: char| c.is_ascii_whitespace()) && field.started {
        done.push(std::mem::take(field));
    }
}
