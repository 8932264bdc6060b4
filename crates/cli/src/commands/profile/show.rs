// SPDX-License-Identifier: Apache-2.0
//! `kakoi profile show`: what a profile allows, how it is known, and what stays possible.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use kakoi_syscalls::profile::{Phase, Profile, Source};
use kakoi_syscalls::risk::{Outcome, RISKS, techniques};
use kakoi_syscalls::table::Table;

use super::combine::read;
use crate::exit::Exit;
use crate::output;

/// What a profile allows, how it is known, and what stays possible
#[derive(Args)]
pub struct Arguments {
    /// The profile
    profile: PathBuf,
    /// Also why each call is in
    #[arg(long)]
    why: bool,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let profile = read(&arguments.profile)?;
    let text = describe(&profile, arguments.why);
    output::data(&text)?;
    Ok(Exit::Done)
}

fn describe(profile: &Profile, why: bool) -> String {
    let mut text = String::new();
    // Writing to a text does not fail.
    let _ = summary(profile, &mut text);
    let _ = coverage(profile, &mut text);
    let _ = risks(profile, &mut text);
    let _ = stopped(profile, &mut text);
    let _ = absent(profile, &mut text);
    let _ = unresolved(profile, &mut text);
    if why {
        let _ = reasons(profile, &mut text);
    }
    text
}

fn summary(profile: &Profile, text: &mut String) -> std::fmt::Result {
    let known = Table::named(&profile.abi).map_or(0, |table| table.calls().count());
    let allowed = profile.calls.len();
    writeln!(text, "{} ({})", output::printable(&profile.program), profile.arch)?;
    let share = if known == 0 { 0.0 } else { 100.0 * allowed as f64 / known as f64 };
    writeln!(text, "allowed: {allowed} of {known} calls ({share:.0} %)")?;
    match &profile.serving_from {
        Some(place) => {
            let serving = profile.serving().count();
            writeln!(text, "while serving: {serving}, from {}", output::printable(place))
        }
        None => writeln!(text, "while serving: not told apart"),
    }
}

fn coverage(profile: &Profile, text: &mut String) -> std::fmt::Result {
    let count = |wanted: &[Source]| {
        profile.calls.values().filter(|call| call.source.iter().eq(wanted)).count()
    };
    writeln!(
        text,
        "known from code and runs: {}, from code only: {}, from runs only: {}",
        count(&[Source::Static, Source::Trace]),
        count(&[Source::Static]),
        count(&[Source::Trace])
    )?;
    let missed: Vec<&str> = profile
        .calls
        .iter()
        .filter(|(_, call)| call.source.iter().eq(&[Source::Trace]))
        .map(|(name, _)| name.as_str())
        .collect();
    let has_static = profile.calls.values().any(|call| call.source.contains(&Source::Static));
    if has_static && !missed.is_empty() {
        writeln!(text, "seen in runs, not found in the code: {}", missed.join(" "))?;
    }
    Ok(())
}

fn risks(profile: &Profile, text: &mut String) -> std::fmt::Result {
    let (allowed, removed): (Vec<_>, Vec<_>) =
        RISKS.iter().partition(|(name, _)| profile.calls.contains_key(*name));
    let removed: Vec<&str> = removed.iter().map(|(name, _)| *name).collect();
    writeln!(text, "risky calls that are gone: {}", removed.join(" "))?;
    writeln!(text, "risky calls that stay:")?;
    for (name, reason) in allowed {
        let bound = profile.calls.get(name).filter(|call| !call.arguments.is_empty());
        let note = if bound.is_some() { ", arguments bound" } else { "" };
        writeln!(text, "  {name}: {reason}{note}")?;
    }
    Ok(())
}

fn stopped(profile: &Profile, text: &mut String) -> std::fmt::Result {
    writeln!(text, "what an intruder in the process could do:")?;
    for technique in techniques() {
        let from_entry = technique.judge(|call| profile.calls.contains_key(call));
        let serving = technique
            .judge(|call| profile.calls.get(call).is_some_and(|call| call.phase == Phase::Serving));
        write!(text, "  {}: {}", technique.name, word(&from_entry))?;
        if from_entry != serving {
            write!(text, "; while serving: {}", word(&serving))?;
        }
        writeln!(text)?;
    }
    Ok(())
}

fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::StoppedAt(step) => format!("stopped at {}", step.join(" or ")),
        Outcome::Possible => "not stopped".to_owned(),
    }
}

/// What the profile rests on not being there.
fn absent(profile: &Profile, text: &mut String) -> std::fmt::Result {
    if profile.absent.is_empty() {
        return Ok(());
    }
    writeln!(text, "named by the code and absent; the profile holds while they are:")?;
    for name in &profile.absent {
        writeln!(text, "  {}", output::printable(name))?;
    }
    Ok(())
}

fn unresolved(profile: &Profile, text: &mut String) -> std::fmt::Result {
    writeln!(text, "unresolved: {}", profile.unresolved.len())?;
    for place in &profile.unresolved {
        let line =
            format!("{} {:#x} {}: {}", place.file, place.address, place.function, place.reason);
        writeln!(text, "  {}", output::printable(&line))?;
    }
    Ok(())
}

fn reasons(profile: &Profile, text: &mut String) -> std::fmt::Result {
    for (name, call) in &profile.calls {
        let phase = if call.phase == Phase::Serving { "serving" } else { "start" };
        writeln!(text, "{name} ({phase}): {}", output::printable(&call.why.join(" > ")))?;
        for (place, values) in &call.arguments {
            let values: Vec<String> = values.iter().map(|value| format!("{value:#x}")).collect();
            writeln!(text, "  argument {place}: {}", values.join(" "))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_are_absent_are_shown_without_their_control_characters() {
        let mut profile = Profile::empty("x", kakoi_syscalls::filter::Architecture::X86_64);
        assert!(!describe(&profile, false).contains("absent"));
        profile.absent = ["libmissing.so.1\u{1b}[2J".to_owned()].into();
        let text = describe(&profile, false);
        assert!(text.contains("absent; the profile holds while they are:\n  libmissing.so.1"));
        assert!(!text.contains('\u{1b}'));
    }
}
