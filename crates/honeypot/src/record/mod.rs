// SPDX-License-Identifier: Apache-2.0
//! Every system call of a cell, tied to the command line that caused it.
//!
//! Here by ptrace; [`crate::trace`] does the same by BPF, and then [`sampler`] alone stops processes, at few calls.
//!
//! The tie is the input line. Whatever process reads the end of a line off the terminal takes the next number; what it calls
//! from then on, and all that it makes from then on, belongs to that line: built-ins, redirections, nested shells and
//! background children. Calls before the first line have number 0.
//!
//! A call is told when it returns, with the line at its begin; only the read that ends a line belongs to the line before.
//! One that makes a process is told when the process is made, before anything that it does.

pub(crate) mod calls;
pub(crate) mod decode;
mod mask;
pub(crate) mod redirect;
mod requests;
pub(crate) mod sampler;
pub(crate) mod samples;
pub(crate) mod task;
pub(crate) mod typed;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::time::{SystemTime, UNIX_EPOCH};

use kakoi_assess::stages::CallClassifier;
use kakoi_kernel::{CallStop, Halt, Until, Watched};
use kakoi_model::{Action, Call, Event, Purpose, Stage, Timestamp};

use self::mask::Mask;
use self::redirect::Redirect;
use self::requests::Requests;
use self::samples::{Described, Samples};
use crate::cell::gate;
use crate::cell::plan::Plan;

use self::task::{BEFORE_WORDS, Pending, Role, Task};
use self::typed::Typed;

/// Process 1 of a cell, already watched.
pub(crate) struct Started {
    pub(crate) first: Watched,
}

/// Watches one cell.
pub(crate) struct Recorder {
    tasks: BTreeMap<Watched, Task>,
    /// Children that stopped before their parent told of them.
    early: BTreeSet<Watched>,
    first: Watched,
    line: u32,
    typed: Typed,
    /// Where shells without a terminal read from.
    inputs: BTreeSet<(u64, u64)>,
    stages: CallClassifier,
    samples: Samples,
    mask: Mask,
    redirect: Redirect,
    /// Connections that the service accepted, and what works for which.
    requests: Requests,
    /// Programs are run by an emulator.
    emulated: bool,
    events: BufWriter<File>,
}

impl Recorder {
    pub(crate) fn new(started: Started, events: File, plan: &Plan) -> Self {
        Self {
            tasks: BTreeMap::from([(started.first, Task::first())]),
            early: BTreeSet::new(),
            first: started.first,
            line: 0,
            typed: Typed::default(),
            inputs: BTreeSet::new(),
            stages: CallClassifier::new(),
            samples: Samples::new(plan.sample_bytes),
            mask: Mask::new(plan),
            redirect: Redirect::new(plan, started.first),
            requests: Requests::default(),
            emulated: plan.emulator.is_some(),
            events: BufWriter::with_capacity(16 << 10, events),
        }
    }

    /// Until nothing of the cell is left.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let outcome = loop {
            match Watched::wait_any() {
                Ok((process, halt)) => {
                    if let Err(error) = self.halted(process, halt) {
                        // Without a record there is no session.
                        let _ = kakoi_kernel::kill(self.first.process());
                        break Err(error);
                    }
                }
                Err(_) => break Ok(()),
            }
        };
        let rest = self.samples.rest();
        self.tell_samples(rest)?;
        self.tell(None, None, Action::SessionEnd { lost: 0 }, None)?;
        self.events.flush()?;
        outcome
    }

    fn halted(&mut self, process: Watched, halt: Halt) -> io::Result<()> {
        match halt {
            Halt::Ended(_) => {
                let ended = self.tasks.remove(&process);
                self.requests.forget(process);
                if ended.is_some_and(|task| task.role == Role::Shell && !task.is_of_ssh()) {
                    let _ = kakoi_kernel::kill(self.first.process());
                }
                Ok(())
            }
            _ if !self.tasks.contains_key(&process) => {
                self.early.insert(process);
                Ok(())
            }
            Halt::Call => {
                self.call(process)?;
                self.proceed(process, 0)
            }
            Halt::Signal(signal) => self.proceed(process, signal),
            Halt::Group => process.proceed(Until::Continued, 0),
            Halt::Made(child) => {
                self.made(process, child)?;
                self.proceed(process, 0)
            }
            Halt::Became => {
                self.became(process)?;
                self.proceed(process, 0)
            }
            Halt::Filtered | Halt::Other => self.proceed(process, 0),
        }
    }

    fn proceed(&self, process: Watched, signal: i32) -> io::Result<()> {
        let until = self.tasks.get(&process).map_or(Until::Event, Task::until);
        process.proceed(until, signal)
    }

    fn became(&mut self, process: Watched) -> io::Result<()> {
        let words = self.words_of(process);
        let Some(task) = self.tasks.get_mut(&process) else { return Ok(()) };
        if task.role != Role::ShellToBe {
            task.became(process);
            return self.served(process, &words);
        }
        task.becomes_shell();
        self.inputs.extend(input_of(process));
        self.samples.begin(process);
        let Some(command) = command_in(&words) else { return Ok(()) };
        self.line = self.line.saturating_add(1);
        task.line = self.line;
        self.tell(Some(self.line), Some(process), Action::Input { input: command }, None)
    }

    /// Another program runs that is not the shell of a login: of a service, a shell that was given a command is a line.
    fn served(&mut self, process: Watched, words: &[String]) -> io::Result<()> {
        let Some(task) = self.tasks.get_mut(&process) else { return Ok(()) };
        if !task.role.is_of_service() {
            if task.role == Role::ServiceToBe {
                task.program = task::program(words.first().map_or("", String::as_str), words);
                self.samples.begin(process);
            }
            task.role = task.role.after_exec(false);
            return Ok(());
        }
        let is_shell = words.first().is_some_and(|name| name.ends_with("sh"));
        let command = command_in(words).filter(|_| is_shell);
        task.role = task.role.after_exec(command.is_some());
        if let Some(command) = command {
            self.line = self.line.saturating_add(1);
            task.line = self.line;
            task.begins = true;
            if let Some(pending) = task.call.as_mut() {
                pending.line = self.line;
            }
            return self.tell(
                Some(self.line),
                Some(process),
                Action::Input { input: command },
                None,
            );
        }
        if is_shell && let Some(input) = input_of(process).filter(|_| is_socket(process)) {
            task.role = Role::Other;
            self.inputs.insert(input);
        }
        Ok(())
    }

    /// The words that a program was started with.
    fn words_of(&self, process: Watched) -> Vec<String> {
        let path = format!("/proc/{}/cmdline", process.process());
        let words = std::fs::read(path).unwrap_or_default();
        let words =
            words.split(|byte| *byte == 0).skip(if self.emulated { BEFORE_WORDS } else { 0 });
        words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }

    /// A process was made: it inherits, and is told before it does anything.
    fn made(&mut self, parent: Watched, child: u32) -> io::Result<()> {
        let Ok(child) = Watched::known(child) else { return Ok(()) };
        let Some(task) = self.tasks.get_mut(&parent) else { return Ok(()) };
        if task.role == Role::First && task::name_of(parent).as_deref() == Some(gate::NAME) {
            task.role = Role::ServiceFirst;
        }
        self.requests.inherit(parent, child);
        let made = task.child(task::number_in_cell(child), || task::server_name(parent));
        let number = made.pid;
        let recorded = task.is_recorded();
        if let (true, Some(pending)) = (recorded, task.call.as_mut()) {
            pending.told = true;
            let (line, call) =
                (pending.line, Call { result: number.into(), ..pending.call.clone() });
            self.tell_call(parent, line, call)?;
        }
        self.tasks.insert(child, made);
        if self.early.remove(&child) {
            self.proceed(child, 0)?;
        }
        Ok(())
    }

    fn call(&mut self, process: Watched) -> io::Result<()> {
        // It may have been killed meanwhile.
        match process.call() {
            Ok(CallStop::Entry { number, arguments, .. }) => {
                self.entered(process, number, arguments)
            }
            Ok(CallStop::Exit(result)) => self.returned(process, result),
            Ok(CallStop::None) | Err(_) => Ok(()),
        }
    }

    fn entered(&mut self, process: Watched, number: u64, arguments: [u64; 6]) -> io::Result<()> {
        let Some(task) = self.tasks.get_mut(&process) else { return Ok(()) };
        let name = calls::name_of(number).map_or_else(|| format!("call-{number}"), str::to_owned);
        if !task.is_recorded() {
            return self.declared(process, &name, &arguments);
        }
        let decoded = decode::decode(process, &name, &arguments);
        let ends = matches!(name.as_str(), "exit" | "exit_group");
        let waits = matches!(
            name.as_str(),
            "read" | "poll" | "ppoll" | "select" | "wait4" | "nanosleep" | "clock_nanosleep"
        );
        let mut call = Call { call: name, arguments: decoded, result: 0 };
        if self.emulated && call.call.starts_with("execve") {
            task::name_itself(&mut call);
        }
        let line = task.line;
        let taken = self.samples.before(&call);
        let skipped = self.mask.entered(process, &call.call, &arguments);
        self.redirect.entered(process, &call.call, &arguments);
        task.call = Some(Pending { call: call.clone(), arguments, line, told: ends, skipped });
        self.tell_samples(taken)?;
        if ends {
            // These do not return.
            self.tell_call(process, line, call)?;
        }
        if waits { self.events.flush() } else { Ok(()) }
    }

    /// A channel's process may say that it does itself what a command says: it writes the command to no descriptor.
    fn declared(&mut self, process: Watched, name: &str, arguments: &[u64; 6]) -> io::Result<()> {
        let Some(task) = self.tasks.get_mut(&process) else { return Ok(()) };
        let [descriptor, address, length, ..] = *arguments;
        if task.role != Role::ShellToBe || name != "write" || descriptor as u32 != u32::MAX {
            return Ok(());
        }
        let length = usize::try_from(length).unwrap_or(0).min(1024);
        let command = String::from_utf8_lossy(&process.read(address, length)).into_owned();
        let begins = task.declares(&command);
        self.line = self.line.saturating_add(1);
        task.line = self.line;
        self.stages.push(task.pid, &begins);
        self.samples.begin(process);
        self.tell(Some(self.line), Some(process), Action::Input { input: command }, None)
    }

    fn returned(&mut self, process: Watched, result: i64) -> io::Result<()> {
        self.redirect.returned(process);
        let Some(pending) = self.tasks.get_mut(&process).and_then(|task| task.call.take()) else {
            return Ok(());
        };
        let result = match pending.skipped {
            true => REFUSED,
            false => self.mask.returned(process, &pending, result).unwrap_or(result),
        };
        if pending.skipped {
            let _ = process.set_result(REFUSED);
        }
        if !pending.told {
            let call = Call { result, ..pending.call.clone() };
            self.samples.opened(process, pending.line, &call);
            self.tell_call(process, pending.line, call)?;
        }
        let name = pending.call.call.as_str();
        if name.starts_with("accept") && result >= 0 {
            self.requests.accepted(process, result);
        }
        if name == "read" && result > 0 {
            self.read(process, &pending, result)?;
        }
        if matches!(name, "read" | "recvfrom") && result > 0 {
            self.asked(process, &pending, result)?;
        }
        Ok(())
    }

    /// Bytes were read: if off the terminal, they may end a line.
    fn read(&mut self, process: Watched, pending: &Pending, count: i64) -> io::Result<()> {
        let [descriptor, address, ..] = pending.arguments;
        if !self.is_input(process, descriptor) {
            return Ok(());
        }
        let length = usize::try_from(count).unwrap_or(0).min(1 << 20);
        for byte in process.read(address, length) {
            let Some(line) = self.typed.push(byte) else { continue };
            self.line = self.line.saturating_add(1);
            if let Some(task) = self.tasks.get_mut(&process) {
                task.line = self.line;
            }
            let input = String::from_utf8_lossy(&line).into_owned();
            if !input.trim().is_empty() {
                let number = self.line;
                self.tell(Some(number), Some(process), Action::Input { input }, None)?;
            }
        }
        Ok(())
    }

    /// The service, or what it runs, read from a connection: of another request than before, that is a line.
    fn asked(&mut self, process: Watched, pending: &Pending, count: i64) -> io::Result<()> {
        let [descriptor, address, ..] = pending.arguments;
        let Some(task) = self.tasks.get_mut(&process) else { return Ok(()) };
        if !task.role.is_of_service() || !self.requests.is_new(process, descriptor) {
            return Ok(());
        }
        let length = usize::try_from(count).unwrap_or(0).min(4096);
        let asked = String::from_utf8_lossy(&process.read(address, length)).into_owned();
        self.line = self.line.saturating_add(1);
        task.line = self.line;
        let service = samples::base(&task.program).to_owned();
        let asked = Action::Asked { service, asked };
        self.tell(Some(self.line), Some(process), asked, None)
    }

    fn tell_samples(&mut self, samples: Vec<(Described, Vec<u8>)>) -> io::Result<()> {
        samples::write(&mut self.events, samples)
    }

    /// Does a descriptor of a process lead to where lines are typed? Where there is no terminal, only what shells read counts:
    /// other programs get files that way.
    fn is_input(&self, process: Watched, descriptor: u64) -> bool {
        let path = format!("/proc/{}/fd/{descriptor}", process.process());
        let Ok(metadata) = std::fs::metadata(path) else { return false };
        let by_shell = || self.tasks.get(&process).is_some_and(Task::is_shell);
        is_terminal(metadata.rdev())
            || (self.inputs.contains(&(metadata.dev(), metadata.ino())) && by_shell())
    }

    fn tell_call(&mut self, process: Watched, line: u32, call: Call) -> io::Result<()> {
        let pid = self.tasks.get(&process).map_or(0, |task| task.pid);
        let stage = self.stages.push(pid, &call).purpose.and_then(Purpose::stage);
        let stage = stage.filter(|_| !(self.emulated && task::is_emulators_own(&call)));
        let stage = self.tasks.get_mut(&process).and_then(|task| {
            let begins = std::mem::take(&mut task.begins);
            task.role.judged(stage, begins)
        });
        self.tell(Some(line), Some(process), Action::Call(call), stage)
    }

    fn tell(
        &mut self,
        line: Option<u32>,
        process: Option<Watched>,
        action: Action,
        stage: Option<Stage>,
    ) -> io::Result<()> {
        let begins = matches!(&action, Action::Call(call) if call.call.starts_with("exec"));
        let task = process.and_then(|process| self.tasks.get(&process));
        let event = Event {
            time: now(),
            // The server knows whose cell it is.
            session: None,
            line,
            domain: None,
            subject: task.map(|task| task.subject(begins)),
            action,
            verdict: None,
            stage,
        };
        serde_json::to_writer(&mut self.events, &event)?;
        self.events.write_all(b"\n")?;
        let ends = matches!(event.action, Action::Input { .. });
        if ends { self.events.flush() } else { Ok(()) }
    }
}

/// `-EINVAL`: what a file that cannot be sent gives.
const REFUSED: i64 = -22;

/// The clock of the host.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Where a shell without a terminal reads its lines: a pipe or socket, by device and number.
fn input_of(process: Watched) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(format!("/proc/{}/fd/0", process.process())).ok()?;
    let kind = metadata.file_type();
    (kind.is_fifo() || kind.is_socket()).then(|| (metadata.dev(), metadata.ino()))
}

fn is_socket(process: Watched) -> bool {
    std::fs::metadata(format!("/proc/{}/fd/0", process.process()))
        .is_ok_and(|metadata| metadata.file_type().is_socket())
}

/// What a shell was started to run: `sh -c COMMAND`.
fn command_in(words: &[String]) -> Option<String> {
    match words {
        [_, option, command, ..] if option == "-c" => Some(command.clone()),
        _ => None,
    }
}

/// Major numbers of devpts and of /dev/tty (Documentation/admin-guide/devices.txt).
fn is_terminal(device: u64) -> bool {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    (136..=143).contains(&major) || (major, minor) == (5, 0)
}
