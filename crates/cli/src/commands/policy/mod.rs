// SPDX-License-Identifier: Apache-2.0
//! `kakoi policy`: the policy of the guard, without a device.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use kakoi_policy::{Attempt, Mark, Policy, Recorded, Subject, decide_attempt, explain};
use kakoi_syscalls::filter::{Action, compile as compile_filter};
use kakoi_syscalls::profile::Calls;

use super::profile;
use crate::exit::{BadInput, Exit};
use crate::output;

pub mod derive;
mod digests;
mod simulate;

/// Check, explain, compare and compile the policy of the guard
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say everything that is wrong with policies, with file, line and column
    Check {
        /// Policies
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Warnings are errors
        #[arg(long)]
        strict: bool,
    },
    /// Say what a policy does; or what becomes of one attempt, by which rule, and why
    Explain {
        /// The policy
        file: PathBuf,
        /// An attempt as JSON, such as '{"op":"chmod","object":{"path":"/tmp/a"},"mode":"0755"}'
        attempt: Option<String>,
        /// Domain that the process is in; may be given several times
        #[arg(long = "in", value_name = "DOMAIN", requires = "attempt")]
        domains: Vec<String>,
        /// History of the process instead: steps such as 'exec /usr/sbin/telnetd', accept, fork
        #[arg(
            long = "after",
            value_name = "STEP",
            requires = "attempt",
            conflicts_with = "domains"
        )]
        history: Vec<String>,
    },
    /// List what changes from one policy to another; exit code 1 if anything does
    Diff {
        /// The policy before
        old: PathBuf,
        /// The policy after
        new: PathBuf,
    },
    /// Derive a policy from an image: a domain for each service that starts at boot
    Derive(derive::Arguments),
    /// List digest and path of every program, library and script of an image, for `kakoi-agent vouch`
    Digests(digests::Arguments),
    /// Say what a policy would have done to recorded attempts
    Simulate(simulate::Arguments),
    /// Write the blob that the module and the agent load
    Compile {
        /// The policy
        file: PathBuf,
        /// Where to write it
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Print the JSON schema of the language, for editors
    Schema {
        /// Print the reference of all keys as Markdown instead
        #[arg(long)]
        markdown: bool,
    },
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::Check { files, strict } => check(files, *strict),
        Command::Explain { file, attempt: None, .. } => {
            output::data(&kakoi_policy::describe(&load(file)?))?;
            Ok(Exit::Done)
        }
        Command::Explain { file, attempt: Some(attempt), domains, history } => {
            let subject = Subject {
                domains: domains.clone(),
                history: history.clone(),
                ..Subject::default()
            };
            explain_one(file, attempt, subject)
        }
        Command::Diff { old, new } => diff(old, new),
        Command::Derive(arguments) => derive::exec(arguments),
        Command::Digests(arguments) => digests::exec(arguments),
        Command::Simulate(arguments) => simulate::exec(arguments),
        Command::Compile { file, output } => compile(file, output),
        Command::Schema { markdown } => {
            output::data(&if *markdown {
                kakoi_policy::reference()
            } else {
                kakoi_policy::schema()
            })?;
            Ok(Exit::Done)
        }
    }
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    let bytes =
        std::fs::read(path).map_err(|error| BadInput(format!("{}: {error}", path.display())))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            let offset = error.utf8_error().valid_up_to();
            anyhow::bail!(BadInput(format!("{}: not UTF-8 at byte {offset}", path.display())))
        }
    }
}

/// A policy without errors; warnings are said.
pub fn load(path: &Path) -> anyhow::Result<Policy> {
    let text = read_text(path)?;
    let reading = kakoi_policy::read(&text);
    let words = reading.render(&path.display().to_string(), &text);
    if !words.is_empty() {
        output::say(words.trim_end());
    }
    let Some(policy) = reading.policy else {
        anyhow::bail!(BadInput(format!("{} has errors", path.display())));
    };
    Ok(policy)
}

fn check(files: &[PathBuf], strict: bool) -> anyhow::Result<Exit> {
    let mut failed = 0;
    for path in files {
        let text = read_text(path)?;
        let reading = kakoi_policy::read(&text);
        let name = path.display().to_string();
        output::data(&reading.render(&name, &text))?;
        let compiled = reading.policy.as_ref().map(kakoi_policy::compile);
        match compiled {
            None => failed += 1,
            Some(Err(error)) => {
                output::data(&format!("{name}:1:1: error: {error}\n"))?;
                failed += 1;
            }
            Some(Ok(blob)) => {
                failed += usize::from(strict && !reading.diagnostics.is_empty());
                let domains = reading.policy.as_ref().map_or(0, |policy| policy.domains.len());
                output::say(&format!("{name}: {domains} domains, {} bytes compiled", blob.len()));
            }
        }
    }
    anyhow::ensure!(
        failed == 0,
        BadInput(format!("{failed} of {} policies cannot be used", files.len()))
    );
    Ok(Exit::Done)
}

fn explain_one(file: &Path, attempt: &str, subject: Subject) -> anyhow::Result<Exit> {
    let policy = load(file)?;
    let attempt: Attempt = serde_json::from_str(attempt)
        .map_err(|error| BadInput(format!("the attempt, column {}: {error}", error.column())))?;
    let mark = mark_of(&policy, &subject)?;
    output::data(&explain(&policy, &decide_attempt(&policy, &mark, &attempt)))?;
    Ok(Exit::Done)
}

fn mark_of(policy: &Policy, subject: &Subject) -> anyhow::Result<Mark> {
    Ok(subject.mark(policy).map_err(BadInput)?)
}

/// The verdict on one recorded attempt.
fn decide_recorded(policy: &Policy, recorded: &Recorded) -> anyhow::Result<kakoi_policy::Verdict> {
    let mark = mark_of(policy, &recorded.subject)?;
    Ok(decide_attempt(policy, &mark, &recorded.attempt))
}

fn diff(old: &Path, new: &Path) -> anyhow::Result<Exit> {
    let found = kakoi_policy::differences(&load(old)?, &load(new)?);
    output::data(&found.iter().map(|line| format!("{line}\n")).collect::<String>())?;
    Ok(if found.is_empty() { Exit::Done } else { Exit::Findings })
}

fn compile(file: &Path, target: &Path) -> anyhow::Result<Exit> {
    let blob = compiled(file)?;
    std::fs::write(target, &blob).with_context(|| format!("writing {}", target.display()))?;
    output::say(&format!("{}: {} bytes", target.display(), blob.len()));
    Ok(Exit::Done)
}

/// The blob of a policy, with the filters of its domains: their profiles lie beside it.
pub fn compiled(file: &Path) -> anyhow::Result<Vec<u8>> {
    let policy = load(file)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut filters = Vec::new();
    for (index, domain) in (0_u32..).zip(&policy.domains) {
        if let Some((profile, action)) = &domain.syscalls {
            filters.push(filter(index, &folder.join(profile), action)?);
        }
    }
    Ok(kakoi_policy::compile_with(&policy, &filters)
        .map_err(|error| BadInput(format!("{}: {error}", file.display())))?)
}

/// The filter of a domain, for the architecture that its profile is of.
fn filter(domain: u32, path: &Path, action: &str) -> anyhow::Result<kakoi_policy::Filter> {
    let profile = profile::read(path)?;
    let architecture = profile::architecture(&profile, None)?;
    let action = match action {
        "kill" => Action::Kill,
        "log" => Action::Log,
        _ => Action::REFUSE,
    };
    let rules = profile::rules(&profile, architecture, action, Calls::FromEntry)?;
    let program = compile_filter(&rules, profile::budget(architecture))
        .map_err(|error| BadInput(format!("{}: {error}", path.display())))?;
    let instructions = program.instructions().iter();
    Ok(kakoi_policy::Filter {
        domain,
        architecture: architecture.audit(),
        instructions: instructions
            .map(|it| (it.code, it.then, it.otherwise, it.constant))
            .collect(),
    })
}
