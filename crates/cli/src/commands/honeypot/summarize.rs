// SPDX-License-Identifier: Apache-2.0
//! `kakoi honeypot summarize`: families of recorded sessions.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use clap::{Args, ValueEnum};
use kakoi_assess::stages::{Counts, Family, MAX_LINE_BYTES, Report, Summary};
use kakoi_model::{Purpose, Stage};
use serde_json::json;

use crate::exit::{BadInput, Exit};
use crate::lines::Lines;
use crate::output;

/// Summarise logs: sessions by shape, shapes by family, stages reached, first and last seen
#[derive(Args)]
pub struct Arguments {
    /// Events of kakoi or Cowrie as JSON lines, or transcripts, each of which is one session; - for
    /// standard input
    #[arg(value_name = "LOGS", required = true)]
    logs: Vec<PathBuf>,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Families to show
    #[arg(long, default_value_t = 20)]
    top: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One object
    Json,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let report = summarize(&arguments.logs)?;
    anyhow::ensure!(report.inputs > 0, BadInput("no command line in the input".to_owned()));
    output::data(&match arguments.format {
        Format::Text => as_text(&report, arguments.top),
        Format::Json => format!("{}\n", as_json(&report, arguments.top)),
    })?;
    Ok(Exit::Done)
}

/// Lines for one thread: each with the name of the file that it is from.
struct Batch {
    file: String,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// Bytes of lines that are handed over at once.
const BATCH_BYTES: usize = 512 * 1024;

/// Reads on one thread, counts on all processors. A session always goes to the same thread.
fn summarize(logs: &[PathBuf]) -> anyhow::Result<Report> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (senders, workers): (Vec<_>, Vec<_>) = (0..threads).map(|_| worker()).unzip();
    let read = logs.iter().try_for_each(|log| distribute(log, &senders));
    drop(senders);
    let mut whole = Summary::new();
    for worker in workers {
        let part = worker.join().map_err(|_| anyhow::anyhow!("a thread of the summary failed"))?;
        whole.merge(part);
    }
    read?;
    Ok(whole.report())
}

fn worker() -> (SyncSender<Batch>, thread::JoinHandle<Summary>) {
    let (sender, receiver) = sync_channel::<Batch>(4);
    let handle = thread::spawn(move || {
        let mut summary = Summary::new();
        for batch in receiver {
            let mut from = 0;
            for end in batch.ends {
                summary.push(&batch.file, batch.bytes.get(from..end).unwrap_or_default());
                from = end;
            }
        }
        summary.finish();
        summary
    });
    (sender, handle)
}

fn distribute(log: &Path, senders: &[SyncSender<Batch>]) -> anyhow::Result<()> {
    let file = log.display().to_string();
    let mut lines = Lines::open(log, MAX_LINE_BYTES)?;
    let empty = || Batch { file: file.clone(), bytes: Vec::new(), ends: Vec::new() };
    let mut batches: Vec<Batch> = senders.iter().map(|_| empty()).collect();
    while let Some(line) = lines.next()? {
        if line.number == 1 && line.bytes.starts_with(b"# ") {
            continue;
        }
        let at = key(line.bytes, file.as_bytes()) % senders.len();
        let batch = &mut batches[at];
        batch.bytes.extend_from_slice(line.bytes);
        batch.ends.push(batch.bytes.len());
        if batch.bytes.len() >= BATCH_BYTES {
            send(&senders[at], std::mem::replace(batch, empty()))?;
        }
    }
    let rest = senders.iter().zip(batches);
    rest.into_iter().try_for_each(|(sender, batch)| send(sender, batch))
}

fn send(sender: &SyncSender<Batch>, batch: Batch) -> anyhow::Result<()> {
    sender.send(batch).map_err(|_| anyhow::anyhow!("a thread of the summary failed"))
}

/// A number that is the same for all lines of a session: of the bytes of its name.
fn key(line: &[u8], file: &[u8]) -> usize {
    const NAME: &[u8] = b"\"session\"";
    let found = line.windows(NAME.len()).position(|window| window == NAME);
    let name = match found {
        Some(at) if line.first() == Some(&b'{') => line.get(at + NAME.len()..).unwrap_or_default(),
        _ => file,
    };
    let value = name.iter().skip_while(|byte| b": \"".contains(byte));
    let value = value.take_while(|byte| **byte != b'"');
    value.fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)))
}

fn purpose_name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Stage(stage) => stage.as_str(),
        Purpose::CleanUp => "clean-up",
        Purpose::Outside => "outside",
    }
}

fn as_json(report: &Report, top: usize) -> serde_json::Value {
    let purposes: serde_json::Map<_, _> = report
        .purposes
        .iter()
        .map(|(purpose, count)| (purpose_name(*purpose).to_owned(), json!(count)))
        .collect();
    let families: Vec<_> = report.families.iter().take(top).map(family_json).collect();
    let mut whole = json!({
        "lines": report.lines,
        "broken": report.broken,
        "command_lines": report.inputs,
        "sub_commands": purposes,
        "unplaced_sessions": report.unplaced,
        "family_count": report.families.len(),
        "families": families,
    });
    add_counts(&mut whole, &report.all);
    whole
}

fn family_json(family: &Family) -> serde_json::Value {
    let mut object = json!({
        "family": family.name,
        "shapes": family.shapes,
        "example": family.counts.example,
        "pattern": family.pattern,
    });
    add_counts(&mut object, &family.counts);
    object
}

fn add_counts(object: &mut serde_json::Value, counts: &Counts) {
    object["sessions"] = json!(counts.sessions);
    object["session_lines"] = json!(counts.lines);
    object["sessions_by_stage"] = json!(counts.stages);
    if let Some((first, last)) = counts.seen {
        object["first_seen"] = json!(first);
        object["last_seen"] = json!(last);
    }
}

fn as_text(report: &Report, top: usize) -> String {
    let mut text = format!(
        "{} lines, {} command lines, {} sessions, {} families\n",
        report.lines,
        report.inputs,
        report.all.sessions,
        report.families.len()
    );
    if report.broken > 0 {
        text += &format!("{} lines are no whole event and were left out\n", report.broken);
    }
    if report.unplaced > 0 {
        text += &format!("{} sessions of rare shapes were not placed\n", report.unplaced);
    }
    text += &format!("sessions by stage: {}\n", stages(&report.all));
    for family in report.families.iter().take(top) {
        text += &family_text(family);
    }
    text
}

fn stages(counts: &Counts) -> String {
    let one = |stage: &Stage| counts.stages.get(stage).map(|count| format!("{stage} {count}"));
    Stage::ALL.iter().filter_map(one).collect::<Vec<_>>().join(", ")
}

fn family_text(family: &Family) -> String {
    let counts = &family.counts;
    let seen = counts.seen.map_or_else(String::new, |(first, last)| format!(", {first} to {last}"));
    let mut text = format!(
        "\n{}  {} sessions, {} lines, {} shapes{seen}\n  stages: {}\n  example: {}\n",
        family.name,
        counts.sessions,
        counts.lines,
        family.shapes,
        stages(counts),
        crate::output::printable(&counts.example)
    );
    for line in family.pattern.iter().take(24) {
        text += &format!("    {}\n", crate::output::printable(line));
    }
    text
}
