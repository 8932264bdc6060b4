// SPDX-License-Identifier: Apache-2.0
//! `kakoi diff` on pairs of Debian packages with equal upstream version, before and after security fixes.
//!
//! `DATA` holds `silent-patch-pairs.tsv`; packages lie in `DATA/debpairs` or in the folder of `--debs`, and are read with dpkg-deb.
//! With `--sources` (debian.tar.xz of both versions of each source package) the functions that new patches touch are
//! compared with those that are listed, as far as the file has their names.

mod touched;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde_json::Value;

use crate::kakoi;

/// One line of the table.
struct Pair {
    package: String,
    architecture: String,
    upstream: String,
    old: String,
    new: String,
}

/// What came of one pair.
#[derive(Default)]
struct Outcome {
    verdicts: Vec<String>,
    /// Functions that are listed, by name.
    listed: BTreeSet<String>,
    /// Names that the new files have.
    named: BTreeSet<String>,
}

pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let data = arguments.first().map(PathBuf::from).context("DATA is missing")?;
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(PathBuf::from)
    };
    let debs = option("--debs").unwrap_or_else(|| data.join("debpairs"));
    let sources = option("--sources");
    let binary = kakoi()?;
    let text = std::fs::read_to_string(data.join("silent-patch-pairs.tsv"))?;
    let (mut judged, mut patched) = (0, 0);
    for pair in text.lines().skip(1).filter_map(parse) {
        let (old, new) = (debs.join(&pair.old), debs.join(&pair.new));
        if !old.exists() || !new.exists() {
            println!(
                "{:<18} {:<6} {:<14} not there",
                pair.package, pair.architecture, pair.upstream
            );
            continue;
        }
        let found = compare(&binary, &old, &new)?;
        let verdict = overall(&found.verdicts);
        judged += 1;
        patched += usize::from(verdict == "patched");
        println!(
            "{:<18} {:<6} {:<14} {verdict:<10} {} files, {} functions{}",
            pair.package,
            pair.architecture,
            pair.upstream,
            found.verdicts.len(),
            found.listed.len(),
            sources.as_deref().map(|sources| rates(&pair, &found, sources)).unwrap_or_default()
        );
    }
    println!("{patched} of {judged} pairs judged patched");
    Ok(())
}

fn parse(line: &str) -> Option<Pair> {
    let fields: Vec<&str> = line.split('\t').collect();
    let field = |at: usize| fields.get(at).map(|field| (*field).to_owned());
    Some(Pair {
        package: field(0)?,
        architecture: field(1)?,
        upstream: field(2)?,
        old: field(8)?,
        new: field(9)?,
    })
}

/// A package is patched when one of its programs is.
fn overall(verdicts: &[String]) -> &'static str {
    let has = |wanted: &str| verdicts.iter().any(|verdict| verdict == wanted);
    match () {
        () if has("different") => "different",
        () if has("patched") => "patched",
        () if has("rebuilt") => "rebuilt",
        () if has("identical") => "identical",
        () => "no program",
    }
}

fn compare(binary: &Path, old: &Path, new: &Path) -> anyhow::Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let (before, after) = (folder.path().join("old"), folder.path().join("new"));
    for (package, into) in [(old, &before), (new, &after)] {
        let status = Command::new("dpkg-deb").arg("-x").args([package, into]).status()?;
        anyhow::ensure!(status.success(), "dpkg-deb -x {}", package.display());
    }
    let mut outcome = Outcome::default();
    for file in programs(&after)? {
        let other = before.join(file.strip_prefix(&after)?);
        if !other.is_file() {
            continue;
        }
        let run = Command::new(binary)
            .arg("diff")
            .args([&other, &file])
            .args(["--format", "json"])
            .output()?;
        anyhow::ensure!(run.status.success(), "kakoi diff {}", file.display());
        let found: Value = serde_json::from_slice(&run.stdout)?;
        outcome.verdicts.extend(found["verdict"].as_str().map(str::to_owned));
        let functions = found["functions"].as_array().into_iter().flatten();
        let names = functions.filter_map(|function| function["name"].as_str());
        outcome.listed.extend(names.map(str::to_owned));
        outcome.named.extend(names_of(&file)?);
    }
    Ok(outcome)
}

/// ELF files beneath a folder, in order.
fn programs(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && std::fs::read(entry.path())?.starts_with(b"\x7fELF") {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn names_of(file: &Path) -> anyhow::Result<BTreeSet<String>> {
    let run = Command::new("nm").args(["-D", "--defined-only"]).arg(file).output()?;
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    let last = |line: &str| line.split_whitespace().next_back().map(str::to_owned);
    let plain = |name: String| name.split('@').next().unwrap_or_default().to_owned();
    Ok(text.lines().filter_map(last).map(plain).collect())
}

/// Recall and precision over the functions that the file names.
fn rates(pair: &Pair, found: &Outcome, sources: &Path) -> String {
    let Some(touched) = touched::find(sources, &pair.package, &pair.old, &pair.new) else {
        return ", no patches to compare with".to_owned();
    };
    let wanted: BTreeSet<&String> = touched.intersection(&found.named).collect();
    let listed: BTreeSet<&String> = found.listed.intersection(&found.named).collect();
    let both = wanted.intersection(&listed).count();
    let share = |of: usize| {
        if of == 0 { "-".to_owned() } else { format!("{:.2}", both as f64 / of as f64) }
    };
    let missed: Vec<&str> = wanted.difference(&listed).map(|name| name.as_str()).collect();
    format!(
        ", {} touched and named: recall {} precision {} {}",
        wanted.len(),
        share(wanted.len()),
        share(listed.len()),
        missed.join(" ")
    )
}
