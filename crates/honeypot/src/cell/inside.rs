// SPDX-License-Identifier: Apache-2.0
//! Process 1 of a cell, until it becomes the persona's init.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use kakoi_kernel::{Fork, HandedCalls, SessionLimits, Signals};
use rustix::pty::{OpenptFlags, openpt, unlockpt};
use rustix::thread::CapabilitySet;

use super::plan::{Answer, Go, Plan, Way};
use super::{disguise, door, gate, message, network, root};
use crate::error::{During, Error, fail};
use crate::record::sampler;

/// What root keeps: its own files and processes, ports, and restarting its own system.
const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SYS_BOOT);

/// Runs process 1: makes the cell, waits for an intruder, starts the shell and becomes init. Returns only what went wrong.
pub(crate) fn run(plan: &Plan, mapped: OwnedFd, socket: &OwnedFd) -> Error {
    match make(plan, mapped).and_then(|cell| serve(plan, &cell, socket)) {
        Ok(never) => match never {},
        Err(error) => {
            let _ = message::send(socket, &Answer::Failed(error.to_string()), &[]);
            error
        }
    }
}

/// A cell that waits.
struct Cell {
    terminal: OwnedFd,
    sinks: Vec<OwnedFd>,
    formats: Option<OwnedFd>,
}

fn make(plan: &Plan, mapped: OwnedFd) -> Result<Cell, Error> {
    let mut byte = [0];
    File::from(mapped).read_exact(&mut byte).during(|| "wait for the mapping".to_owned())?;
    if plan.user.is_some() {
        kakoi_kernel::become_user(0).during(|| "become root of the cell".to_owned())?;
    }
    kakoi_kernel::die_with_parent().during(|| "bind to the recorder".to_owned())?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let kept = root::enter(plan)?;
    network::bring_up().during(|| "bring loopback up".to_owned())?;
    let sinks = if plan.sinkhole {
        network::sink_sockets(plan.service.as_ref()).during(|| "open the sinkhole".to_owned())?
    } else {
        Vec::new()
    };
    rustix::system::sethostname(plan.hostname.as_bytes()).during(|| "set the name".to_owned())?;
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
        .during(|| "open a terminal".to_owned())?;
    unlockpt(&terminal).during(|| "unlock the terminal".to_owned())?;
    give_up(plan)?;
    Ok(Cell { terminal, sinks, formats: kept.formats })
}

/// Calls at which the watcher stops processes, where it does not stop them at all.
fn handed(plan: &Plan) -> HandedCalls {
    if plan.way == Way::Bpf { sampler::handed(plan) } else { HandedCalls::default() }
}

/// Gives up what the intruder must not have. In this order: nothing that comes later needs what went before.
fn give_up(plan: &Plan) -> Result<(), Error> {
    // Not every kernel has it; the path of the group is then seen in /proc/self/cgroup.
    let _ = kakoi_kernel::hide_control_groups();
    let limits = &plan.limits;
    kakoi_kernel::limit_session(SessionLimits {
        processes: limits.processes,
        process_bytes: if plan.emulator.is_some() { u64::MAX } else { limits.memory_bytes },
        file_bytes: limits.disk_bytes,
        processor_seconds: limits.processor_seconds,
    })
    .during(|| "limit resources".to_owned())?;
    for bit in 0..=40 {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        if !KEPT.contains(capability) {
            // A capability that this kernel does not know cannot be had either.
            let _ = rustix::thread::remove_capability_from_bounding_set(capability);
        }
    }
    kakoi_kernel::confine_system_calls(&kakoi_kernel::session_filter(handed(plan)))
        .during(|| "install the system-call filter".to_owned())
}

fn serve(plan: &Plan, cell: &Cell, socket: &OwnedFd) -> Result<Infallible, Error> {
    let own = rustix::process::getpid();
    let own = rustix::process::pidfd_open(own, rustix::process::PidfdFlags::empty())
        .during(|| "name process 1".to_owned())?;
    let all = [&cell.terminal, &own].into_iter().chain(&cell.sinks).chain(&cell.formats);
    let all: Vec<BorrowedFd<'_>> = all.map(AsFd::as_fd).collect();
    message::send(socket, &Answer::Ready, &all)
        .during(|| "say that the cell is ready".to_owned())?;
    drop(own);
    let go = message::receive::<Go>(socket).during(|| "wait for an intruder".to_owned())?;
    let Some((go, _)) = go else { return Err(fail("wait for an intruder", "none came")) };
    no_streams().during(|| "close streams".to_owned())?;
    if let (Go::Service, Some(service)) = (&go, &plan.service) {
        gate::keep(service, socket);
    }
    if kakoi_kernel::fork().during(|| "start the login server".to_owned())? == Fork::Child {
        match &go {
            Go::Login(environment) => telnetd(plan, cell, environment),
            _ => door::keep(plan, socket),
        }
    }
    if plan.emulator.is_some() {
        stand_in("init", b"init");
    }
    let error = Command::new("/sbin/init").arg0("init").env_clear().exec();
    Err(error).during(|| "start /sbin/init".to_owned())
}

/// The login server's process; the shell is its child, as on a device.
fn telnetd(plan: &Plan, cell: &Cell, environment: &[(String, String)]) -> ! {
    if let Ok(Fork::Child) = kakoi_kernel::fork() {
        let _ = shell(plan, cell, environment);
        std::process::exit(127);
    }
    if plan.emulator.is_some() {
        stand_in("telnetd", b"/usr/sbin/telnetd\0-F");
    }
    for program in ["/usr/sbin/telnetd", "/sbin/telnetd", "/bin/telnetd"] {
        let _ = Command::new(program).arg0("telnetd").arg("-F").env_clear().exec();
    }
    // A persona without one: the shell then belongs to init.
    std::process::exit(0)
}

fn shell(plan: &Plan, cell: &Cell, environment: &[(String, String)]) -> io::Result<Infallible> {
    rustix::process::setsid()?;
    let name = rustix::pty::ptsname(&cell.terminal, Vec::new())?;
    let line = rustix::fs::open(&name, rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty())?;
    rustix::process::ioctl_tiocsctty(&line)?;
    rustix::stdio::dup2_stdin(&line)?;
    rustix::stdio::dup2_stdout(&line)?;
    rustix::stdio::dup2_stderr(&line)?;
    let _ = std::env::set_current_dir("/root").or_else(|_| std::env::set_current_dir("/"));
    let [program, name, arguments @ ..] = plan.shell.as_slice() else {
        return Err(io::Error::other("no shell"));
    };
    let environment = environment.iter().map(|(key, value)| (key, value));
    let mut command = Command::new(program);
    Err(command.arg0(name).args(arguments).env_clear().envs(environment).exec())
}

/// Under an emulator, every program takes tens of milliseconds to begin and megabytes to be there: what only has to be there is
/// this process under another name. Its memory map and what it runs cannot be read; `crate::record::mask` answers the latter.
fn stand_in(name: &str, command: &[u8]) -> ! {
    // A name that gives us away is better than no session.
    let _ = disguise::show_as(name, command);
    let _ = kakoi_kernel::signals(Signals::Keeper);
    loop {
        rustix::event::pause();
    }
}

/// Streams of process 1 lead nowhere.
fn no_streams() -> io::Result<()> {
    let null = rustix::fs::open("/dev/null", rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}
