// SPDX-License-Identifier: Apache-2.0
//! TOML with the place of everything, and the pen that notes what is wrong with it.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::keys;
use crate::place::{Diagnostic, Place, Severity, nearest};

/// A value with its bytes in the text.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub span: Range<usize>,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<Node>),
    Table(Vec<Entry>),
    Other(&'static str),
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key: String,
    pub span: Range<usize>,
    pub node: Node,
}

/// How deep values may lie in one another; a policy needs five.
const DEEPEST: usize = 16;

impl Node {
    fn of(span: Range<usize>, value: &DeValue<'_>, depth: usize) -> Self {
        let value = match value {
            _ if depth > DEEPEST => Value::Other("value that lies too deep"),
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or(Value::Other("number that is too large"), Value::Number),
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Array(list) => Value::List(
                list.iter().map(|item| Self::of(item.span(), item.get_ref(), depth + 1)).collect(),
            ),
            DeValue::Table(table) => Value::Table(entries(table, depth + 1)),
            DeValue::Float(_) => Value::Other("fraction"),
            DeValue::Datetime(_) => Value::Other("date"),
        };
        Self { span, value }
    }

    pub(super) fn what(&self) -> &'static str {
        match &self.value {
            Value::Text(_) => "text",
            Value::Number(_) => "number",
            Value::Flag(_) => "true or false",
            Value::List(_) => "list",
            Value::Table(_) => "table",
            Value::Other(what) => what,
        }
    }
}

/// In the order of the text.
fn entries(table: &DeTable<'_>, depth: usize) -> Vec<Entry> {
    let entry = |(key, node): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let key: &toml::Spanned<std::borrow::Cow<'_, str>> = key;
        Entry {
            key: key.get_ref().to_string(),
            span: key.span(),
            node: Node::of(node.span(), node.get_ref(), depth),
        }
    };
    let mut found: Vec<Entry> = table.iter().map(entry).collect();
    found.sort_by_key(|entry| entry.span.start);
    found
}

/// Notes what is wrong.
pub(super) struct Pen<'t> {
    pub text: &'t str,
    pub diagnostics: Vec<Diagnostic>,
}

impl<'t> Pen<'t> {
    /// Parses the text; errors of syntax are noted, all that can be found at once.
    pub(super) fn parse(text: &'t str) -> (Self, Node) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut pen = Self { text, diagnostics: Vec::new() };
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            pen.error(&span, error.message().trim().replace('\n', ", "), None);
        }
        let node = Node { span: 0..text.len(), value: Value::Table(entries(table.get_ref(), 0)) };
        (pen, node)
    }

    pub(super) fn error(&mut self, span: &Range<usize>, message: String, help: Option<String>) {
        self.note(Severity::Error, span, message, help);
    }

    pub(super) fn warn(&mut self, span: &Range<usize>, message: String, help: Option<String>) {
        self.note(Severity::Warning, span, message, help);
    }

    fn note(
        &mut self,
        severity: Severity,
        span: &Range<usize>,
        message: String,
        help: Option<String>,
    ) {
        let place = Place::of(self.text, span.start);
        self.diagnostics.push(Diagnostic { severity, place, span: span.clone(), message, help });
    }

    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        Place::of(self.text, span.start)
    }

    /// The entries of a table whose keys are those of `keys::of(kind)`; others are noted.
    pub(super) fn table<'n>(&mut self, node: &'n Node, kind: &str) -> Vec<&'n Entry> {
        let Value::Table(entries) = &node.value else {
            self.error(&node.span, format!("expected a table, found a {}", node.what()), None);
            return Vec::new();
        };
        let (known, unknown): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().partition(|entry| keys::of(kind).any(|key| key.name == entry.key));
        for entry in unknown {
            let help = nearest(&entry.key, keys::of(kind).map(|key| key.name))
                .map(|name| format!("did you mean `{name}`?"))
                .or_else(|| elsewhere(&entry.key, kind))
                .unwrap_or_else(|| {
                    format!(
                        "keys here: {}",
                        keys::of(kind).map(|key| key.name).collect::<Vec<_>>().join(", ")
                    )
                });
            self.error(&entry.span, format!("unknown key `{}`", entry.key), Some(help));
        }
        known
    }

    pub(super) fn text(&mut self, node: &Node) -> Option<String> {
        match &node.value {
            Value::Text(text) => Some(text.clone()),
            _ => {
                self.error(&node.span, format!("expected a text, found a {}", node.what()), None);
                None
            }
        }
    }

    pub(super) fn flag(&mut self, node: &Node) -> Option<bool> {
        match node.value {
            Value::Flag(flag) => Some(flag),
            _ => {
                self.error(
                    &node.span,
                    format!("expected true or false, found a {}", node.what()),
                    None,
                );
                None
            }
        }
    }

    pub(super) fn number(&mut self, node: &Node, most: u32) -> Option<u32> {
        let number = match node.value {
            Value::Number(number) => {
                u32::try_from(number).ok().filter(|number| (1..=most).contains(number))
            }
            _ => None,
        };
        if number.is_none() {
            self.error(&node.span, format!("expected a whole number from 1 to {most}"), None);
        }
        number
    }

    /// One of these words.
    pub(super) fn word(&mut self, node: &Node, words: &[&'static str]) -> Option<&'static str> {
        let text = self.text(node)?;
        let found = words.iter().find(|word| **word == text);
        if found.is_none() {
            self.strange_word(node, &text, words);
        }
        found.copied()
    }

    pub(super) fn strange_word(&mut self, node: &Node, text: &str, words: &[&str]) {
        let help = nearest(text, words.iter().copied()).map_or_else(
            || format!("one of: {}", words.join(", ")),
            |word| format!("did you mean `{word}`?"),
        );
        self.error(&node.span, format!("`{text}` is not known here"), Some(help));
    }

    /// The items of a list; a single value is a list of one.
    pub(super) fn items<'n>(&mut self, node: &'n Node) -> Vec<&'n Node> {
        match &node.value {
            Value::List(items) => items.iter().collect(),
            Value::Text(_) => vec![node],
            _ => {
                self.error(
                    &node.span,
                    format!("expected a list of texts, found a {}", node.what()),
                    None,
                );
                Vec::new()
            }
        }
    }
}

/// The key is right, but stands in the wrong table.
fn elsewhere(name: &str, kind: &str) -> Option<String> {
    let home = keys::KEYS.iter().find(|key| key.name == name && key.table != kind)?;
    Some(format!("`{name}` belongs into the table `{}`", home.table))
}
