// SPDX-License-Identifier: Apache-2.0
//! `kakoi scan`: an image in, facts and findings out.

use std::path::PathBuf;

use clap::Args;

use super::parsing::{NoContents, Parsing};
use crate::exit::Exit;
use crate::output;
use crate::worker::Task;

/// Scan a firmware image, an archive or a directory
#[derive(Args)]
pub struct Arguments {
    /// Firmware image, archive, or the directory of a root file system
    image: PathBuf,
    #[command(flatten)]
    parsing: Parsing,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let scan = arguments.parsing.read(&arguments.image, Task::Inspect, &mut NoContents)?;
    output::data(&scan.facts.to_json_lines()?)?;
    Ok(Exit::Done)
}
