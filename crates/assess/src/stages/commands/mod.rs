// SPDX-License-Identifier: Apache-2.0
//! What programs do with their arguments: each name leads to effects, never to a stage.
//!
//! Sources: POSIX.1-2017 (XCU), the usage texts of BusyBox 1.36, GNU wget, curl, tftp-hpa and
//! OpenSSH, and the command references that `vendor` names.

mod fetch;
mod file;
mod print;
mod survey;
mod system;
mod text;
mod vendor;

use std::borrow::Cow;

use kakoi_shell::Field;

use super::effect::{Content, Effect};

pub(super) use file::content_of;
pub(super) use system::hides_traces;
pub use vendor::vendor_escapes;
pub(super) use vendor::{is_menu, menu_command};

/// A program with its arguments, expanded.
pub(super) struct Invocation<'a> {
    /// Its name without directories.
    pub(super) name: &'a str,
    /// What follows the name.
    pub(super) arguments: &'a [Field],
    /// What it reads from.
    pub(super) input: Content,
    /// Does its output reach the terminal?
    pub(super) prints: bool,
    /// Did a variable or substitution stand in its arguments?
    pub(super) varies: bool,
}

impl<'a> Invocation<'a> {
    /// The arguments as text.
    fn texts(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        self.arguments.iter().map(Field::text)
    }

    fn has(&self, wanted: &[&str]) -> bool {
        self.texts().any(|text| wanted.contains(&text.as_ref()))
    }

    /// Is a pipe or a file its input?
    fn is_fed(&self) -> bool {
        self.input != Content::Session
    }
}

/// What a program does, and what it prints.
#[derive(Default)]
pub(super) struct Outcome {
    /// In order.
    pub(super) effects: Vec<Effect>,
    /// What its standard output carries.
    pub(super) output: Content,
}

impl Outcome {
    fn of(effect: Effect) -> Self {
        Self { effects: vec![effect], output: Content::Program }
    }

    fn many(effects: Vec<Effect>) -> Self {
        Self { effects, output: Content::Program }
    }

    fn printing(output: Content) -> Self {
        Self { effects: Vec::new(), output }
    }
}

/// What a program does; none when its name is not known.
pub(super) fn effects_of(invocation: &Invocation<'_>) -> Option<Outcome> {
    if asks_for_help(invocation) {
        return Some(Outcome::of(Effect::AskTool));
    }
    fetch::effects(invocation)
        .or_else(|| file::effects(invocation))
        .or_else(|| text::effects(invocation))
        .or_else(|| print::effects(invocation))
        .or_else(|| system::effects(invocation))
        .or_else(|| survey::effects(invocation))
        .or_else(|| vendor::effects(invocation))
}

/// Is it a word that a shell or a system knows: a program, a built-in, a keyword?
pub(super) fn is_known(name: &str) -> bool {
    const WORDS: [&str; 54] = [
        "while",
        "until",
        "for",
        "if",
        "then",
        "else",
        "do",
        "done",
        "fi",
        "in",
        "case",
        "esac",
        "enable",
        "system",
        "shell",
        "linuxshell",
        "config",
        "perl",
        "python",
        "python3",
        "php",
        "sudo",
        "su",
        "eval",
        "source",
        "curl",
        ".",
        ":",
        "alias",
        "cd",
        "command",
        "declare",
        "exec",
        "exit",
        "export",
        "history",
        "iptables",
        "local",
        "logout",
        "read",
        "return",
        "scp",
        "screen",
        "service",
        "set",
        "sftp",
        "sftp-server",
        "shift",
        "systemctl",
        "trap",
        "ulimit",
        "umask",
        "unset",
        "wait",
    ];
    super::applets::is_applet(name)
        || WORDS.contains(&name)
        || survey::is_surveying(name)
        || system::is_tampering(name)
}

/// `--help` and its like as the only argument: whatever the name, it only asks.
fn asks_for_help(invocation: &Invocation<'_>) -> bool {
    const WORDS: [&str; 5] = ["--help", "--version", "-version", "-V", "--usage"];
    let [only] = invocation.arguments else { return false };
    WORDS.contains(&only.text().as_ref())
}

/// Arguments sorted into options and operands (POSIX.1-2017, XBD 12.2, and `--long[=value]`).
#[derive(Default)]
struct Options {
    flags: Vec<String>,
    values: Vec<(String, String)>,
    operands: Vec<String>,
}

impl Options {
    /// `short` and `long` name the options that take a value.
    fn parse(arguments: &[Field], short: &str, long: &[&str]) -> Self {
        let mut options = Self::default();
        let mut rest = arguments.iter().map(|field| field.text().into_owned());
        while let Some(text) = rest.next() {
            if let Some(name) = text.strip_prefix("--").filter(|name| !name.is_empty()) {
                match name.split_once('=') {
                    Some((name, value)) => options.values.push((name.into(), value.into())),
                    None if long.contains(&name) => {
                        let value = rest.next().unwrap_or_default();
                        options.values.push((name.to_owned(), value));
                    }
                    None => options.flags.push(name.to_owned()),
                }
            } else if text.len() > 1 && text.starts_with('-') {
                options.parse_cluster(&text[1..], short, &mut rest);
            } else {
                options.operands.push(text);
            }
        }
        options
    }

    /// `-qO-`: flags, and at most one option that takes the rest or the next argument.
    fn parse_cluster(
        &mut self,
        cluster: &str,
        short: &str,
        rest: &mut impl Iterator<Item = String>,
    ) {
        for (at, letter) in cluster.char_indices() {
            if !short.contains(letter) {
                self.flags.push(letter.to_string());
                continue;
            }
            let after = &cluster[at + letter.len_utf8()..];
            let value = if after.is_empty() { rest.next() } else { Some(after.to_owned()) };
            self.values.push((letter.to_string(), value.unwrap_or_default()));
            return;
        }
    }

    fn flag(&self, names: &[&str]) -> bool {
        self.flags.iter().any(|flag| names.contains(&flag.as_str()))
    }

    fn value(&self, names: &[&str]) -> Option<&str> {
        let found = self.values.iter().find(|(name, _)| names.contains(&name.as_str()));
        found.map(|(_, value)| value.as_str())
    }
}
