// SPDX-License-Identifier: Apache-2.0
//! `kakoi policy derive`: from an image to a policy for what it starts at boot.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use kakoi_model::FileRef;
use kakoi_policy::derive::{Calls, Derived, Image, main_root, render};
use kakoi_syscalls::profile;

use crate::commands::opened::Opened;
use crate::commands::parsing::Parsing;
use crate::commands::profile::{Cache, Libraries, profile_as};
use crate::exit::{BadInput, Exit};
use crate::output;

/// Derive a policy from an image: a domain for each service that starts at boot
#[derive(Args)]
pub struct Arguments {
    /// Firmware image, archive, or the directory of a root file system
    image: PathBuf,
    /// Where to write the policy; profiles of system calls lie beside it
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Write the lines with their evidence as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Make no profiles of system calls
    #[arg(long)]
    no_profiles: bool,
    #[command(flatten)]
    parsing: Parsing,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let before = Instant::now();
    let opened = Opened::read(&arguments.image, &arguments.parsing)?;
    let beside = (!arguments.no_profiles).then_some(arguments.output.as_path());
    let derived = derive(&opened, beside).with_context(|| arguments.image.display().to_string())?;
    let text = render(&derived);
    std::fs::write(&arguments.output, &text)
        .with_context(|| arguments.output.display().to_string())?;
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&derived)? + "\n")
            .with_context(|| path.display().to_string())?;
    }
    let bytes = check(&text)?;
    tell(&derived, bytes, before.elapsed().as_secs_f64());
    Ok(Exit::Done)
}

/// Derives; profiles are written beside the policy, if there is to be one.
pub fn derive(opened: &Opened, beside: Option<&Path>) -> anyhow::Result<Derived> {
    let profiles = Profiles { opened, beside };
    let known = profiles.all()?;
    let image = Image {
        facts: &opened.facts,
        content: &|digest| opened.content(digest),
        profile: &|place: &FileRef| known.get(place).cloned(),
    };
    kakoi_policy::derive::derive(&image).map_err(|why| BadInput(why.to_string()).into())
}

/// What is derived must be a policy: its size compiled.
pub fn check(text: &str) -> anyhow::Result<usize> {
    let reading = kakoi_policy::read(text);
    let words = reading.render("derived", text);
    let policy =
        reading.policy.with_context(|| format!("the derived policy has errors: {words}"))?;
    let blob = kakoi_policy::compile(&policy)
        .map_err(|why| anyhow::anyhow!("the derived policy cannot be compiled: {why}"))?;
    Ok(blob.len())
}

fn tell(derived: &Derived, bytes: usize, seconds: f64) {
    for service in &derived.services {
        let gaps = if service.gaps.is_empty() {
            String::new()
        } else {
            format!("; not told: {}", service.gaps.join(", "))
        };
        output::say(&output::printable(&format!(
            "{}: {} lines{gaps}",
            service.enter,
            service.lines().count()
        )));
    }
    for line in &derived.left_out {
        output::say(&output::printable(&format!("without a domain: {line}")));
    }
    let [fixed, observed, both] = derived.shares();
    output::say(&format!(
        "{} domains, {fixed} lines static, {observed} observed, {both} both; {bytes} bytes compiled, {seconds:.1} s",
        derived.services.len()
    ));
}

/// Profiles of the programs that start at boot.
struct Profiles<'a> {
    opened: &'a Opened,
    beside: Option<&'a Path>,
}

impl Profiles<'_> {
    fn all(&self) -> anyhow::Result<BTreeMap<FileRef, Calls>> {
        let mut known = BTreeMap::new();
        let (Some(beside), Some(root)) = (self.beside, main_root(&self.opened.facts)) else {
            return Ok(known);
        };
        let Some(folder) = self.opened.folder(root) else { return Ok(known) };
        let mut libraries = Libraries::new(&folder, Cache::at(Cache::of_user()));
        let services = self.opened.facts.start_ups();
        let programs: BTreeSet<FileRef> = services
            .filter(|start| start.service || !start.listens.is_empty())
            .filter_map(|start| start.program.clone())
            .filter(|program| program.container == root)
            .collect();
        for program in programs {
            let name = format!("/{}", program.path);
            let Some(file) = libraries.inside(&name) else { continue };
            // Scripts have none; what cannot be analysed is said in the policy.
            let Ok(found) = profile_as(&file, &name, &mut libraries) else { continue };
            let calls = calls(&found, &program);
            let target = beside.with_file_name(&calls.file);
            std::fs::write(&target, profile::render(&found)?)
                .with_context(|| target.display().to_string())?;
            known.insert(program, calls);
        }
        Ok(known)
    }
}

fn calls(found: &profile::Profile, program: &FileRef) -> Calls {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' };
    let path: String = program.path.to_string().chars().map(plain).collect();
    let socket = found.calls.get("socket").and_then(|call| call.arguments.get("0"));
    Calls {
        file: format!("{}.syscalls.toml", path.trim_matches('-')),
        names: found.calls.keys().cloned().collect(),
        families: socket.cloned().unwrap_or_default(),
        unresolved: found.unresolved.len(),
    }
}
