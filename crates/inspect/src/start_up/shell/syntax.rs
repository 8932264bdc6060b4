// SPDX-License-Identifier: Apache-2.0
//! The parts of a shell script (POSIX.1-2017, Shell Command Language, with what BusyBox ash adds).

use std::rc::Rc;

/// One command, simple or compound.
#[derive(Debug)]
pub(in crate::start_up) enum Command {
    /// Assignments, words and redirections.
    Simple(Simple),
    /// `a | b`; `!` turns the status round.
    Pipeline { negated: bool, stages: Vec<Command> },
    /// `a && b || c`, flat so that long chains do not nest.
    AndOr { first: Box<Command>, rest: Vec<(Joint, Command)> },
    /// `a &`.
    Background(Box<Command>),
    /// Commands in turn.
    Sequence(Vec<Command>),
    /// `if` with its arms.
    If { arms: Vec<(Command, Command)>, otherwise: Option<Box<Command>> },
    /// `while` and `until`.
    Loop { stops_on: bool, condition: Box<Command>, body: Box<Command> },
    /// `for name in words`; without words the positional parameters.
    For { name: String, words: Option<Vec<Word>>, body: Box<Command> },
    /// `case`.
    Case { subject: Word, arms: Vec<(Vec<Word>, Command)> },
    /// A function definition.
    Function { name: String, body: Rc<Command> },
    /// `( … )`.
    Subshell(Box<Command>),
    /// A stretch that could not be parsed: what follows is reached under doubt.
    Damage,
}

/// What joins two commands of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::start_up) enum Joint {
    /// `&&`
    And,
    /// `||`
    Or,
}

/// A simple command.
#[derive(Debug, Default)]
pub(in crate::start_up) struct Simple {
    /// Line of its first word, from 1.
    pub(in crate::start_up) line: u32,
    /// `NAME=word` before the command.
    pub(in crate::start_up) assignments: Vec<(String, Word)>,
    /// The command and its arguments.
    pub(in crate::start_up) words: Vec<Word>,
    /// Redirections, here-documents included.
    pub(in crate::start_up) redirects: Vec<Redirect>,
}

/// One redirection.
#[derive(Debug)]
pub(in crate::start_up) struct Redirect {
    /// Does it take the standard output away?
    pub(in crate::start_up) output: bool,
    /// Where to.
    pub(in crate::start_up) target: Word,
}

/// A word before expansion.
#[derive(Debug, Default, Clone)]
pub(in crate::start_up) struct Word {
    /// Its parts.
    pub(in crate::start_up) parts: Vec<Part>,
}

/// A part of a word.
#[derive(Debug, Clone)]
pub(in crate::start_up) struct Part {
    /// Does it stand inside quotes?
    pub(in crate::start_up) quoted: bool,
    /// What it is.
    pub(in crate::start_up) kind: PartKind,
}

/// Kinds of parts.
#[derive(Debug, Clone)]
pub(in crate::start_up) enum PartKind {
    /// Text.
    Literal(String),
    /// `$name`, `${name…}`.
    Variable { name: String, operation: Operation },
    /// `$(…)` and backticks.
    Substitution(Rc<Command>),
    /// `$((…))`.
    Arithmetic(Word),
}

/// What `${name…}` does to the value.
#[derive(Debug, Clone)]
pub(in crate::start_up) enum Operation {
    /// Nothing.
    Plain,
    /// `${#name}`.
    Length,
    /// `:-` and `-`.
    Default(Word),
    /// `:=` and `=`.
    Assign(Word),
    /// `:+` and `+`.
    Alternative(Word),
    /// `:?` and `?`.
    Demand,
    /// `#`, `##`: cut the shortest or longest match at the start.
    CutStart { longest: bool, pattern: Word },
    /// `%`, `%%`: at the end.
    CutEnd { longest: bool, pattern: Word },
    /// Something else, whose value is not followed.
    Other,
}

impl Word {
    /// The text, if the word is nothing but unquoted text.
    pub(in crate::start_up) fn plain(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part { quoted: false, kind: PartKind::Literal(text) }] => Some(text),
            _ => None,
        }
    }

    /// A word of quoted text.
    pub(in crate::start_up) fn literal(text: impl Into<String>) -> Self {
        let kind = PartKind::Literal(text.into());
        Self { parts: vec![Part { quoted: true, kind }] }
    }
}
