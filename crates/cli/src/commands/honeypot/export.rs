// SPDX-License-Identifier: Apache-2.0
//! `kakoi honeypot export`: recorded sessions in the formats of other tools.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kakoi_assess::stages::MAX_LINE_BYTES;
use kakoi_model::{Action, Event};
use kakoi_report::{render_misp, render_ocsf, render_stix, render_syslog};

use crate::exit::{BadInput, Exit};
use crate::lines::Lines;
use crate::output;

/// Events of one session that are kept until it ends; further calls are left out of STIX and MISP, which do not tell calls.
const MOST_EVENTS: usize = 200_000;

/// Write recorded sessions as STIX 2.1, MISP, OCSF or syslog
#[derive(Args)]
pub struct Arguments {
    /// Events of kakoi as JSON lines; - for standard input
    #[arg(value_name = "EVENTS.jsonl")]
    input: PathBuf,
    /// Which format: a bundle or event a line and session, or a line an event
    #[arg(long, value_enum)]
    format: Format,
    /// Name of the sensor in syslog
    #[arg(long, default_value = "honeypot")]
    sensor: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// STIX 2.1 bundles
    Stix,
    /// MISP events
    Misp,
    /// OCSF 1.3 objects
    Ocsf,
    /// RFC 5424 messages
    Syslog,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut lines = Lines::open(&arguments.input, MAX_LINE_BYTES)?;
    let mut exporter = Exporter {
        arguments,
        out: BufWriter::new(io::stdout()),
        sessions: BTreeMap::new(),
        peers: BTreeMap::new(),
    };
    let (mut broken, mut seen) = (0_u64, false);
    while let Some(line) = lines.next()? {
        match serde_json::from_slice::<Event>(line.bytes) {
            Ok(event) => {
                seen = true;
                exporter.push(event)?;
            }
            Err(_) => broken += 1,
        }
    }
    exporter.finish()?;
    if broken > 0 {
        output::complain(&format!("{broken} lines are no whole event and were left out"));
    }
    anyhow::ensure!(seen, BadInput("no event in the input".to_owned()));
    Ok(Exit::Done)
}

/// Events on their way out.
struct Exporter<'a> {
    arguments: &'a Arguments,
    out: BufWriter<io::Stdout>,
    /// Sessions that have not ended, for formats that tell whole ones.
    sessions: BTreeMap<String, Vec<Event>>,
    /// Addresses of intruders by session.
    peers: BTreeMap<String, String>,
}

impl Exporter<'_> {
    fn push(&mut self, event: Event) -> io::Result<()> {
        match self.arguments.format {
            Format::Syslog => match render_syslog(&event, &self.arguments.sensor) {
                Some(message) => writeln!(self.out, "{message}"),
                None => Ok(()),
            },
            Format::Ocsf => self.push_object(&event),
            Format::Stix | Format::Misp => self.push_of_session(event),
        }
    }

    fn push_object(&mut self, event: &Event) -> io::Result<()> {
        let name = event.session.clone().unwrap_or_default();
        if let Action::SessionStart(start) = &event.action {
            self.peers.extend(start.peer.clone().map(|peer| (name.clone(), peer)));
        }
        let object = render_ocsf(event, self.peers.get(&name).map(String::as_str));
        if matches!(event.action, Action::SessionEnd { .. }) {
            self.peers.remove(&name);
        }
        match object {
            Some(object) => writeln!(self.out, "{object}"),
            None => Ok(()),
        }
    }

    fn push_of_session(&mut self, event: Event) -> io::Result<()> {
        let name = event.session.clone().unwrap_or_default();
        let ends = matches!(event.action, Action::SessionEnd { .. });
        let events = self.sessions.entry(name.clone()).or_default();
        if events.len() < MOST_EVENTS || !matches!(event.action, Action::Call(_)) {
            events.push(event);
        }
        if ends && let Some(events) = self.sessions.remove(&name) {
            self.write_session(&name, &events)?;
        }
        Ok(())
    }

    fn write_session(&mut self, name: &str, events: &[Event]) -> io::Result<()> {
        let object = match self.arguments.format {
            Format::Misp => render_misp(name, events),
            _ => render_stix(name, events),
        };
        writeln!(self.out, "{object}")
    }

    /// Sessions whose end is not in the input.
    fn finish(mut self) -> io::Result<()> {
        for (name, events) in std::mem::take(&mut self.sessions) {
            self.write_session(&name, &events)?;
        }
        self.out.flush()
    }
}
