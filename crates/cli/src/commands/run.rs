// SPDX-License-Identifier: Apache-2.0
//! `kakoi run`: starts a program under a filter, which is attached when the program begins, so that it need not allow starting
//! programs. With `--log` nothing is blocked, and what would have been is told at the end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use anyhow::Context;
use clap::Args;
use kakoi_kernel::{ForeignFilter, Handed, run_filtered, run_watched};
use kakoi_model::Endian;
use kakoi_syscalls::filter::{Action, Program, compile};
use kakoi_syscalls::profile::Calls;
use kakoi_syscalls::table::Table;

use super::profile;
use crate::exit::{BadInput, Exit};
use crate::output;

/// Start a program under a system-call filter
#[derive(Args)]
pub struct Arguments {
    /// Compiled filter for this machine (`struct sock_filter[]`)
    #[arg(long, value_name = "FILE", required_unless_present = "profile")]
    filter: Option<PathBuf>,
    /// System-call profile of the program
    #[arg(long, value_name = "FILE", conflicts_with = "filter")]
    profile: Option<PathBuf>,
    /// With a profile: end the program at a call that is not allowed, instead of failing the call
    #[arg(long, requires = "profile")]
    kill: bool,
    /// Block nothing; say at the end which calls the filter would have blocked
    #[arg(long)]
    log: bool,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Table of the calls of this machine; the only one that programs are started on.
const HERE: &str = "x86-64";

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let order = if cfg!(target_endian = "big") { Endian::Big } else { Endian::Little };
    let program = filter(arguments, order)?;
    let (name, rest) = arguments.command.split_first().context("no program")?;
    let mut command = Command::new(name);
    command.args(rest);
    let subject = || format!("run {}", name.display());
    if !arguments.log {
        let filter = ForeignFilter::from_bytes(program.encode(order))?;
        return Ok(exit(run_filtered(&mut command, &filter).with_context(subject)?));
    }
    let filter = ForeignFilter::from_bytes(program.handing_over().encode(order))?;
    let mut seen: BTreeMap<u64, (usize, Handed)> = BTreeMap::new();
    let mut note = |call: Handed| seen.entry(call.number).or_insert((0, call)).0 += 1;
    let status = run_watched(&mut command, &filter, &mut note).with_context(subject)?;
    seen.values().for_each(|(count, first)| tell(*count, first));
    Ok(exit(status))
}

fn filter(arguments: &Arguments, order: Endian) -> anyhow::Result<Program> {
    if let Some(path) = &arguments.profile {
        let profile = profile::read(path)?;
        let architecture = profile::architecture(&profile, None)?;
        let action = if arguments.kill { Action::Kill } else { Action::REFUSE };
        let rules = profile::rules(&profile, architecture, action, Calls::FromEntry)?;
        return Ok(compile(&rules, profile::budget(architecture))?);
    }
    let path = arguments.filter.as_deref().context("no filter")?;
    let place = || path.display().to_string();
    let bytes =
        std::fs::read(path).map_err(|error| BadInput(error.to_string())).with_context(place)?;
    let program = Program::decode(&bytes, order);
    program.map_err(|error| BadInput(error.to_string())).with_context(place)
}

fn tell(count: usize, first: &Handed) {
    let name = Table::named(HERE).and_then(|table| table.name(first.number));
    let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
    let arguments: Vec<String> =
        first.arguments.iter().map(|argument| format!("{argument:#x}")).collect();
    let line = format!(
        "would have been blocked: call {}{name}, {count} times, first with {}",
        first.number,
        arguments.join(" ")
    );
    output::complain(&line);
}

fn exit(status: ExitStatus) -> Exit {
    let signal = status.signal().unwrap_or(0).saturating_add(128);
    Exit::Program(u8::try_from(status.code().unwrap_or(signal)).unwrap_or(u8::MAX))
}
