// SPDX-License-Identifier: Apache-2.0
//! `kakoi arena compare`: runs side by side.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use kakoi_arena::derivation::{self, Domain, Policy};
use kakoi_arena::document::document;
use kakoi_arena::matrix::Run;
use kakoi_arena::table::{self, Row};

use crate::exit::{BadInput, Exit};
use crate::output;

/// Show runs side by side: scenarios, services, refusals, rules
#[derive(Args)]
pub struct Arguments {
    /// Runs and policies (policy.json) as `kakoi arena run` and `kakoi protect` wrote them, or what --rows kept of them
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A line for each image instead of the matrix: what lives before and under protection
    #[arg(long, conflicts_with = "rows")]
    images: bool,
    /// Print what the tables show as JSON, to be kept
    #[arg(long)]
    rows: bool,
    /// Print everything as one document
    #[arg(long, conflicts_with_all = ["rows", "images"])]
    document: bool,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut runs = Vec::new();
    let mut rows: Vec<Row> = Vec::new();
    let mut domains: Vec<Domain> = Vec::new();
    for path in &arguments.files {
        match read(path)? {
            Read::Run(run) => runs.push(*run),
            Read::Rows(more) => rows.extend(more),
            Read::Domains(more) => domains.extend(more),
        }
    }
    rows.extend(Row::of_all(&runs));
    let text = match (arguments.rows, arguments.images) {
        (true, _) if rows.is_empty() => serde_json::to_string_pretty(&domains)? + "\n",
        (true, _) => serde_json::to_string_pretty(&rows)? + "\n",
        (_, true) => table::images(&rows),
        _ if arguments.document => document(&rows, &domains),
        _ if rows.is_empty() => derivation::table(&domains),
        _ => table::matrix(&rows),
    };
    output::data(&text)?;
    Ok(Exit::Done)
}

enum Read {
    Run(Box<Run>),
    Rows(Vec<Row>),
    Domains(Vec<Domain>),
}

fn read(path: &Path) -> anyhow::Result<Read> {
    let place = || path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|why| BadInput(why.to_string()))
        .with_context(place)?;
    if let Ok(rows) = serde_json::from_str(&text) {
        return Ok(Read::Rows(rows));
    }
    if let Ok(domains) = serde_json::from_str(&text) {
        return Ok(Read::Domains(domains));
    }
    if let Ok(policy) = serde_json::from_str::<Policy>(&text) {
        return Ok(Read::Domains(policy.domains()));
    }
    let run = serde_json::from_str(&text)
        .map_err(|why| BadInput(format!("not a run of the arena: {why}")))
        .with_context(place)?;
    Ok(Read::Run(run))
}
