// SPDX-License-Identifier: Apache-2.0
//! A position in a text, and the tokens that need no grammar.

use crate::syntax::Operator;

/// A position in a text.
pub(crate) struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Scanner<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0 }
    }

    pub(crate) fn rest(&self) -> &'t [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(crate) fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    pub(crate) fn advance(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes).min(self.text.len());
    }

    pub(crate) fn looking_at(&self, token: &[u8]) -> bool {
        self.rest().starts_with(token)
    }

    pub(crate) fn take(&mut self, token: &[u8]) -> bool {
        let found = self.looking_at(token);
        if found {
            self.advance(token.len());
        }
        found
    }

    /// Takes the bytes before the next `end` and the `end` itself; without one, everything, and
    /// false.
    pub(crate) fn take_until(&mut self, end: u8) -> (&'t [u8], bool) {
        let rest = self.rest();
        match memchr::memchr(end, rest) {
            Some(at) => {
                self.advance(at + 1);
                (&rest[..at], true)
            }
            None => {
                self.at = self.text.len();
                (rest, false)
            }
        }
    }

    /// Passes over blanks, line continuations and comments. A comment starts at the start of a word.
    pub(crate) fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\\') if self.looking_at(b"\\\n") => self.at += 2,
                Some(b'#') => {
                    let rest = self.rest();
                    self.advance(memchr::memchr(b'\n', rest).unwrap_or(rest.len()));
                }
                _ => return,
            }
        }
    }

    /// The unquoted word that comes next, not consumed; empty when it holds more than plain bytes.
    pub(crate) fn plain_word(&self) -> &'t [u8] {
        let rest = self.rest();
        let special = |&byte: &u8| is_meta(byte) || b"'\"\\$`".contains(&byte);
        let end = rest.iter().position(special).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if after.first().is_none_or(|&byte| is_meta(byte)) { word } else { &[] }
    }

    /// Takes `token` if it is the whole next plain word.
    pub(crate) fn take_word(&mut self, token: &[u8]) -> bool {
        let found = self.plain_word() == token;
        if found {
            self.advance(token.len());
        }
        found
    }

    /// A redirection operator with its descriptor, if one comes next.
    pub(crate) fn take_redirect(&mut self) -> Option<(u32, Operator)> {
        const SIGNS: [(&[u8], Operator, u32); 13] = [
            (b"&>>", Operator::WriteBoth, 1),
            (b"&>", Operator::WriteBoth, 1),
            (b"<<<", Operator::HereString, 0),
            (b"<<-", Operator::HereDocument, 0),
            (b"<<", Operator::HereDocument, 0),
            (b"<&", Operator::Duplicate, 0),
            (b"<>", Operator::ReadWrite, 0),
            (b"<", Operator::Read, 0),
            (b">>", Operator::Append, 1),
            (b">&", Operator::Duplicate, 1),
            (b">|", Operator::Write, 1),
            (b">", Operator::Write, 1),
            (b"", Operator::Read, 0),
        ];
        let digits = self.rest().iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        let (number, after) = self.rest().split_at(digits);
        let found = SIGNS.iter().find(|(sign, _, _)| after.starts_with(sign))?;
        let (sign, operator, default) = *found;
        let process = matches!(sign, b"<" | b">") && after.get(1) == Some(&b'(');
        if sign.is_empty() || process || (digits > 0 && sign.starts_with(b"&")) {
            return None;
        }
        self.advance(digits + sign.len());
        let number = number.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
        Some((if digits > 0 { number } else { default }, operator))
    }
}

/// Does the byte end a word?
pub(crate) fn is_meta(byte: u8) -> bool {
    b" \t\r\n;&|<>()".contains(&byte)
}

/// May the byte stand in the name of a variable?
pub(crate) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
