// SPDX-License-Identifier: Apache-2.0
//! What is known of a process of a cell.

use std::collections::BTreeMap;

use kakoi_kernel::{Until, Watched};
use kakoi_model::{Argument, Call, Stage, Subject};

use crate::cell::door;

/// What a process is to the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Process 1: our own until it runs init. Not recorded.
    First,
    /// The login server. Not recorded.
    Server,
    /// Will become the intruder's shell when it runs its first program.
    ShellToBe,
    /// The intruder's shell: the session ends with it.
    Shell,
    /// Everything else.
    Other,
    /// Process 1 of a cell with a service, and the way to it. Not recorded.
    ServiceFirst,
    /// Will become the service when it runs its first program.
    ServiceToBe,
    /// The service, and what it makes of itself.
    Service,
    /// What the service runs, up to the shell that is given a command.
    Handler,
}

impl Role {
    /// After another program was run; `takes_line`: it is a shell, which was given a command.
    pub(crate) fn after_exec(self, takes_line: bool) -> Self {
        match self {
            Self::ServiceToBe => Self::Service,
            Self::Service | Self::Handler if takes_line => Self::Other,
            Self::Service | Self::Handler => Self::Handler,
            other => other,
        }
    }

    /// What a call shows: what a service does by itself is no infection, but that it starts a shell with a command is.
    pub(crate) fn judged(self, stage: Option<Stage>, begins: bool) -> Option<Stage> {
        match self {
            Self::Service | Self::ServiceToBe => None,
            Self::Other if begins => Some(Stage::S1),
            _ => stage,
        }
    }

    /// Does what this runs take lines from requests?
    pub(crate) fn is_of_service(self) -> bool {
        matches!(self, Self::Service | Self::Handler)
    }
}

/// A process or thread.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) role: Role,
    /// Its number in the cell.
    pub(crate) pid: u32,
    pub(crate) parent: Option<u32>,
    pub(crate) program: String,
    pub(crate) lineage: Vec<String>,
    /// The command line that it works for; 0 before the first.
    pub(crate) line: u32,
    /// The call that it is in.
    pub(crate) call: Option<Pending>,
    /// Children that it made; the second one of a fork's answer is told at the first.
    pub(crate) children: u32,
    /// The execve that it is in makes it a shell to which a service gave a command.
    pub(crate) begins: bool,
}

/// A call that has not returned.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) call: Call,
    pub(crate) arguments: [u64; 6],
    /// The command line at its begin.
    pub(crate) line: u32,
    /// Told already, because it makes a process.
    pub(crate) told: bool,
    /// Not made: its answer would give the honeypot away.
    pub(crate) skipped: bool,
}

/// Ancestors that are told.
const LONGEST_LINEAGE: usize = 16;

impl Task {
    /// Process 1.
    pub(crate) fn first() -> Self {
        Self {
            role: Role::First,
            pid: 1,
            parent: None,
            program: "init".to_owned(),
            lineage: Vec::new(),
            line: 0,
            call: None,
            children: 0,
            begins: false,
        }
    }

    /// A child of this process, which has this number in the cell; `server` is the name of a login server.
    pub(crate) fn child(&mut self, pid: u32, server: impl FnOnce() -> &'static str) -> Self {
        // A channel's process waits for the shell that it makes; one that makes none becomes the shell.
        if self.role == Role::ShellToBe {
            self.role = Role::Server;
        }
        if self.role == Role::Server {
            server().clone_into(&mut self.program);
        }
        let role = match (self.role, self.children) {
            (Role::First, 0) => Role::Server,
            (Role::Server, _) => Role::ShellToBe,
            (Role::ServiceFirst, _) => Role::ServiceToBe,
            (role @ (Role::Service | Role::Handler), _) => role,
            _ => Role::Other,
        };
        self.children = self.children.saturating_add(1);
        // The root of what came by a service is the service.
        let ancestors = std::iter::once(&self.program).chain(&self.lineage);
        let ancestors = ancestors.filter(|_| self.role != Role::ServiceFirst);
        Self {
            role,
            pid,
            parent: Some(self.pid),
            program: self.program.clone(),
            lineage: ancestors.take(LONGEST_LINEAGE).cloned().collect(),
            line: self.line,
            call: None,
            children: 0,
            begins: false,
        }
    }

    /// Does the session go on without this shell? By SSH a connection may open more.
    pub(crate) fn is_of_ssh(&self) -> bool {
        self.lineage.iter().any(|name| name == door::NAME)
    }

    /// Is what it calls recorded?
    pub(crate) fn is_recorded(&self) -> bool {
        matches!(self.role, Role::Shell | Role::Other | Role::Service | Role::Handler)
    }

    /// Does it run a shell?
    pub(crate) fn is_shell(&self) -> bool {
        let name = self.program.rsplit(['/', ':']).next().unwrap_or_default();
        matches!(name, "sh" | "ash" | "bash" | "dash" | "hush")
    }

    /// How far it may run.
    pub(crate) fn until(&self) -> Until {
        // A channel's process may declare what it does by a call.
        let told = self.is_recorded() || self.role == Role::ShellToBe;
        if told { Until::Call } else { Until::Event }
    }

    /// Another program runs: the one that the call names, or what is there under the name of the process itself.
    pub(crate) fn became(&mut self, own: Watched) {
        let words = self.call.as_ref().map(|pending| &pending.call.arguments);
        let Some(arguments) = words else { return };
        let path = match arguments.get("path") {
            Some(Argument::Text(path)) if path == ITSELF => {
                image_of(own.process()).unwrap_or_else(|| MULTI_CALL.to_owned())
            }
            Some(Argument::Text(path)) => path.clone(),
            _ => String::new(),
        };
        let words = match arguments.get("arguments") {
            Some(Argument::List(words)) => words.as_slice(),
            _ => &[],
        };
        self.program = program(&path, words);
    }

    /// The role of a shell begins: what a task had to become.
    pub(crate) fn becomes_shell(&mut self) {
        self.role = Role::Shell;
        "/bin/sh".clone_into(&mut self.program);
    }

    /// A channel's process does itself what this command says. Gives the call by which a program would have begun.
    pub(crate) fn declares(&mut self, command: &str) -> Call {
        self.role = Role::Shell;
        let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        let name = words.first().cloned().unwrap_or_default();
        self.program = if name.contains('/') { name } else { format!("/usr/bin/{name}") };
        let path = ("path".to_owned(), Argument::Text(self.program.clone()));
        let words = ("arguments".to_owned(), Argument::List(words));
        Call { call: "execve".to_owned(), arguments: BTreeMap::from([path, words]), result: 0 }
    }

    /// As events have it. The lineage is told where a process or program begins.
    pub(crate) fn subject(&self, with_lineage: bool) -> Subject {
        let lineage = if with_lineage { self.lineage.clone() } else { Vec::new() };
        Subject { pid: self.pid, parent: self.parent, program: self.program.clone(), lineage }
    }
}

/// Name of a login server.
pub(crate) fn server_name(process: Watched) -> &'static str {
    if name_of(process).as_deref() == Some(door::NAME) { door::NAME } else { "telnetd" }
}

/// The short name of a process.
pub(crate) fn name_of(process: Watched) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{}/comm", process.process())).ok()?;
    Some(name.trim_end_matches('\n').to_owned())
}

/// The name under which a program runs itself again.
pub(crate) const ITSELF: &str = "/proc/self/exe";

/// What an emulator's own name for a program that runs itself again stands for.
pub(crate) const MULTI_CALL: &str = "/bin/busybox";

/// Words that come before those of an emulated program: the emulator and the program's path.
pub(crate) const BEFORE_WORDS: usize = 2;

/// An emulator names the program itself where it was asked for [`ITSELF`]: a shell that is started as something else is a
/// multi-call program.
pub(crate) fn is_applet_of_shell(path: &str, words: &[String]) -> bool {
    let base = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let is_shell = |name: &str| {
        matches!(name.trim_start_matches('-'), "sh" | "ash" | "bash" | "dash" | "hush")
    };
    let first = words.first().map(|word| base(word));
    is_shell(&base(path)) && first.is_some_and(|name| !is_shell(&name) && name != "busybox")
}

/// Files that an emulator opens by itself as it begins; what a program asks of them is answered in the emulator.
const OF_EMULATORS: [&str; 2] = ["/proc/sys/vm/mmap_min_addr", "/proc/self/maps"];

/// Is this an emulator's doing, and not its program's?
pub(crate) fn is_emulators_own(call: &Call) -> bool {
    matches!(call.arguments.get("path"), Some(Argument::Text(path)) if OF_EMULATORS.contains(&path.as_str()))
}

/// Likewise, in the arguments of a call.
pub(crate) fn name_itself(call: &mut Call) {
    let Some(Argument::List(words)) = call.arguments.get("arguments") else { return };
    let words = words.clone();
    if let Some(Argument::Text(path)) = call.arguments.get_mut("path")
        && is_applet_of_shell(path, &words)
    {
        ITSELF.clone_into(path);
    }
}

/// The file that a process runs, if it is not an emulator.
pub(crate) fn image_of(process: u32) -> Option<String> {
    let real = std::fs::read_link(format!("/proc/{process}/exe")).ok()?;
    let emulator = real.file_name()?.to_string_lossy().starts_with("qemu-");
    (!emulator).then(|| real.to_string_lossy().into_owned())
}

/// A path, or `busybox:wget` for an applet.
pub(crate) fn program(path: &str, words: &[String]) -> String {
    let base = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    if base(path) != "busybox" {
        return path.to_owned();
    }
    let names = words.iter().take(2).map(|word| base(word));
    let applet = names.into_iter().find(|name| name != "busybox");
    applet.map_or_else(|| path.to_owned(), |applet| format!("busybox:{applet}"))
}

/// The number that a process has in its own namespace: the last of `NSpid` (proc_pid_status(5)).
pub(crate) fn number_in_cell(process: Watched) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.process()));
    let status = status.unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("NSpid:"));
    let last = line.and_then(|line| line.split_whitespace().next_back());
    last.and_then(|number| number.parse().ok()).unwrap_or_else(|| process.process())
}
