// SPDX-License-Identifier: Apache-2.0
//! What is known of one cell, and the events that its records make: the same that [`crate::record`] makes by ptrace.

use std::collections::BTreeMap;
use std::sync::Arc;

use kakoi_assess::stages::CallClassifier;
use kakoi_kernel::since_boot;
use kakoi_model::{Action, Call, Event, Purpose, Stage, Timestamp};

use super::Ground;
use super::layout::{Input, Kind, Record};
use super::pieces;
use crate::cell::door;
use crate::output::Outputs;
use crate::record::samples::{Described, base, writes};
use crate::record::task::{
    BEFORE_WORDS, ITSELF, MULTI_CALL, Role, Task, image_of, is_applet_of_shell, is_emulators_own,
    program,
};
use crate::record::typed::Typed;
use crate::record::{calls, now, redirect};
use crate::session::{Entry, Life, Session};

/// Files of one session whose lines are known.
const MOST_FILES: usize = 4096;

/// One cell.
pub(super) struct Cell {
    session: Session,
    life: Life,
    tasks: BTreeMap<u32, Known>,
    typed: Typed,
    stages: CallClassifier,
    /// By the last name of a file, the line that opened it for writing last.
    written: BTreeMap<String, u32>,
    /// Nanoseconds from boot to the epoch of the clock.
    boot: i64,
    ground: Ground,
    /// Nobody is in it: nothing is told.
    vacant: bool,
    /// Events that were lost under earlier sessions.
    lost_before: u64,
}

/// A task, and what a record alone does not say.
struct Known {
    task: Task,
    /// The file that it runs.
    image: String,
    /// Path and words of the execve that it is in.
    exec: Option<(String, Vec<String>, bool)>,
}

impl Cell {
    pub(super) fn new(session: Session, life: Life, first: u32, ground: Ground) -> Self {
        let task = Task { role: session.entry.role_of_first(), ..Task::first() };
        let known = Known { task, image: String::new(), exec: None };
        let since = since_boot().and_then(|since| i64::try_from(since.as_nanos()).ok());
        Self {
            session,
            life,
            tasks: BTreeMap::from([(first, known)]),
            typed: Typed::default(),
            stages: CallClassifier::new(),
            written: BTreeMap::new(),
            boot: now().0.saturating_sub(since.unwrap_or(0)),
            ground,
            vacant: false,
            lost_before: 0,
        }
    }

    /// Whose it is.
    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// A file that the session made, with the line that made it.
    pub(super) fn described(&self, described: Described) -> Described {
        let line = self.written.get(base(&described.path)).copied().unwrap_or(0);
        Described { line, ..described }
    }

    /// Writes the events of a record.
    pub(super) fn take(&mut self, record: &Record<'_>, outputs: &Outputs, to: &mut Vec<u8>) {
        let mut untold = Vec::new();
        let to = if self.vacant { &mut untold } else { to };
        match record.kind {
            Kind::Call => self.call(record, outputs, to),
            Kind::Made => self.made(record, to),
            Kind::Exec => self.exec(record),
            Kind::Became => self.became(record, outputs, to),
            Kind::Ended => self.ended(record.task),
            Kind::Declared => self.declared(record, outputs, to),
        }
    }

    /// The end, with what was lost.
    pub(super) fn end(&mut self, lost: u64, to: &mut Vec<u8>) {
        if !self.vacant {
            let own = lost.saturating_sub(self.lost_before);
            self.tell(now(), None, None, Action::SessionEnd { lost: own }, None, to);
        }
    }

    /// Its session ends, and the cell stays.
    pub(super) fn vacate(&mut self, lost: u64, to: &mut Vec<u8>) {
        self.end(lost, to);
        (self.vacant, self.lost_before) = (true, lost);
    }

    /// Another session begins in it.
    pub(super) fn occupy(&mut self, session: Session) {
        (self.vacant, self.session) = (false, session);
        self.stages = CallClassifier::new();
    }

    fn time(&self, record: &Record<'_>) -> Timestamp {
        Timestamp(self.boot.saturating_add(i64::try_from(record.time).unwrap_or(0)))
    }

    /// A task whose making was lost is known by what its records say.
    fn known(&mut self, record: &Record<'_>) -> &mut Known {
        self.tasks.entry(record.task).or_insert_with(|| Known {
            task: Task {
                role: Role::Other,
                pid: record.pid,
                parent: Some(record.parent),
                ..Task::first()
            },
            image: String::new(),
            exec: None,
        })
    }

    fn made(&mut self, record: &Record<'_>, to: &mut Vec<u8>) {
        let server = match self.session.entry {
            Entry::Ssh => door::NAME,
            _ => "telnetd",
        };
        let (child, pid) = record.child;
        let known = self.known(record);
        let made = Known {
            task: known.task.child(pid, || server),
            image: known.image.clone(),
            exec: None,
        };
        let recorded = known.task.is_recorded();
        self.tasks.insert(child, made);
        if recorded && let Some(name) = calls::name_of(u64::from(record.number)) {
            let call = Call {
                call: name.to_owned(),
                arguments: pieces::arguments(name, record),
                result: i64::from(pid),
            };
            self.tell_call(record, call, to);
        }
    }

    /// An execve begins; what it returns is told when it does.
    fn exec(&mut self, record: &Record<'_>) {
        let path = pieces::text(record.pieces[0]);
        let words = pieces::words(record.pieces[1]);
        let whole = record.missing == 0;
        self.known(record).exec = Some((path, words, whole));
    }

    fn became(&mut self, record: &Record<'_>, outputs: &Outputs, to: &mut Vec<u8>) {
        let (mut name, mut own) = (pieces::text(record.pieces[0]), pieces::words(record.pieces[1]));
        if self.ground.emulated {
            own.drain(..own.len().min(BEFORE_WORDS));
            if is_applet_of_shell(&name, &own) {
                ITSELF.clone_into(&mut name);
            }
        }
        let emulated = self.ground.emulated;
        let known = self.known(record);
        let begun = known.exec.take();
        let image = image_of(record.task);
        if known.task.role == Role::ShellToBe {
            known.task.becomes_shell();
            known.image = image.unwrap_or(name);
            return self.command(record, &own, outputs, to);
        }
        if name != ITSELF {
            known.image = image.unwrap_or_else(|| name.clone());
        } else if emulated {
            MULTI_CALL.clone_into(&mut known.image);
        }
        // What could not be read as the call began is what the new program got.
        let words = match begun {
            Some((_, words, true)) => words,
            _ => own.clone(),
        };
        let path = if name == ITSELF { &known.image } else { &name };
        known.task.program = program(path, &words);
        let is_service = known.task.role == Role::ServiceToBe;
        known.task.begins = record.input == Input::Typed;
        known.task.role = known.task.role.after_exec(known.task.begins);
        // The service itself was started by nobody.
        known.exec = (!is_service).then_some((name, words, true));
        self.command(record, &own, outputs, to);
    }

    /// A channel's process does itself what this command says.
    fn declared(&mut self, record: &Record<'_>, outputs: &Outputs, to: &mut Vec<u8>) {
        let command = String::from_utf8_lossy(record.pieces[0]).into_owned();
        let begins = self.known(record).task.declares(&command);
        self.stages.push(record.pid, &begins);
        self.input(record, record.lines, command, outputs, to);
    }

    /// A shell was started to run this: it is a line.
    fn command(
        &mut self,
        record: &Record<'_>,
        words: &[String],
        outputs: &Outputs,
        to: &mut Vec<u8>,
    ) {
        let [_, _, command, ..] = words else { return };
        if record.input == Input::Typed {
            self.input(record, record.lines, command.clone(), outputs, to);
        }
    }

    fn call(&mut self, record: &Record<'_>, outputs: &Outputs, to: &mut Vec<u8>) {
        let name = calls::name_of(u64::from(record.number));
        let name = name.map_or_else(|| format!("call-{}", record.number), str::to_owned);
        // What makes a process was told when it did, and returns in the new one too.
        let makes = matches!(name.as_str(), "fork" | "vfork" | "clone" | "clone3");
        if makes && record.result >= 0 {
            return;
        }
        let mut arguments = pieces::arguments(&name, record);
        if name.starts_with("execve") && record.result == 0 {
            // None: the shell of the session begins, which nobody typed.
            let Some((path, words, _)) = self.known(record).exec.take() else { return };
            arguments.insert("path".to_owned(), kakoi_model::Argument::Text(path));
            arguments.insert("arguments".to_owned(), kakoi_model::Argument::List(words));
            arguments.remove("directory");
        }
        if name == "connect" {
            redirect::tell_as_asked(self.ground.port, &mut arguments);
        }
        let call = Call { call: name, arguments, result: record.result };
        if writes(&call) && call.result >= 0 {
            self.opened(&call, record.line);
        }
        self.tell_call(record, call, to);
        match record.input {
            Input::None => {}
            Input::Typed => self.read(record, outputs, to),
            Input::Request => self.asked(record, to),
        }
    }

    fn opened(&mut self, call: &Call, line: u32) {
        if let Some(kakoi_model::Argument::Text(path)) = call.arguments.get("path")
            && self.written.len() < MOST_FILES
        {
            self.written.insert(base(path).to_owned(), line);
        }
    }

    /// Bytes were read from where lines are typed.
    fn read(&mut self, record: &Record<'_>, outputs: &Outputs, to: &mut Vec<u8>) {
        let bytes = record.pieces[0];
        let ended: Vec<Vec<u8>> = bytes.iter().filter_map(|byte| self.typed.push(*byte)).collect();
        let count = u32::try_from(ended.len()).unwrap_or(0);
        let first = record.lines.saturating_sub(count).saturating_add(1);
        for (number, line) in (first..).zip(ended) {
            let text = String::from_utf8_lossy(&line).into_owned();
            if !text.trim().is_empty() {
                self.input(record, number, text, outputs, to);
            }
        }
    }

    /// The service read this of a request.
    fn asked(&mut self, record: &Record<'_>, to: &mut Vec<u8>) {
        let service = self.known(record).task.program.clone();
        let asked = String::from_utf8_lossy(record.pieces[0]).into_owned();
        let time = self.time(record);
        let asked = Action::Asked { service: base(&service).to_owned(), asked };
        self.tell(time, Some(record.lines), Some(record), asked, None, to);
    }

    fn input(
        &mut self,
        record: &Record<'_>,
        line: u32,
        input: String,
        outputs: &Outputs,
        to: &mut Vec<u8>,
    ) {
        outputs.typed(&self.session, &input);
        let time = self.time(record);
        self.tell(time, Some(line), Some(record), Action::Input { input }, None, to);
    }

    fn ended(&mut self, task: u32) {
        let ended = self.tasks.remove(&task).map(|known| known.task);
        if ended.is_some_and(|task| task.role == Role::Shell && !task.is_of_ssh()) {
            self.life.end();
        }
    }

    fn tell_call(&mut self, record: &Record<'_>, call: Call, to: &mut Vec<u8>) {
        let stage = self.stages.push(record.pid, &call).purpose.and_then(Purpose::stage);
        let stage = stage.filter(|_| !(self.ground.emulated && is_emulators_own(&call)));
        let task = &mut self.known(record).task;
        let begins = std::mem::take(&mut task.begins);
        let stage = task.role.judged(stage, begins);
        let time = self.time(record);
        self.tell(time, Some(record.line), Some(record), Action::Call(call), stage, to);
    }

    fn tell(
        &mut self,
        time: Timestamp,
        line: Option<u32>,
        record: Option<&Record<'_>>,
        action: Action,
        stage: Option<Stage>,
        to: &mut Vec<u8>,
    ) {
        let begins = matches!(&action, Action::Call(call) if call.call.starts_with("exec"));
        let subject = record.map(|record| self.known(record).task.subject(begins));
        let session = Some(self.session.name.clone());
        let event =
            Event { time, session, line, domain: None, subject, action, verdict: None, stage };
        // To memory: it cannot fail.
        if serde_json::to_writer(&mut *to, &event).is_ok() {
            to.push(b'\n');
        }
    }
}

/// Cells by their number in the records.
pub(super) type Cells = Arc<std::sync::Mutex<BTreeMap<u64, Cell>>>;
