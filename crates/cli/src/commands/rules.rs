// SPDX-License-Identifier: Apache-2.0
//! `kakoi rules`: the catalogue of rules, from the code.

use clap::Args;

use crate::exit::Exit;

/// Explain the rules: how each works, its false positives and false negatives
#[derive(Args)]
pub struct Arguments {
    /// Code of one rule; without it, a line for each
    code: Option<String>,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    crate::output::data(&format!("{:?}\n", arguments.code))?;
    Ok(Exit::Done)
}
