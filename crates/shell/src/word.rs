// SPDX-License-Identifier: Apache-2.0
//! Words: quotes, escapes, parameters, substitutions.

use crate::escape::decode_escapes;
use crate::parser::Parser;
use crate::scanner::{is_meta, is_name};
use crate::syntax::{Command, Damage, Operation, Part, Word};

/// Where a piece of a word stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Bare,
    Quoted,
    /// Inside `${name:-…}`, which ends at `}`.
    Braces,
}

impl Parser<'_> {
    /// The next word; none at an operator or an end.
    pub(crate) fn parse_word(&mut self) -> Option<Word> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        self.parse_word_in(Place::Bare)
    }

    fn parse_word_in(&mut self, place: Place) -> Option<Word> {
        let mut word = Word::default();
        while let Some(byte) = self.scanner.peek() {
            match byte {
                b'}' if place == Place::Braces => break,
                b'<' | b'>' if place == Place::Bare && self.looking_at_process() => {
                    self.scanner.advance(2);
                    let body = self.parse_substitution();
                    word.parts.push(Part::Process { body });
                }
                _ if place == Place::Bare && is_meta(byte) => break,
                b'\'' => {
                    self.scanner.advance(1);
                    let (text, closed) = self.scanner.take_until(b'\'');
                    self.note_unless(closed, Damage::Unclosed);
                    push_quoted(&mut word, text);
                }
                b'"' => {
                    self.scanner.advance(1);
                    self.parse_quoted(&mut word);
                }
                _ => self.parse_piece(&mut word, place),
            }
        }
        (!word.parts.is_empty()).then_some(word)
    }

    fn looking_at_process(&self) -> bool {
        self.scanner.looking_at(b"<(") || self.scanner.looking_at(b">(")
    }

    /// The inside of double quotes, and the closing one.
    fn parse_quoted(&mut self, word: &mut Word) {
        push_quoted(word, b"");
        loop {
            match self.scanner.peek() {
                None => return self.note(Damage::Unclosed),
                Some(b'"') => return self.scanner.advance(1),
                Some(_) => self.parse_piece(word, Place::Quoted),
            }
        }
    }

    /// One byte, escape or expansion.
    fn parse_piece(&mut self, word: &mut Word, place: Place) {
        let quoted = place == Place::Quoted;
        match self.scanner.next() {
            Some(b'\\') => self.parse_backslash(word, quoted),
            Some(b'`') => {
                let body = self.parse_backticks();
                word.parts.push(Part::Substitution { body, quoted });
            }
            Some(b'$') => self.parse_dollar(word, quoted),
            Some(byte) => push_byte(word, quoted, byte),
            None => {}
        }
    }

    fn parse_backslash(&mut self, word: &mut Word, quoted: bool) {
        match self.scanner.next() {
            Some(b'\n') => {}
            None => push_byte(word, true, b'\\'),
            Some(byte) if !quoted || b"$`\"\\".contains(&byte) => push_byte(word, true, byte),
            Some(byte) => {
                push_byte(word, true, b'\\');
                push_byte(word, true, byte);
            }
        }
    }

    /// The commands of `…` up to and over the closing backtick.
    fn parse_backticks(&mut self) -> Vec<Command> {
        let mut script = Vec::new();
        loop {
            match self.scanner.next() {
                None => {
                    self.note(Damage::Unclosed);
                    break;
                }
                Some(b'`') => break,
                Some(b'\\') => match self.scanner.next() {
                    Some(byte) if b"`\\$".contains(&byte) => script.push(byte),
                    Some(byte) => script.extend([b'\\', byte]),
                    None => script.push(b'\\'),
                },
                Some(byte) => script.push(byte),
            }
        }
        self.parse_inside(&script)
    }

    fn parse_dollar(&mut self, word: &mut Word, quoted: bool) {
        self.left = self.left.saturating_sub(1);
        match self.scanner.peek() {
            _ if self.left == 0 => push_byte(word, quoted, b'$'),
            Some(b'(') if self.scanner.looking_at(b"((") => {
                self.skip_balanced();
                word.parts.push(Part::Arithmetic);
            }
            Some(b'(') => {
                self.scanner.advance(1);
                let body = self.parse_substitution();
                word.parts.push(Part::Substitution { body, quoted });
            }
            Some(b'{') => {
                self.scanner.advance(1);
                let part = self.parse_braces(quoted);
                word.parts.push(part);
            }
            Some(b'\'') if !quoted => {
                self.scanner.advance(1);
                let text = self.take_ansi_c();
                push_quoted(word, &decode_escapes(&text));
            }
            Some(byte) if is_name(byte) || b"@*#?$!-".contains(&byte) => {
                let name = self.take_name();
                word.parts.push(Part::Parameter { name, operation: Operation::Plain, quoted });
            }
            _ => push_byte(word, quoted, b'$'),
        }
    }

    /// The inside of `$'…'`, where `\'` does not end it.
    fn take_ansi_c(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        loop {
            match self.scanner.next() {
                None => {
                    self.note(Damage::Unclosed);
                    return text;
                }
                Some(b'\'') => return text,
                Some(b'\\') => {
                    text.push(b'\\');
                    text.extend(self.scanner.next());
                }
                Some(byte) => text.push(byte),
            }
        }
    }

    /// A name, a positional parameter of one digit, or a special parameter.
    fn take_name(&mut self) -> String {
        let rest = self.scanner.rest();
        let length = match rest.first() {
            Some(byte) if is_name(*byte) && !byte.is_ascii_digit() => {
                rest.iter().position(|&byte| !is_name(byte)).unwrap_or(rest.len())
            }
            Some(_) => 1,
            None => 0,
        };
        self.scanner.advance(length);
        String::from_utf8_lossy(&rest[..length]).into_owned()
    }

    /// `${…}` after the brace.
    fn parse_braces(&mut self, quoted: bool) -> Part {
        let length = self.scanner.looking_at(b"#") && !self.scanner.looking_at(b"#}");
        if length {
            self.scanner.advance(1);
        }
        let name = self.take_name();
        let operation = self.parse_operation(length);
        Part::Parameter { name, operation, quoted }
    }

    fn parse_operation(&mut self, length: bool) -> Operation {
        if self.scanner.take(b"}") {
            return if length { Operation::Length } else { Operation::Plain };
        }
        let defaults = [&b":-"[..], b"-", b":=", b"="];
        let default = defaults.iter().any(|sign| self.scanner.take(sign));
        let word = if self.depth_left() {
            self.depth += 1;
            let word = self.parse_word_in(Place::Braces).unwrap_or_default();
            self.depth -= 1;
            word
        } else {
            self.note(Damage::TooDeep);
            self.scanner.take_until(b'}');
            return Operation::Other;
        };
        let closed = self.scanner.take(b"}");
        self.note_unless(closed, Damage::Unclosed);
        if default { Operation::Default(word) } else { Operation::Other }
    }
}

fn push_byte(word: &mut Word, quoted: bool, byte: u8) {
    match word.parts.last_mut() {
        Some(Part::Text { bytes, quoted: last }) if *last == quoted => bytes.push(byte),
        _ => word.parts.push(Part::Text { bytes: vec![byte], quoted }),
    }
}

fn push_quoted(word: &mut Word, text: &[u8]) {
    match word.parts.last_mut() {
        Some(Part::Text { bytes, quoted: true }) => bytes.extend_from_slice(text),
        _ => word.parts.push(Part::Text { bytes: text.to_vec(), quoted: true }),
    }
}
