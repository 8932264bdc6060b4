// SPDX-License-Identifier: Apache-2.0
//! `kakoi arena`: an image's own root file system alive in a guest.

use clap::{Args, Subcommand};

use crate::exit::Exit;

mod boot;
mod compare;
pub mod learn;
mod prepared;
pub mod run;

pub use prepared::Prepared;

/// Boot an image's root file system in a guest; run defences and scenarios in it
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Boot(boot::Arguments),
    Run(run::Arguments),
    Compare(compare::Arguments),
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::Boot(arguments) => boot::exec(arguments),
        Command::Run(arguments) => run::exec(arguments),
        Command::Compare(arguments) => compare::exec(arguments),
    }
}
