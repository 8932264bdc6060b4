// SPDX-License-Identifier: Apache-2.0
//! `kakoi corpus`: facts of many images.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use kakoi_corpus::CorpusError;

use crate::exit::{BadInput, Exit};

mod add;
mod check;
mod export;
mod lineage;
mod similar;
mod sql;
mod survey;

/// Thousands of images: survey, similarity, lineage
///
/// A corpus is a directory (--corpus) that holds the facts of images, each distinct content once. docs/CORPUS.md has the tables.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The corpus
    #[arg(short = 'C', long, value_name = "DIR", default_value = "kakoi-corpus", global = true)]
    corpus: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    Add(add::Arguments),
    Survey(survey::Arguments),
    Sql(sql::Arguments),
    Similar(similar::Arguments),
    Lineage(lineage::Arguments),
    Check(check::Arguments),
    Export(export::Arguments),
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
    let corpus = &arguments.corpus;
    let done = match &arguments.command {
        Command::Add(arguments) => add::exec(corpus, arguments),
        Command::Survey(arguments) => survey::exec(corpus, arguments),
        Command::Sql(arguments) => sql::exec(corpus, arguments),
        Command::Similar(arguments) => similar::exec(corpus, arguments),
        Command::Lineage(arguments) => lineage::exec(corpus, arguments),
        Command::Check(arguments) => check::exec(corpus, arguments),
        Command::Export(arguments) => export::exec(corpus, arguments),
    };
    done.map_err(|error| match error.downcast::<CorpusError>() {
        // What was asked for is not there: not kakoi's fault.
        Ok(error @ (CorpusError::Unknown(_) | CorpusError::Question(_))) => {
            BadInput(error.to_string()).into()
        }
        Ok(error) => error.into(),
        Err(error) => error,
    })
}
