// SPDX-License-Identifier: Apache-2.0
//! `kakoi arena boot`: the root file system alive, for a person to look around, or for a while.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use kakoi_arena::defence::{Armed, Chosen, Defence, Intent, Policies, arm};
use kakoi_arena::guest::{Guest, Job};
use kakoi_arena::life::{Life, State};

use super::Prepared;
use crate::commands::parsing::Parsing;
use crate::exit::Exit;
use crate::output;

/// Boot the image's own root file system in a guest
///
/// Without --for it stays until Ctrl-C, with its console on standard output and its ports on the host's loopback.
#[derive(Args)]
pub struct Arguments {
    /// Firmware image, archive, or the directory of a root file system
    image: PathBuf,
    /// End by itself after so many seconds, and say what lived
    #[arg(long = "for", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: Option<u32>,
    /// Write what lived as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the console to this file
    #[arg(long, value_name = "FILE")]
    console: Option<PathBuf>,
    /// Forward this port of the image, too
    #[arg(long = "port", value_name = "PORT")]
    ports: Vec<u16>,
    #[command(flatten)]
    parsing: Parsing,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let prepared = Prepared::read(&arguments.image, &arguments.parsing)?;
    let sources = std::path::Path::new("");
    let nothing = Policies { blob: &[], rules: 0, sources, init: "", learnt: "" };
    let none = Chosen { defence: Defence::None, intent: Intent::Sessions };
    let armed =
        arm(&prepared.store, prepared.machine, none, &nothing)?.map_err(anyhow::Error::msg)?;
    let ports = if arguments.seconds.is_some() { Vec::new() } else { ports(&prepared, arguments)? };
    let job = job(&prepared, &armed, arguments, ports.clone());
    output::say(&format!(
        "{} on {}: {} as its first process",
        prepared.name, prepared.machine.name, prepared.expected.init
    ));
    let guest = Guest::start(&prepared.store, &job)?;
    let outcome = guest.finish(&mut |(word, text)| match word.as_str() {
        "listen" => tell_listener(text, &ports),
        "over" => output::say(&format!("its init ended: {}", output::printable(text))),
        _ => {}
    })?;
    if let Some(path) = &arguments.console {
        std::fs::write(path, outcome.console.join("\n"))
            .with_context(|| path.display().to_string())?;
    }
    let life = Life::of(&outcome, &prepared.opened.facts, prepared.root);
    tell(&life)?;
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&life)? + "\n")
            .with_context(|| path.display().to_string())?;
    }
    Ok(Exit::Done)
}

fn job<'a>(
    prepared: &'a Prepared,
    armed: &'a Armed,
    arguments: &Arguments,
    ports: Vec<(u16, u16)>,
) -> Job<'a> {
    let settle = arguments.seconds.unwrap_or(20);
    let limit = arguments.seconds.map_or(24 * 3600, |seconds| u64::from(seconds) * 4 + 120);
    Job {
        machine: prepared.machine,
        root: prepared.file_system.path(),
        expected: &prepared.expected,
        shim: true,
        defence: armed,
        settle,
        steps: String::new(),
        files: Vec::new(),
        limit: Duration::from_secs(limit),
        ports,
        count: false,
    }
}

/// Ports that the start-up chain names, the usual ones, and those that were asked for.
fn ports(prepared: &Prepared, arguments: &Arguments) -> anyhow::Result<Vec<(u16, u16)>> {
    let mut wanted: Vec<u16> = vec![22, 23, 80, 443, 8080];
    let told = prepared.opened.facts.start_ups().flat_map(|start| start.listens.iter());
    wanted.extend(told.filter_map(|port| port.strip_prefix("tcp:")?.parse::<u16>().ok()));
    wanted.extend(&arguments.ports);
    wanted.sort_unstable();
    wanted.dedup();
    let mut found = Vec::new();
    for inside in wanted {
        // Freed at once: somebody else may take it before QEMU does, which then says so.
        let outside = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        found.push((outside, inside));
    }
    Ok(found)
}

fn tell_listener(text: &str, ports: &[(u16, u16)]) {
    let port = text.split(' ').next().unwrap_or_default();
    let inside = port.strip_prefix("tcp:").and_then(|number| number.parse::<u16>().ok());
    let forwarded = ports.iter().find(|(_, known)| Some(*known) == inside);
    let text = output::printable(text);
    match forwarded {
        Some((outside, _)) => output::say(&format!("listens: {text}, here at 127.0.0.1:{outside}")),
        None => output::say(&format!("listens: {text}")),
    }
}

fn tell(life: &Life) -> anyhow::Result<()> {
    let mut text = String::new();
    for service in &life.services {
        let state = match &service.state {
            State::Alive => "alive".to_owned(),
            State::Ended(how) => format!("ended ({how})"),
            State::NeverRun => "never run".to_owned(),
        };
        text.push_str(&format!(
            "{:10} {:40} {state}\n",
            certainty(service.certainty),
            service.name
        ));
    }
    for listening in &life.listeners {
        let answer = listening.answer.as_deref().unwrap_or("-");
        text.push_str(&format!("{:10} {:40} {answer}\n", listening.port, listening.program));
    }
    for cause in &life.causes {
        text.push_str(&format!("because    {cause}\n"));
    }
    let (alive, all) = life.count();
    text.push_str(&format!(
        "{alive} of {all} services alive, {} listeners, {} processes, {:.0} s\n",
        life.listeners.len(),
        life.alive.len(),
        life.seconds
    ));
    output::data(&output_lines(&text))
}

/// Lines of an image's making, so that a terminal does not obey them.
fn output_lines(text: &str) -> String {
    text.lines().map(|line| output::printable(line) + "\n").collect()
}

const fn certainty(certainty: kakoi_model::StartCertainty) -> &'static str {
    match certainty {
        kakoi_model::StartCertainty::Always => "always",
        kakoi_model::StartCertainty::Conditional => "if",
        kakoi_model::StartCertainty::Possible => "possible",
    }
}
