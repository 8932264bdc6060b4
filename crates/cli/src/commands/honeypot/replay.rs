// SPDX-License-Identifier: Apache-2.0
//! `kakoi honeypot replay`: a recorded session as a timeline: each command line with its stage, the processes that it
//! made and what they called.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use super::page;
use clap::Args;
use kakoi_assess::stages::MAX_LINE_BYTES;
use kakoi_model::{Action, Argument, Call, Event, Timestamp};

use crate::exit::{BadInput, Exit};
use crate::lines::Lines;
use crate::output;

/// Tell a recorded session again, line by line: stages, processes, system calls
#[derive(Args)]
pub struct Arguments {
    /// Events of kakoi as JSON lines; - for standard input
    #[arg(value_name = "SESSION.jsonl")]
    input: PathBuf,
    /// Only this session
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    /// Every call, not only how many of each
    #[arg(long)]
    calls: bool,
    /// Write a page with the process tree, calls and stages side by side; of several sessions in the input, name one
    #[arg(long, value_name = "FILE", conflicts_with = "calls")]
    html: Option<PathBuf>,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    if let Some(path) = &arguments.html {
        return page::write(&arguments.input, arguments.session.as_deref(), path);
    }
    let mut lines = Lines::open(&arguments.input, MAX_LINE_BYTES)?;
    let mut out = BufWriter::new(io::stdout());
    let mut timelines: BTreeMap<String, Timeline> = BTreeMap::new();
    let (mut broken, mut seen) = (0_u64, false);
    while let Some(line) = lines.next()? {
        let Ok(event) = serde_json::from_slice::<Event>(line.bytes) else {
            broken += 1;
            continue;
        };
        let session = event.session.clone().unwrap_or_default();
        if arguments.session.as_ref().is_some_and(|wanted| *wanted != session) {
            continue;
        }
        seen = true;
        let ends = matches!(event.action, Action::SessionEnd { .. });
        let timeline = timelines.entry(session.clone()).or_default();
        timeline.push(event, arguments.calls);
        if ends && let Some(timeline) = timelines.remove(&session) {
            timeline.write(&mut out, &session)?;
        }
    }
    for (session, timeline) in timelines {
        timeline.write(&mut out, &session)?;
    }
    out.flush()?;
    if broken > 0 {
        output::complain(&format!("{broken} lines are no whole event and were left out"));
    }
    anyhow::ensure!(seen, BadInput("no event in the input".to_owned()));
    Ok(Exit::Done)
}

/// One session.
#[derive(Default)]
struct Timeline {
    began: Option<Timestamp>,
    head: String,
    lines: BTreeMap<u32, Told>,
    asked: Vec<String>,
    kept: Vec<String>,
    logins: Vec<String>,
    lost: u64,
}

/// One command line.
#[derive(Default)]
struct Told {
    at: Option<Timestamp>,
    input: String,
    stages: Vec<&'static str>,
    /// By process: its program, and how often it called what.
    processes: BTreeMap<u32, (String, BTreeMap<String, usize>)>,
    calls: Vec<String>,
}

impl Timeline {
    fn push(&mut self, event: Event, with_calls: bool) {
        let time = event.time;
        self.began.get_or_insert(time);
        match event.action {
            Action::SessionStart(start) => {
                let peer = start.peer.unwrap_or_default();
                let architecture = start.architecture.unwrap_or_default();
                self.head = format!("{} from {peer}, {architecture}", start.entry);
            }
            Action::Input { input } => {
                let told = self.lines.entry(event.line.unwrap_or(0)).or_default();
                (told.at, told.input) = (Some(time), input);
            }
            Action::Call(call) => {
                let told = self.lines.entry(event.line.unwrap_or(0)).or_default();
                let subject = event.subject.unwrap_or_default();
                if let Some(stage) = event.stage
                    && !told.stages.contains(&stage.as_str())
                {
                    told.stages.push(stage.as_str());
                }
                if with_calls {
                    told.calls.push(call_text(subject.pid, &call));
                }
                let process = told.processes.entry(subject.pid).or_default();
                process.0 = subject.program;
                *process.1.entry(call.call).or_default() += 1;
            }
            Action::Hook { hook, arguments } => {
                let words: Vec<String> = arguments.values().map(argument_text).collect();
                self.asked.push(format!("{hook}: {}", words.join(" ")));
            }
            // The service of the persona was asked: that is a line.
            Action::Asked { asked, .. } if event.line.is_some() => {
                let told = self.lines.entry(event.line.unwrap_or(0)).or_default();
                (told.at, told.input) = (Some(time), first_line(&asked).to_owned());
            }
            Action::Asked { service, asked } => self.asked.push(format!("{service}: {asked}")),
            Action::Sample { path, sha256, size } => {
                self.kept.push(format!("{sha256}  {size:>9}  {path}"));
            }
            Action::Login { user, password, admitted } => {
                let outcome = if admitted { "let in" } else { "refused" };
                self.logins.push(format!("{user} / {password}: {outcome}"));
            }
            Action::SessionEnd { lost } => self.lost = lost,
        }
    }

    fn write(&self, out: &mut impl Write, session: &str) -> io::Result<()> {
        writeln!(out, "session {}  {}", output::printable(session), output::printable(&self.head))?;
        for login in &self.logins {
            writeln!(out, "login  {}", output::printable(login))?;
        }
        for (number, told) in &self.lines {
            let since = match (told.at, self.began) {
                (Some(at), Some(began)) => (at.0.saturating_sub(began.0)) as f64 / 1e9,
                _ => 0.0,
            };
            let stages = told.stages.join(" ");
            let input = output::printable(&told.input);
            writeln!(out, "\n{since:9.3}s  {number:>3}  {stages:<8}  {input}")?;
            for call in &told.calls {
                writeln!(out, "{:19}{}", "", output::printable(call))?;
            }
            for (pid, (program, calls)) in &told.processes {
                let counts: Vec<String> =
                    calls.iter().map(|(name, count)| format!("{name} {count}")).collect();
                writeln!(
                    out,
                    "{:15}{pid:>6}  {}: {}",
                    "",
                    output::printable(program),
                    counts.join(", ")
                )?;
            }
        }
        for (word, told) in [("asked", &self.asked), ("kept", &self.kept)] {
            for one in told {
                writeln!(out, "\n{word:<6} {}", output::printable(one))?;
            }
        }
        if self.lost > 0 {
            writeln!(out, "\n{} events were lost", self.lost)?;
        }
        writeln!(out)
    }
}

/// Of a request; the whole is in the events and on the page.
fn first_line(request: &str) -> &str {
    request.split(['\r', '\n']).next().unwrap_or_default()
}

fn call_text(pid: u32, call: &Call) -> String {
    let arguments: Vec<String> = call
        .arguments
        .iter()
        .map(|(name, value)| format!("{name}={}", argument_text(value)))
        .collect();
    format!("[{pid}] {}({}) = {}", call.call, arguments.join(", "), call.result)
}

fn argument_text(argument: &Argument) -> String {
    match argument {
        Argument::Number(number) => number.to_string(),
        Argument::Text(text) => text.clone(),
        Argument::List(words) => words.join(" "),
    }
}
