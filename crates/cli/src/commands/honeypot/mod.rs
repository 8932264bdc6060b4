// SPDX-License-Identifier: Apache-2.0
//! `kakoi honeypot`: serves remote logins, and looks at sessions that were recorded.

mod export;
mod page;
mod replay;
mod serve;
mod summarize;

use clap::{Args, Subcommand};

use crate::exit::Exit;

pub use serve::{KEEPER, keep};

/// Let intruders in, into an isolated system, and record what they do
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Arguments,
}

#[derive(Subcommand)]
enum Command {
    Export(export::Arguments),
    Replay(replay::Arguments),
    Summarize(summarize::Arguments),
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        None => serve::exec(&arguments.serve),
        Some(Command::Export(arguments)) => export::exec(arguments),
        Some(Command::Replay(arguments)) => replay::exec(arguments),
        Some(Command::Summarize(arguments)) => summarize::exec(arguments),
    }
}
