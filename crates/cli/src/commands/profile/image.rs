// SPDX-License-Identifier: Apache-2.0
//! `kakoi profile image`: every program of an image that starts at boot, one profile each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use kakoi_model::{Fact, FileRef};
use kakoi_syscalls::profile::render;

use super::cache::Cache;
use super::libraries::Libraries;
use crate::commands::extract;
use crate::commands::parsing::{NoContents, Parsing};
use crate::exit::{BadInput, Exit};
use crate::output;
use crate::worker::Task;

/// One profile for every program of an image that starts at boot
#[derive(Args)]
pub struct Arguments {
    /// Firmware image or archive
    image: PathBuf,
    /// Directory for the profiles
    #[arg(short, long)]
    output: PathBuf,
    /// Keep analysed libraries here [default: ~/.cache/kakoi/syscalls]
    #[arg(long)]
    cache: Option<PathBuf>,
    /// Analyse everything anew
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,
    #[command(flatten)]
    parsing: Parsing,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let scan = arguments.parsing.read(&arguments.image, Task::Inspect, &mut NoContents)?;
    let programs: BTreeSet<FileRef> = scan
        .facts
        .lines
        .iter()
        .filter_map(|fact| match fact {
            Fact::StartUp(step) => step.program.clone(),
            _ => None,
        })
        .collect();
    let place = || arguments.image.display().to_string();
    if programs.is_empty() {
        let reason = BadInput("no program that starts at boot was found".to_owned());
        return Err(reason).with_context(place);
    }
    let directory = tempfile::tempdir()?;
    let folders = extract::extract(&arguments.image, directory.path(), &arguments.parsing)?.folders;
    std::fs::create_dir_all(&arguments.output)?;
    let mut run = Run { arguments, counts: Counts::default(), libraries: BTreeMap::new() };
    for program in &programs {
        let Some(root) = folders.get(&program.container) else { continue };
        run.profile(&directory.path().join(root), program)?;
    }
    run.counts.tell();
    Ok(Exit::Done)
}

#[derive(Default)]
struct Counts {
    written: usize,
    resolved: usize,
    scripts: usize,
    failed: usize,
}

impl Counts {
    fn tell(&self) {
        output::say(&format!(
            "{} profiles, {} of them without unresolved places; {} scripts, {} failed",
            self.written, self.resolved, self.scripts, self.failed
        ));
    }
}

struct Run<'a> {
    arguments: &'a Arguments,
    counts: Counts,
    libraries: BTreeMap<PathBuf, Libraries>,
}

impl Run<'_> {
    fn profile(&mut self, root: &Path, program: &FileRef) -> anyhow::Result<()> {
        let name = program.path.to_string();
        let arguments = self.arguments;
        let libraries = self.libraries.entry(root.to_owned()).or_insert_with(|| {
            let kept = arguments.cache.clone().or_else(Cache::of_user);
            Libraries::new(root, Cache::at(kept.filter(|_| !arguments.no_cache)))
        });
        let Some(file) = libraries.inside(&name) else { return Ok(()) };
        // Shells run files without `#!` too.
        if !std::fs::read(&file)?.starts_with(b"\x7fELF") {
            self.counts.scripts += 1;
            return Ok(());
        }
        let before = Instant::now();
        match super::statics::profile_as(&file, &name, libraries) {
            Ok(profile) => {
                let target = self.arguments.output.join(file_name(program));
                std::fs::write(&target, render(&profile)?)
                    .with_context(|| target.display().to_string())?;
                self.counts.written += 1;
                self.counts.resolved += usize::from(profile.unresolved.is_empty());
                output::say(&format!(
                    "{}: {} calls, {} unresolved, {:.2} s",
                    output::printable(&name),
                    profile.calls.len(),
                    profile.unresolved.len(),
                    before.elapsed().as_secs_f64()
                ));
            }
            Err(error) => {
                self.counts.failed += 1;
                output::complain(&format!("{}: {error:#}", output::printable(&name)));
            }
        }
        Ok(())
    }
}

/// `usr-sbin-httpd.syscalls.toml`; other containers than the first get their number.
fn file_name(program: &FileRef) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_') { letter } else { '-' }
    };
    let path: String = program.path.to_string().chars().map(plain).collect();
    format!("{}-{}.syscalls.toml", program.container.0, path.trim_matches('-'))
}
