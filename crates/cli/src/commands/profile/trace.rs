// SPDX-License-Identifier: Apache-2.0
//! `kakoi profile trace`: from a run. The program is started and traced with its children, or a log of another recorder is read.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use clap::Args;
use kakoi_kernel::{ForeignFilter, Handed, run_watched};
use kakoi_syscalls::filter::{Action, Architecture, Budget, Rules, compile};
use kakoi_syscalls::profile::{AllowedCall, Phase, Profile, Recorded, Source, of_log};
use kakoi_syscalls::table::Table;

use super::combine::write;
use crate::exit::{BadInput, Exit};
use crate::output;

/// From a run of the program, or the log of one
#[derive(Args)]
pub struct Arguments {
    /// Read this log instead: strace -f, qemu -strace, the kernel's audit of seccomp
    #[arg(long, conflicts_with = "command", required_unless_present = "command")]
    log: Option<PathBuf>,
    /// Executable whose calls are wanted [default: the one that is started]
    #[arg(long, required_unless_present = "command")]
    program: Option<String>,
    /// Architecture of the log
    #[arg(long, default_value = "x86-64")]
    arch: String,
    /// Write to this file
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// The program and its arguments
    #[arg(last = true)]
    command: Vec<OsString>,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let architecture = Architecture::named(&arguments.arch)
        .ok_or_else(|| BadInput(format!("no architecture is called {}", arguments.arch)))?;
    match (&arguments.log, arguments.command.split_first()) {
        (Some(log), _) => {
            let program = arguments.program.clone().unwrap_or_default();
            write(&import(log, &program, architecture)?, arguments.output.as_deref())?;
            Ok(Exit::Done)
        }
        (None, Some((name, rest))) => run(arguments, name, rest),
        (None, None) => Err(BadInput("no program and no log".to_owned()).into()),
    }
}

fn import(log: &Path, program: &str, architecture: Architecture) -> anyhow::Result<Profile> {
    let bytes = std::fs::read(log).map_err(|error| BadInput(error.to_string()));
    let bytes = bytes.with_context(|| log.display().to_string())?;
    let recorded = of_log(&String::from_utf8_lossy(&bytes), program, architecture);
    tell_lost(&recorded);
    let names: Vec<&str> = recorded.programs.keys().map(String::as_str).collect();
    let profile = recorded.profile(program, architecture);
    anyhow::ensure!(
        !profile.calls.is_empty(),
        BadInput(format!("no call of {program}; the log has: {}", names.join(", ")))
    );
    Ok(profile)
}

/// What a recording does not hold is never passed over.
pub fn tell_lost(recorded: &Recorded) {
    let lost = recorded.lost;
    let told = [
        (lost.lines, "lines were not understood"),
        (lost.unnamed, "calls have no name in the table"),
        (lost.dropped, "events were dropped by the recorder"),
    ];
    for (count, what) in told.iter().filter(|(count, _)| *count > 0) {
        output::complain(&format!("{count} {what}"));
    }
}

fn run(arguments: &Arguments, name: &OsString, rest: &[OsString]) -> anyhow::Result<Exit> {
    let architecture = Architecture::X86_64;
    let all = Rules::new(architecture, Action::Trace);
    let order = architecture.order();
    let program = compile(&all, Budget::List)?.handing_over();
    let filter = ForeignFilter::from_bytes(program.encode(order))?;
    let mut command = Command::new(name);
    command.args(rest);
    let mut calls: BTreeMap<PathBuf, BTreeMap<u64, (u64, Handed)>> = BTreeMap::new();
    let mut images: BTreeMap<u32, PathBuf> = BTreeMap::new();
    let mut first: Option<PathBuf> = None;
    let mut note = |call: Handed| {
        let image = images.entry(call.process).or_insert_with(|| image_of(call.process)).clone();
        first.get_or_insert_with(|| image.clone());
        calls.entry(image).or_default().entry(call.number).or_insert((0, call)).0 += 1;
        // After it the process may be another program.
        if matches!(call.number, 59 | 322) {
            images.remove(&call.process);
        }
    };
    let status = run_watched(&mut command, &filter, &mut note)
        .with_context(|| format!("trace {}", name.display()))?;
    let wanted = arguments.program.as_ref().map(PathBuf::from).or(first).unwrap_or_default();
    let mine = calls.iter().find(|(image, _)| is_named(image, &wanted));
    let profile = profile(&wanted, architecture, mine.map(|(_, calls)| calls));
    for other in calls.keys().filter(|image| !is_named(image, &wanted)) {
        output::say(&format!("calls of {} are left out (--program)", other.display()));
    }
    write(&profile, arguments.output.as_deref())?;
    output::say(&format!("{} calls; {name:?} ended with {status}", profile.calls.len()));
    Ok(Exit::Done)
}

fn is_named(image: &Path, wanted: &Path) -> bool {
    image == wanted || (wanted.components().count() == 1 && image.file_name() == wanted.file_name())
}

fn image_of(process: u32) -> PathBuf {
    std::fs::read_link(format!("/proc/{process}/exe")).unwrap_or_default()
}

fn profile(
    program: &Path,
    architecture: Architecture,
    calls: Option<&BTreeMap<u64, (u64, Handed)>>,
) -> Profile {
    let mut profile = Profile::empty(&program.display().to_string(), architecture);
    let table = Table::named(architecture.abi());
    for (number, (seen, first)) in calls.into_iter().flatten() {
        let Some(name) = table.and_then(|table| table.name(*number)) else {
            output::complain(&format!("call {number} has no name in the table"));
            continue;
        };
        let arguments: Vec<String> =
            first.arguments.iter().map(|argument| format!("{argument:#x}")).collect();
        let call = AllowedCall {
            by_services: false,
            source: [Source::Trace].into(),
            phase: Phase::Serving,
            why: vec![format!("{name}({})", arguments.join(", "))],
            seen: *seen,
            arguments: BTreeMap::new(),
        };
        profile.calls.insert(name.to_owned(), call);
    }
    profile
}
