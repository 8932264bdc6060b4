// SPDX-License-Identifier: Apache-2.0
//! The report's Table 1, built again from what was recorded: by which commands and which main
//! system calls each stage was reached.

use std::collections::BTreeMap;
use std::fmt::Write;

use kakoi_model::{Call, Purpose, Stage};

use super::calls::{CallClassifier, CallStage};
use super::classify::{LineStages, SubCommand};
use super::walk::Means;

/// Commands that are kept of one row beyond those that the report names.
const MAX_COMMANDS: usize = 64;

/// A row as the report words it: which stage, which means, how it joins them.
struct Wording {
    stage: Stage,
    means: &'static [&'static str],
    joint: &'static str,
}

const OUTPUT: &str = "output redirection";
const INPUT: &str = "input redirection";
const VENDOR: &str = "vendor-specific shell start command";
const PROGRAM: &str = "the created program";
const COPY: &str = "cp (copy an existing executable to inherit its exec bit)";

const fn row(stage: Stage, means: &'static [&'static str], joint: &'static str) -> Wording {
    Wording { stage, means, joint }
}

/// The rows of Table 1 in the report's order. Only what was observed of them is printed.
const ROWS: [Wording; 11] = [
    row(Stage::S1, &["sh"], ", "),
    row(Stage::S1, &[VENDOR], ", "),
    row(Stage::S2, &[OUTPUT, "cd"], " and "),
    row(Stage::S3, &[INPUT, "echo"], " and "),
    row(Stage::S4a, &["cat", "hexdump", "dd"], ", "),
    row(Stage::S4a, &["wget", "tftp", "curl"], ", "),
    row(Stage::S4b, &[OUTPUT, "echo"], ", "),
    row(Stage::S5, &["chmod"], ", "),
    row(Stage::S5, &[COPY], ", "),
    row(Stage::S6a, &["sh"], ", "),
    row(Stage::S6b, &[PROGRAM], ", "),
];

/// What was seen of one row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    means: Vec<String>,
    calls: Vec<&'static str>,
}

/// Collects lines and their calls.
#[derive(Debug, Default)]
pub struct Table {
    /// By stage and place in [`ROWS`]; rows that the report does not have come after.
    rows: BTreeMap<(Stage, usize), Seen>,
    /// Were calls recorded at all?
    recorded: bool,
}

impl Table {
    /// A table of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line and the calls that were made under it, judged in order.
    pub fn add(&mut self, line: &LineStages, calls: &[CallStage]) {
        self.recorded |= !calls.is_empty();
        let parts = line.parts.iter().filter(|part| !part.mark);
        let parts: Vec<(Stage, &SubCommand)> =
            parts.filter_map(|part| Some((part.purpose.stage()?, part))).collect();
        let alone =
            parts.iter().all(|(stage, _)| parts.first().is_some_and(|(one, _)| one == stage));
        for (stage, part) in &parts {
            let means = means_of(*stage, &part.means);
            let at = place(*stage, &means);
            let seen = self.rows.entry((*stage, at)).or_default();
            means.into_iter().for_each(|one| insert(&mut seen.means, one));
            let own =
                calls.iter().filter(|call| alone || call.purpose == Some(Purpose::Stage(*stage)));
            families(own).into_iter().for_each(|family| insert(&mut seen.calls, family));
        }
    }

    /// As Markdown, in the words of the report.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::from("| Stage | Command | Main syscalls |\n|---|---|---|\n");
        let mut last = None;
        for ((stage, at), seen) in &self.rows {
            let label = if last == Some(*stage) { "" } else { label(*stage) };
            last = Some(*stage);
            let calls = match (seen.calls.as_slice(), self.recorded) {
                ([], false) => "not recorded".to_owned(),
                ([], true) => "none".to_owned(),
                (calls, _) => calls.join(", "),
            };
            let _ = writeln!(text, "| {label} | {} | {calls} |", words(*at, seen));
        }
        text
    }
}

fn insert<T: PartialEq>(kept: &mut Vec<T>, one: T) {
    if kept.len() < MAX_COMMANDS && !kept.contains(&one) {
        kept.push(one);
    }
}

/// The main calls; where there is none (a vendor's word that Linux does not know), those that there
/// are.
fn families<'c>(calls: impl Iterator<Item = &'c CallStage>) -> Vec<&'static str> {
    let calls: Vec<&CallStage> = calls.collect();
    let main = calls.iter().any(|call| call.main);
    let kept = calls.iter().filter(|call| call.main || !main);
    let families = kept.filter_map(|call| call.family);
    families.filter(|family| !matches!(*family, "close" | "dup" | "fork")).collect()
}

/// The wordings of the report for the stages.
const fn label(stage: Stage) -> &'static str {
    match stage {
        Stage::S1 => "(1) Start a Linux shell",
        Stage::S2 => "(2) Search for a writable directory",
        Stage::S3 => "(3) Obtain environment information of the target",
        Stage::S4a => "(4)-(a) Download file",
        Stage::S4b => "(4)-(b) Write binary by echo",
        Stage::S5 => "(5) Grant exec permission to file",
        Stage::S6a => "(6)-(a) Run shell script",
        Stage::S6b => "(6)-(b) Run binary file",
    }
}

/// By what a sub-command reached its stage, in the words of the report.
fn means_of(stage: Stage, means: &Means) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let redirects = matches!(stage, Stage::S2 | Stage::S4b);
    if means.output_redirection && redirects {
        found.push(OUTPUT.to_owned());
    }
    if means.input_redirection && stage == Stage::S3 {
        found.push(INPUT.to_owned());
    }
    let names = means.names.iter().filter(|name| !matches!(name.as_str(), "busybox" | "read"));
    let names: Vec<&str> = names.map(String::as_str).collect();
    match stage {
        Stage::S1 if !names.iter().any(|name| is_shell(name)) => found.push(VENDOR.to_owned()),
        Stage::S6b => found.push(PROGRAM.to_owned()),
        Stage::S5 => found.extend(
            names.iter().map(
                |name| {
                    if *name == "cp" { COPY.to_owned() } else { (*name).to_owned() }
                },
            ),
        ),
        Stage::S1 | Stage::S6a => found.extend(
            names.iter().map(
                |name| {
                    if is_shell(name) { "sh".to_owned() } else { (*name).to_owned() }
                },
            ),
        ),
        _ => found.extend(names.iter().map(|name| (*name).to_owned())),
    }
    found
}

fn is_shell(name: &str) -> bool {
    matches!(name, "sh" | "ash" | "bash" | "dash" | "zsh" | "ksh" | "hush")
}

/// The row of the report to which the means belong; beyond them when it has none.
fn place(stage: Stage, means: &[String]) -> usize {
    let named = |row: &Wording| {
        row.stage == stage && means.iter().all(|one| row.means.contains(&one.as_str()))
    };
    ROWS.iter().position(named).unwrap_or(ROWS.len())
}

/// The commands of a row: in the report's order and with its joint, or as they came.
fn words(at: usize, seen: &Seen) -> String {
    match ROWS.get(at) {
        Some(row) => {
            let observed =
                row.means.iter().filter(|one| seen.means.iter().any(|seen| seen == *one));
            observed.copied().collect::<Vec<_>>().join(row.joint)
        }
        None if seen.means.is_empty() => "other".to_owned(),
        None => seen.means.join(", "),
    }
}

/// Collects the calls of a session by command line, judged as they come.
#[derive(Debug, Default)]
pub struct CallsByLine {
    classifier: CallClassifier,
    lines: BTreeMap<u32, Vec<CallStage>>,
}

impl CallsByLine {
    /// Distinct calls that are kept of one line, and lines that are kept of one session.
    const MOST: usize = 4_096;

    /// Takes a call.
    pub fn push(&mut self, line: u32, pid: u32, call: &Call) {
        let judged = self.classifier.push(pid, call);
        if self.lines.len() >= Self::MOST && !self.lines.contains_key(&line) {
            return;
        }
        let kept = self.lines.entry(line).or_default();
        if kept.len() < Self::MOST && !kept.contains(&judged) {
            kept.push(judged);
        }
    }

    /// The calls of a line, each kind once, in the order in which they came. They are forgotten.
    pub fn take(&mut self, line: u32) -> Vec<CallStage> {
        self.lines.remove(&line).unwrap_or_default()
    }
}
