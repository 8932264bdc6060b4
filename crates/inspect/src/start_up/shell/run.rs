// SPDX-License-Identifier: Apache-2.0
//! Follows the commands of a script over partly known values.

use std::rc::Rc;

use kakoi_model::{ImagePath, StartCertainty};

use super::state::{Scope, Text};
use super::syntax::{Command, Simple};
use crate::start_up::boot::{Boot, Launch};
use crate::start_up::context::Context;
use crate::start_up::openwrt;

/// A script of the image.
pub(in crate::start_up) struct Script {
    /// Its file.
    pub(in crate::start_up) path: ImagePath,
    /// Its text.
    pub(in crate::start_up) text: String,
}

/// Where a command leaves to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flow {
    /// The next command.
    Next,
    /// The next round of a loop.
    Continue,
    /// Out of a loop.
    Break,
    /// Out of a function or sourced file.
    Return,
    /// Out of the script.
    Exit,
}

/// What is reached only if an unknown branch was not taken that leaves.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Doubts {
    pub(super) in_loop: bool,
    pub(super) in_function: bool,
    pub(super) in_script: bool,
}

/// What a command substitution collects.
pub(super) struct Capture {
    pub(super) output: Text,
    /// Unknown branches around the substitution itself.
    conditions: usize,
}

/// One shell process.
pub(in crate::start_up) struct Shell<'s, 'a> {
    pub(in crate::start_up) boot: &'s mut Boot<'a>,
    pub(in crate::start_up) scope: Scope,
    pub(in crate::start_up) context: Context,
    /// `$0`.
    pub(super) name: String,
    /// The files read so far; functions remember theirs by place.
    pub(super) scripts: Vec<Rc<Script>>,
    pub(super) current: usize,
    /// Status of the last command; none when it is not known.
    pub(super) status: Option<bool>,
    pub(super) capture: Option<Capture>,
    pub(super) doubts: Doubts,
    pub(super) locals: Vec<Vec<(String, Option<Option<String>>)>>,
    /// What the models of OpenWrt's functions keep.
    pub(in crate::start_up) wrt: openwrt::Memory,
    /// Added to line numbers, for code that stands inside another file.
    pub(in crate::start_up) line_base: u32,
    pub(super) conditions: usize,
    pub(super) background: bool,
    line: u32,
}

impl<'s, 'a> Shell<'s, 'a> {
    /// A shell that is about to read `script`.
    pub(in crate::start_up) fn new(
        boot: &'s mut Boot<'a>,
        script: Rc<Script>,
        name: String,
        scope: Scope,
        context: Context,
    ) -> Self {
        Self {
            boot,
            scope,
            context,
            name,
            scripts: vec![script],
            current: 0,
            status: Some(true),
            capture: None,
            doubts: Doubts::default(),
            locals: Vec::new(),
            wrt: openwrt::Memory::default(),
            line_base: 0,
            conditions: 0,
            background: false,
            line: 0,
        }
    }

    /// Follows a command.
    pub(in crate::start_up) fn follow(&mut self, command: &Command) {
        self.run(command);
    }

    /// Calls a function of the script, if it has one.
    pub(in crate::start_up) fn call(&mut self, name: &str, arguments: Vec<Text>) -> bool {
        let Some((body, file)) = self.scope.function(name) else { return false };
        self.call_function(&body, file, arguments);
        true
    }

    pub(super) fn run(&mut self, command: &Command) -> Flow {
        if !self.boot.spend(1) || !self.boot.enter() {
            self.status = None;
            return Flow::Next;
        }
        let flow = self.run_kind(command);
        self.boot.leave();
        flow
    }

    fn run_kind(&mut self, command: &Command) -> Flow {
        match command {
            Command::Simple(simple) => self.run_simple(simple),
            Command::Pipeline { negated, stages } => self.run_pipeline(*negated, stages),
            Command::AndOr { first, rest } => self.run_and_or(first, rest),
            Command::Background(inner) => {
                let before = std::mem::replace(&mut self.background, true);
                self.run_apart(inner);
                self.background = before;
                self.status = Some(true);
                Flow::Next
            }
            Command::Sequence(commands) => self.run_sequence(commands),
            Command::If { arms, otherwise } => self.run_if(arms, otherwise.as_deref()),
            Command::Loop { stops_on, condition, body } => {
                self.run_loop(*stops_on, condition, body)
            }
            Command::For { name, words, body } => self.run_for(name, words.as_deref(), body),
            Command::Case { subject, arms } => self.run_case(subject, arms),
            Command::Function { name, body } => {
                self.scope.define(name, Rc::clone(body), self.current);
                self.status = Some(true);
                Flow::Next
            }
            Command::Subshell(inner) => {
                self.run_apart(inner);
                Flow::Next
            }
            Command::Damage => {
                self.doubts.in_script = true;
                Flow::Next
            }
        }
    }

    fn run_simple(&mut self, simple: &Simple) -> Flow {
        self.line = self.line_base + simple.line;
        if simple.words.is_empty() {
            self.status = Some(true);
            for (name, word) in &simple.assignments {
                let value = self.expand_text(word);
                self.scope.set(name, value.known.then_some(value.text));
            }
            return Flow::Next;
        }
        let fields = self.expand_fields(&simple.words);
        self.line = self.line_base + simple.line;
        if fields.is_empty() {
            return Flow::Next;
        }
        let first = fields.first().and_then(|first| self.scope.alternatives_in(first));
        if let Some((name, values)) = first {
            return self.run_with_each(simple, &name, &values);
        }
        let mut slots = Vec::new();
        for (name, word) in &simple.assignments {
            let value = self.expand_text(word);
            slots.push((name, self.scope.slot(name)));
            self.scope.export(name);
            self.scope.set(name, value.known.then_some(value.text));
        }
        let redirected = simple.redirects.iter().any(|redirect| redirect.output);
        let capture = if redirected { self.capture.take() } else { None };
        for redirect in &simple.redirects {
            self.expand_text(&redirect.target);
        }
        let flow = self.run_fields(fields);
        if redirected {
            self.capture = capture;
        }
        for (name, slot) in slots {
            self.scope.restore(name, slot);
        }
        flow
    }

    /// The name of the command has a variable in it that may have several values: each is followed,
    /// as what may run.
    fn run_with_each(&mut self, simple: &Simple, name: &str, values: &[String]) -> Flow {
        if !self.boot.enter() {
            return Flow::Next;
        }
        self.conditions += 1;
        for value in values {
            let before = self.scope.clone();
            self.scope.set(name, Some(value.clone()));
            self.run_simple(simple);
            self.scope = before;
        }
        self.conditions -= 1;
        self.boot.leave();
        self.status = None;
        Flow::Next
    }

    fn run_fields(&mut self, mut fields: Vec<Text>) -> Flow {
        let name = fields[0].clone();
        let Some(name) = name.value() else {
            self.lose_output();
            self.status = None;
            return Flow::Next;
        };
        if let Some(flow) = self.run_builtin(name, &fields) {
            return flow;
        }
        if let Some((body, file)) = self.scope.function(name) {
            fields.remove(0);
            return self.call_function(&body, file, fields);
        }
        self.start_program(fields);
        Flow::Next
    }

    /// Starts a program with these words.
    pub(in crate::start_up) fn start_program(&mut self, fields: Vec<Text>) {
        let launch = self.launch(fields);
        let imitated = match &self.capture {
            Some(_) => self.imitate(&launch.words),
            None => None,
        };
        self.status = self.boot.start(launch);
        match imitated {
            Some(output) => self.print(&Text::known(output)),
            None => self.lose_output(),
        }
    }

    fn launch(&self, words: Vec<Text>) -> Launch {
        let mut context = self.context_here();
        context.service |= self.background;
        Launch { words, context, scope: self.scope.clone() }
    }

    /// The context of the line that is being followed.
    pub(in crate::start_up) fn context_here(&self) -> Context {
        let mut context = self.context.clone();
        let doubtful = self.doubts.in_loop || self.doubts.in_function || self.doubts.in_script;
        if self.conditions > 0 || doubtful {
            context.certainty = context.certainty.max(StartCertainty::Conditional);
        }
        context.step(self.boot.root(), &self.scripts[self.current], self.line)
    }

    pub(super) fn call_function(
        &mut self,
        body: &Command,
        file: usize,
        arguments: Vec<Text>,
    ) -> Flow {
        let positional = std::mem::replace(&mut self.scope.positional, Rc::new(arguments));
        let (current, line) = (std::mem::replace(&mut self.current, file), self.line);
        let doubts = self.doubts;
        let background = std::mem::take(&mut self.background);
        self.locals.push(Vec::new());
        let flow = self.run(body);
        for (name, slot) in self.locals.pop().unwrap_or_default().into_iter().rev() {
            self.scope.restore(&name, slot);
        }
        (self.current, self.line) = (current, line);
        self.background = background;
        self.scope.positional = positional;
        (self.doubts.in_function, self.doubts.in_loop) = (doubts.in_function, doubts.in_loop);
        if flow == Flow::Exit { flow } else { Flow::Next }
    }

    /// Appends to what a command substitution collects.
    pub(super) fn print(&mut self, text: &Text) {
        let conditions = self.conditions;
        if let Some(capture) = &mut self.capture {
            capture.output.push(text);
            capture.output.known &= conditions == capture.conditions;
        }
    }

    /// Something unknown was printed.
    pub(super) fn lose_output(&mut self) {
        if let Some(capture) = &mut self.capture {
            capture.output.known = false;
        }
    }

    /// Follows a command substitution; gives what it prints.
    pub(super) fn run_substitution(&mut self, command: &Command) -> Text {
        let (scope, doubts) = (self.scope.clone(), self.doubts);
        let own = Capture { output: Text::known(""), conditions: self.conditions };
        let capture = self.capture.replace(own);
        let (background, line) = (std::mem::take(&mut self.background), self.line);
        self.run(command);
        let doubtful = self.doubts.in_script && !doubts.in_script;
        (self.scope, self.doubts) = (scope, doubts);
        (self.background, self.line) = (background, line);
        let output = std::mem::replace(&mut self.capture, capture);
        let mut output = output.map(|own| own.output).unwrap_or_default();
        output.known &= !doubtful;
        output.text.truncate(output.text.trim_end_matches('\n').len());
        output
    }
}
