// SPDX-License-Identifier: Apache-2.0
//! `kakoi stages`: what each command line of a session was for.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kakoi_assess::stages::{MAX_LINE_BYTES, Record, SessionLine, Sessions, Table, parse_record};
use kakoi_model::Purpose;
use serde_json::json;

use crate::exit::{BadInput, Exit};
use crate::lines::Lines;
use crate::output;

/// Sessions that are followed at once; more end the one that began first.
const MAX_SESSIONS: usize = 10_000;

/// Tell the infection stage of each command of a session, from events or from text alone
#[derive(Args)]
pub struct Arguments {
    /// Events of kakoi or Cowrie as JSON lines, or a transcript with one command line a line; - for
    /// standard input
    #[arg(value_name = "SESSION.jsonl|TRANSCRIPT")]
    input: PathBuf,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Build the research report's Table 1: commands and main system calls of each stage
    #[arg(long, conflicts_with = "format")]
    table: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// File line, stage of the line, stages of its sub-commands
    Tsv,
    /// One object a line
    Json,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut lines = Lines::open(&arguments.input, MAX_LINE_BYTES)?;
    let mut sink = Sink::new(arguments);
    let mut sessions = Sessions::new(MAX_SESSIONS);
    let mut broken = 0_u64;
    let mut seen = false;
    sink.begin()?;
    while let Some(line) = lines.next()? {
        // The first line of a transcript may say where it is from.
        if line.number == 1 && line.bytes.starts_with(b"# ") {
            continue;
        }
        let record = parse_record(line.bytes);
        broken += u64::from(record == Record::Broken);
        for settled in sessions.push(line.number, &record) {
            seen = true;
            sink.write(&settled)?;
        }
    }
    for settled in sessions.finish() {
        seen = true;
        sink.write(&settled)?;
    }
    sink.end()?;
    if broken > 0 {
        output::complain(&format!("{broken} lines are no whole event and were left out"));
    }
    anyhow::ensure!(seen, BadInput("no command line in the input".to_owned()));
    Ok(Exit::Done)
}

/// Where settled lines go.
struct Sink {
    out: BufWriter<io::Stdout>,
    format: Format,
    table: Option<Table>,
}

impl Sink {
    fn new(arguments: &Arguments) -> Self {
        let table = arguments.table.then(Table::new);
        Self { out: BufWriter::new(io::stdout()), format: arguments.format, table }
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.table.is_none() && self.format == Format::Tsv {
            writeln!(
                self.out,
                "# file-line\tline-stage\tstage of each sub-command (m = mark, with the stage of what precedes it; 7 = clean-up; - = outside the stages)"
            )?;
        }
        Ok(())
    }

    fn write(&mut self, settled: &SessionLine) -> io::Result<()> {
        if let Some(table) = &mut self.table {
            table.add(&settled.line, &settled.calls);
            return Ok(());
        }
        match self.format {
            Format::Tsv => writeln!(self.out, "{}", settled.line.to_tsv()),
            Format::Json => writeln!(self.out, "{}", as_json(settled)),
            Format::Text => write!(self.out, "{}", as_text(settled)),
        }
    }

    fn end(mut self) -> io::Result<()> {
        if let Some(table) = &self.table {
            self.out.write_all(table.render().as_bytes())?;
        }
        self.out.flush()
    }
}

fn stage_name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Stage(stage) => stage.as_str(),
        Purpose::CleanUp => "clean-up",
        Purpose::Outside => "outside",
    }
}

fn as_json(settled: &SessionLine) -> serde_json::Value {
    let parts: Vec<serde_json::Value> = settled.line.parts.iter().map(|part| {
        json!({ "stage": stage_name(part.purpose), "mark": part.mark, "commands": part.means.names })
    }).collect();
    let damage: Vec<String> =
        settled.line.damage.iter().map(|damage| format!("{damage:?}").to_lowercase()).collect();
    let mut object = json!({
        "line": settled.line.number,
        "stage": settled.line.purpose().map_or("multi", stage_name),
        "parts": parts,
    });
    let mut set = |key: &str, value: serde_json::Value| object[key] = value;
    if !settled.session.is_empty() {
        set("session", settled.session.clone().into());
    }
    if !settled.calls.is_empty() {
        set("observed", json!(settled.observed()));
    }
    if !damage.is_empty() {
        set("damage", json!(damage));
    }
    if settled.line.cut {
        set("cut", true.into());
    }
    object
}

/// `12  S4a  wget: S4a · chmod: S5`, the session before it where there are several.
fn as_text(settled: &SessionLine) -> String {
    let parts: Vec<String> = settled
        .line
        .parts
        .iter()
        .map(|part| {
            let names = part.means.names.join(" ");
            let name = if names.is_empty() { "·" } else { names.as_str() };
            format!("{} {}", output::printable(name), stage_name(part.purpose))
        })
        .collect();
    let line = settled.line.purpose().map_or("multi", stage_name);
    let session = match settled.session.as_str() {
        "" => String::new(),
        session => format!("{}  ", output::printable(session)),
    };
    let observed = settled.observed();
    let observed = match observed.as_slice() {
        [] => String::new(),
        stages => format!(
            "  (calls: {})",
            stages.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        ),
    };
    format!("{session}{:>5}  {line:<8}  {}{observed}\n", settled.line.number, parts.join(" | "))
}
