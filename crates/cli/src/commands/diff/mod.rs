// SPDX-License-Identifier: Apache-2.0
//! `kakoi diff`: what changed between two builds of a program.

mod programs;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::exit::{BadInput, Exit};
use crate::output;

/// Compare two executables or libraries
///
/// The verdict is identical, rebuilt (same source, other build), patched (some functions changed) or different. Versions, dates
/// and build paths are no evidence. Names of functions come from symbols, mini debug information or --debug files; without
/// them a function is fun_ADDRESS.
#[derive(Args)]
pub struct Arguments {
    /// The earlier one
    old: PathBuf,
    /// The later one
    new: PathBuf,
    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    format: Printed,
    /// Separate debug file of the earlier program, for names only
    #[arg(long, value_name = "FILE")]
    old_debug: Option<PathBuf>,
    /// Separate debug file of the later program, for names only
    #[arg(long, value_name = "FILE")]
    new_debug: Option<PathBuf>,
}

/// Forms of standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Printed {
    /// For people
    Text,
    /// One JSON document
    Json,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let found = programs::compare(arguments)?;
    output::data(&match arguments.format {
        Printed::Json => format!("{}\n", serde_json::to_string_pretty(&found)?),
        Printed::Text => programs::render(&found),
    })?;
    Ok(Exit::Done)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = std::fs::read(path).map_err(|error| BadInput(error.to_string()));
    bytes.with_context(|| path.display().to_string())
}
