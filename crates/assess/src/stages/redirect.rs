// SPDX-License-Identifier: Apache-2.0
//! Where a command reads and writes once its redirections are done.

use kakoi_shell::{Operator, Redirect, Word};

use super::commands::content_of;
use super::effect::{Content, Effect};
use super::paths::{is_connection, is_sink};
use super::walk::Place;

/// Streams of a command.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    /// What it reads.
    pub(super) input: Content,
    /// The file that gets its standard output, if one does.
    pub(super) output: Option<String>,
    /// Does its output reach the terminal?
    pub(super) prints: bool,
    /// Was a file opened for reading by `<`?
    pub(super) reads_file: bool,
    /// Is a descriptor connected to the network?
    pub(super) connects: bool,
    /// Further files that are created: `2>x`.
    others: Vec<String>,
}

/// Applies redirections in order. `expand` gives the text of a word.
pub(super) fn streams(
    redirects: &[Redirect],
    place: &Place,
    connected: bool,
    mut expand: impl FnMut(&Word) -> String,
) -> Streams {
    let mut streams = Streams {
        input: place.input.clone(),
        output: None,
        prints: place.prints,
        reads_file: false,
        connects: false,
        others: Vec::new(),
    };
    for redirect in redirects {
        let target = expand(&redirect.target);
        streams.apply(redirect, target, connected);
    }
    streams
}

impl Streams {
    fn apply(&mut self, redirect: &Redirect, target: String, connected: bool) {
        self.connects |= is_connection(&target);
        match redirect.operator {
            Operator::HereDocument => {
                self.input = Content::Text(redirect.body.clone().unwrap_or_default());
            }
            Operator::HereString => self.input = Content::Text(target.into_bytes()),
            Operator::Read | Operator::ReadWrite if redirect.descriptor == 0 => {
                self.reads_file = !is_connection(&target);
                self.input = content_of(&target);
            }
            Operator::Duplicate if redirect.descriptor == 0 => {
                let above =
                    target.trim_end_matches('-').parse().is_ok_and(|number: u32| number > 2);
                if above && connected {
                    self.input = Content::Network;
                }
            }
            // `>&file` is `&>file` (bash(1)); `>&2` and `>&-` are no files.
            Operator::Duplicate if target.parse::<u32>().is_err() && target != "-" => {
                self.write_to(target);
            }
            Operator::Duplicate => self.prints &= redirect.descriptor != 1 || target == "2",
            _ if !redirect.operator.writes() => {}
            _ if redirect.descriptor == 1 => self.write_to(target),
            _ if redirect.descriptor == 2 && !is_sink(&target) => self.others.push(target),
            _ => {}
        }
    }

    fn write_to(&mut self, target: String) {
        self.prints = false;
        if is_connection(&target) {
            return;
        }
        self.output = Some(target);
    }

    /// What a command without words does: files are created.
    pub(super) fn creates(&self) -> Vec<Effect> {
        let reads = self.reads();
        let writes = self.others.iter().cloned().map(Effect::Create);
        writes.chain(reads).collect()
    }

    /// The file that `<` reads.
    pub(super) fn reads(&self) -> Vec<Effect> {
        match &self.input {
            Content::File(path) if self.reads_file => vec![Effect::Read(path.clone())],
            _ => Vec::new(),
        }
    }

    /// What the redirection of the output does with what the command prints.
    pub(super) fn write(&self, output: &Content) -> Vec<Effect> {
        match &self.output {
            None => Vec::new(),
            Some(path) => vec![Effect::Write(path.clone(), output.clone())],
        }
    }
}
