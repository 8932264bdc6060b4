// SPDX-License-Identifier: Apache-2.0
//! `kakoi profile compile` and `export`: the filter of a profile, and its rules in the words of other systems.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use kakoi_syscalls::export::{Subject, Target, render};
use kakoi_syscalls::filter::{Action, Added, Architecture, Budget, Rules, Table, compile};
use kakoi_syscalls::profile::{Calls, Profile, selection};

use super::combine::{architecture, read};
use crate::exit::{BadInput, Exit};
use crate::output;

/// Which rules to make of a profile.
#[derive(Args)]
pub struct Choice {
    /// The profile
    profile: PathBuf,
    /// Architecture, such as mipsel or arm64 [default: that of the profile]
    #[arg(long)]
    arch: Option<String>,
    /// What happens to calls that are not allowed
    #[arg(long, value_enum, default_value = "errno")]
    action: Word,
    /// Only calls that are made once the program serves
    #[arg(long)]
    serving: bool,
    /// Fail if the profile has unresolved places
    #[arg(long)]
    resolved: bool,
    /// Write to this file
    #[arg(short, long)]
    output: Option<PathBuf>,
}

/// Make a classic BPF program for seccomp
#[derive(Args)]
pub struct Compile {
    #[command(flatten)]
    choice: Choice,
}

/// Write the rules for another system
#[derive(Args)]
pub struct Export {
    #[command(flatten)]
    choice: Choice,
    /// systemd, oci, ujail, minijail, c-header, apparmor or kakoi
    #[arg(long)]
    to: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Word {
    /// The call fails with EPERM
    Errno,
    /// The process ends
    Kill,
    /// The call is done and logged
    Log,
    /// A tracer decides
    Trace,
}

impl Word {
    fn action(self) -> Action {
        match self {
            Self::Errno => Action::REFUSE,
            Self::Kill => Action::Kill,
            Self::Log => Action::Log,
            Self::Trace => Action::Trace,
        }
    }
}

/// Numbers of an architecture's calls.
pub fn table(architecture: Architecture) -> anyhow::Result<Table> {
    let table = kakoi_syscalls::table::Table::named(architecture.abi());
    Ok(table.with_context(|| format!("no table for {}", architecture.abi()))?.for_filters())
}

/// The rules of a profile; what is added or left out, and what the filter does not cover, is said.
pub fn rules(
    profile: &Profile,
    architecture: Architecture,
    action: Action,
    which: Calls,
) -> anyhow::Result<Rules> {
    if which == Calls::Serving && profile.serving_from.is_none() {
        output::say("no phase of serving was found: the filter is for all calls");
    }
    let (rules, added) =
        selection(profile, which).rules(architecture, action, &table(architecture)?);
    added.iter().for_each(|found| output::say(&describe(found)));
    if !profile.unresolved.is_empty() {
        output::say(&format!(
            "{} unresolved places: what they call is not in the filter (`kakoi profile show`)",
            profile.unresolved.len()
        ));
    }
    Ok(rules)
}

fn describe(added: &Added) -> String {
    match added {
        Added::Essential { name, reason } => format!("added: {name}: {reason}"),
        Added::Version { name, of } => format!("added: {name}: another version of {of}"),
        Added::Multiplexer { name, of } => format!("added: {name}: reaches the same as {of}"),
        Added::NoSuchCall { name } => {
            format!("left out: {name}: the architecture has no such call")
        }
    }
}

impl Choice {
    fn profile(&self) -> anyhow::Result<(Profile, Architecture, Rules)> {
        let profile = read(&self.profile)?;
        anyhow::ensure!(
            !self.resolved || profile.unresolved.is_empty(),
            BadInput(format!("{} unresolved places", profile.unresolved.len()))
        );
        let architecture = architecture(&profile, self.arch.as_deref())?;
        let which = if self.serving { Calls::Serving } else { Calls::FromEntry };
        let rules = rules(&profile, architecture, self.action.action(), which)?;
        Ok((profile, architecture, rules))
    }

    fn write(&self, bytes: &[u8]) -> anyhow::Result<Exit> {
        use std::io::Write;
        match &self.output {
            Some(path) => {
                std::fs::write(path, bytes).with_context(|| path.display().to_string())?;
            }
            None => std::io::stdout().lock().write_all(bytes)?,
        }
        Ok(Exit::Done)
    }
}

/// A tree costs a little more room, and less time where the kernel has no cache of calls.
pub fn budget(architecture: Architecture) -> Budget {
    match architecture {
        Architecture::X86_64 | Architecture::Aarch64 => Budget::List,
        _ => Budget::Tree,
    }
}

/// Runs `compile`.
pub fn exec(arguments: &Compile) -> anyhow::Result<Exit> {
    let (_, architecture, rules) = arguments.choice.profile()?;
    let program = compile(&rules, budget(architecture))?;
    output::say(&format!(
        "{}: {} calls, {} instructions",
        architecture.name(),
        rules.calls.len(),
        program.instructions().len()
    ));
    arguments.choice.write(&program.encode(architecture.order()))
}

/// Runs `export`.
pub fn exec_export(arguments: &Export) -> anyhow::Result<Exit> {
    let target = Target::ALL.into_iter().find(|target| target.name() == arguments.to);
    let names: Vec<&str> = Target::ALL.iter().map(|target| target.name()).collect();
    let target = target.ok_or_else(|| {
        BadInput(format!("{} is none of {}", output::printable(&arguments.to), names.join(", ")))
    })?;
    let (profile, architecture, rules) = arguments.choice.profile()?;
    let table = table(architecture)?;
    let file = arguments.choice.profile.display().to_string();
    let subject =
        Subject { program: &profile.program, profile: &file, rules: &rules, table: &table };
    let text = render(target, subject)?;
    if !target.loses().is_empty() {
        output::say(&format!("{}: {}", target.name(), target.loses()));
    }
    arguments.choice.write(text.as_bytes())
}
