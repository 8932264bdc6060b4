// SPDX-License-Identifier: Apache-2.0
//! The isolated system of one session, and the process that watches it from outside.
//!
//! A server starts one *keeper* at its begin, which has one thread and copies itself for every cell. The copy makes process
//! 1 in namespaces of its own, gives up its privileges and watches it. When the server ends, however it ends, the keeper
//! sees the end of its socket and ends; with it end the watchers, and with them all that they watch.

mod disguise;
pub(crate) mod door;
pub(crate) mod gate;
mod groups;
mod inside;
pub(crate) mod message;
pub(crate) mod network;
pub(crate) mod plan;
mod root;
pub(crate) mod transfer;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use kakoi_kernel::{Fork, HandedCalls, Signals, Watched};
use rustix::pipe::{PipeFlags, pipe_with};

use self::plan::{Plan, Request, Way};
use crate::error::{During, Error, fail};
use crate::record::sampler::{self, Sampler};
use crate::record::{Recorder, Started};

/// The keeper: its standard input is the server's socket. Returns when the server is gone.
///
/// # Errors
/// When it has no server, or cannot copy itself.
pub fn keep() -> Result<(), Error> {
    let socket = std::io::stdin().as_fd().try_clone_to_owned().during(|| "keeper".to_owned())?;
    let plan = message::receive::<Plan>(&socket).during(|| "receive the plan".to_owned())?;
    let (plan, _) = plan.ok_or_else(|| fail("receive the plan", "no server"))?;
    kakoi_kernel::signals(Signals::Keeper).during(|| "keeper".to_owned())?;
    let mut slots = groups::Slots::default();
    loop {
        let request = message::receive::<Request>(&socket);
        let Ok(Some((Request {}, descriptors))) = request else { break };
        let slot = slots.take(&plan);
        let copied = kakoi_kernel::fork();
        if let Ok(Fork::Child) = copied {
            drop(socket);
            let outcome = watch(&plan, slot, descriptors);
            std::process::exit(i32::from(outcome.is_err()));
        }
    }
    groups::clear(&plan);
    let _ = std::fs::remove_dir_all(&plan.state);
    Ok(())
}

/// The watcher of one cell.
fn watch(plan: &Plan, slot: u64, descriptors: Vec<OwnedFd>) -> Result<(), Error> {
    let Ok([socket, events, life]) = <[OwnedFd; 3]>::try_from(descriptors) else {
        return Err(fail("watch", "a request comes with three descriptors"));
    };
    kakoi_kernel::signals(Signals::Default).during(|| "watcher".to_owned())?;
    kakoi_kernel::die_with_parent().during(|| "bind to the keeper".to_owned())?;
    if let Some(user) = plan.user {
        kakoi_kernel::own_mounts().during(|| "own mounts".to_owned())?;
        root::prepare(plan, user)?;
        // The namespaces then belong to that user, who may watch what runs in them.
        kakoi_kernel::act_as(user).during(|| "act as the cell's user".to_owned())?;
    }
    let (wait, go) = pipe_with(PipeFlags::CLOEXEC).during(|| "pipe".to_owned())?;
    let made = kakoi_kernel::fork_into_namespaces()
        .during(|| "make namespaces (does this kernel allow user namespaces?)".to_owned());
    let process = match made? {
        Fork::Child => {
            drop((go, events, life));
            let _ = inside::run(plan, wait, &socket);
            std::process::exit(1);
        }
        Fork::Parent(process) => process,
    };
    drop((socket, wait));
    let first = hand_over(plan, slot, process)?;
    File::from(go).write_all(&[0]).during(|| "let the cell begin".to_owned())?;
    end_with(life, process);
    let events = File::from(events);
    let outcome = match (plan.way, first) {
        (Way::Ptrace, Some(first)) => Recorder::new(Started { first }, events, plan).run(),
        _ => Sampler::new(process, events, plan).and_then(Sampler::run),
    };
    outcome.during(|| "watch the cell".to_owned())
}

/// Begins to stop process 1 and what it makes, at what the way of recording asks for.
fn stop(plan: &Plan, process: u32) -> Result<Option<Watched>, Error> {
    let begun = match plan.way {
        Way::Ptrace => Watched::begin(process),
        _ if sampler::handed(plan) == HandedCalls::default() => return Ok(None),
        Way::None => return Ok(None),
        Way::Bpf => Watched::begin_filtered(process),
    };
    begun.map(Some).during(|| "watch process 1".to_owned())
}

/// Maps identities, sets limits, begins to watch, and gives up all privilege.
fn hand_over(plan: &Plan, slot: u64, process: u32) -> Result<Option<Watched>, Error> {
    let own = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let map = |file: &str, text: String| {
        let path = format!("/proc/{process}/{file}");
        std::fs::write(&path, text).during(|| format!("write {path}"))
    };
    let Some(user) = plan.user else {
        map("setgroups", "deny".to_owned())?;
        map("uid_map", format!("0 {} 1", own.0))?;
        map("gid_map", format!("0 {} 1", own.1))?;
        return stop(plan, process);
    };
    kakoi_kernel::act_as_before().during(|| "act as root again".to_owned())?;
    map("uid_map", format!("0 {user} 65536"))?;
    map("gid_map", format!("0 {user} 65536"))?;
    groups::confine(plan, slot, process);
    let first = stop(plan, process)?;
    kakoi_kernel::become_user(user).during(|| "give up root".to_owned())?;
    kakoi_kernel::die_with_parent().during(|| "bind to the keeper".to_owned())?;
    Ok(first)
}

/// Ends the cell when the server closes its end of the pipe.
fn end_with(life: OwnedFd, process: u32) {
    let mut life = File::from(life);
    std::thread::spawn(move || {
        let _ = life.read(&mut [0]);
        let _ = kakoi_kernel::kill(process);
    });
}
