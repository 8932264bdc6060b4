// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask peers DATA`: every image beneath `firmware` and `formats`, opened by kakoi, unblob
//! and binwalk in the same run. Writes `docs/formats-measured.md`, which is part of docs/FORMATS.md.
//!
//! Nobody is the judge: a content counts as *agreed* when at least two of the three bring it out.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use kakoi_model::Digest;

use super::tool::{Outcome, Peers, run_tool};
use crate::corpus::images;
use crate::{kakoi, top};

const NAMES: [&str; 3] = ["kakoi", "unblob", "binwalk"];

pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let data = PathBuf::from(arguments.first().context("usage: peers DATA [NAME-PART]")?);
    let part = arguments.get(1).map_or("", String::as_str);
    let work = top().join("target/bench");
    fs::create_dir_all(&work)?;
    let peers = Peers::find(&work);
    let missing = "is not installed: `make bench` installs the peers";
    let tools = [
        kakoi()?,
        peers.unblob.with_context(|| format!("unblob {missing}"))?,
        peers.binwalk.with_context(|| format!("binwalk {missing}"))?,
    ];
    let (mut rows, mut totals) = (String::new(), [Total::default(); 3]);
    let images = images(&data, part)?;
    for image in &images {
        let outcomes =
            tools.iter().enumerate().map(|(index, tool)| run_tool(index, tool, image, &work));
        let outcomes: Vec<Outcome> = outcomes.collect::<anyhow::Result<_>>()?;
        let name = image.strip_prefix(&data).unwrap_or(image).display().to_string();
        let row = row(&name, &outcomes, &mut totals);
        print!("{row}");
        rows.push_str(&row);
    }
    let text = format!("{}{}{rows}", head(images.len()), summary(&totals));
    if part.is_empty() {
        fs::write(top().join("docs/formats-measured.md"), text)?;
    }
    print!("{}", summary(&totals));
    Ok(())
}

/// Sums of one tool over all images.
#[derive(Default, Clone, Copy)]
struct Total {
    agreed: usize,
    opened: usize,
    alone: usize,
    failed: usize,
    cpu_s: f64,
    peak_kib: u64,
}

fn row(name: &str, outcomes: &[Outcome], totals: &mut [Total; 3]) -> String {
    let agreed = agreed(outcomes);
    let mut row = format!("| {name} | {}", agreed.len());
    for (outcome, total) in outcomes.iter().zip(totals) {
        let opened = outcome.found.intersection(&agreed).count();
        let alone = outcome.found.len() - opened;
        total.agreed += agreed.len();
        total.opened += opened;
        total.alone += alone;
        total.failed += outcome.failed;
        total.cpu_s += outcome.cost.cpu_s;
        total.peak_kib = total.peak_kib.max(outcome.cost.peak_kib);
        let exit = if outcome.cost.exit == "0" { "" } else { "!" };
        let _ = write!(
            row,
            " | {opened} +{alone} | {} | {:.2}{exit} | {}",
            outcome.failed,
            outcome.cost.cpu_s,
            outcome.cost.peak_kib / 1024
        );
    }
    row.push_str(" |\n");
    row
}

/// What at least two bring out.
fn agreed(outcomes: &[Outcome]) -> BTreeSet<Digest> {
    let all: BTreeSet<&Digest> = outcomes.iter().flat_map(|one| &one.found).collect();
    let twice =
        |digest: &&&Digest| outcomes.iter().filter(|one| one.found.contains(**digest)).count() > 1;
    all.iter().filter(twice).map(|digest| **digest).collect()
}

fn head(images: usize) -> String {
    format!(
        "\n## Beside unblob and binwalk\n\n\
         {images} images of the project's data folder, each opened by all three in the same run \
         (`cargo xtask peers DATA`; how the peers are called: docs/BENCHMARKS.md). A content is *agreed* \
         when at least two of the three bring it out; *opened* is how many of these a tool has, and behind \
         the + how many distinct contents only it has (for the peers also carved pieces and payloads that \
         are not files). *Failed*: containers that it reported and could not open, or opened with an \
         error. An exclamation mark: it ended with an error code, or was ended after 300 seconds. kakoi does not open \
         streams of at most 512 bytes in kernels, which test their decompressors with them. CPU seconds are those of the whole \
         process tree, memory is the largest process's; kakoi does its whole analysis in them.\n\n"
    )
}

fn summary(totals: &[Total; 3]) -> String {
    let mut text = String::from(
        "| tool | agreed | opened | missed | only it | failed | CPU s | peak MiB |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for (name, total) in NAMES.iter().zip(totals) {
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {:.1} | {} |",
            total.agreed,
            total.opened,
            total.agreed - total.opened,
            total.alone,
            total.failed,
            total.cpu_s,
            total.peak_kib / 1024
        );
    }
    let columns = NAMES.map(|name| format!(" {name}: opened | failed | CPU s | MiB |"));
    let _ = writeln!(text, "\n| image | agreed |{}", columns.concat());
    let _ = writeln!(text, "|---|---|{}", "---|".repeat(12));
    text
}
