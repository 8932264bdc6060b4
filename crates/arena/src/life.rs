// SPDX-License-Identifier: Apache-2.0
//! What lived in a guest: from what its first process said to a table of services, with causes for those that do not live.

use std::collections::{BTreeMap, BTreeSet};

use kakoi_model::{ContainerId, Facts, StartCertainty, StartUp};
use serde::{Deserialize, Serialize};

use crate::guest::{End, Outcome};

/// What lived.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Life {
    /// Did the image's init start?
    pub started: bool,
    /// How the image's init ended, if it did: `code 0`, `signal 11`, `reboot`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_ended: Option<String>,
    /// How the guest ended, when not by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_ended: Option<String>,
    /// Programs that ran, distinct.
    pub programs: usize,
    /// Services of the start-up chain.
    pub services: Vec<ServiceLife>,
    /// Sockets that waited for somebody.
    pub listeners: Vec<Listening>,
    /// Programs that were alive at the end, with their arguments.
    pub alive: Vec<String>,
    /// Programs that a signal ended.
    pub crashes: Vec<Crash>,
    /// Why nothing came to life, as far as it can be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// Lines of the console that were too many to be kept.
    pub dropped_lines: u64,
    /// Seconds.
    pub seconds: f64,
}

/// One service of the start-up chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLife {
    /// Program or `busybox:applet`.
    pub name: String,
    /// Is it reached on every boot?
    pub certainty: StartCertainty,
    /// What became of it.
    pub state: State,
}

/// What became of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "how", rename_all = "kebab-case")]
pub enum State {
    /// It was there at the end.
    Alive,
    /// It ran, and ended: how the last one did.
    Ended(String),
    /// Nobody ran it.
    NeverRun,
}

/// A socket that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    /// `tcp:80`.
    pub port: String,
    /// Who has it.
    pub program: String,
    /// What it answered: the first line; none: not asked, or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// A program that a signal ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crash {
    /// Program with arguments.
    pub program: String,
    /// Signal.
    pub signal: u8,
    /// How often.
    pub count: usize,
}

/// Signals by which programs end through a fault of their own (signal(7); MIPS numbers SIGBUS 10).
const FAULTS: &[u8] = &[4, 5, 6, 7, 8, 10, 11];

impl Life {
    /// From what a guest said.
    #[must_use]
    pub fn of(outcome: &Outcome, facts: &Facts, root: ContainerId) -> Self {
        let runs = Runs::of(outcome);
        let mut life = Self {
            started: outcome.all("init").next().is_some(),
            init_ended: outcome.all("over").next().map(str::to_owned),
            guest_ended: match &outcome.end {
                End::Done => None,
                End::Time => Some("its time was over".to_owned()),
                End::Panic(line) => Some(line.clone()),
                End::Early => Some(early(outcome)),
            },
            programs: runs.names().len(),
            listeners: listeners(outcome),
            alive: alive(outcome),
            crashes: runs.crashes(),
            dropped_lines: outcome.dropped,
            seconds: outcome.seconds,
            ..Self::default()
        };
        life.alive.sort();
        life.services = services(facts, root, &runs, &life.alive);
        life.causes = causes(&life, outcome);
        life
    }

    /// Does it answer on the network? The first port that does.
    #[must_use]
    pub fn reached(&self) -> Option<&str> {
        let answers = |listening: &&Listening| listening.answer.is_some();
        self.listeners.iter().find(answers).map(|listening| listening.port.as_str())
    }

    /// Is there a page behind a port?
    #[must_use]
    pub fn web(&self) -> Option<&Listening> {
        self.listeners.iter().find(|listening| {
            listening.answer.as_deref().is_some_and(|answer| answer.starts_with("HTTP/"))
        })
    }

    /// How many services live, of how many.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        let alive = self.services.iter().filter(|service| service.state == State::Alive).count();
        (alive, self.services.len())
    }
}

/// Who lives at the end; where the image went away by itself before that, who lived when it had booted.
fn alive(outcome: &Outcome) -> Vec<String> {
    let said = |word| {
        let found: BTreeSet<String> =
            outcome.all(word).map(|text| after(text, 2).to_owned()).collect();
        found.into_iter().collect::<Vec<_>>()
    };
    let last = said("alive");
    if last.is_empty() { said("booted") } else { last }
}

/// The rest of a text after so many words.
fn after(text: &str, words: usize) -> &str {
    let mut rest = text;
    for _ in 0..words {
        rest = rest.split_once(' ').map_or("", |(_, rest)| rest);
    }
    rest
}

fn early(outcome: &Outcome) -> String {
    let last = outcome.console.iter().rev().find(|line| !line.is_empty());
    format!("the guest ended early: {}", last.map_or("it said nothing", String::as_str))
}

/// Programs by process.
#[derive(Default)]
struct Runs {
    /// Process, program with arguments; in the order of time.
    executed: Vec<(String, String)>,
    /// Process and how it ended; the last is what counts.
    ended: Vec<(String, String)>,
}

impl Runs {
    fn of(outcome: &Outcome) -> Self {
        let mut runs = Self::default();
        let mut current: BTreeMap<String, String> = BTreeMap::new();
        for (word, text) in &outcome.said {
            let (pid, rest) = text.split_once(' ').unwrap_or((text, ""));
            if word == "exec" {
                runs.executed.push((pid.to_owned(), rest.to_owned()));
                current.insert(pid.to_owned(), rest.to_owned());
            } else if word == "exit"
                && let Some(program) = current.remove(pid)
            {
                runs.ended.push((program, rest.to_owned()));
            }
        }
        runs
    }

    fn names(&self) -> BTreeSet<&str> {
        self.executed.iter().map(|(_, program)| program.as_str()).collect()
    }

    fn crashes(&self) -> Vec<Crash> {
        let mut counts: BTreeMap<(&str, u8), usize> = BTreeMap::new();
        for (program, how) in &self.ended {
            let signal = how.strip_prefix("signal ").and_then(|number| number.parse().ok());
            if let Some(signal) = signal.filter(|signal| FAULTS.contains(signal)) {
                *counts.entry((program, signal)).or_insert(0) += 1;
            }
        }
        counts
            .into_iter()
            .map(|((program, signal), count)| Crash { program: program.to_owned(), signal, count })
            .collect()
    }
}

/// Is this run, `PROGRAM ARGV…`, that service?
fn is_run_of(run: &str, name: &str) -> bool {
    let mut words = run.split_whitespace();
    let program = words.next().unwrap_or_default();
    let first = words.next().unwrap_or_default();
    let base = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    match name.strip_prefix("busybox:") {
        Some(applet) => {
            let called = base(first).trim_start_matches('-').to_owned();
            called == applet || (called.starts_with("busybox") && words.next() == Some(applet))
        }
        None => program == name,
    }
}

fn services(facts: &Facts, root: ContainerId, runs: &Runs, alive: &[String]) -> Vec<ServiceLife> {
    let mut found: BTreeMap<String, StartCertainty> = BTreeMap::new();
    let wanted = |start: &&StartUp| start.service || !start.listens.is_empty();
    for start in facts.start_ups().filter(wanted) {
        let Some(program) = start.program.as_ref().filter(|place| place.container == root) else {
            continue;
        };
        let name = match &start.applet {
            Some(applet) => format!("busybox:{applet}"),
            None => format!("/{}", program.path),
        };
        let known = found.entry(name).or_insert(start.certainty);
        *known = (*known).min(start.certainty);
    }
    found
        .into_iter()
        .map(|(name, certainty)| {
            let state = if alive.iter().any(|run| is_run_of(run, &name)) {
                State::Alive
            } else if let Some((_, how)) =
                runs.ended.iter().rev().find(|(run, _)| is_run_of(run, &name))
            {
                State::Ended(how.clone())
            } else if runs.executed.iter().any(|(_, run)| is_run_of(run, &name)) {
                State::Ended("not seen".to_owned())
            } else {
                State::NeverRun
            };
            ServiceLife { name, certainty, state }
        })
        .collect()
}

fn listeners(outcome: &Outcome) -> Vec<Listening> {
    let mut found: BTreeMap<String, Listening> = BTreeMap::new();
    for text in outcome.all("listen") {
        let (port, _) = text.split_once(' ').unwrap_or((text, ""));
        let program = after(text, 2).to_owned();
        found.insert(port.to_owned(), Listening { port: port.to_owned(), program, answer: None });
    }
    for text in outcome.all("probe") {
        let mut words = text.splitn(4, ' ');
        let (port, verb, count) = (words.next(), words.next(), words.next());
        let line = words.next().unwrap_or_default();
        if verb == Some("answered")
            && count != Some("0")
            && let Some(listening) = port.and_then(|port| found.get_mut(port))
        {
            listening.answer = Some(line.to_owned());
        }
    }
    found.into_values().collect()
}

/// What explains that services do not live. Only what was seen.
fn causes(life: &Life, outcome: &Outcome) -> Vec<String> {
    let mut causes: Vec<String> = outcome.all("fail").map(str::to_owned).collect();
    if let Some(how) = &life.init_ended {
        causes.push(format!("its init ended ({how}), and with it everything"));
    }
    if let Some(how) = &life.guest_ended {
        causes.push(how.clone());
    }
    for crash in life.crashes.iter().take(6) {
        causes.push(format!(
            "{} was ended by signal {} ({} times)",
            short(&crash.program),
            crash.signal,
            crash.count
        ));
    }
    let mut said: Vec<(usize, &str)> = Vec::new();
    for line in &outcome.console {
        let Some(sign) = SIGNS.iter().find(|sign| line.contains(**sign)) else { continue };
        if line.contains("@@ ") {
            continue;
        }
        match said.iter_mut().find(|(_, known)| known.contains(sign) && *known == line) {
            Some((count, _)) => *count += 1,
            None => said.push((1, line)),
        }
    }
    for (count, line) in said.into_iter().take(12) {
        causes.push(format!("its console says: {} ({count} times)", short(line)));
    }
    causes
}

/// What programs and scripts say when something that they need is missing.
const SIGNS: &[&str] = &[
    "can't load library",
    "can't resolve symbol",
    "No such device",
    "no such device",
    "can't open '/dev",
    "cannot open /dev",
    "Can't open /dev",
    "insmod: ",
    "nvram",
    "NVRAM",
    "mtd",
    "ioctl",
    "Invalid module format",
    "not found",
    "No such file",
    "Segmentation fault",
];

fn short(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(lines: &[(&str, &str)]) -> Outcome {
        Outcome {
            said: lines.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
            end: End::Done,
            ..Outcome::default()
        }
    }

    #[test]
    fn a_crash_is_told_with_its_program_and_a_listener_with_its_answer() {
        let outcome = outcome(&[
            ("init", "7 /sbin/init"),
            ("exec", "9 /usr/bin/httpd httpd -p 80"),
            ("exec", "10 /bin/busybox syslogd -C"),
            ("exit", "9 signal 11"),
            ("listen", "tcp:80 12 /usr/bin/httpd httpd"),
            ("probe", "tcp:80 answered 311 HTTP/1.1 200 OK"),
            ("alive", "10 1 /bin/busybox syslogd -C"),
        ]);
        let life = Life::of(&outcome, &Facts::default(), ContainerId(0));
        assert_eq!(life.crashes.len(), 1);
        assert_eq!(life.crashes[0].signal, 11);
        assert_eq!(life.web().unwrap().port, "tcp:80");
        assert_eq!(life.alive, ["/bin/busybox syslogd -C"]);
    }

    #[test]
    fn an_applet_is_known_by_the_name_it_was_called_with() {
        assert!(is_run_of("/bin/busybox /sbin/syslogd -C", "busybox:syslogd"));
        assert!(is_run_of("/bin/busybox busybox telnetd", "busybox:telnetd"));
        assert!(!is_run_of("/bin/busybox sh -c httpd", "busybox:httpd"));
        assert!(is_run_of("/usr/bin/httpd httpd", "/usr/bin/httpd"));
    }
}
