// SPDX-License-Identifier: Apache-2.0
//! Stages from system calls: each call becomes effects, and those are judged as the text's are.
//!
//! Families, not names: `open`, `openat`, `openat2` and `creat` are one, and so on, because
//! architectures and C libraries differ in what they call. A tool of the system is not a stage by
//! being started; what it then does is. Only what it asks the kernel in ways that no call shows
//! (`uname` reads nothing from a file) is taken from its name and arguments.

use std::collections::{BTreeMap, BTreeSet};

use kakoi_model::{Call, Purpose, Stage};
use kakoi_shell::Field;

use super::applets::is_applet;
use super::call::{family, flags, list, number, text};
use super::commands::{Invocation, effects_of};
use super::effect::{Content, Effect};
use super::judge::{Meaning, judge};
use super::paths::{base, is_sink, is_system_program};
use super::state::Session;

/// Descriptors that are remembered.
const MAX_DESCRIPTORS: usize = 65_536;

/// What a descriptor leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Socket,
    Read(String),
    Write(String),
}

/// What is known of a process.
#[derive(Debug, Clone, Default)]
struct Process {
    program: String,
    /// What it read last.
    read: Option<Content>,
    /// The script that it was started with.
    script: Option<String>,
}

/// Judges the calls of one session in order.
#[derive(Debug, Default)]
pub struct CallClassifier {
    session: Session,
    descriptors: BTreeMap<(u32, i64), Target>,
    processes: BTreeMap<u32, Process>,
    /// Descriptors of files that were made with an execute bit.
    modes: BTreeSet<(u32, i64)>,
}

/// A call, judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallStage {
    /// The family's name as the report has it; none for calls that no stage is made of.
    pub family: Option<&'static str>,
    /// Does it belong to what the process is for? Starting a tool of the system, reading libraries
    /// and talking to a server do not.
    pub main: bool,
    /// What it was for, if it was for anything by itself.
    pub purpose: Option<Purpose>,
}

impl CallClassifier {
    /// A session of which nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Judges a call of a process.
    pub fn push(&mut self, pid: u32, call: &Call) -> CallStage {
        let Some(family) = family(&call.call) else {
            return CallStage { family: None, main: false, purpose: None };
        };
        let (main, effects) = self.effects(pid, family, call);
        let mut meaning = Meaning::Nothing;
        for effect in &effects {
            meaning = meaning.max(judge(effect, &mut self.session));
        }
        CallStage { family: Some(family), main, purpose: purpose(meaning) }
    }

    /// Does the call belong to what the process is for, and what does it do?
    fn effects(&mut self, pid: u32, family: &'static str, call: &Call) -> (bool, Vec<Effect>) {
        let path = || text(call, "path").unwrap_or_default().to_owned();
        let one = |effect: Effect| (true, vec![effect]);
        match family {
            "openat" => self.open(pid, call),
            "read" => self.read(pid, call),
            "write" => self.write(pid, call),
            "execve" => self.execute(pid, call),
            "close" => {
                self.modes.remove(&(pid, number(call, "descriptor").unwrap_or(-1)));
                self.descriptors.remove(&(pid, number(call, "descriptor").unwrap_or(-1)));
                (false, Vec::new())
            }
            "socket" => {
                self.remember(pid, call.result, Target::Socket);
                (true, Vec::new())
            }
            "connect" => (true, Vec::new()),
            "dup" => (false, self.duplicate(pid, call)),
            "fork" => {
                self.inherit(pid, call.result);
                (false, Vec::new())
            }
            "chdir" => one(Effect::Enter(path())),
            "fchmodat" => one(self.change_mode(pid, call)),
            "unlinkat" => one(Effect::Remove(path())),
            "renameat" => one(Effect::Move(path(), text(call, "to").unwrap_or_default().into())),
            "linkat" => one(Effect::Link(path(), text(call, "to").unwrap_or_default().into())),
            "kill" => one(Effect::Kill),
            _ => one(Effect::Tamper),
        }
    }

    fn remember(&mut self, pid: u32, descriptor: i64, target: Target) {
        if descriptor >= 0 && self.descriptors.len() < MAX_DESCRIPTORS {
            self.descriptors.insert((pid, descriptor), target);
        }
    }

    /// `dup2(3, 1)`: how a shell redirects. What it reads by itself at a prompt is no survey; redirected it is.
    fn duplicate(&mut self, pid: u32, call: &Call) -> Vec<Effect> {
        // Of fcntl(2) only F_DUPFD and F_DUPFD_CLOEXEC make a descriptor (include/uapi/linux/fcntl.h).
        let other = call.call == "fcntl" && !matches!(number(call, "command"), Some(0 | 1030));
        if other || call.result < 0 {
            return Vec::new();
        }
        let from = (pid, number(call, "descriptor").unwrap_or(-1));
        let Some(target) = self.descriptors.get(&from).cloned() else {
            self.descriptors.remove(&(pid, call.result));
            return Vec::new();
        };
        let read = match &target {
            Target::Read(path) if call.result == 0 && is_read_by_shells(path) => {
                vec![Effect::Read(path.clone())]
            }
            _ => Vec::new(),
        };
        self.remember(pid, call.result, target);
        read
    }

    /// A child begins with the descriptors and the program of its parent.
    fn inherit(&mut self, parent: u32, child: i64) {
        let Ok(child) = u32::try_from(child) else { return };
        let inherited: Vec<_> = self
            .descriptors
            .range((parent, 0)..=(parent, i64::MAX))
            .take(256)
            .map(|((_, descriptor), target)| (*descriptor, target.clone()))
            .collect();
        inherited
            .into_iter()
            .for_each(|(descriptor, target)| self.remember(child, descriptor, target));
        let process = self.processes.get(&parent).cloned().unwrap_or_default();
        *self.process(child) = process;
    }

    fn program(&self, pid: u32) -> &str {
        self.processes.get(&pid).map_or("", |process| process.program.as_str())
    }

    fn open(&mut self, pid: u32, call: &Call) -> (bool, Vec<Effect>) {
        let Some(path) = text(call, "path") else { return (false, Vec::new()) };
        if is_library(path) || is_sink(path) {
            return (false, Vec::new());
        }
        let creates = call.call == "creat"
            || flags(call)
                .any(|flag| matches!(flag, "O_CREAT" | "O_WRONLY" | "O_TRUNC" | "O_RDWR"));
        if creates {
            self.remember(pid, call.result, Target::Write(path.to_owned()));
            let executable = number(call, "mode").is_some_and(|mode| mode & 0o111 != 0);
            if executable && self.modes.len() < MAX_DESCRIPTORS {
                self.modes.insert((pid, call.result));
            }
            let effect = Effect::Create(path.to_owned());
            // Whether it stays empty, the next calls tell; a tool that writes is not trying.
            let tries = is_shell(self.program(pid)) || self.program(pid) == "touch";
            return (true, if tries { vec![effect] } else { Vec::new() });
        }
        self.remember(pid, call.result, Target::Read(path.to_owned()));
        if self.is_own(pid, path) {
            return (false, Vec::new());
        }
        (true, vec![Effect::Read(path.to_owned())])
    }

    fn read(&mut self, pid: u32, call: &Call) -> (bool, Vec<Effect>) {
        let descriptor = number(call, "descriptor").unwrap_or(-1);
        let content = match self.descriptors.get(&(pid, descriptor)) {
            Some(Target::Socket) => Content::Network,
            Some(Target::Read(path)) => Content::File(path.clone()),
            Some(Target::Write(_)) => return (false, Vec::new()),
            None if descriptor == 0 => Content::Session,
            None => return (false, Vec::new()),
        };
        let script = |path: &str| is_shell(self.program(pid)) && self.is_script(path);
        let main = match &content {
            Content::File(path) => !script(path) && !is_library(path),
            other => *other != Content::Network,
        };
        self.process(pid).read = Some(content);
        (main, Vec::new())
    }

    /// Does a process read what it is made of: a shell its script and the files that shells read by themselves, a script
    /// itself (`#!`)?
    fn is_own(&self, pid: u32, path: &str) -> bool {
        let Some(process) = self.processes.get(&pid) else { return is_read_by_shells(path) };
        let shell = is_shell(&process.program) && (self.is_script(path) || is_read_by_shells(path));
        let script = process.script.as_deref().is_some_and(|script| base(script) == base(path));
        shell || script || process.program == base(path)
    }

    /// Was the file given to a shell to run?
    fn is_script(&self, path: &str) -> bool {
        self.session.file(path).is_some_and(|known| known.script)
    }

    fn process(&mut self, pid: u32) -> &mut Process {
        if self.processes.len() >= MAX_DESCRIPTORS {
            self.processes.clear();
        }
        self.processes.entry(pid).or_default()
    }

    fn write(&mut self, pid: u32, call: &Call) -> (bool, Vec<Effect>) {
        let descriptor = number(call, "descriptor").unwrap_or(-1);
        let path = match self.descriptors.get(&(pid, descriptor)) {
            Some(Target::Write(path)) => path.clone(),
            Some(Target::Socket) => return (false, Vec::new()),
            Some(Target::Read(_)) | None => return (descriptor == 1, Vec::new()),
        };
        let program = self.program(pid);
        // `sendfile` and its like name where the bytes come from; BusyBox runs `cp` in a copy of the shell.
        let from = number(call, "from").and_then(|from| self.descriptors.get(&(pid, from)));
        if let Some(Target::Read(from)) = from {
            let copies = self.modes.contains(&(pid, descriptor));
            let effect = match copies {
                true => Effect::Copy(from.clone(), path),
                false => Effect::Write(path, Content::File(from.clone())),
            };
            return (true, vec![effect]);
        }
        let own_text = is_shell(program) || matches!(program, "echo" | "printf");
        let data = text(call, "data").map(|data| Content::Text(data.as_bytes().to_vec()));
        let read = self.processes.get(&pid).and_then(|process| process.read.clone());
        let effect = match read {
            // Their input is the connection, whatever descriptor it has.
            _ if matches!(program, "scp" | "sftp-server") => Effect::Write(path, Content::Network),
            _ if own_text => Effect::Write(path, data.unwrap_or(Content::Decoded)),
            Some(Content::File(from)) if program == "cp" => Effect::Copy(from, path),
            Some(content) => Effect::Write(path, content),
            None => Effect::Write(path, Content::Program),
        };
        (true, vec![effect])
    }

    /// An execute bit, or another mode.
    fn change_mode(&self, pid: u32, call: &Call) -> Effect {
        let by_descriptor = number(call, "descriptor").and_then(|descriptor| {
            match self.descriptors.get(&(pid, descriptor)) {
                Some(Target::Write(path) | Target::Read(path)) => Some(path.as_str()),
                _ => None,
            }
        });
        let path = text(call, "path").or(by_descriptor).unwrap_or_default();
        let grants = number(call, "mode").is_some_and(|mode| mode & 0o111 != 0);
        if grants { Effect::Grant(path.to_owned()) } else { Effect::Tamper }
    }

    /// The path, or BusyBox where one that runs its own applets names itself (`CONFIG_BUSYBOX_EXEC_PATH`,
    /// "/proc/self/exe"). A payload that runs itself again stays what it is.
    fn path_of_program<'c>(&self, pid: u32, call: &'c Call) -> &'c str {
        let path = text(call, "path").unwrap_or_default();
        let program = self.program(pid);
        let itself = path == "/proc/self/exe" && (is_shell(program) || is_applet(program));
        if itself { "/bin/busybox" } else { path }
    }

    fn execute(&mut self, pid: u32, call: &Call) -> (bool, Vec<Effect>) {
        let path = self.path_of_program(pid, call).to_owned();
        let words = list(call, "arguments");
        let name = program_name(&path, words);
        if call.result >= 0 {
            let process = Process { program: name.to_owned(), ..Process::default() };
            *self.process(pid) = process;
        }
        let skipped = 1 + usize::from(names_applet_after_itself(&path, words));
        let arguments = words.get(skipped..).unwrap_or_default();
        if is_shell(name) {
            let script = arguments.iter().find(|word| !word.starts_with('-'));
            self.process(pid).script = script.cloned();
            return shell(arguments);
        }
        if path.contains('/') && !is_system_program(&path) && !is_multi_call(&path) {
            return (true, vec![Effect::Execute(path)]);
        }
        (false, survey(name, arguments))
    }
}

/// `busybox cat x`, where the applet is the first argument, and not a link `cat` to it.
fn names_applet_after_itself(path: &str, words: &[String]) -> bool {
    is_multi_call(path) && words.first().is_none_or(|word| base(word) == "busybox")
}

/// Is it a program that is many?
fn is_multi_call(path: &str) -> bool {
    base(path) == "busybox"
}

/// The program as the intruder sees it: an applet by its own name.
fn program_name<'a>(path: &'a str, words: &'a [String]) -> &'a str {
    if !is_multi_call(path) {
        return base(path);
    }
    let names = words.iter().map(|word| base(word));
    names.take(2).find(|name| *name != "busybox").unwrap_or("busybox")
}

fn is_shell(name: &str) -> bool {
    matches!(name, "" | "sh" | "ash" | "bash" | "dash" | "hush")
}

/// A shell that is started: interactive, with a script, or to run a text whose calls follow.
fn shell(arguments: &[String]) -> (bool, Vec<Effect>) {
    match arguments.iter().find(|word| !word.starts_with('-')) {
        _ if arguments.iter().any(|word| word == "-c") => (true, Vec::new()),
        Some(script) => (true, vec![Effect::Interpret(Some(script.clone()))]),
        None => (true, vec![Effect::StartShell]),
    }
}

/// What a tool asks or changes without a call that shows it.
fn survey(name: &str, arguments: &[String]) -> Vec<Effect> {
    let fields: Vec<Field> = arguments
        .iter()
        .map(|word| Field { bytes: word.as_bytes().to_vec(), known: true, ..Field::default() })
        .collect();
    let invocation = Invocation {
        name,
        arguments: &fields,
        input: Content::Session,
        prints: true,
        varies: false,
    };
    let keeps = |effect: &Effect| {
        matches!(
            effect,
            Effect::Survey
                | Effect::AskTool
                | Effect::Mark
                | Effect::Kill
                | Effect::Tamper
                | Effect::HideTraces
        )
    };
    let effects = effects_of(&invocation).map(|outcome| outcome.effects).unwrap_or_default();
    effects.into_iter().filter(keeps).collect()
}

/// Files that shells read by themselves, at their start and for each prompt (ash.c, lineedit.c of BusyBox; getpwuid(3)).
fn is_read_by_shells(path: &str) -> bool {
    matches!(path, "/etc/passwd" | "/etc/group" | "/etc/profile" | "/etc/nsswitch.conf")
        || matches!(
            base(path),
            ".profile" | ".ash_history" | ".shinit" | ".bashrc" | ".bash_profile"
        )
}

/// Files that every start of a program reads.
fn is_library(path: &str) -> bool {
    path.starts_with("/lib")
        || path.starts_with("/usr/lib")
        || path.starts_with("/etc/ld")
        || path.starts_with("/usr/share/locale")
        || path == "/etc/localtime"
}

fn purpose(meaning: Meaning) -> Option<Purpose> {
    match meaning {
        Meaning::Sure(purpose) => Some(purpose),
        Meaning::AskTool | Meaning::Mark => Some(Purpose::Stage(Stage::S3)),
        Meaning::Home => Some(Purpose::Stage(Stage::S2)),
        Meaning::Nothing | Meaning::Unknown => None,
    }
}
