// SPDX-License-Identifier: Apache-2.0
//! Words to fields, over variables that are known in part (POSIX.1-2017, XCU 2.6). Nothing is run:
//! what a substitution prints is asked of the [`Environment`].

use crate::syntax::{Command, Operation, Part, Word};

/// Longest field, in bytes: `a=$a$a` must not grow without end.
const MAX_FIELD_BYTES: usize = 256 * 1024;

/// What expansion asks of the session.
pub trait Environment {
    /// The value of a parameter; none when it is not known.
    fn parameter(&self, name: &str) -> Option<Vec<u8>>;

    /// What the commands of a substitution would print; none when that cannot be told.
    fn substitute(&mut self, body: &[Command]) -> Option<Vec<u8>>;
}

/// One field: a command's name or argument.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Field {
    /// Its bytes. A part whose value is not known stands as `$name` or `$()`.
    pub bytes: Vec<u8>,
    /// Is every part known?
    pub known: bool,
    /// Does it hold an unquoted `*`, `?` or `[`?
    pub glob: bool,
    /// Did any of it stand in quotes?
    pub quoted: bool,
}

impl Field {
    /// The bytes as text, for comparing with names.
    #[must_use]
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// The fields of words: unquoted values are split at blanks, empty ones vanish.
pub fn expand_fields(words: &[Word], environment: &mut impl Environment) -> Vec<Field> {
    let mut fields = Vec::with_capacity(words.len());
    for word in words {
        expand_into(word, environment, true, &mut fields);
    }
    fields
}

/// One field of a word, not split: as the target of a redirection or the value of a variable.
pub fn expand_word(word: &Word, environment: &mut impl Environment) -> Field {
    let mut fields = Vec::new();
    expand_into(word, environment, false, &mut fields);
    fields.pop().unwrap_or(Field { known: true, ..Field::default() })
}

fn expand_into(
    word: &Word,
    environment: &mut impl Environment,
    split: bool,
    fields: &mut Vec<Field>,
) {
    let mut field = Field { known: true, ..Field::default() };
    let mut begun = false;
    for part in &word.parts {
        let (value, quoted) = value_of(part, environment);
        field.quoted |= quoted;
        let literal = matches!(part, Part::Text { .. });
        let Some(value) = value else {
            field.known = false;
            begun = true;
            append(&mut field.bytes, &stand_in(part));
            continue;
        };
        if !split || quoted || literal {
            field.glob |= literal && !quoted && value.iter().any(|byte| b"*?[".contains(byte));
            append(&mut field.bytes, &value);
            begun |= quoted || !value.is_empty();
            continue;
        }
        for (number, piece) in value.split(u8::is_ascii_whitespace).enumerate() {
            if number > 0 && begun {
                let next = Field { known: true, ..Field::default() };
                fields.push(std::mem::replace(&mut field, next));
                begun = false;
            }
            append(&mut field.bytes, piece);
            begun |= !piece.is_empty();
        }
    }
    if begun || !split {
        fields.push(field);
    }
}

/// The value of a part, none when unknown; and whether it is quoted.
fn value_of(part: &Part, environment: &mut impl Environment) -> (Option<Vec<u8>>, bool) {
    match part {
        Part::Text { bytes, quoted } => (Some(bytes.clone()), *quoted),
        Part::Parameter { name, operation, quoted } => {
            (parameter(name, operation, environment), *quoted)
        }
        Part::Substitution { body, quoted } => (environment.substitute(body), *quoted),
        Part::Process { .. } | Part::Arithmetic => (None, false),
    }
}

fn parameter(
    name: &str,
    operation: &Operation,
    environment: &mut impl Environment,
) -> Option<Vec<u8>> {
    let value = environment.parameter(name);
    match operation {
        Operation::Plain => value,
        Operation::Length => value.map(|value| value.len().to_string().into_bytes()),
        Operation::Default(word) => value.or_else(|| {
            let field = expand_word(word, environment);
            field.known.then_some(field.bytes)
        }),
        Operation::Other => None,
    }
}

/// How an unknown part stands in a field.
fn stand_in(part: &Part) -> Vec<u8> {
    match part {
        Part::Parameter { name, .. } => [b"$", name.as_bytes()].concat(),
        Part::Process { .. } => b"/dev/fd/63".to_vec(),
        _ => b"$()".to_vec(),
    }
}

fn append(bytes: &mut Vec<u8>, more: &[u8]) {
    let room = MAX_FIELD_BYTES.saturating_sub(bytes.len());
    bytes.extend_from_slice(more.get(..room).unwrap_or(more));
}
