// SPDX-License-Identifier: Apache-2.0
//! `kakoi rules`: the catalogue of rules, from the code.

use clap::Args;
use kakoi_assess::{catalogue, render_catalogue};
use kakoi_report::{render_rule, render_rules};

use crate::exit::{BadInput, Exit};
use crate::output;

/// Explain the rules: how each works, its false positives and false negatives
#[derive(Args)]
pub struct Arguments {
    /// Code of one rule; without it, a line for each
    code: Option<String>,
    /// Write the whole catalogue as Markdown (docs/RULES.md is made of it)
    #[arg(long, conflicts_with = "code")]
    markdown: bool,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let text = match &arguments.code {
        None if arguments.markdown => render_catalogue(),
        None => render_rules(catalogue()),
        Some(code) => match catalogue().iter().find(|doc| doc.code == code) {
            Some(doc) => render_rule(doc),
            None => anyhow::bail!(BadInput(format!("no rule {code}; `kakoi rules` lists them"))),
        },
    };
    output::data(&text)?;
    Ok(Exit::Done)
}
