// SPDX-License-Identifier: Apache-2.0
//! `kakoi arena run`: benign life and scenarios in guests, one for each defence.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use kakoi_arena::defence::{Armed, Defence, Policies, arm};
use kakoi_arena::guest::{self, Job, Outcome};
use kakoi_arena::life::Life;
use kakoi_arena::matrix::{self, Run, SCHEMA};
use kakoi_arena::scenario::{self, Scenario};
use kakoi_policy::derive::{Derived, Learnt, Seen, render};

use super::Prepared;
use crate::commands::parsing::Parsing;
use crate::commands::policy::derive;
use crate::exit::{BadInput, Exit};
use crate::output;

/// Act out benign life and infections under each defence, and say where each ended
#[derive(Args)]
pub struct Arguments {
    /// Firmware image, archive, or the directory of a root file system
    #[arg(long)]
    image: PathBuf,
    /// Defences, with commas between them, or `all`
    #[arg(long, default_value = "none,kakoi-module")]
    defence: String,
    /// Scenarios by name, with commas between them, or `all`
    #[arg(long, default_value = "all")]
    scenarios: String,
    /// The policy; without it one is derived
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Directory for the results, one file a defence
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    guests: Guests,
    #[command(flatten)]
    parsing: Parsing,
}

/// How guests are run.
#[derive(Args, Debug, Clone)]
pub struct Guests {
    /// Seconds after which the image counts as booted
    #[arg(long, value_name = "SECONDS", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub boot: u32,
    /// End a guest after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 420, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub limit: u64,
    /// Where the sources of the guard's module lie: the directory with lkm/ and abi/
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub sources: PathBuf,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let defences = defences(&arguments.defence)?;
    let scenarios = scenarios(&arguments.scenarios)?;
    let prepared = Prepared::read(&arguments.image, &arguments.parsing)?;
    let text = match &arguments.policy {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|why| BadInput(why.to_string()))
            .with_context(|| path.display().to_string())?,
        None => {
            let mut derived = derive::derive(&prepared.opened, None)?;
            derived.observe(&shim(&derived), "the arena's own library");
            render(&derived)
        }
    };
    std::fs::create_dir_all(&arguments.output)
        .with_context(|| arguments.output.display().to_string())?;
    let arena =
        Arena { prepared: &prepared, guests: &arguments.guests, directory: &arguments.output };
    let mut runs = Vec::new();
    for defence in defences {
        let run = arena.run(defence, &text, &scenarios)?;
        let path = arguments.output.join(format!("{}.json", defence.as_str()));
        write_json(&path, &run)?;
        runs.push(run);
    }
    output::data(&matrix::table(&runs))?;
    Ok(Exit::Done)
}

fn defences(text: &str) -> anyhow::Result<Vec<Defence>> {
    if text == "all" {
        return Ok(Defence::ALL.to_vec());
    }
    let named = |name: &str| {
        let known: Vec<&str> = Defence::ALL.iter().map(|defence| defence.as_str()).collect();
        Defence::named(name).ok_or_else(|| {
            BadInput(format!("no defence `{name}`; there are: {}", known.join(", "))).into()
        })
    };
    text.split(',').map(named).collect()
}

fn scenarios(text: &str) -> anyhow::Result<Vec<Scenario>> {
    let all = scenario::all();
    if text == "all" {
        return Ok(all);
    }
    let named = |name: &str| {
        let found = all.iter().find(|one| one.name == name).cloned();
        found.ok_or_else(|| BadInput(format!("no scenario `{name}`")).into())
    };
    text.split(',').filter(|name| !name.is_empty()).map(named).collect()
}

pub fn write_json(path: &Path, value: &impl serde::Serialize) -> anyhow::Result<()> {
    std::fs::write(path, serde_json::to_string_pretty(value)? + "\n")
        .with_context(|| path.display().to_string())
}

/// A place to run one image in.
pub struct Arena<'a> {
    pub prepared: &'a Prepared,
    pub guests: &'a Guests,
    /// Where consoles are kept.
    pub directory: &'a Path,
}

impl Arena<'_> {
    /// One guest under one defence.
    pub fn run(
        &self,
        defence: Defence,
        policy: &str,
        scenarios: &[Scenario],
    ) -> anyhow::Result<Run> {
        output::say(&format!("{}: {}", self.prepared.name, defence.as_str()));
        let head = self.head(defence)?;
        let armed = match self.arm(defence, policy)? {
            Ok(armed) => armed,
            Err(why) => return Ok(Run { impossible: Some(why), ..head }),
        };
        let head = Run { rules: armed.rules, ..head };
        let outcome = self.guest(&armed, true, scenarios)?;
        self.keep_console(defence.as_str(), &outcome)?;
        let life = Life::of(&outcome, &self.prepared.opened.facts, self.prepared.root);
        Ok(Run::of(head, &outcome, life))
    }

    /// One guest in which everything that services do is noted, and nothing is refused.
    pub fn learn(&self, derived: &Derived) -> anyhow::Result<(Learnt, Life)> {
        output::say(&format!("{}: learning", self.prepared.name));
        let armed =
            self.arm(Defence::KakoiModule, &watching(derived))?.map_err(anyhow::Error::msg)?;
        let outcome = self.guest(&armed, true, &[])?;
        self.keep_console("learning", &outcome)?;
        let life = Life::of(&outcome, &self.prepared.opened.facts, self.prepared.root);
        Ok((learnt(&outcome), life))
    }

    fn keep_console(&self, name: &str, outcome: &Outcome) -> anyhow::Result<()> {
        let path = self.directory.join(format!("{name}.log"));
        std::fs::write(&path, outcome.console.join("\n"))
            .with_context(|| path.display().to_string())
    }

    fn head(&self, defence: Defence) -> anyhow::Result<Run> {
        let prepared = self.prepared;
        Ok(Run {
            schema: SCHEMA,
            image: prepared.name.clone(),
            machine: prepared.machine.name.to_owned(),
            kernel: guest::release(&prepared.store, prepared.machine)?,
            defence,
            impossible: None,
            rules: 0,
            start: Vec::new(),
            life: Life::default(),
            benign: Vec::new(),
            attacks: Vec::new(),
            denials: std::collections::BTreeMap::new(),
        })
    }

    fn arm(&self, defence: Defence, policy: &str) -> anyhow::Result<Result<Armed, String>> {
        let reading = kakoi_policy::read(policy);
        let words = reading.render("policy", policy);
        let checked = reading.policy.with_context(|| BadInput(words))?;
        let blob = kakoi_policy::compile(&checked).map_err(|why| BadInput(why.to_string()))?;
        let rules = checked.domains.iter().map(|domain| domain.rules.len()).sum();
        let policies = Policies { blob: &blob, rules, sources: &self.guests.sources };
        Ok(arm(&self.prepared.store, self.prepared.machine, defence, &policies)?)
    }

    fn guest(
        &self,
        armed: &Armed,
        benign: bool,
        scenarios: &[Scenario],
    ) -> anyhow::Result<Outcome> {
        let prepared = self.prepared;
        let files = scenarios
            .iter()
            .map(|one| (format!("typed-{}", one.name), one.text.clone().into_bytes()))
            .collect();
        let job = Job {
            machine: prepared.machine,
            root: prepared.file_system.path(),
            expected: &prepared.expected,
            shim: true,
            defence: armed,
            settle: self.guests.boot,
            steps: scenario::steps(benign, &self.pages(), scenarios),
            files,
            limit: Duration::from_secs(self.guests.limit),
            ports: Vec::new(),
            count: false,
        };
        Ok(guest::run(&prepared.store, &job)?)
    }

    /// Pages of the image's web server: what its start-up says where it listens, and pages that the image holds.
    fn pages(&self) -> Vec<(u16, String)> {
        let facts = &self.prepared.opened.facts;
        let mut ports: BTreeSet<u16> = facts
            .start_ups()
            .flat_map(|start| start.listens.iter())
            .filter_map(|port| port.strip_prefix("tcp:")?.parse().ok())
            .filter(|port| [80, 81, 8080, 8000].contains(port))
            .collect();
        ports.insert(80);
        let mut paths: Vec<String> = facts
            .files()
            .filter(|file| file.container == self.prepared.root)
            .filter_map(|file| {
                let path = file.path.to_string();
                let (_, name) = path.rsplit_once('/')?;
                let page = [".htm", ".html", ".asp", ".css", ".js", ".gif", ".cgi"]
                    .iter()
                    .any(|end| name.ends_with(end));
                page.then(|| format!("/{name}"))
            })
            .collect();
        paths.sort();
        paths.dedup();
        let step = (paths.len() / 12).max(1);
        let some: Vec<String> = paths.into_iter().step_by(step).take(12).collect();
        ports
            .iter()
            .flat_map(|port| {
                std::iter::once("/".to_owned()).chain(some.clone()).map(|path| (*port, path))
            })
            .collect()
    }
}

/// What the arena itself brings is used by every program of the image: its library, and the settings that this keeps.
pub fn shim(derived: &Derived) -> Learnt {
    const KEPT: &str = "/tmp/.nvram/**";
    let uses =
        [("files.read", kakoi_arena::rootfs::SHIM), ("files.read", KEPT), ("files.write", KEPT)];
    let of = |name: &String| {
        let name = name.clone();
        uses.map(|(control, what)| Seen {
            domain: name.clone(),
            control: control.to_owned(),
            what: what.to_owned(),
        })
    };
    derived.services.iter().flat_map(|service| of(&service.name)).collect()
}

/// A policy under which everything that services do is judged and let happen: lists are empty, and only log.
fn watching(derived: &Derived) -> String {
    let mut text = String::from("kakoi = 1\nname = \"learn\"\nmode = \"audit\"\n");
    for service in &derived.services {
        let others: Vec<String> = derived
            .services
            .iter()
            .filter(|other| other.name != service.name)
            .map(|other| format!("{:?}", other.name))
            .collect();
        text.push_str(&format!("\n[domain.{}]\nenter.exec = {:?}\n", service.name, service.enter));
        if !others.is_empty() {
            text.push_str(&format!("enter.replaces = [{}]\n", others.join(", ")));
        }
        text.push_str(
            "files.read = []\nfiles.write = []\nexec = []\nnetwork.bind = []\nnetwork.connect = []\n\
             network.families = []\ncapabilities = []\n\
             exec-outside = { action = \"audit\", trusted = [\"rootfs\", \"verity\"] }\n",
        );
    }
    text
}

#[derive(serde::Deserialize)]
struct Event {
    #[serde(default)]
    pid: u32,
    #[serde(default)]
    domain: String,
    op: String,
    control: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    capability: Option<usize>,
    #[serde(default)]
    family: u8,
    #[serde(default)]
    port: u16,
}

fn is_multi_call(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with("busybox") || name.starts_with("toybox")
}

/// Applets of a multi-call program that a process ran, from the record of programs.
fn applets(outcome: &Outcome, pid: u32, path: &str) -> Vec<String> {
    let pid = format!("{pid} ");
    let runs = outcome.all("exec").filter_map(|text| text.strip_prefix(pid.as_str()));
    runs.filter_map(|text| {
        let mut words = text.split_whitespace();
        let program = words.next().filter(|program| *program == path)?;
        let called = words.next().unwrap_or(program);
        let base = called.rsplit('/').next().unwrap_or(called).trim_start_matches('-');
        let applet = if is_multi_call(base) { words.next()? } else { base };
        Some(format!("busybox:{applet}"))
    })
    .collect()
}

/// What events of a watching policy say.
fn learnt(outcome: &Outcome) -> Learnt {
    let mut learnt = Learnt::new();
    for text in outcome.all("event") {
        let Ok(event) = serde_json::from_str::<Event>(text) else { continue };
        let mut put = |what: String| {
            if !what.is_empty() {
                learnt.insert(Seen {
                    domain: event.domain.clone(),
                    control: event.control.clone(),
                    what,
                });
            }
        };
        match event.op.as_str() {
            "bind" | "connect" => {
                // Sockets of the file system have no port.
                match event.family {
                    1 => put("any:0".to_owned()),
                    2 | 10 => put(format!("any:{}", event.port)),
                    _ => {}
                }
            }
            "socket" => {
                let known =
                    kakoi_policy::FAMILIES.iter().find(|(_, number)| *number == event.family);
                put(known.map(|(name, _)| (*name).to_owned()).unwrap_or_default());
            }
            "capable" => {
                let named = |number: usize| kakoi_policy::CAPABILITIES.get(number);
                let name = event.capability.and_then(named);
                put(name.map(|name| (*name).to_owned()).unwrap_or_default());
            }
            // A multi-call program is allowed by applet, never as a whole.
            "exec" if is_multi_call(&event.path) => {
                applets(outcome, event.pid, &event.path).into_iter().for_each(&mut put);
            }
            "exec" => put(event.path.clone()),
            _ => {
                put(event.path.clone());
                put(event.target.clone());
            }
        }
    }
    learnt
}
