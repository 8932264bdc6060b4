// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask boot-truth DATA [NAME-PART] [SECONDS]`: boots the root file systems of the images
//! beneath `firmware` under user-mode QEMU (tests/boot/), records every program executed, and
//! compares with what `kakoi scan` says starts at boot. docs/START-UP.md says what the columns mean.

mod compare;
mod root;
mod trace;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use kakoi_model::{Facts, StartUp};

use crate::{corpus, kakoi, top};
use compare::{Row, Sums};
use root::Guest;

/// Long enough for rcS of slow vendors under the tracer.
const SECONDS: &str = "60";

pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let usage = "usage: boot-truth DATA [NAME-PART] [SECONDS]";
    let data = PathBuf::from(arguments.first().context(usage)?);
    let part = arguments.get(1).map_or("", String::as_str);
    let seconds = arguments.get(2).map_or(SECONDS, String::as_str);
    let kakoi = kakoi()?;
    println!(
        "| image | always that ran | process list | found | with possible | ran | found always | found | with possible |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut sums = Sums::default();
    for image in corpus::images(&data, part)? {
        if !image.starts_with(data.join("firmware")) {
            continue;
        }
        let name = image.strip_prefix(&data).unwrap_or(&image).display().to_string();
        match measure(&kakoi, &image, seconds) {
            Ok(rows) => rows.iter().for_each(|row| {
                println!("| {name} {row}");
                row.explain();
                sums.add(row);
            }),
            Err(error) => println!("| {name} | - | - | - | - | - | - | - | {error:#} |"),
        }
    }
    println!("\n{sums}");
    Ok(())
}

/// Boots each root file system of one image.
fn measure(kakoi: &Path, image: &Path, seconds: &str) -> anyhow::Result<Vec<Row>> {
    let work = tempfile::tempdir()?;
    let scan =
        Command::new(kakoi).args(["scan", "-q", "-o"]).arg(work.path()).arg(image).output()?;
    anyhow::ensure!(scan.status.code().is_some_and(|code| code < 2), "the scan failed");
    let text = std::fs::read_to_string(work.path().join("facts.jsonl")).context("facts")?;
    let facts = Facts::from_json_lines(&text)?;
    let roots: Vec<_> = facts.containers().filter(|container| container.root).collect();
    if roots.is_empty() {
        return Ok(Vec::new());
    }
    let out = work.path().join("out");
    let extraction = Command::new(kakoi).args(["extract", "-q"]).arg(image).arg(&out).output()?;
    anyhow::ensure!(extraction.status.success(), "the extraction failed");
    let mut rows = Vec::new();
    for container in roots {
        let folder = corpus::folder(&facts, container, &out).context("no folder")?;
        let claims: Vec<&StartUp> =
            facts.start_ups().filter(|one| root::of_container(one) == Some(container.id)).collect();
        let Some(guest) = Guest::prepare(&facts, container, folder, &claims)? else { continue };
        let trace = work.path().join(format!("{}.trace", container.id.0));
        boot(&guest, seconds, &trace)?;
        let boot = trace::read(&trace, &guest)?;
        rows.push(compare::compare(&claims, &boot));
    }
    Ok(rows)
}

fn boot(guest: &Guest, seconds: &str, trace: &Path) -> anyhow::Result<()> {
    let mode = if guest.writable { "writable" } else { "read-only" };
    // The time limit kills it, so its status says nothing.
    Command::new(top().join("tests/boot/boot.sh"))
        .arg(&guest.root)
        .args([guest.init.as_str(), mode, guest.machine, seconds])
        .arg(trace)
        .status()
        .context("tests/boot/boot.sh")?;
    anyhow::ensure!(trace.exists(), "no trace: tests/boot/boot.sh said why");
    Ok(())
}
