// SPDX-License-Identifier: Apache-2.0
//! The dialogue of BusyBox login: names are echoed, passwords are not.

use crate::config::{Config, Credential};

/// Longest name or password, in bytes; what is longer is cut, as login does.
const LONGEST: usize = 255;

/// What is typed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Name,
    Password,
}

/// What to do after a byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send this.
    Send(Vec<u8>),
    /// A name and password were given.
    Tried(Attempt),
    /// The other side gave up (control-C, control-D).
    Left,
}

/// A name and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// One dialogue.
#[derive(Debug)]
pub(crate) struct Login {
    prompt: Vec<u8>,
    asked: Asked,
    name: Vec<u8>,
    line: Vec<u8>,
}

impl Login {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            prompt: format!("{} login: ", config.hostname).into_bytes(),
            asked: Asked::Name,
            name: Vec::new(),
            line: Vec::new(),
        }
    }

    /// The prompt for a name.
    pub(crate) fn prompt(&self) -> &[u8] {
        &self.prompt
    }

    /// Takes a byte.
    pub(crate) fn push(&mut self, byte: u8) -> Step {
        match byte {
            b'\r' | b'\n' => self.end_line(),
            3 | 4 => Step::Left,
            8 | 127 => Step::Send(match (self.line.pop(), self.asked) {
                (Some(_), Asked::Name) => b"\x08 \x08".to_vec(),
                _ => Vec::new(),
            }),
            21 => {
                let erased = if self.asked == Asked::Name { self.line.len() } else { 0 };
                self.line.clear();
                Step::Send(b"\x08 \x08".repeat(erased))
            }
            _ => {
                if self.line.len() < LONGEST {
                    self.line.push(byte);
                }
                Step::Send(if self.asked == Asked::Name { vec![byte] } else { Vec::new() })
            }
        }
    }

    fn end_line(&mut self) -> Step {
        let line = std::mem::take(&mut self.line);
        match self.asked {
            Asked::Name if line.is_empty() => Step::Send([b"\r\n", self.prompt()].concat()),
            Asked::Name => {
                self.name = line;
                self.asked = Asked::Password;
                Step::Send(b"\r\nPassword: ".to_vec())
            }
            Asked::Password => {
                self.asked = Asked::Name;
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                Step::Tried(Attempt { user: text(&self.name), password: text(&line) })
            }
        }
    }
}

/// Is a pair let in?
pub(crate) fn admits(credentials: &[Credential], attempt: &Attempt) -> bool {
    let fits = |rule: &str, given: &str| rule == "*" || rule == given;
    credentials.iter().any(|rule| {
        fits(&rule.user, &attempt.user)
            && fits(&rule.password, &attempt.password)
            && !rule.except.contains(&attempt.password)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_echoed_and_passwords_are_not() {
        let mut login = Login::new(&Config::default());
        assert_eq!(login.push(b'r'), Step::Send(b"r".to_vec()));
        assert_eq!(login.push(127), Step::Send(b"\x08 \x08".to_vec()));
        assert_eq!(login.push(b'x'), Step::Send(b"x".to_vec()));
        assert_eq!(login.push(b'\r'), Step::Send(b"\r\nPassword: ".to_vec()));
        assert_eq!(login.push(b's'), Step::Send(Vec::new()));
        let attempt = Attempt { user: "x".into(), password: "s".into() };
        assert_eq!(login.push(b'\r'), Step::Tried(attempt));
    }

    #[test]
    fn rules_name_pairs_or_anything_but_some() {
        let rule = |user: &str, password: &str, except: &[&str]| Credential {
            user: user.into(),
            password: password.into(),
            except: except.iter().map(|word| (*word).to_owned()).collect(),
        };
        let attempt =
            |user: &str, password: &str| Attempt { user: user.into(), password: password.into() };
        let rules = [rule("root", "*", &["root"]), rule("admin", "admin", &[])];
        assert!(admits(&rules, &attempt("root", "xc3511")));
        assert!(!admits(&rules, &attempt("root", "root")));
        assert!(admits(&rules, &attempt("admin", "admin")));
        assert!(!admits(&rules, &attempt("admin", "1234")));
        assert!(!admits(&[], &attempt("root", "")));
    }
}
