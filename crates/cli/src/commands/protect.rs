// SPDX-License-Identifier: Apache-2.0
//! `kakoi protect`: image in, policy and proof out.
//!
//! Facts, a derived policy, a boot without protection, a boot in which what services do is noted, and boots under each
//! defence with benign life and infections; then one report.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use kakoi_arena::defence::{Chosen, Defence, Intent};
use kakoi_arena::matrix::Run;
use kakoi_arena::scenario;
use kakoi_arena::table::{self, Row};
use kakoi_policy::derive::{Derived, render};
use kakoi_report::{Protection, render_protection};

use super::arena::Prepared;
use super::arena::learn::shim;
use super::arena::run::{Arena, Guests, write_json};
use super::parsing::Parsing;
use super::policy::derive;
use crate::exit::Exit;
use crate::output;

/// Derive a policy from an image, boot the image under it, attack it, and report what held
#[derive(Args)]
pub struct Arguments {
    /// Firmware image, archive, or the directory of a root file system
    image: PathBuf,
    /// Directory for the policy, the runs and the report
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Do not tighten and check the policy by a run in which it only watches
    #[arg(long)]
    no_learning: bool,
    #[command(flatten)]
    guests: Guests,
    #[command(flatten)]
    parsing: Parsing,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let begin = Instant::now();
    let place = || arguments.output.display().to_string();
    std::fs::create_dir_all(&arguments.output).with_context(place)?;
    let prepared = Prepared::read(&arguments.image, &arguments.parsing)?;
    let path = arguments.output.join("policy.toml");
    let mut derived = derive::derive(&prepared.opened, Some(&path))?;
    let fixed = derived.shares();
    std::fs::write(arguments.output.join("policy.static.toml"), render(&derived))
        .with_context(place)?;
    let arena =
        Arena { prepared: &prepared, guests: &arguments.guests, directory: &arguments.output };
    if !arguments.no_learning {
        let (learnt, life) = arena.learn(&derived)?;
        write_json(&arguments.output.join("learning.json"), &life)?;
        derived.observe(&learnt, "the learning run: boot and benign life");
    }
    derived.observe(&shim(&derived), "the arena's own library");
    let text = render(&derived);
    derive::check(&text)?;
    std::fs::write(&path, &text).with_context(place)?;
    write_json(&arguments.output.join("policy.json"), &derived)?;
    let scenarios = scenario::all();
    let mut runs = Vec::new();
    for defence in [Defence::None, Defence::KakoiModule, Defence::KakoiBpf] {
        let chosen = Chosen { defence, intent: Intent::Sessions };
        let run = arena.run(chosen, &text, &scenarios)?;
        let file = arguments.output.join(format!("{}.json", defence.as_str()));
        write_json(&file, &run)?;
        runs.push(run);
    }
    report(&arguments.output, &derived, &runs, fixed, begin.elapsed().as_secs_f64())?;
    tell(&arguments.output, &derived, &runs)
}

fn report(
    directory: &Path,
    derived: &Derived,
    runs: &[Run],
    fixed: [usize; 3],
    seconds: f64,
) -> anyhow::Result<()> {
    let value = serde_json::json!({ "derived": derived, "runs": runs });
    let protection: Protection = serde_json::from_value(value)?;
    let html = render_protection(&protection, fixed, seconds);
    let path = directory.join("protect.html");
    std::fs::write(&path, html).with_context(|| path.display().to_string())
}

fn tell(directory: &Path, derived: &Derived, runs: &[Run]) -> anyhow::Result<Exit> {
    output::data(&table::matrix(&Row::of_all(runs)))?;
    let [fixed, observed, both] = derived.shares();
    output::say(&format!(
        "{} domains, {fixed} lines static, {observed} observed, {both} both",
        derived.services.len()
    ));
    output::say(&format!("report: {}", directory.join("protect.html").display()));
    // What got through under kakoi is a finding.
    let through = runs.iter().any(|run| run.defence == Defence::KakoiModule && run.infected() > 0);
    Ok(if through { Exit::Findings } else { Exit::Done })
}
