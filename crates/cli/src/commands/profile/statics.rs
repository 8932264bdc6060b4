// SPDX-License-Identifier: Apache-2.0
//! `kakoi profile static`: from an executable and its libraries, without running them.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use kakoi_syscalls::profile::{Profile, Subject, derive, render};
use kakoi_syscalls::program::{load, reach_with_plugins};

use super::cache::Cache;
use super::libraries::Libraries;
use crate::exit::{BadInput, Exit};
use crate::output;

/// From an executable and its libraries, without running them
#[derive(Args)]
pub struct Arguments {
    /// Executable
    file: PathBuf,
    /// Root file system that its libraries lie in
    #[arg(long, default_value = "/")]
    root: PathBuf,
    /// Write to this file
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// What to write
    #[arg(long, value_enum, default_value = "toml")]
    format: Format,
    /// Keep analysed libraries here [default: ~/.cache/kakoi/syscalls]
    #[arg(long)]
    cache: Option<PathBuf>,
    /// Analyse everything anew
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The profile
    Toml,
    /// The profile as JSON
    Json,
    /// One allowed system call a line; unresolved places on standard error
    Names,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let kept =
        if arguments.no_cache { None } else { arguments.cache.clone().or_else(Cache::of_user) };
    let mut libraries = Libraries::new(&arguments.root, Cache::at(kept));
    let profile = profile(&arguments.file, &mut libraries)?;
    let text = match arguments.format {
        Format::Toml => render(&profile)?,
        Format::Json => serde_json::to_string_pretty(&profile)? + "\n",
        Format::Names => profile.calls.keys().map(|name| format!("{name}\n")).collect(),
    };
    complain(&profile);
    match &arguments.output {
        Some(path) => std::fs::write(path, text).with_context(|| path.display().to_string())?,
        None => output::data(&text)?,
    }
    Ok(Exit::Done)
}

/// The profile of one executable.
pub fn profile(file: &Path, libraries: &mut Libraries) -> anyhow::Result<Profile> {
    profile_as(file, &file.display().to_string(), libraries)
}

/// The same, with the name that it has on the device.
pub fn profile_as(file: &Path, name: &str, libraries: &mut Libraries) -> anyhow::Result<Profile> {
    let summary = libraries.summary(file).map_err(BadInput).with_context(|| name.to_owned())?;
    let mut program = load(name, summary, libraries);
    let reached = reach_with_plugins(&mut program, libraries);
    let subject = Subject { name, program: &program, reached: &reached };
    Ok(derive(&subject))
}

fn complain(profile: &Profile) {
    for place in &profile.unresolved {
        let at = if place.function.is_empty() {
            String::new()
        } else {
            format!(" {:#x} in {}", place.address, place.function)
        };
        output::say(&format!("unresolved: {}{at}: {}", place.file, place.reason));
    }
}
