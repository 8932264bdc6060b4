// SPDX-License-Identifier: Apache-2.0
//! The parts of a command line.

/// What one text parsed into.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script {
    /// The commands of the outermost list, in order.
    pub commands: Vec<Command>,
    /// Delimiters of here-documents whose bodies the text does not end, in order.
    pub awaited: Vec<Vec<u8>>,
    /// What was not as the grammar has it; the commands around it are still there.
    pub damage: Vec<Damage>,
}

/// One way in which a text departs from the grammar, or goes beyond a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Damage {
    /// A quote or `$(` that the text does not close; it reaches to the end.
    Unclosed,
    /// A group, loop or condition that the text does not close.
    OpenCompound,
    /// A closing word or operator that nothing opened; passed over.
    Stray,
    /// Nested deeper than the limit; what lies deeper was left out.
    TooDeep,
    /// More commands and words than the limit; the rest was left out.
    TooMany,
}

/// A command and what joins it to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The command.
    pub node: Node,
    /// How it ends.
    pub joint: Joint,
}

/// What stands after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// `;`, a line end, or nothing.
    Then,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `&`
    Background,
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Assignments, words and redirections.
    Simple(Simple),
    /// `a | b`, at least two.
    Pipeline(Vec<Node>),
    /// A group, loop, condition or function.
    Compound(Compound),
}

/// A simple command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Simple {
    /// `NAME=word` before the command.
    pub assignments: Vec<(String, Word)>,
    /// The command and its arguments.
    pub words: Vec<Word>,
    /// Redirections in order.
    pub redirects: Vec<Redirect>,
}

/// A compound command: its parts in the order of the text, conditions before bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compound {
    /// What kind.
    pub structure: Structure,
    /// Every command inside, of all branches.
    pub body: Vec<Command>,
    /// Redirections of the whole.
    pub redirects: Vec<Redirect>,
}

/// Kinds of compound commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Structure {
    /// `{ …; }`
    Braces,
    /// `( … )`
    Subshell,
    /// `if`, with all its branches.
    If,
    /// `while` and `until`.
    Loop,
    /// `for NAME in words`.
    For {
        /// The variable.
        name: String,
        /// What it runs over; empty for the positional parameters.
        words: Vec<Word>,
    },
    /// `case`.
    Case,
    /// `NAME() …`: defines, runs nothing.
    Function(String),
}

/// One redirection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The descriptor before the operator, or the operator's default.
    pub descriptor: u32,
    /// Which way.
    pub operator: Operator,
    /// File, descriptor, here-string, or the delimiter of a here-document.
    pub target: Word,
    /// The body of a here-document, when its lines are in the same text.
    pub body: Option<Vec<u8>>,
}

/// Redirection operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Read,
    /// `>` and `>|`
    Write,
    /// `>>`
    Append,
    /// `<>`
    ReadWrite,
    /// `<&` and `>&`
    Duplicate,
    /// `&>` and `&>>`: standard output and standard error
    WriteBoth,
    /// `<<` and `<<-`
    HereDocument,
    /// `<<<`
    HereString,
}

impl Operator {
    /// Does it open its target for writing?
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Self::Write | Self::Append | Self::ReadWrite | Self::WriteBoth)
    }
}

/// A word before expansion.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word {
    /// Its parts in order.
    pub parts: Vec<Part>,
}

impl Word {
    /// The bytes, if the word is nothing but unquoted text.
    #[must_use]
    pub fn plain(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [Part::Text { bytes, quoted: false }] => Some(bytes),
            _ => None,
        }
    }
}

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text, escapes and quotes removed.
    Text {
        /// The bytes.
        bytes: Vec<u8>,
        /// Did it stand in quotes or behind a backslash?
        quoted: bool,
    },
    /// `$name`, `${name…}`.
    Parameter {
        /// Its name; `1`, `@`, `?` and their like included.
        name: String,
        /// What is done to the value.
        operation: Operation,
        /// Did it stand in double quotes?
        quoted: bool,
    },
    /// `$(…)` and backticks.
    Substitution {
        /// What is run.
        body: Vec<Command>,
        /// Did it stand in double quotes?
        quoted: bool,
    },
    /// `<(…)` and `>(…)`.
    Process {
        /// What is run.
        body: Vec<Command>,
    },
    /// `$((…))`: its value is not followed.
    Arithmetic,
}

/// What `${name…}` does to the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Nothing.
    Plain,
    /// `${#name}`: its length.
    Length,
    /// `:-`, `-`, `:=`, `=`: the word when the value is missing.
    Default(Word),
    /// Something else, whose result is not followed.
    Other,
}
