// SPDX-License-Identifier: Apache-2.0
//! Follows the commands of a line through pipes, redirections, groups and nested shells, as far as
//! text tells, and judges what each does. Nothing is run.

use kakoi_shell::{
    Command, Compound, Environment, Field, Node, Part, Redirect, Simple, Structure, expand_fields,
    expand_word, parse_script,
};

use super::commands::{Invocation, Outcome, effects_of, hides_traces};
use super::effect::{Content, Effect};
use super::judge::{Meaning, judge};
use super::program;
use super::redirect::{Streams, streams};
use super::state::Session;

/// Nested texts (`sh -c`, `eval`, functions) inside each other; more is not followed.
const MAX_NESTING: usize = 8;
/// Commands that are followed for one line, those of functions each time they are called.
const MAX_STEPS: usize = 50_000;

/// What a command meant, and what its output carries.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) meaning: Meaning,
    pub(super) output: Content,
}

impl Done {
    pub(super) const fn nothing(output: Content) -> Self {
        Self { meaning: Meaning::Nothing, output }
    }
}

/// One walk over one line.
pub(super) struct Walk<'s> {
    pub(super) session: &'s mut Session,
    /// The names of the commands that were met, for tables.
    pub(super) means: Means,
    /// Places that it tried or entered.
    pub(super) places: Places,
    nesting: usize,
    steps: usize,
    /// What substitutions in words did.
    side: Meaning,
}

/// The file that was created empty last, and the directory that was entered last.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    pub(super) created: Option<String>,
    pub(super) entered: Option<String>,
}

/// By what a sub-command did its work.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Means {
    /// Names of programs and built-ins, in order, each once.
    pub names: Vec<String>,
    /// Was a file opened for writing by `>` or `>>`?
    pub output_redirection: bool,
    /// Was a file opened for reading by `<`?
    pub input_redirection: bool,
}

impl Means {
    fn note(&mut self, name: &str) {
        const MOST: usize = 16;
        if self.names.len() < MOST && !self.names.iter().any(|known| known == name) {
            self.names.push(name.chars().take(64).collect());
        }
    }
}

/// Where a command stands.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) input: Content,
    /// Does its output reach the terminal, unless it is redirected?
    pub(super) prints: bool,
}

impl Place {
    pub(super) fn terminal() -> Self {
        Self { input: Content::Session, prints: true }
    }
}

impl<'s> Walk<'s> {
    pub(super) fn new(session: &'s mut Session) -> Self {
        let (nesting, steps) = (0, MAX_STEPS);
        let (means, places) = (Means::default(), Places::default());
        Self { session, means, places, nesting, steps, side: Meaning::Nothing }
    }

    /// A sub-command of the line: usually one meaning; two where a download is piped to what runs
    /// it.
    pub(super) fn sub_command(&mut self, node: &Node) -> Vec<Meaning> {
        match node {
            Node::Pipeline(nodes) => self.pipeline(nodes, &Place::terminal()).0,
            _ => vec![self.node(node, &Place::terminal()).meaning],
        }
    }

    fn node(&mut self, node: &Node, place: &Place) -> Done {
        if self.steps == 0 {
            return Done::nothing(Content::Program);
        }
        self.steps -= 1;
        match node {
            Node::Simple(simple) => self.simple(simple, place),
            Node::Compound(compound) => self.compound(compound, place),
            Node::Pipeline(nodes) => {
                let (meanings, output) = self.pipeline(nodes, place);
                let meaning = meanings.into_iter().fold(Meaning::Nothing, Meaning::max);
                Done { meaning, output }
            }
        }
    }

    /// A list: the furthest meaning, the last output that is not a program's.
    pub(super) fn list(&mut self, commands: &[Command], place: &Place) -> Done {
        let mut done = Done::nothing(Content::Program);
        for command in commands {
            let next = self.node(&command.node, place);
            done.meaning = done.meaning.max(next.meaning);
            let carries = !matches!(next.output, Content::Program | Content::Session);
            if carries || commands.len() == 1 {
                done.output = next.output;
            }
        }
        done
    }

    /// The last command that means anything decides; a download that is piped on counts for itself.
    fn pipeline(&mut self, nodes: &[Node], place: &Place) -> (Vec<Meaning>, Content) {
        let mut flow = place.input.clone();
        let mut decisive = Meaning::Nothing;
        let mut download = None;
        for (at, node) in nodes.iter().enumerate() {
            let last = at + 1 == nodes.len();
            let prints = last && place.prints;
            let done = self.node(node, &Place { input: flow, prints });
            if !last && done.output == Content::Network {
                download = Some(super::judge::fetched());
            } else if done.meaning != Meaning::Nothing
                && !(decisive.is_outside() && done.meaning.runs())
            {
                // What a program that changes the system prints is nothing to run.
                decisive = done.meaning;
            }
            flow = done.output;
        }
        // `echo Hi | cat -n`: text goes through a tool to the terminal.
        if decisive == Meaning::Nothing && place.prints && matches!(flow, Content::Text(_)) {
            decisive = judge(&Effect::Survey, self.session);
        }
        let meanings = match download {
            Some(download) if decisive.runs() => vec![download, decisive],
            Some(download) => vec![download.max(decisive)],
            None => vec![decisive],
        };
        (meanings, flow)
    }

    fn compound(&mut self, compound: &Compound, place: &Place) -> Done {
        if let Structure::Function(name) = &compound.structure {
            self.session.define(name, &compound.body);
            return Done::nothing(Content::Program);
        }
        let saved = std::mem::replace(&mut self.side, Meaning::Nothing);
        if let Structure::For { name, words } = &compound.structure {
            let first = expand_fields(words, self).into_iter().next();
            let value = first.filter(|field| field.known && !field.glob).map(|field| field.bytes);
            self.session.assign(name, value);
        }
        let streams = self.streams(&compound.redirects, place);
        let inner = Place { input: streams.input.clone(), prints: streams.prints };
        let done = self.list(&compound.body, &inner);
        let outcome = Outcome { effects: streams.reads(), output: done.output };
        let outer = self.settle(outcome, &streams);
        let meaning = done.meaning.max(outer.meaning).max(self.side);
        self.side = saved;
        Done { meaning, output: outer.output }
    }

    fn simple(&mut self, simple: &Simple, place: &Place) -> Done {
        let saved = std::mem::replace(&mut self.side, Meaning::Nothing);
        let done = self.simple_here(simple, place);
        let side = std::mem::replace(&mut self.side, saved);
        Done { meaning: done.meaning.max(side), output: done.output }
    }

    fn simple_here(&mut self, simple: &Simple, place: &Place) -> Done {
        let hides = self.assign(simple);
        let streams = self.streams(&simple.redirects, place);
        let fields = expand_fields(&simple.words, self);
        if fields.is_empty() {
            let effects = if hides { vec![Effect::HideTraces] } else { streams.creates() };
            return self.settle(Outcome { effects, output: Content::Text(Vec::new()) }, &streams);
        }
        let varies = simple
            .words
            .iter()
            .skip(1)
            .any(|word| word.parts.iter().any(|part| !matches!(part, Part::Text { .. })));
        let outcome = self.program(&fields, &streams, varies);
        self.settle(outcome, &streams)
    }

    /// Sets the variables; does one of them hide traces?
    fn assign(&mut self, simple: &Simple) -> bool {
        let mut hides = false;
        for (name, word) in &simple.assignments {
            hides |= hides_traces(name);
            let field = expand_word(word, self);
            self.session.assign(name, field.known.then_some(field.bytes));
        }
        hides
    }

    fn streams(&mut self, redirects: &[Redirect], place: &Place) -> Streams {
        let connected = self.session.connected;
        let streams = streams(redirects, place, connected, |word| {
            String::from_utf8_lossy(&expand_word(word, self).bytes).into_owned()
        });
        self.session.connected |= streams.connects;
        self.means.output_redirection |= streams.output.is_some();
        self.means.input_redirection |= streams.reads_file;
        streams
    }

    /// What a program with its arguments does: an own file, a nested text, or a known name.
    pub(super) fn program(&mut self, fields: &[Field], streams: &Streams, varies: bool) -> Outcome {
        if self.steps == 0 {
            return Outcome::default();
        }
        self.steps -= 1;
        let Some((name, arguments)) = fields.split_first() else { return Outcome::default() };
        let invocation = Invocation {
            name: &name.text(),
            arguments,
            input: streams.input.clone(),
            prints: streams.prints,
            varies,
        };
        program::run(self, name, &invocation, streams)
    }

    /// Notes a name for tables.
    pub(super) fn note(&mut self, name: &str) {
        self.means.note(name);
    }

    /// A program whose name is bare.
    pub(super) fn named(&mut self, invocation: &Invocation<'_>) -> Outcome {
        self.means.note(invocation.name);
        effects_of(invocation)
            .unwrap_or(Outcome { effects: vec![Effect::UnknownWord], output: Content::Program })
    }

    /// Judges the effects of a program and those of its redirections.
    fn settle(&mut self, outcome: Outcome, streams: &Streams) -> Done {
        let mut meaning = Meaning::Nothing;
        for effect in outcome.effects.iter().chain(&streams.write(&outcome.output)) {
            if !matches!(
                effect,
                Effect::UnknownWord
                    | Effect::VendorWord
                    | Effect::AskTool
                    | Effect::Mark
                    | Effect::Nothing
            ) {
                self.session.in_shell = true;
            }
            match effect {
                Effect::Create(path) | Effect::Write(path, Content::Text(_)) => {
                    self.places.created = Some(path.clone());
                }
                Effect::Enter(path) => self.places.entered = Some(path.clone()),
                _ => {}
            }
            meaning = meaning.max(judge(effect, self.session));
        }
        let output = if streams.output.is_some() { Content::Program } else { outcome.output };
        Done { meaning, output }
    }

    /// Follows a text of its own: the argument of `sh -c`, what is piped into a shell.
    pub(super) fn text(&mut self, text: &[u8], place: &Place) -> Done {
        if self.nesting >= MAX_NESTING {
            return Done::nothing(Content::Program);
        }
        self.nesting += 1;
        let script = parse_script(text);
        let done = self.list(&script.commands, place);
        self.nesting -= 1;
        done
    }

    /// Follows a function of the session, if the name is one.
    pub(super) fn function(
        &mut self,
        name: &str,
        arguments: &[Field],
        place: &Place,
    ) -> Option<Done> {
        let body = self.session.function(name)?;
        if self.nesting >= MAX_NESTING {
            return Some(Done::nothing(Content::Program));
        }
        self.nesting += 1;
        for (number, field) in arguments.iter().take(9).enumerate() {
            let value = field.known.then(|| field.bytes.clone());
            self.session.assign(&(number + 1).to_string(), value);
        }
        let done = self.list(&body, place);
        self.nesting -= 1;
        Some(done)
    }
}

impl Environment for Walk<'_> {
    fn parameter(&self, name: &str) -> Option<Vec<u8>> {
        if let Some(value) = self.session.variable(name) {
            return Some(value.to_vec());
        }
        match name {
            "SHELL" => Some(b"/bin/sh".to_vec()),
            "HOME" => Some(b"/root".to_vec()),
            "IFS" => Some(b" ".to_vec()),
            _ => None,
        }
    }

    fn substitute(&mut self, body: &[Command]) -> Option<Vec<u8>> {
        if self.nesting >= MAX_NESTING {
            return None;
        }
        self.nesting += 1;
        let done = self.list(body, &Place { input: Content::Session, prints: false });
        self.nesting -= 1;
        self.side = self.side.max(done.meaning);
        match done.output {
            Content::Text(mut text) => {
                let end = text.iter().rposition(|&byte| byte != b'\n').map_or(0, |at| at + 1);
                text.truncate(end);
                Some(text)
            }
            _ => None,
        }
    }
}
