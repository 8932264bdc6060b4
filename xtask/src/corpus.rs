// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask corpus-check DATA`: scans and extracts every image beneath `firmware` and
//! `formats`, and compares each file system that a reference tool can open with what that finds.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use kakoi_model::{Container, Facts, OpenState, RegionKind};

use crate::{kakoi, reference};

pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let data = PathBuf::from(arguments.first().context("usage: corpus-check DATA [NAME-PART]")?);
    let part = arguments.get(1).map_or("", String::as_str);
    let kakoi = kakoi()?;
    println!(
        "| image | exit | containers | files | roots | named | compared | failures |\n|---|---|---|---|---|---|---|---|"
    );
    let mut totals = Totals::default();
    for image in images(&data, part)? {
        let row = check(&kakoi, &image).with_context(|| image.display().to_string())?;
        totals.add(&row);
        let name = image.strip_prefix(&data).unwrap_or(&image).display();
        println!(
            "| {name} | {} | {} | {} | {} | {:.1} % | {} | {} |",
            row.exit,
            row.containers,
            row.files,
            row.roots,
            row.named * 100.0,
            row.compared,
            row.failures.join("; ")
        );
    }
    println!("\n{totals}");
    anyhow::ensure!(
        totals.different == 0,
        "{} file systems differ from the reference",
        totals.different
    );
    Ok(())
}

pub fn images(data: &Path, part: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![data.join("firmware"), data.join("formats")];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.to_string_lossy().contains(part) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[derive(Default)]
struct Row {
    exit: i32,
    containers: usize,
    files: usize,
    roots: usize,
    named: f64,
    compared: String,
    equal: usize,
    different: usize,
    full: bool,
    failures: Vec<String>,
}

fn check(kakoi: &Path, image: &Path) -> anyhow::Result<Row> {
    let work = tempfile::tempdir()?;
    let out = work.path().join("out");
    let scan = Command::new(kakoi)
        .args(["scan", "-q", "-o"])
        .arg(work.path().join("scan"))
        .arg(image)
        .output()?;
    let extraction = Command::new(kakoi).args(["extract", "-q"]).arg(image).arg(&out).output()?;
    let mut row = Row { exit: scan.status.code().unwrap_or(-1), ..Row::default() };
    let text = fs::read_to_string(work.path().join("scan/facts.jsonl"));
    let facts = text.ok().map(|text| Facts::from_json_lines(&text)).transpose()?;
    if let Some(facts) = &facts {
        describe(facts, &mut row);
    }
    if !extraction.status.success() {
        let words = String::from_utf8_lossy(&extraction.stderr);
        row.failures.push(words.lines().last().unwrap_or_default().to_owned());
        row.compared = "-".to_owned();
        return Ok(row);
    }
    let facts = facts.context("facts of the scan")?;
    compare(&facts, image, &out, work.path(), &mut row)?;
    Ok(row)
}

fn describe(facts: &Facts, row: &mut Row) {
    row.containers = facts.containers().count();
    row.files = facts.files().count();
    row.roots = facts.containers().filter(|container| container.root).count();
    row.full = facts.containers().all(|container| container.state == OpenState::Full);
    let image = facts.image().map(|image| image.digest);
    let regions = || facts.regions().filter(|region| Some(region.blob) == image);
    let unknown = regions().filter(|region| matches!(region.what, RegionKind::Unknown { .. }));
    let total: u64 = regions().map(|region| region.size).sum();
    row.named = 1.0 - unknown.map(|region| region.size).sum::<u64>() as f64 / total.max(1) as f64;
    let problems: Vec<String> = facts.problems().map(ToString::to_string).collect();
    row.failures.extend(problems.iter().take(3).cloned());
    if problems.len() > 3 {
        row.failures.push(format!("{} more", problems.len() - 3));
    }
}

fn compare(
    facts: &Facts,
    image: &Path,
    out: &Path,
    work: &Path,
    row: &mut Row,
) -> anyhow::Result<()> {
    let mut notes = Vec::new();
    for container in facts.containers() {
        let Some(blob) = blob(facts, container, image, out) else { continue };
        let cut = work.join(format!("{}.cut", container.id.0));
        let bytes = fs::read(&blob).with_context(|| blob.display().to_string())?;
        let start = usize::try_from(container.offset)?;
        let end = start + usize::try_from(container.size)?;
        fs::write(&cut, bytes.get(start..end).context("container leaves its content")?)?;
        let target = work.join(format!("{}.reference", container.id.0));
        let reference = reference::unpack(&container.format, &cut, &target);
        fs::remove_file(&cut)?;
        let Some(reference) = reference else { continue };
        let files = facts.files().filter(|file| file.container == container.id);
        let own = reference::own(files, reference::keeps_modes(&container.format));
        let differences = reference::differences(&own, &reference);
        fs::remove_dir_all(&target)?;
        if differences.is_empty() {
            row.equal += 1;
            notes.push(format!("{} {} equal", container.format, reference.len()));
        } else {
            row.different += 1;
            notes.push(format!("{} {} DIFFER", container.format, differences.len()));
            row.failures.extend(differences.into_iter().take(3));
        }
    }
    row.compared = if notes.is_empty() { "-".to_owned() } else { notes.join(", ") };
    Ok(())
}

/// Where the content that a container lies in was extracted to.
fn blob(facts: &Facts, container: &Container, image: &Path, out: &Path) -> Option<PathBuf> {
    let Some(parent) = &container.parent else { return Some(image.to_owned()) };
    let outer = facts.containers().find(|outer| outer.id == parent.container)?;
    let folder = folder(facts, outer, out)?;
    Some(folder.join(std::ffi::OsStr::from_bytes(parent.path.as_bytes())))
}

/// The folder naming of `kakoi extract`.
pub fn folder(facts: &Facts, container: &Container, out: &Path) -> Option<PathBuf> {
    let own = format!("{:06x}-{}", container.offset, container.format);
    let Some(parent) = &container.parent else { return Some(out.join(own)) };
    let outer = facts.containers().find(|outer| outer.id == parent.container)?;
    let mut name = parent.path.as_bytes().to_vec();
    name.extend_from_slice(b".contents");
    Some(folder(facts, outer, out)?.join(std::ffi::OsStr::from_bytes(&name)).join(own))
}

#[derive(Default)]
struct Totals {
    images: usize,
    opened: usize,
    full: usize,
    equal: usize,
    different: usize,
}

impl Totals {
    fn add(&mut self, row: &Row) {
        self.images += 1;
        self.opened += usize::from(row.containers > 0);
        self.full += usize::from(row.containers > 0 && row.full);
        self.equal += row.equal;
        self.different += row.different;
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} images: {} opened, {} without a failed or partial container; file systems compared with a reference tool: {} equal, {} different",
            self.images, self.opened, self.full, self.equal, self.different
        )
    }
}
