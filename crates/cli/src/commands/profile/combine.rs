// SPDX-License-Identifier: Apache-2.0
//! `kakoi profile merge`, `diff` and `check`: profiles put together, and held against each other and against what was seen.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use kakoi_syscalls::filter::Architecture;
use kakoi_syscalls::profile::{Profile, diff, merge, of_log, parse, render};

use super::trace::tell_lost;
use crate::exit::{BadInput, Exit};
use crate::output;

/// Everything that any of several profiles of one program allows
#[derive(Args)]
pub struct Merge {
    /// Profiles of one program
    #[arg(required = true)]
    profiles: Vec<PathBuf>,
    /// Write to this file
    #[arg(short, long)]
    output: Option<PathBuf>,
}

/// What distinguishes two profiles; ends with 1 where anything does
#[derive(Args)]
pub struct Diff {
    /// Before
    before: PathBuf,
    /// After
    after: PathBuf,
}

/// Calls that a log or another profile has and this profile lacks; ends with 1 where there are any
#[derive(Args)]
pub struct Check {
    /// The profile that is in use
    profile: PathBuf,
    /// Log of strace, of QEMU, of the kernel's audit, or of `kakoi run --log`
    #[arg(long, required_unless_present = "against")]
    log: Option<PathBuf>,
    /// A profile of the program's new version
    #[arg(long)]
    against: Option<PathBuf>,
}

/// Reads a profile.
pub fn read(path: &Path) -> anyhow::Result<Profile> {
    let place = || path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| BadInput(error.to_string()));
    let text = text.with_context(place)?;
    parse(&text).map_err(|error| BadInput(error.to_string())).with_context(place)
}

/// The architecture of a profile, or the one that was asked for.
pub fn architecture(profile: &Profile, asked: Option<&str>) -> anyhow::Result<Architecture> {
    let name = asked.unwrap_or(&profile.arch);
    let found = Architecture::named(name)
        .ok_or_else(|| BadInput(format!("no architecture is called {name}")))?;
    anyhow::ensure!(
        found.abi() == profile.abi,
        BadInput(format!("the profile is for {}; {name} has other calls", profile.arch))
    );
    Ok(found)
}

/// Writes a profile to a file or standard output.
pub fn write(profile: &Profile, to: Option<&Path>) -> anyhow::Result<()> {
    let text = render(profile)?;
    match to {
        Some(path) => std::fs::write(path, text).with_context(|| path.display().to_string()),
        None => output::data(&text),
    }
}

/// Runs `merge`.
pub fn exec_merge(arguments: &Merge) -> anyhow::Result<Exit> {
    let mut all: Option<Profile> = None;
    for path in &arguments.profiles {
        let next = read(path)?;
        all = Some(match all {
            None => next,
            Some(known) => merge(known, &next)
                .map_err(|error| BadInput(error.to_string()))
                .with_context(|| path.display().to_string())?,
        });
    }
    write(&all.context("no profile")?, arguments.output.as_deref())?;
    Ok(Exit::Done)
}

/// Runs `diff`.
pub fn exec_diff(arguments: &Diff) -> anyhow::Result<Exit> {
    let found = diff(&read(&arguments.before)?, &read(&arguments.after)?);
    let mut text = String::new();
    found.removed.iter().for_each(|name| text.push_str(&format!("- {name}\n")));
    found.added.iter().for_each(|name| text.push_str(&format!("+ {name}\n")));
    found.changed.iter().for_each(|name| text.push_str(&format!("~ {name}\n")));
    output::data(&text)?;
    Ok(if text.is_empty() { Exit::Done } else { Exit::Findings })
}

/// Runs `check`.
pub fn exec_check(arguments: &Check) -> anyhow::Result<Exit> {
    let profile = read(&arguments.profile)?;
    let mut missing: Vec<(String, String)> = Vec::new();
    if let Some(path) = &arguments.against {
        let new = read(path)?;
        let lacking = new.calls.into_iter().filter(|(name, _)| !profile.calls.contains_key(name));
        missing.extend(lacking.map(|(name, call)| (name, call.why.join(" > "))));
    }
    if let Some(path) = &arguments.log {
        missing.extend(seen_only(&profile, path)?);
    }
    let lines = missing.iter().map(|(name, why)| format!("{name}\t{}\n", output::printable(why)));
    output::data(&lines.collect::<String>())?;
    Ok(if missing.is_empty() { Exit::Done } else { Exit::Findings })
}

fn seen_only(profile: &Profile, path: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let place = || path.display().to_string();
    let log =
        std::fs::read(path).map_err(|error| BadInput(error.to_string())).with_context(place)?;
    let architecture = architecture(profile, None)?;
    let recorded = of_log(&String::from_utf8_lossy(&log), &profile.program, architecture);
    tell_lost(&recorded);
    let seen = recorded.profile(&profile.program, architecture);
    let lacking = seen.calls.into_iter().filter(|(name, _)| !profile.calls.contains_key(name));
    Ok(lacking.map(|(name, call)| (name, call.why.concat())).collect())
}
