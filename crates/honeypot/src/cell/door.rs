// SPDX-License-Identifier: Apache-2.0
//! The SSH server's process inside a cell: it starts a shell for each channel that the intruder opens, as dropbear does.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use kakoi_kernel::{Fork, Signals};
use rustix::process::{Pid, WaitOptions, waitpid};
use rustix::pty::{OpenptFlags, openpt, unlockpt};

use super::plan::{Plan, Start, Told};
use super::{disguise, message, transfer};

/// What `ps` shows.
const COMMAND: &[u8] = b"/usr/sbin/dropbear";
/// Its short name, by which the recorder knows it too.
pub(crate) const NAME: &str = "dropbear";

/// Starts shells until the connection is over.
pub(super) fn keep(plan: &Plan, socket: &OwnedFd) -> ! {
    // A name that gives us away is better than no session.
    let _ = disguise::show_as(NAME, COMMAND);
    let _ = kakoi_kernel::signals(Signals::Keeper);
    while let Ok(Some((start, descriptors))) = message::receive::<Start>(socket) {
        if let Ok(Fork::Child) = kakoi_kernel::fork() {
            let _ = serve(plan, &start, descriptors);
            std::process::exit(0);
        }
    }
    std::process::exit(0)
}

/// One channel: its process waits for the shell and tells how it ended.
fn serve(plan: &Plan, start: &Start, mut descriptors: Vec<OwnedFd>) -> io::Result<()> {
    kakoi_kernel::signals(Signals::Default)?;
    if descriptors.is_empty() {
        return Err(io::Error::other("a start comes with a socket"));
    }
    let told = descriptors.remove(0);
    let streams = match (start.terminal, <[OwnedFd; 3]>::try_from(descriptors)) {
        (true, _) => Streams::Terminal(open_terminal(&told)?),
        (false, Ok(three)) => Streams::Pipes(three),
        (false, Err(_)) => {
            return Err(io::Error::other("a start without a terminal comes with three streams"));
        }
    };
    let process = match kakoi_kernel::fork()? {
        Fork::Child => {
            let _ = shell(plan, start, &streams);
            std::process::exit(127);
        }
        Fork::Parent(process) => process,
    };
    drop(streams);
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    let status = waitpid(process, WaitOptions::empty())?;
    let code = status.and_then(|(_, status)| {
        status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal))
    });
    message::send(&told, &Told::Ended(code.unwrap_or(255)), &[])
}

/// What a shell reads and writes.
enum Streams {
    Terminal(OwnedFd),
    Pipes([OwnedFd; 3]),
}

/// A terminal, whose other side goes to the server.
fn open_terminal(told: &OwnedFd) -> io::Result<OwnedFd> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    unlockpt(&master)?;
    let name = rustix::pty::ptsname(&master, Vec::new())?;
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
    let line = rustix::fs::open(&name, flags, rustix::fs::Mode::empty())?;
    message::send(told, &Told::Opened, &[master.as_fd()])?;
    Ok(line)
}

fn shell(plan: &Plan, start: &Start, streams: &Streams) -> io::Result<Infallible> {
    rustix::process::setsid()?;
    let [input, output, errors] = match streams {
        Streams::Terminal(line) => {
            rustix::process::ioctl_tiocsctty(line)?;
            [line, line, line]
        }
        Streams::Pipes([input, output, errors]) => [input, output, errors],
    };
    rustix::stdio::dup2_stdin(input)?;
    rustix::stdio::dup2_stdout(output)?;
    rustix::stdio::dup2_stderr(errors)?;
    let _ = std::env::set_current_dir("/root").or_else(|_| std::env::set_current_dir("/"));
    let command = start.command.as_deref().filter(|_| !start.terminal);
    if let Some((asked, command)) = command.and_then(|text| Some((transfer::asked(text)?, text))) {
        std::process::exit(transfer::serve(&asked, command));
    }
    let [program, name, ..] = plan.shell.as_slice() else {
        return Err(io::Error::other("no shell"));
    };
    let environment = start.environment.iter().map(|(key, value)| (key, value));
    let mut command = Command::new(program);
    command.env_clear().envs(environment);
    match &start.command {
        // A login shell's name begins with a dash; one that runs a command is no login shell.
        Some(text) => command.arg0(name.trim_start_matches('-')).arg("-c").arg(text),
        None => command.arg0(name),
    };
    Err(command.exec())
}
