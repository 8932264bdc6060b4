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
use self::samples::{Described, Samples};
use crate::cell::plan::Plan;

use self::task::{Pending, Role, Task};
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
        let Some(task) = self.tasks.get_mut(&process) else { return Ok(()) };
        if task.role != Role::ShellToBe {
            task.became(process);
            return Ok(());
        }
        task.becomes_shell();
        self.inputs.extend(input_of(process));
        self.samples.begin(process);
        let Some(command) = command_of(process) else { return Ok(()) };
        self.line = self.line.saturating_add(1);
        task.line = self.line;
        self.tell(Some(self.line), Some(process), Action::Input { input: command }, None)
    }

    /// A process was made: it inherits, and is told before it does anything.
    fn made(&mut self, parent: Watched, child: u32) -> io::Result<()> {
        let Ok(child) = Watched::known(child) else { return Ok(()) };
        let Some(task) = self.tasks.get_mut(&parent) else { return Ok(()) };
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
        let decoded = decode::decode(process, &name, &arguments);
        let ends = matches!(name.as_str(), "exit" | "exit_group");
        let waits = matches!(
            name.as_str(),
            "read" | "poll" | "ppoll" | "select" | "wait4" | "nanosleep" | "clock_nanosleep"
        );
        let call = Call { call: name, arguments: decoded, result: 0 };
        let line = task.line;
        let taken = self.samples.before(&call);
        let skipped = self.mask.entered(process, &call.call, &arguments);
        task.call = Some(Pending { call: call.clone(), arguments, line, told: ends, skipped });
        self.tell_samples(taken)?;
        if ends {
            // These do not return.
            self.tell_call(process, line, call)?;
        }
        if waits { self.events.flush() } else { Ok(()) }
    }

    fn returned(&mut self, process: Watched, result: i64) -> io::Result<()> {
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
        if pending.call.call == "read" && result > 0 {
            self.read(process, &pending, result)?;
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

/// What a shell was started to run: `sh -c COMMAND`.
fn command_of(process: Watched) -> Option<String> {
    let words = std::fs::read(format!("/proc/{}/cmdline", process.process())).ok()?;
    let mut words = words.split(|byte| *byte == 0).skip(1);
    let command = words.next().filter(|word| *word == b"-c").and(words.next())?;
    Some(String::from_utf8_lossy(command).into_owned())
}

/// Major numbers of devpts and of /dev/tty (Documentation/admin-guide/devices.txt).
fn is_terminal(device: u64) -> bool {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    (136..=143).contains(&major) || (major, minor) == (5, 0)
}
