// SPDX-License-Identifier: Apache-2.0
//! `kakoi arena run`: benign life and scenarios in guests, one for each defence.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use kakoi_arena::defence::{Armed, Chosen, Defence, Intent, Policies, arm};
use kakoi_arena::guest::{self, Job, Outcome};
use kakoi_arena::life::Life;
use kakoi_arena::matrix::{Run, SCHEMA};
use kakoi_arena::refusal::FIXTURE;
use kakoi_arena::scenario::{self, Part, Scenario};
use kakoi_arena::table::{self, Row};
use kakoi_policy::derive::{Derived, Learnt, render};

use super::Prepared;
use super::learn::{learnt, shim, watching};
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
    /// Defences, with commas between them, or `all`; each may say what it is to hold off: `tomoyo:shell`
    ///
    /// sessions (the usual): a remote session runs nothing. shell: it runs what the image shipped. default: as Debian
    /// ships the defence. learnt: every service by the defence's own learning mode.
    #[arg(long, default_value = "none,kakoi-module")]
    defence: String,
    /// Scenarios by name, with commas between them, or `all`
    #[arg(long, default_value = "all")]
    scenarios: String,
    /// The policy; without it one is derived
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Do not tighten a derived policy by a run in which it only watches
    #[arg(long)]
    no_learning: bool,
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
    /// Count instructions (`-icount`) instead of time: slower, and costs can be compared
    #[arg(long)]
    pub count: bool,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let defences = defences(&arguments.defence)?;
    let scenarios = scenarios(&arguments.scenarios)?;
    let prepared = Prepared::read(&arguments.image, &arguments.parsing)?;
    std::fs::create_dir_all(&arguments.output)
        .with_context(|| arguments.output.display().to_string())?;
    let arena =
        Arena { prepared: &prepared, guests: &arguments.guests, directory: &arguments.output };
    let text = match &arguments.policy {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|why| BadInput(why.to_string()))
            .with_context(|| path.display().to_string())?,
        None => {
            let mut derived = derive::derive(&prepared.opened, None)?;
            if !arguments.no_learning {
                let (learnt, _) = arena.learn(&derived)?;
                derived.observe(&learnt, "the learning run: boot and benign life");
            }
            derived.observe(&shim(&derived), "the arena's own library");
            render(&derived)
        }
    };
    let mut runs = Vec::new();
    for chosen in defences {
        let run = arena.run(chosen, &text, &scenarios)?;
        let path = arguments.output.join(format!("{}.json", chosen.name()));
        write_json(&path, &run)?;
        runs.push(run);
    }
    output::data(&table::matrix(&Row::of_all(&runs)))?;
    Ok(Exit::Done)
}

fn defences(text: &str) -> anyhow::Result<Vec<Chosen>> {
    if text == "all" {
        let held = |defence| Chosen { defence, intent: Intent::Sessions };
        return Ok(Defence::ALL.into_iter().map(held).collect());
    }
    let named = |name: &str| {
        let known: Vec<&str> = Defence::ALL.iter().map(|defence| defence.as_str()).collect();
        Chosen::parse(name).ok_or_else(|| {
            let intents: Vec<&str> = Intent::ALL.iter().map(|intent| intent.as_str()).collect();
            BadInput(format!(
                "no defence `{name}`; there are: {}, each with one of :{}",
                known.join(", "),
                intents.join(", :")
            ))
            .into()
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
    pub fn run(&self, chosen: Chosen, policy: &str, scenarios: &[Scenario]) -> anyhow::Result<Run> {
        output::say(&format!("{}: {}", self.prepared.name, chosen.name()));
        let head = self.head(chosen)?;
        let learnt = match self.learn_by_itself(chosen)? {
            Ok(learnt) => learnt,
            Err(why) => return Ok(Run { impossible: Some(why), ..head }),
        };
        let policy = &held_as(chosen, policy);
        let armed = match self.arm(chosen, policy, &learnt)? {
            Ok(armed) => armed,
            Err(why) => return Ok(Run { impossible: Some(why), ..head }),
        };
        let head = Run { rules: armed.rules, ..head };
        let outcome =
            self.guest(&armed, &scenario::steps(Part::All, &self.pages(), scenarios), scenarios)?;
        self.keep_console(&chosen.name(), &outcome)?;
        let life = Life::of(&outcome, &self.prepared.opened.facts, self.prepared.root);
        Ok(Run::of(head, &outcome, life))
    }

    /// One guest in which everything that services do is noted, and nothing is refused.
    pub fn learn(&self, derived: &Derived) -> anyhow::Result<(Learnt, Life)> {
        output::say(&format!("{}: learning", self.prepared.name));
        let module = Chosen { defence: Defence::KakoiModule, intent: Intent::Sessions };
        let armed = self.arm(module, &watching(derived), "")?.map_err(anyhow::Error::msg)?;
        let steps = scenario::steps(Part::Learning, &self.pages(), &[]);
        let outcome = self.guest(&armed, &steps, &[])?;
        self.keep_console("learning", &outcome)?;
        let life = Life::of(&outcome, &self.prepared.opened.facts, self.prepared.root);
        Ok((learnt(&outcome, self.prepared.expected.writable), life))
    }

    /// A guest in which another defence learns by itself what services do; what it wrote down.
    fn learn_by_itself(&self, chosen: Chosen) -> anyhow::Result<Result<String, String>> {
        if chosen.intent != Intent::Learnt {
            return Ok(Ok(String::new()));
        }
        output::say(&format!("{}: {} learns", self.prepared.name, chosen.defence.as_str()));
        let armed = match self.arm(chosen, "kakoi = 1\nname = \"none\"\n", "")? {
            Ok(armed) => armed,
            Err(why) => return Ok(Err(why)),
        };
        let mut steps = scenario::steps(Part::Learning, &self.pages(), &[]);
        steps.push_str("dump /sys/kernel/security/tomoyo/domain_policy\n");
        let outcome = self.guest(&armed, &steps, &[])?;
        self.keep_console(&format!("{}-learning", chosen.name()), &outcome)?;
        let lines: Vec<&str> = outcome.all("policy").collect();
        let text = lines.join("\n");
        let learnt: Vec<&str> =
            text.split("\n\n").filter(|domain| domain.contains("\nuse_profile 1")).collect();
        Ok(match learnt.is_empty() {
            true => Err("its learning run wrote nothing down".to_owned()),
            false => Ok(learnt.join("\n\n") + "\n"),
        })
    }

    fn keep_console(&self, name: &str, outcome: &Outcome) -> anyhow::Result<()> {
        let path = self.directory.join(format!("{name}.log"));
        std::fs::write(&path, outcome.console.join("\n"))
            .with_context(|| path.display().to_string())
    }

    fn head(&self, chosen: Chosen) -> anyhow::Result<Run> {
        let prepared = self.prepared;
        Ok(Run {
            schema: SCHEMA,
            image: prepared.name.clone(),
            machine: prepared.machine.name.to_owned(),
            kernel: guest::release(&prepared.store, prepared.machine)?,
            init: prepared.init_kind(),
            defence: chosen.defence,
            intent: chosen.intent,
            impossible: None,
            rules: 0,
            start: Vec::new(),
            active: String::new(),
            life: Life::default(),
            benign: Vec::new(),
            attacks: Vec::new(),
            denials: std::collections::BTreeMap::new(),
            operations: 0,
        })
    }

    fn arm(
        &self,
        chosen: Chosen,
        policy: &str,
        learnt: &str,
    ) -> anyhow::Result<Result<Armed, String>> {
        let reading = kakoi_policy::read(policy);
        let words = reading.render("policy", policy);
        let checked = reading.policy.with_context(|| BadInput(words))?;
        let blob = kakoi_policy::compile(&checked).map_err(|why| BadInput(why.to_string()))?;
        let rules = checked.domains.iter().map(|domain| domain.rules.len()).sum();
        let policies = Policies {
            blob: &blob,
            rules,
            sources: &self.guests.sources,
            init: &self.prepared.expected.init,
            learnt,
        };
        Ok(arm(&self.prepared.store, self.prepared.machine, chosen, &policies)?)
    }

    fn guest(&self, armed: &Armed, steps: &str, scenarios: &[Scenario]) -> anyhow::Result<Outcome> {
        let prepared = self.prepared;
        let job = Job {
            machine: prepared.machine,
            root: prepared.file_system.path(),
            expected: &prepared.expected,
            shim: true,
            defence: armed,
            // What is learnt while an image still boots would be refused later: it ends by itself when nothing starts.
            settle: if scenarios.is_empty() {
                self.guests.boot.saturating_mul(3)
            } else {
                self.guests.boot
            },
            steps: steps.to_owned(),
            files: scenario::files(scenarios),
            limit: Duration::from_secs(self.guests.limit),
            ports: Vec::new(),
            count: self.guests.count,
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

/// The policy as this run has it: with a domain for the arena's own server with holes, and for people at work in sessions.
fn held_as(chosen: Chosen, policy: &str) -> String {
    let mut text = policy.to_owned();
    if chosen.intent == Intent::Shell {
        let shipped = "trusted = [\"rootfs\", \"verity\", \"untainted\"]";
        text = text.replacen("shell-start = \"deny\"", "shell-start = \"audit\"", 1).replacen(
            "\nscript-exec = \"deny\"",
            &format!("\nscript-exec = {{ action = \"deny\", {shipped} }}"),
            1,
        );
    }
    text.push_str(&format!(
        "\n[domain.{FIXTURE}]\nenter.exec = \"/kakoi/cgid\"\n\
         files.read = [\"/**\"]\nfiles.write = [\"/tmp/**\", \"/dev/**\"]\n\
         exec = [\"/kakoi/cgid\", \"busybox:sh\", \"busybox:ping\", \"/bin/sh\", \"/bin/ash\", \"/bin/ping\"]\n\
         network.bind = [\"tcp:8081\"]\n\
         grant-exec = {{ action = \"rewrite\", errno = \"EPERM\" }}\n\
         exec-outside = {{ action = \"deny\", trusted = [\"rootfs\", \"verity\"] }}\n\
         interpret-dropped = \"deny\"\n"
    ));
    text
}
