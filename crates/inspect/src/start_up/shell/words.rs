// SPDX-License-Identifier: Apache-2.0
//! Characters of a shell script grouped into words: quotes, expansions, here-documents.

use std::rc::Rc;

use super::expansions::parse_inner;
use super::syntax::{Operation, Part, PartKind, Word};

/// Substitutions inside each other; more is damage.
pub(super) const MAX_DEPTH: usize = 40;

/// The text is not what the shell grammar allows, or nested deeper than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Syntax;

/// A redirection operator.
pub(super) struct RedirectOperator {
    /// `<`, `>`, `>>`, `<<-`, …
    pub(super) sign: &'static str,
    /// Was another descriptor than 1 named: `2>`?
    pub(super) from_other_than_stdout: bool,
}

/// A position in a script.
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
    line: u32,
    here_documents: Vec<(String, bool)>,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, line: 1, here_documents: Vec::new() }
    }

    pub(super) fn on_line(text: &'t str, line: u32) -> Self {
        Self { line, ..Self::new(text) }
    }

    /// A scanner at the same place, for what has an end of its own.
    pub(super) fn fork(&self) -> Self {
        Self { text: self.text, at: self.at, line: self.line, here_documents: Vec::new() }
    }

    /// Goes on where a fork has arrived.
    pub(super) fn join(&mut self, fork: &Self) {
        (self.at, self.line) = (fork.at, fork.line);
    }

    pub(super) fn line(&self) -> u32 {
        self.line
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        if character == '\n' {
            self.line += 1;
        }
        Some(character)
    }

    pub(super) fn looking_at(&self, token: &str) -> bool {
        self.rest().starts_with(token)
    }

    pub(super) fn take(&mut self, token: &str) -> bool {
        let found = !token.is_empty() && self.looking_at(token);
        if found {
            self.at += token.len();
            self.line += token.matches('\n').count() as u32;
        }
        found
    }

    pub(super) fn take_any(&mut self, tokens: &[&'static str]) -> Option<&'static str> {
        tokens.iter().copied().find(|token| self.take(token))
    }

    /// Goes on after the line on which the parser stopped, at least one line after `from`.
    pub(super) fn skip_line(&mut self, from: usize) {
        self.here_documents.clear();
        self.at = self.at.max(from);
        while let Some(character) = self.next() {
            if character == '\n' {
                break;
            }
        }
    }

    /// Passes over blanks, line continuations and comments.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            if self.take("\\\n") || self.take("\\\r\n") {
                continue;
            }
            match self.peek() {
                Some(' ' | '\t' | '\r') => self.at += 1,
                Some('#') => {
                    while self.peek().is_some_and(|character| character != '\n') {
                        self.next();
                    }
                }
                _ => return,
            }
        }
    }

    /// Passes over blanks and line ends; here-documents are read over at a line end.
    pub(super) fn skip_newlines(&mut self) {
        loop {
            self.skip_blanks();
            if self.peek() != Some('\n') {
                return;
            }
            self.next();
            for (end, strip) in std::mem::take(&mut self.here_documents) {
                self.skip_here_document(&end, strip);
            }
        }
    }

    fn skip_here_document(&mut self, end: &str, strip: bool) {
        while !self.at_end() {
            let line = self.rest().lines().next().unwrap_or_default();
            let found = if strip { line.trim_start_matches('\t') } else { line } == end;
            self.skip_line(self.at);
            if found {
                return;
            }
        }
    }

    /// A here-document will follow the current line.
    pub(super) fn expect_here_document(&mut self, end: &Word, strip: bool) {
        let end = end.parts.iter().filter_map(|part| match &part.kind {
            PartKind::Literal(text) => Some(text.as_str()),
            _ => None,
        });
        self.here_documents.push((end.collect(), strip));
    }

    /// The unquoted word that comes next, not consumed; empty when there is none.
    pub(super) fn plain_word(&self) -> String {
        let rest = self.rest();
        let end = rest.find(|c: char| is_meta(c) || "'\"\\$`".contains(c)).unwrap_or(rest.len());
        let ends_here = rest[end..].chars().next().is_none_or(is_meta);
        if ends_here { rest[..end].to_owned() } else { String::new() }
    }

    /// An operator such as `2>` or `<<-`, if one comes next.
    pub(super) fn scan_redirect_operator(&mut self) -> Option<RedirectOperator> {
        const SIGNS: [&str; 10] = ["<<<", "<<-", "<<", "<&", "<>", ">>", ">&", ">|", "&>", ">"];
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = self.rest().split_at(digits);
        let sign = SIGNS.iter().chain(&["<"]).copied().find(|sign| after.starts_with(sign))?;
        if sign == "&>" && digits > 0 {
            return None;
        }
        let from_other_than_stdout = !matches!(number, "" | "1");
        let token = format!("{number}{sign}");
        self.take(&token);
        Some(RedirectOperator { sign, from_other_than_stdout })
    }

    /// `NAME=word`, if that comes next.
    pub(super) fn scan_assignment(
        &mut self,
        depth: usize,
    ) -> Result<Option<(String, Word)>, Syntax> {
        let rest = self.rest();
        let length = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
        let starts = rest.chars().next().is_some_and(|c| is_name(c) && !c.is_ascii_digit());
        if !starts || !rest[length..].starts_with('=') {
            return Ok(None);
        }
        let name = rest[..length].to_owned();
        self.take(&name);
        self.take("=");
        if self.peek() == Some('(') {
            self.take_balanced('(', ')')?;
            return Ok(Some((name, unknown_word())));
        }
        let value = self.scan_word(depth)?.unwrap_or_default();
        Ok(Some((name, value)))
    }

    /// The next word; none at an operator or a line end.
    pub(super) fn scan_word(&mut self, depth: usize) -> Result<Option<Word>, Syntax> {
        if depth >= MAX_DEPTH {
            return Err(Syntax);
        }
        let mut word = Word::default();
        loop {
            match self.peek() {
                None => break,
                Some(c) if is_meta(c) => break,
                Some('\'') => {
                    self.next();
                    let text = self.take_until('\'')?;
                    push(&mut word, true, PartKind::Literal(text));
                }
                Some('"') => {
                    self.next();
                    self.scan_quoted(&mut word, depth)?;
                }
                Some(_) => self.scan_piece(&mut word, false, depth)?,
            }
        }
        Ok((!word.parts.is_empty()).then_some(word))
    }

    /// The inside of double quotes, up to and over the closing one.
    pub(super) fn scan_quoted(&mut self, word: &mut Word, depth: usize) -> Result<(), Syntax> {
        push(word, true, PartKind::Literal(String::new()));
        loop {
            match self.peek().ok_or(Syntax)? {
                '"' => {
                    self.next();
                    return Ok(());
                }
                _ => self.scan_piece(word, true, depth)?,
            }
        }
    }

    /// One character, escape or expansion.
    pub(super) fn scan_piece(
        &mut self,
        word: &mut Word,
        quoted: bool,
        depth: usize,
    ) -> Result<(), Syntax> {
        match self.next().ok_or(Syntax)? {
            '\\' => match self.next() {
                None | Some('\n') => {}
                Some(c) if !quoted || "$`\"\\".contains(c) => push_text(word, true, c),
                Some(c) => {
                    push_text(word, true, '\\');
                    push_text(word, true, c);
                }
            },
            '`' => {
                let line = self.line;
                let script = self.take_backticks(quoted)?;
                let body = parse_inner(&script, line, depth)?;
                push(word, quoted, PartKind::Substitution(Rc::new(body)));
            }
            '$' => self.scan_dollar(word, quoted, depth)?,
            character => push_text(word, quoted, character),
        }
        Ok(())
    }

    pub(super) fn take_until(&mut self, end: char) -> Result<String, Syntax> {
        let mut text = String::new();
        loop {
            match self.next().ok_or(Syntax)? {
                c if c == end => return Ok(text),
                c => text.push(c),
            }
        }
    }

    fn take_balanced(&mut self, open: char, close: char) -> Result<(), Syntax> {
        let mut depth = 0_usize;
        loop {
            let character = self.next().ok_or(Syntax)?;
            depth += usize::from(character == open);
            if character == close {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Ok(());
                }
            }
        }
    }
}

fn unknown_word() -> Word {
    let kind = PartKind::Variable { name: String::new(), operation: Operation::Other };
    Word { parts: vec![Part { quoted: true, kind }] }
}

pub(super) fn push(word: &mut Word, quoted: bool, kind: PartKind) {
    word.parts.push(Part { quoted, kind });
}

pub(super) fn push_text(word: &mut Word, quoted: bool, character: char) {
    if let Some(Part { quoted: last, kind: PartKind::Literal(text) }) = word.parts.last_mut()
        && *last == quoted
    {
        text.push(character);
        return;
    }
    push(word, quoted, PartKind::Literal(character.to_string()));
}

fn is_meta(character: char) -> bool {
    " \t\r\n;&|<>()".contains(character)
}

pub(super) fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}
