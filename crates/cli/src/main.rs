// SPDX-License-Identifier: Apache-2.0
//! The `kakoi` command. `main` dispatches; each command has its file in `commands/`.

#![forbid(unsafe_code)]
// In a binary nothing is reachable from outside; `pub` says what a module offers to the others.
#![allow(unreachable_pub)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod commands;
mod exit;
mod lines;
mod output;
mod progress;
mod worker;

/// From a firmware image to facts and findings, and on to an isolation policy.
#[derive(Parser)]
#[command(name = "kakoi", version, about = "From a firmware image to facts and findings, and on to an isolation policy", max_term_width = 100, after_help = exit::HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Scan(commands::scan::Arguments),
    Diff(commands::diff::Arguments),
    Corpus(commands::corpus::Arguments),
    Patches(commands::patches::Arguments),
    Cve(commands::cve::Arguments),
    Extract(commands::extract::Arguments),
    Rules(commands::rules::Arguments),
    Formats(commands::formats::Arguments),
    Profile(commands::profile::Arguments),
    Run(commands::run::Arguments),
    Stages(commands::stages::Arguments),
    Honeypot(commands::honeypot::Arguments),
    Policy(commands::policy::Arguments),
    Guard(commands::guard::Arguments),
    Arena(commands::arena::Arguments),
    Protect(commands::protect::Arguments),
    /// Makes the cells of a honeypot; started by it.
    #[command(name = commands::honeypot::KEEPER, hide = true)]
    Keep,
    /// Parses one image, confined; started by the other commands.
    #[command(name = worker::COMMAND, hide = true)]
    Worker {
        /// Only try what a worker must not be able to do, and say what was refused
        #[arg(long)]
        probe: bool,
        /// Try it without confinement
        #[arg(long, requires = "probe")]
        free: bool,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Scan(arguments) => commands::scan::exec(&arguments),
        Command::Diff(arguments) => commands::diff::exec(&arguments),
        Command::Patches(arguments) => commands::patches::exec(&arguments),
        Command::Cve(arguments) => commands::cve::exec(&arguments),
        Command::Corpus(arguments) => commands::corpus::exec(&arguments),
        Command::Extract(arguments) => commands::extract::exec(&arguments),
        Command::Rules(arguments) => commands::rules::exec(&arguments),
        Command::Formats(arguments) => commands::formats::exec(&arguments),
        Command::Profile(arguments) => commands::profile::exec(&arguments),
        Command::Run(arguments) => commands::run::exec(&arguments),
        Command::Stages(arguments) => commands::stages::exec(&arguments),
        Command::Honeypot(arguments) => commands::honeypot::exec(&arguments),
        Command::Keep => commands::honeypot::keep(),
        Command::Policy(arguments) => commands::policy::exec(&arguments),
        Command::Protect(arguments) => commands::protect::exec(&arguments),
        Command::Arena(arguments) => commands::arena::exec(&arguments),
        Command::Guard(arguments) => commands::guard::exec(&arguments),
        Command::Worker { probe: true, free } => worker::probe(!free),
        Command::Worker { .. } => worker::serve(),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) if output::is_closed_pipe(&error) => exit::Exit::Done.into(),
        Err(error) => {
            output::complain(&format!("{error:#}"));
            exit::of_error(&error).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
