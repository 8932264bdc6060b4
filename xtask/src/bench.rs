// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask bench`: whole processes, CPU seconds and peak memory as the kernel accounts them,
//! kakoi against unblob and binwalk on the same input in the same run. Ratios are what to quote.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use kakoi_model::{Digest, Facts};

use crate::{kakoi, top};

pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let kakoi = kakoi()?;
    let work = top().join("target/bench");
    fs::create_dir_all(&work)?;
    let forms = make_forms(&work)?;
    let truth = contents(&work.join("demo/rootfs"))?;
    let peers = Peers::find(&work);
    println!("root file system: {} distinct file contents, forms: {}", truth.len(), forms.len());
    table(&kakoi, &peers, &forms, Some(&truth), &work)?;
    if let Some(data) = arguments.first() {
        let images = firmware(Path::new(data))?;
        println!("\nfirmware: {} images", images.len());
        table(&kakoi, &peers, &images, None, &work)?;
    }
    Ok(())
}

/// Tools that are measured beside kakoi, where they are installed (`make bench` installs them).
struct Peers {
    unblob: Option<PathBuf>,
    binwalk: Option<PathBuf>,
}

impl Peers {
    fn find(work: &Path) -> Self {
        let existing = |path: &str| Some(work.join(path)).filter(|path| path.exists());
        Self {
            unblob: existing("peers/unblob/bin/unblob"),
            binwalk: existing("peers/binwalk/bin/binwalk"),
        }
    }
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

fn firmware(data: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in fs::read_dir(data.join("firmware"))?.flatten() {
        found.extend(fs::read_dir(folder.path())?.flatten().map(|entry| entry.path()));
    }
    found.sort();
    Ok(found)
}

/// Digests of all regular files beneath a directory that are not empty.
fn contents(directory: &Path) -> anyhow::Result<BTreeSet<Digest>> {
    let mut digests = BTreeSet::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
            let path = entry?.path();
            let metadata = fs::symlink_metadata(&path)?;
            if metadata.is_dir() {
                waiting.push(path);
            } else if metadata.is_file() && metadata.len() > 0 {
                digests.insert(Digest::of(&fs::read(&path)?));
            }
        }
    }
    Ok(digests)
}

/// What one run used.
struct Cost {
    cpu_s: f64,
    peak_kib: u64,
    exit: String,
}

/// GNU time accounts for the process and all that it waited for; its peak is the largest one's.
fn measure(command: &mut Vec<String>, work: &Path) -> anyhow::Result<Cost> {
    let log = work.join("time.log");
    let mut full =
        vec!["/usr/bin/time".to_owned(), "-f".to_owned(), "%U %S %M".to_owned(), "-o".to_owned()];
    full.push(log.display().to_string());
    full.append(command);
    // What peers call is looked for beside them first.
    let beside =
        ["peers/shim", "peers/unblob/bin"].map(|path| work.join(path).display().to_string());
    let path = format!("{}:{}", beside.join(":"), std::env::var("PATH")?);
    let status = Command::new(&full[0])
        .args(&full[1..])
        .env("PATH", path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let text = fs::read_to_string(&log)?;
    let last = text.lines().last().unwrap_or_default();
    let mut fields = last.split(' ');
    let mut next = || fields.next().and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN);
    let cpu_s = next() + next();
    let peak_kib = next() as u64;
    let exit = status
        .code()
        .map_or_else(|| format!("signal {:?}", status.signal()), |code| code.to_string());
    Ok(Cost { cpu_s, peak_kib, exit })
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
    let out = work.join("out");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out)?;
    let text = |path: &Path| path.display().to_string();
    let mut command = match index {
        0 => vec![text(tool), "scan".into(), "-q".into(), "-o".into(), text(&out), text(image)],
        1 => vec![
            text(tool),
            "-e".into(),
            text(&out),
            "--log".into(),
            text(&work.join("unblob.log")),
            text(image),
        ],
        _ => vec![
            text(tool),
            "-q".into(),
            "-M".into(),
            "-e".into(),
            "-C".into(),
            text(&out),
            text(image),
        ],
    };
    let cost = measure(&mut command, work)?;
    let found = if index == 0 { listed(&out)? } else { contents(&out)? };
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

/// Digests that a scan lists.
fn listed(out: &Path) -> anyhow::Result<BTreeSet<Digest>> {
    let text = fs::read_to_string(out.join("facts.jsonl")).unwrap_or_default();
    let facts = Facts::from_json_lines(&text)?;
    Ok(facts.files().filter(|file| file.size() > 0).filter_map(kakoi_model::File::digest).collect())
}
