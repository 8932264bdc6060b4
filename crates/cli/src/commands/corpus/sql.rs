// SPDX-License-Identifier: Apache-2.0
//! `kakoi corpus sql`.

use std::fmt::Write;
use std::path::Path;

use clap::{Args, ValueEnum};
use kakoi_corpus::{Answer, Cell, Corpus, query};

use crate::exit::Exit;
use crate::output::{self, printable};

/// Ask a corpus in SQL
///
/// `kakoi corpus sql "SELECT vendor, avg(nx) FROM elf GROUP BY vendor"`. Tables and columns: docs/CORPUS.md.
#[derive(Args)]
pub struct Arguments {
    /// The question: one SELECT
    question: String,
    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    format: Printed,
    /// Rows at most
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Printed {
    /// Columns for people
    Text,
    /// Comma-separated values
    Csv,
    /// A list of objects
    Json,
}

/// Runs the command.
pub fn exec(corpus: &Path, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut answer = query(&Corpus::read(corpus)?, &arguments.question, arguments.limit)?;
    if answer.rows.len() > arguments.limit {
        answer.rows.truncate(arguments.limit);
        output::complain(&format!("there are more than {} rows (--limit)", arguments.limit));
    }
    let text = match arguments.format {
        Printed::Text => columns(&answer),
        Printed::Csv => csv(&answer),
        Printed::Json => json(&answer)?,
    };
    output::data(&text)?;
    Ok(Exit::Done)
}

fn columns(answer: &Answer) -> String {
    let cells: Vec<Vec<String>> = answer
        .rows
        .iter()
        .map(|row| row.iter().map(|cell| printable(&shown(cell))).collect())
        .collect();
    let mut widths: Vec<usize> = answer.columns.iter().map(|name| name.chars().count()).collect();
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let mut line = |row: &[String]| {
        let padded: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(text, "{}", padded.join("  ").trim_end());
    };
    line(&answer.columns);
    cells.iter().for_each(|row| line(row));
    text
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Null => "-".to_owned(),
        Cell::Real(value) => format!("{value:.4}"),
        other => other.to_string(),
    }
}

/// RFC 4180.
fn csv(answer: &Answer) -> String {
    let mut text = String::new();
    let rows = answer.rows.iter().map(|row| row.iter().map(Cell::to_string).collect::<Vec<_>>());
    for row in std::iter::once(answer.columns.clone()).chain(rows) {
        let fields: Vec<String> = row.iter().map(|field| super::survey::quote(field)).collect();
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

fn json(answer: &Answer) -> anyhow::Result<String> {
    let value = |cell: &Cell| match cell {
        Cell::Null => serde_json::Value::Null,
        Cell::Integer(value) => (*value).into(),
        Cell::Real(value) => (*value).into(),
        Cell::Text(text) => text.clone().into(),
    };
    let rows: Vec<serde_json::Map<String, serde_json::Value>> = answer
        .rows
        .iter()
        .map(|row| answer.columns.iter().cloned().zip(row.iter().map(value)).collect())
        .collect();
    Ok(format!("{}\n", serde_json::to_string_pretty(&rows)?))
}
