// SPDX-License-Identifier: Apache-2.0
//! `kakoi profile`: system-call profiles of programs.

mod cache;
mod libraries;
mod statics;

use clap::{Args, Subcommand};

use crate::exit::Exit;

/// Find the system calls that a program can make
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Static(statics::Arguments),
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::Static(arguments) => statics::exec(arguments),
    }
}
