// SPDX-License-Identifier: Apache-2.0
//! What came of scenarios and of benign life under a defence, as it is written to JSON and compared.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::defence::Defence;
use crate::guest::Outcome;
use crate::life::Life;

/// Version of the form.
pub const SCHEMA: u32 = 1;

/// One image under one defence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Name of the image.
    pub image: String,
    /// Architecture of the guest, as Debian names it.
    pub machine: String,
    /// Release of the guest's kernel.
    pub kernel: String,
    /// The defence.
    pub defence: Defence,
    /// Why it could not be run, if it could not: then the rest is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impossible: Option<String>,
    /// Rules that were written for it.
    pub rules: usize,
    /// What the kernel said to its start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub start: Vec<String>,
    /// What lived.
    pub life: Life,
    /// Benign steps.
    pub benign: Vec<Step>,
    /// Scenarios.
    pub attacks: Vec<Attack>,
    /// Refusals outside every session: domain, control, what; and how often.
    pub denials: BTreeMap<String, usize>,
}

/// One benign step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Exit code; 124: out of time.
    pub code: i32,
    /// Milliseconds, or bytes of a page.
    pub cost: i64,
    /// What it said, cut.
    pub said: String,
}

/// One scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attack {
    /// Its name.
    pub name: String,
    /// Did the payload or the script run?
    pub ran: bool,
    /// How the typing went: `typed`, `hung-up`, `no-shell`, `no-session`.
    pub typed: String,
    /// Controls that refused something meanwhile.
    pub stopped_by: BTreeSet<String>,
    /// The end of the session, as it was shown.
    pub session: String,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    domain: String,
    #[serde(default)]
    comm: String,
    control: String,
    verdict: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    capability: Option<u32>,
    #[serde(default)]
    port: Option<u16>,
}

const SESSION: &str = "remote-session";

impl Run {
    /// From what a guest said.
    #[must_use]
    pub fn of(mut head: Self, outcome: &Outcome, life: Life) -> Self {
        head.life = life;
        head.start = outcome.all("defence").map(str::to_owned).collect();
        let mut controls: BTreeSet<String> = BTreeSet::new();
        for (word, text) in &outcome.said {
            match word.as_str() {
                "step" => head.benign.extend(step(text)),
                "scenario" => {
                    head.attacks.extend(attack(text, std::mem::take(&mut controls)));
                }
                "session" => {
                    let (name, said) = text.split_once(' ').unwrap_or((text, ""));
                    if let Some(attack) = head.attacks.iter_mut().find(|one| one.name == name) {
                        said.clone_into(&mut attack.session);
                    }
                }
                "event" => head.take_event(text, &mut controls),
                _ => {}
            }
        }
        head
    }

    fn take_event(&mut self, text: &str, controls: &mut BTreeSet<String>) {
        let Ok(event) = serde_json::from_str::<Event>(text) else { return };
        if !matches!(event.verdict.as_str(), "deny" | "kill" | "rewrite") {
            return;
        }
        if event.domain == SESSION {
            // Events of a scenario come after its line, before that of the next.
            match self.attacks.last_mut() {
                Some(attack) => {
                    attack.stopped_by.insert(event.control);
                }
                None => {
                    controls.insert(event.control);
                }
            }
            return;
        }
        let target =
            if event.target.is_empty() { String::new() } else { format!(" {}", event.target) };
        let number = match (event.capability, event.port) {
            (Some(capability), _) => format!("number {capability}"),
            (None, Some(port)) => format!("port {port}"),
            (None, None) => String::new(),
        };
        let what = format!("{}{number}{target}", event.path);
        let line = format!("{} {} {what} ({})", event.domain, event.control, event.comm);
        *self.denials.entry(line).or_insert(0) += 1;
    }

    /// Attacks that got through.
    #[must_use]
    pub fn infected(&self) -> usize {
        self.attacks.iter().filter(|attack| attack.ran).count()
    }

    /// Benign steps that fail here and do not fail without a defence.
    #[must_use]
    pub fn broken<'a>(&'a self, free: &Self) -> Vec<&'a Step> {
        self.benign
            .iter()
            .filter(|step| step.code != 0)
            .filter(|step| {
                free.benign.iter().any(|other| other.name == step.name && other.code == 0)
            })
            .collect()
    }
}

fn step(text: &str) -> Option<Step> {
    let mut words = text.splitn(4, ' ');
    Some(Step {
        name: words.next()?.to_owned(),
        code: words.next()?.parse().ok()?,
        cost: words.next()?.parse().ok()?,
        said: words.next().unwrap_or_default().to_owned(),
    })
}

fn attack(text: &str, stopped_by: BTreeSet<String>) -> Option<Attack> {
    let mut words = text.split(' ');
    Some(Attack {
        name: words.next()?.to_owned(),
        ran: words.next()? == "ran",
        typed: words.next()?.to_owned(),
        stopped_by,
        session: String::new(),
    })
}

/// Bounds of a rate: Wilson's score interval at 95 %.
#[must_use]
pub fn interval(hits: usize, of: usize) -> (f64, f64) {
    if of == 0 {
        return (0.0, 1.0);
    }
    let count = |number: usize| u32::try_from(number).map_or(f64::from(u32::MAX), f64::from);
    let (n, p, z) = (count(of), count(hits) / count(of), 1.959_964_f64);
    let middle = p + z * z / (2.0 * n);
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    (((middle - spread) / scale).max(0.0), ((middle + spread) / scale).min(1.0))
}

/// The matrix of several runs as a table in Markdown: scenario × image and defence, then what it costs.
#[must_use]
pub fn table(runs: &[Run]) -> String {
    let mut text = String::from("| scenario |");
    for run in runs {
        text.push_str(&format!(" {} {} |", cell(&run.image), run.defence.as_str()));
    }
    text.push_str(&format!("\n|---|{}\n", "---|".repeat(runs.len())));
    let names: BTreeSet<&str> =
        runs.iter().flat_map(|run| run.attacks.iter().map(|one| one.name.as_str())).collect();
    let mut row = |name: &str, value: &dyn Fn(&Run) -> String| {
        text.push_str(&format!("| {name} |"));
        runs.iter().for_each(|run| text.push_str(&format!(" {} |", value(run))));
        text.push('\n');
    };
    for name in names {
        row(name, &|run| ended(run, name));
    }
    row("services alive", &|run| {
        let (alive, all) = run.life.count();
        if run.impossible.is_some() { "–".to_owned() } else { format!("{alive} of {all}") }
    });
    row("refusals outside sessions", &|run| run.denials.values().sum::<usize>().to_string());
    row("benign steps broken", &|run| {
        let free =
            runs.iter().find(|other| other.image == run.image && other.defence == Defence::None);
        free.map_or_else(
            || "?".to_owned(),
            |free| {
                let (broken, all) = (run.broken(free).len(), run.benign.len());
                let (low, high) = interval(broken, all);
                format!("{broken} of {all} ({:.0} to {:.0} ‰)", low * 1000.0, high * 1000.0)
            },
        )
    });
    row("rules", &|run| run.rules.to_string());
    row("seconds", &|run| format!("{:.0}", run.life.seconds));
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "/")
}

/// Where a scenario ended.
fn ended(run: &Run, name: &str) -> String {
    if let Some(why) = &run.impossible {
        return format!("not possible: {}", cell(why));
    }
    let Some(attack) = run.attacks.iter().find(|attack| attack.name == name) else {
        return "not run".to_owned();
    };
    if attack.ran {
        return "**ran**".to_owned();
    }
    let by: Vec<&str> = attack.stopped_by.iter().map(String::as_str).collect();
    match (attack.typed.as_str(), by.is_empty()) {
        ("no-session", true) => "no session could be opened".to_owned(),
        (_, false) => format!("stopped: {}", by.join(", ")),
        ("no-shell", true) => "no shell came".to_owned(),
        _ => "came to nothing by itself".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_of_fourteen_is_still_up_to_a_fifth() {
        let (low, high) = interval(0, 14);
        assert!(low.abs() < 1e-9 && (0.21..0.22).contains(&high), "{low} {high}");
    }
}
