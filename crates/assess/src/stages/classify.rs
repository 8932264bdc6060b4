// SPDX-License-Identifier: Apache-2.0
//! A session, line by line.

use kakoi_model::{Purpose, Stage};
use kakoi_shell::{Damage, clean_line, parse_script};

use super::judge::Meaning;
use super::neighbours::{Part, resolve};
use super::state::Session;
use super::walk::{Means, Walk};

/// Longest line that is looked at; the rest of a longer one is left out, and that is said.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;

/// What one command line was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineStages {
    /// The number that the line was given.
    pub number: u64,
    /// Its sub-commands, separated by `;`, `&&`, `||` and `&` outside quotes, groups and loops; a
    /// download that is piped into what runs it is two. Never empty.
    pub parts: Vec<SubCommand>,
    /// Where the line departs from the grammar.
    pub damage: Vec<Damage>,
    /// Was the line longer than [`MAX_LINE_BYTES`]?
    pub cut: bool,
}

/// What one sub-command was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubCommand {
    /// What for.
    pub purpose: Purpose,
    /// Is it a mark (`/bin/busybox TOKEN`, `echo -e '\x45…'`), which has the purpose of what came
    /// before it?
    pub mark: bool,
    /// By what.
    pub means: Means,
}

impl LineStages {
    /// The stage of the whole line: that of its parts, the furthest of two; none when its parts
    /// have three or more, which the transcripts call `multi`. Clean-up and what lies outside count
    /// only where there is no stage.
    #[must_use]
    pub fn purpose(&self) -> Option<Purpose> {
        let mut purposes: Vec<Purpose> = self.parts.iter().map(|part| part.purpose).collect();
        purposes.sort_unstable();
        purposes.dedup();
        // Stages come first in the order of purposes, then clean-up, then the rest.
        let stages = purposes.iter().filter(|purpose| purpose.stage().is_some()).count();
        match stages {
            0 => Some(purposes.first().copied().unwrap_or(Purpose::Outside)),
            1 | 2 => purposes.get(stages - 1).copied(),
            _ => None,
        }
    }

    /// The three columns of the labelled transcripts, without a line end.
    #[must_use]
    pub fn to_tsv(&self) -> String {
        let parts: Vec<String> = self.parts.iter().map(SubCommand::code).collect();
        let line = self.purpose().map_or("multi", Purpose::code);
        format!("{}\t{line}\t{}", self.number, parts.join(","))
    }
}

impl SubCommand {
    /// `4a`, and `m` after it for a mark.
    #[must_use]
    pub fn code(&self) -> String {
        format!("{}{}", self.purpose.code(), if self.mark { "m" } else { "" })
    }
}

/// Classifies the lines of one session in order. A line comes out once the next one is known,
/// because a word that nothing knows is a password or a menu entry when a vendor's command line
/// follows.
#[derive(Debug, Default)]
pub struct Classifier {
    session: Session,
    held: Option<Held>,
    open: Option<OpenText>,
    /// Was the line before one of a vendor's command line, or the first?
    after_vendor: bool,
    begun: bool,
}

/// A line with a here-document, and what came of its body.
#[derive(Debug)]
struct OpenText {
    number: u64,
    text: Vec<u8>,
    delimiters: Vec<Vec<u8>>,
}

/// A line whose unknown words wait for the next.
#[derive(Debug)]
struct Held {
    number: u64,
    parts: Vec<Part>,
    damage: Vec<Damage>,
    cut: bool,
    /// Was nothing known before it that only a shell does?
    before_shell: bool,
}

impl Classifier {
    /// A session of which nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next line; gives the one before it. Blank lines are no lines.
    pub fn push(&mut self, number: u64, line: &[u8]) -> Option<LineStages> {
        let cut = line.len() > MAX_LINE_BYTES;
        let line = clean_line(line.get(..MAX_LINE_BYTES).unwrap_or(line));
        if let Some(mut open) = self.open.take() {
            if open.take(&line) {
                return self.take_line(open.number, &open.text, cut);
            }
            self.open = Some(open);
            return None;
        }
        if line.trim_ascii().is_empty() {
            return None;
        }
        let here_document = memchr::memmem::find(&line, b"<<").is_some();
        let delimiters = if here_document { parse_script(&line).awaited } else { Vec::new() };
        if delimiters.is_empty() {
            return self.take_line(number, &line, cut);
        }
        self.open = Some(OpenText { number, text: line.into_owned(), delimiters });
        None
    }

    fn take_line(&mut self, number: u64, line: &[u8], cut: bool) -> Option<LineStages> {
        let before_shell = !self.session.in_shell;
        let answers = std::mem::take(&mut self.session.conversing) && is_one_word(line);
        let line = if answers { b":".as_slice() } else { line };
        let rest = after_interpreter(line);
        let script = parse_script(rest);
        let mut parts = Vec::with_capacity(script.commands.len());
        if rest.len() < line.len() {
            parts.push(Part::default());
        }
        for command in &script.commands {
            let mut walk = Walk::new(&mut self.session);
            let meanings = walk.sub_command(&command.node);
            let part = Part { means: walk.means, places: walk.places, ..Part::of(command.joint) };
            parts.extend(meanings.into_iter().map(|meaning| Part { meaning, ..part.clone() }));
        }
        resolve(&mut parts, self.session.has_payload());
        if script.damage.contains(&Damage::Unclosed) {
            // A text that goes on is no mark.
            let marks = parts.iter_mut().filter(|part| part.meaning == Meaning::Mark);
            marks.for_each(|part| part.meaning = Meaning::Nothing);
        }
        if parts.is_empty() {
            parts.push(Part::default());
        }
        let held = Held { number, parts, damage: script.damage, cut, before_shell };
        let next_is_vendor = is_vendor(&held);
        let before = self.held.replace(held)?;
        Some(self.finish_line(before, next_is_vendor))
    }

    /// What is still held: the last line, and one before it when a here-document was open.
    pub fn finish(&mut self) -> Vec<LineStages> {
        let open = self.open.take();
        let before = open.and_then(|open| self.take_line(open.number, &open.text, false));
        let held = self.held.take().map(|held| self.finish_line(held, false));
        before.into_iter().chain(held).collect()
    }

    fn finish_line(&mut self, held: Held, next_is_vendor: bool) -> LineStages {
        let vendor = is_vendor(&held);
        let tempts = held.before_shell
            && held.parts.len() == 1
            && (next_is_vendor || (self.after_vendor && self.begun));
        let mut parts = Vec::with_capacity(held.parts.len());
        for part in held.parts {
            let (purpose, mark) = self.purpose_of(part.meaning, tempts);
            parts.push(SubCommand { purpose, mark, means: part.means });
        }
        self.after_vendor = vendor || (tempts && parts.iter().all(|part| part.purpose == VENDOR));
        self.begun = true;
        LineStages { number: held.number, parts, damage: held.damage, cut: held.cut }
    }

    fn purpose_of(&mut self, meaning: Meaning, tempts: bool) -> (Purpose, bool) {
        let (purpose, mark) = match meaning {
            Meaning::Sure(purpose) => (purpose, false),
            Meaning::Unknown if tempts => (VENDOR, false),
            Meaning::Unknown | Meaning::Nothing => (Purpose::Outside, false),
            Meaning::Home => (Purpose::Stage(Stage::S2), false),
            Meaning::AskTool => (Purpose::Stage(Stage::S3), false),
            Meaning::Mark => (self.session.last.unwrap_or(Purpose::Stage(Stage::S3)), true),
        };
        if purpose != Purpose::Outside {
            self.session.last = Some(purpose);
        }
        (purpose, mark)
    }
}

impl OpenText {
    /// Adds a line of the body; is the text complete, or as long as a line may be?
    fn take(&mut self, line: &[u8]) -> bool {
        self.text.push(b'\n');
        self.text.extend_from_slice(line);
        if self.delimiters.first().is_some_and(|delimiter| line.trim_ascii() == delimiter) {
            self.delimiters.remove(0);
        }
        self.delimiters.is_empty() || self.text.len() > MAX_LINE_BYTES
    }
}

const VENDOR: Purpose = Purpose::Stage(Stage::S1);

fn is_vendor(held: &Held) -> bool {
    held.parts.first().is_some_and(|part| part.meaning == Meaning::Sure(VENDOR))
}

fn is_one_word(line: &[u8]) -> bool {
    !line.trim_ascii().iter().any(|byte| b" \t;|&<>/".contains(byte))
}

/// What follows `#!/bin/sh;`: a script that was sent as one line.
fn after_interpreter(line: &[u8]) -> &[u8] {
    match memchr::memchr(b';', line) {
        Some(at) if line.starts_with(b"#!") => line.get(at + 1..).unwrap_or_default(),
        _ => line,
    }
}
