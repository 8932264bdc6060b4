// SPDX-License-Identifier: Apache-2.0
//! Two images, archives, packages or directories.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::Read;
use std::path::Path;

use kakoi_compare::{ImageDifference, Program, ValueChange, Verdict, compare_images};
use kakoi_model::Digest;

use super::Arguments;
use crate::commands::parsing::{NoContents, Parsing};
use crate::output::printable;
use crate::worker::{Reader, Task};

/// Longer programs are not compared by function.
const MOST_BYTES: u64 = 64 << 20;

/// Reads both images and compares them, and then the programs that changed.
pub fn compare(arguments: &Arguments) -> anyhow::Result<ImageDifference> {
    let read = |path: &Path| arguments.parsing.read(path, Task::Inspect, &mut NoContents);
    let (old, new) = (read(&arguments.old)?, read(&arguments.new)?);
    let mut found = compare_images(&old.facts, &new.facts);
    let pairs = found.changed.iter().filter_map(|change| change.contents);
    let (olds, news): (BTreeSet<Digest>, BTreeSet<Digest>) = pairs.unzip();
    if olds.is_empty() {
        return Ok(found);
    }
    let olds = contents(&arguments.old, olds, &arguments.parsing)?;
    let news = contents(&arguments.new, news, &arguments.parsing)?;
    for change in &mut found.changed {
        let contents = change.contents.and_then(|(old, new)| olds.get(&old).zip(news.get(&new)));
        let programs = contents.and_then(|(old, new)| {
            Program::read(old, None).ok().zip(Program::read(new, None).ok())
        });
        change.program = programs.map(|(old, new)| kakoi_compare::compare(&old, &new));
    }
    Ok(found)
}

/// Keeps the contents that are wanted.
struct Collector {
    wanted: BTreeSet<Digest>,
    found: BTreeMap<Digest, Vec<u8>>,
}

impl Reader for Collector {
    fn content(&mut self, digest: Digest, size: u64, bytes: &mut dyn Read) -> anyhow::Result<()> {
        if self.wanted.contains(&digest) && size <= MOST_BYTES {
            let mut content = Vec::new();
            bytes.read_to_end(&mut content)?;
            self.found.insert(digest, content);
        } else {
            std::io::copy(bytes, &mut std::io::sink())?;
        }
        Ok(())
    }
}

fn contents(
    path: &Path,
    wanted: BTreeSet<Digest>,
    parsing: &Parsing,
) -> anyhow::Result<BTreeMap<Digest, Vec<u8>>> {
    let mut collector = Collector { wanted, found: BTreeMap::new() };
    parsing.read(path, Task::Extract, &mut collector)?;
    Ok(collector.found)
}

/// The result for people.
pub fn render(found: &ImageDifference) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "files: {} added, {} removed, {} changed",
        found.added.len(),
        found.removed.len(),
        found.changed.len()
    );
    let lost: Vec<_> = found.mitigations.iter().filter(|change| change.lost).collect();
    if !lost.is_empty() {
        let _ = writeln!(text, "mitigations LOST:");
    }
    for change in lost {
        let _ = writeln!(
            text,
            "  {} {}: {} -> {}",
            printable(&change.path),
            change.mitigation,
            change.old,
            change.new
        );
    }
    for change in found.mitigations.iter().filter(|change| !change.lost) {
        let _ = writeln!(
            text,
            "mitigation gained: {} {}: {} -> {}",
            printable(&change.path),
            change.mitigation,
            change.old,
            change.new
        );
    }
    for (title, changes) in [
        ("components", &found.components),
        ("start-up", &found.start_up),
        ("kernel", &found.kernel),
        ("accounts", &found.accounts),
    ] {
        render_values(title, changes, &mut text);
    }
    for (sign, paths) in [('+', &found.added), ('-', &found.removed)] {
        for path in paths {
            let _ = writeln!(text, "{sign} {}", printable(path));
        }
    }
    for change in &found.changed {
        let _ = writeln!(text, "~ {}{}", printable(&change.path), verdict(change.program.as_ref()));
    }
    text
}

fn verdict(program: Option<&kakoi_compare::Difference>) -> String {
    let Some(program) = program else { return String::new() };
    let names: Vec<String> =
        program.functions.iter().map(|function| printable(&function.name)).take(8).collect();
    let more = if program.functions.len() > names.len() { ", …" } else { "" };
    match program.verdict {
        Verdict::Identical => "  identical".to_owned(),
        Verdict::Rebuilt => "  rebuilt".to_owned(),
        Verdict::Different => "  different".to_owned(),
        Verdict::Patched => {
            format!("  patched, {} functions: {}{more}", program.functions.len(), names.join(", "))
        }
    }
}

fn render_values(title: &str, changes: &[ValueChange], text: &mut String) {
    if !changes.is_empty() {
        let _ = writeln!(text, "{title}:");
    }
    for change in changes {
        let side =
            |value: &Option<String>| value.as_deref().map_or_else(|| "-".to_owned(), printable);
        let _ = writeln!(
            text,
            "  {}: {} -> {}",
            printable(&change.name),
            side(&change.old),
            side(&change.new)
        );
    }
}
