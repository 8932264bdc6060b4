// SPDX-License-Identifier: Apache-2.0
//! `kakoi profile`: system-call profiles of programs.

mod cache;
mod combine;
mod compile;
mod image;
mod libraries;
mod show;
mod statics;
mod trace;

use clap::{Args, Subcommand};

use crate::exit::Exit;

pub use cache::Cache;
pub use combine::{architecture, read};
pub use compile::{budget, rules};
pub use libraries::Libraries;
pub use statics::profile_as;

/// Find the system calls that a program makes, and make a filter of them
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Static(statics::Arguments),
    Trace(trace::Arguments),
    Merge(combine::Merge),
    Diff(combine::Diff),
    Show(show::Arguments),
    Compile(compile::Compile),
    Export(compile::Export),
    Image(image::Arguments),
    Check(combine::Check),
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::Static(arguments) => statics::exec(arguments),
        Command::Trace(arguments) => trace::exec(arguments),
        Command::Merge(arguments) => combine::exec_merge(arguments),
        Command::Diff(arguments) => combine::exec_diff(arguments),
        Command::Show(arguments) => show::exec(arguments),
        Command::Compile(arguments) => compile::exec(arguments),
        Command::Export(arguments) => compile::exec_export(arguments),
        Command::Image(arguments) => image::exec(arguments),
        Command::Check(arguments) => combine::exec_check(arguments),
    }
}
