// SPDX-License-Identifier: Apache-2.0
//! Expansions inside words: `$name`, `${…}`, `$(…)`, `$((…))`, backticks.

use std::rc::Rc;

use super::parser::Parser;
use super::syntax::{Command, Operation, PartKind, Word};
use super::words::{MAX_DEPTH, Scanner, Syntax, is_name, push, push_text};

impl Scanner<'_> {
    pub(super) fn scan_dollar(
        &mut self,
        word: &mut Word,
        quoted: bool,
        depth: usize,
    ) -> Result<(), Syntax> {
        if let Some(text) = self.take_arithmetic() {
            let inner = scan_text(&text, self.line(), depth + 1)?;
            push(word, quoted, PartKind::Arithmetic(inner));
        } else if self.peek() == Some('(') {
            self.next();
            let body = self.scan_substitution(depth)?;
            push(word, quoted, PartKind::Substitution(Rc::new(body)));
        } else if self.take("{") {
            let part = self.scan_braces(depth)?;
            push(word, quoted, part);
        } else if self.peek() == Some('\'') && !quoted {
            self.next();
            let text = self.take_until('\'')?;
            push(word, true, PartKind::Literal(text));
        } else {
            let name = self.take_name();
            if name.is_empty() {
                push_text(word, quoted, '$');
            } else {
                let operation = Operation::Plain;
                push(word, quoted, PartKind::Variable { name, operation });
            }
        }
        Ok(())
    }

    fn scan_substitution(&mut self, depth: usize) -> Result<Command, Syntax> {
        let mut parser = Parser::new(self.fork(), depth + 1);
        let mut commands = Vec::new();
        parser.parse_list(&mut commands)?;
        parser.scanner.skip_newlines();
        let closed = parser.scanner.take(")");
        self.join(&parser.scanner);
        if closed { Ok(Command::Sequence(commands)) } else { Err(Syntax) }
    }

    fn scan_braces(&mut self, depth: usize) -> Result<PartKind, Syntax> {
        if self.looking_at("#}") {
            self.take("#}");
            let operation = Operation::Plain;
            return Ok(PartKind::Variable { name: "#".to_owned(), operation });
        }
        let length = self.take("#");
        let name = self.take_name();
        let sign =
            self.take_any(&["}", ":-", ":=", ":+", ":?", "##", "%%", "-", "=", "+", "?", "#", "%"]);
        if sign == Some("}") {
            let operation = if length { Operation::Length } else { Operation::Plain };
            return Ok(PartKind::Variable { name, operation });
        }
        let inner = self.scan_until_brace(depth + 1)?;
        let operation = match sign {
            Some(":-" | "-") => Operation::Default(inner),
            Some(":=" | "=") => Operation::Assign(inner),
            Some(":+" | "+") => Operation::Alternative(inner),
            Some(":?" | "?") => Operation::Demand,
            Some("#") => Operation::CutStart { longest: false, pattern: inner },
            Some("##") => Operation::CutStart { longest: true, pattern: inner },
            Some("%") => Operation::CutEnd { longest: false, pattern: inner },
            Some("%%") => Operation::CutEnd { longest: true, pattern: inner },
            _ => Operation::Other,
        };
        Ok(PartKind::Variable { name, operation })
    }

    fn scan_until_brace(&mut self, depth: usize) -> Result<Word, Syntax> {
        if depth >= MAX_DEPTH {
            return Err(Syntax);
        }
        let mut word = Word::default();
        loop {
            match self.peek().ok_or(Syntax)? {
                '}' => {
                    self.next();
                    return Ok(word);
                }
                '\'' => {
                    self.next();
                    let text = self.take_until('\'')?;
                    push(&mut word, true, PartKind::Literal(text));
                }
                '"' => {
                    self.next();
                    self.scan_quoted(&mut word, depth)?;
                }
                _ => self.scan_piece(&mut word, false, depth)?,
            }
        }
    }

    fn take_name(&mut self) -> String {
        let rest = self.rest();
        let first = rest.chars().next();
        let length = match first {
            Some(c) if c.is_ascii_digit() || "@*#?$!-".contains(c) => 1,
            Some(c) if is_name(c) => rest.find(|c| !is_name(c)).unwrap_or(rest.len()),
            _ => 0,
        };
        let name = rest[..length].to_owned();
        self.take(&name);
        name
    }

    pub(super) fn take_backticks(&mut self, quoted: bool) -> Result<String, Syntax> {
        let mut text = String::new();
        loop {
            match self.next().ok_or(Syntax)? {
                '`' => return Ok(text),
                '\\' if self.peek().is_some_and(|c| "$`\\".contains(c) || quoted && c == '"') => {
                    text.extend(self.next());
                }
                c => text.push(c),
            }
        }
    }

    /// The inside of `((…))`, if that comes next; `((` may also open a subshell.
    fn take_arithmetic(&mut self) -> Option<String> {
        let inner = self.rest().strip_prefix("((")?;
        let mut open = 0_usize;
        for (at, character) in inner.char_indices() {
            match character {
                '(' => open += 1,
                ')' if open > 0 => open -= 1,
                ')' => {
                    let text = inner.get(..at)?.to_owned();
                    return (inner.get(at + 1..)?.starts_with(')')
                        && self.take("((")
                        && (text.is_empty() || self.take(&text))
                        && self.take("))"))
                    .then_some(text);
                }
                _ => {}
            }
        }
        None
    }
}

pub(super) fn parse_inner(script: &str, line: u32, depth: usize) -> Result<Command, Syntax> {
    if depth >= MAX_DEPTH {
        return Err(Syntax);
    }
    let mut parser = Parser::new(Scanner::on_line(script, line), depth + 1);
    let mut commands = Vec::new();
    parser.parse_list(&mut commands)?;
    Ok(Command::Sequence(commands))
}

/// Text read as if it stood in double quotes.
fn scan_text(text: &str, line: u32, depth: usize) -> Result<Word, Syntax> {
    if depth >= MAX_DEPTH {
        return Err(Syntax);
    }
    let mut scanner = Scanner::on_line(text, line);
    let mut word = Word::default();
    while !scanner.at_end() {
        scanner.scan_piece(&mut word, true, depth)?;
    }
    Ok(word)
}
