// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask bench`: whole processes, CPU seconds and peak memory as the kernel accounts them,
//! kakoi against unblob and binwalk on the same input in the same run. Ratios are what to quote.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use kakoi_model::Digest;

use self::tool::{Outcome, Peers, contents, run_tool};
use crate::{kakoi, top};

mod extract;
pub mod formats;
mod tool;

pub(crate) use tool::measure;

pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let kakoi = kakoi()?;
    let work = top().join("target/bench");
    fs::create_dir_all(&work)?;
    let forms = make_forms(&work)?;
    let truth = contents(&work.join("demo/rootfs"))?;
    let peers = Peers::find(&work);
    println!("root file system: {} distinct file contents, forms: {}", truth.len(), forms.len());
    table(&kakoi, &peers, &forms, Some(&truth), &work)?;
    extract::table(&kakoi, &forms, size_of(&work.join("demo/rootfs"))?, &work)?;
    if let Some(data) = arguments.first() {
        let images = firmware(Path::new(data))?;
        println!("\nfirmware: {} images", images.len());
        table(&kakoi, &peers, &images, None, &work)?;
    }
    Ok(())
}

fn make_forms(work: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let forms = work.join("forms");
    if !forms.exists() {
        shell(&[&top().join("demo/image.sh"), &work.join("demo"), &work.join("demo/router.bin")])?;
        let kernel = first_named(&work.join("demo/installer"), "vmlinuz")
            .context("no kernel in the installer")?;
        shell(&[&top().join("benches/forms.sh"), &work.join("demo/rootfs"), &kernel, &forms])?;
    }
    let mut found: Vec<PathBuf> =
        fs::read_dir(&forms)?.flatten().map(|entry| entry.path()).collect();
    found.sort();
    Ok(found)
}

fn shell(command: &[&Path]) -> anyhow::Result<()> {
    let status = Command::new("bash").args(command).stdout(Stdio::null()).status()?;
    anyhow::ensure!(status.success(), "{} failed", command[0].display());
    Ok(())
}

fn first_named(directory: &Path, name: &str) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries.into_iter().find_map(|path| {
        if path.is_dir() {
            first_named(&path, name)
        } else {
            Some(path).filter(|path| path.ends_with(name))
        }
    })
}

/// Bytes of all regular files beneath a directory.
fn size_of(directory: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)?.flatten() {
        let metadata = fs::symlink_metadata(entry.path())?;
        bytes += if metadata.is_dir() { size_of(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

fn firmware(data: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in fs::read_dir(data.join("firmware"))?.flatten() {
        found.extend(fs::read_dir(folder.path())?.flatten().map(|entry| entry.path()));
    }
    found.sort();
    Ok(found)
}

#[derive(Default)]
struct Sums {
    cpu_s: [f64; 3],
    complete: [usize; 3],
    peak_kib: [u64; 3],
}

fn table(
    kakoi: &Path,
    peers: &Peers,
    images: &[PathBuf],
    truth: Option<&BTreeSet<Digest>>,
    work: &Path,
) -> anyhow::Result<()> {
    println!(
        "| image | kakoi CPU s | peak MiB | files | unblob CPU s | files | binwalk CPU s | files |\n|---|---|---|---|---|---|---|---|"
    );
    let mut sums = Sums::default();
    for image in images {
        let mut cells = Vec::new();
        for (index, tool) in
            [Some(kakoi), peers.unblob.as_deref(), peers.binwalk.as_deref()].into_iter().enumerate()
        {
            let Some(tool) = tool else {
                cells.push("not installed |".to_owned());
                continue;
            };
            cells.push(one(index, tool, image, truth, work, &mut sums)?);
        }
        let name = image.file_name().unwrap_or_default().to_string_lossy();
        println!("| {name} | {} |", cells.join(" | "));
    }
    let [own, unblob, binwalk] = sums.cpu_s;
    println!(
        "| sum | {own:.2} | {} | {} | {unblob:.2} | {} | {binwalk:.2} | {} |",
        sums.peak_kib[0] / 1024,
        sums.complete[0],
        sums.complete[1],
        sums.complete[2]
    );
    println!(
        "\nunblob / kakoi = {:.1}, binwalk / kakoi = {:.1}, largest peak of kakoi {} MiB",
        unblob / own,
        binwalk / own,
        sums.peak_kib[0] / 1024
    );
    Ok(())
}

fn one(
    index: usize,
    tool: &Path,
    image: &Path,
    truth: Option<&BTreeSet<Digest>>,
    work: &Path,
    sums: &mut Sums,
) -> anyhow::Result<String> {
    let Outcome { cost, found, .. } = run_tool(index, tool, image, work)?;
    let files = match truth {
        Some(truth) => {
            let count = truth.intersection(&found).count();
            sums.complete[index] += usize::from(count == truth.len());
            format!("{count}/{}", truth.len())
        }
        None => found.len().to_string(),
    };
    sums.cpu_s[index] += cost.cpu_s;
    sums.peak_kib[index] = sums.peak_kib[index].max(cost.peak_kib);
    let exit = if cost.exit == "0" { String::new() } else { format!(" (exit {})", cost.exit) };
    let peak = if index == 0 { format!(" {} |", cost.peak_kib / 1024) } else { String::new() };
    Ok(format!("{:.2}{exit} |{peak} {files}", cost.cpu_s))
}
