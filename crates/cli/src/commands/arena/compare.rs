// SPDX-License-Identifier: Apache-2.0
//! `kakoi arena compare`: runs side by side.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use kakoi_arena::matrix::{self, Run};

use crate::exit::{BadInput, Exit};
use crate::output;

/// Show runs side by side: scenarios, services, refusals, rules
#[derive(Args)]
pub struct Arguments {
    /// What `kakoi arena run` wrote
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut runs = Vec::new();
    for path in &arguments.files {
        let place = || path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|why| BadInput(why.to_string()))
            .with_context(place)?;
        let run: Run = serde_json::from_str(&text)
            .map_err(|why| BadInput(format!("not a run of the arena: {why}")))
            .with_context(place)?;
        runs.push(run);
    }
    output::data(&matrix::table(&runs))?;
    Ok(Exit::Done)
}
