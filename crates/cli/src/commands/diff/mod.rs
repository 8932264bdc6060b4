// SPDX-License-Identifier: Apache-2.0
//! `kakoi diff`: what changed between two builds of a program, or two images.

mod images;
mod programs;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::parsing::Parsing;
use crate::exit::{BadInput, Exit};
use crate::output;

/// Compare two executables or libraries, or two images
///
/// Of two images (or archives, packages, directories) it tells files, versions, mitigations gained and lost, start-up, kernel
/// options and accounts, and compares the programs that changed. Of two programs, the verdict is identical, rebuilt (same source, other build), patched (some functions changed) or different. Versions, dates
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
    #[command(flatten)]
    parsing: Parsing,
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
    let text = match (is_program(&arguments.old)?, is_program(&arguments.new)?) {
        (true, true) => {
            let found = programs::compare(arguments)?;
            match arguments.format {
                Printed::Json => json(&found)?,
                Printed::Text => programs::render(&found),
            }
        }
        (false, false) => {
            let found = images::compare(arguments)?;
            match arguments.format {
                Printed::Json => json(&found)?,
                Printed::Text => images::render(&found),
            }
        }
        _ => anyhow::bail!(BadInput("one is a program, the other is none".to_owned())),
    };
    output::data(&text)?;
    Ok(Exit::Done)
}

fn json(found: &impl serde::Serialize) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(found)?))
}

fn is_program(path: &Path) -> anyhow::Result<bool> {
    use std::io::Read;
    let mut magic = Vec::new();
    if !path.is_dir() {
        let file = std::fs::File::open(path).map_err(|error| BadInput(error.to_string()));
        file.with_context(|| path.display().to_string())?.take(4).read_to_end(&mut magic)?;
    }
    Ok(magic == b"\x7fELF")
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = std::fs::read(path).map_err(|error| BadInput(error.to_string()));
    bytes.with_context(|| path.display().to_string())
}
