// SPDX-License-Identifier: Apache-2.0
//! What came of scenarios and of benign life under a defence, as it is written to JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::defence::{Chosen, Defence, Intent};
use crate::guest::Outcome;
use crate::life::Life;
use crate::refusal::{self, Refusal};
use crate::scenario::is_learnt;

/// Version of the form.
pub const SCHEMA: u32 = 2;

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
    /// What kind of init the image has, and its path.
    #[serde(default)]
    pub init: String,
    /// The defence.
    pub defence: Defence,
    /// What it was to hold off.
    #[serde(default)]
    pub intent: Intent,
    /// Why it could not be run, if it could not: then the rest is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impossible: Option<String>,
    /// Rules that were written for it.
    pub rules: usize,
    /// What the kernel said to its start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub start: Vec<String>,
    /// Security modules that were active, as the kernel lists them.
    #[serde(default)]
    pub active: String,
    /// What lived.
    pub life: Life,
    /// Benign steps.
    pub benign: Vec<Step>,
    /// Scenarios.
    pub attacks: Vec<Attack>,
    /// Refusals outside every session: domain, control, what; and how often.
    pub denials: BTreeMap<String, usize>,
    /// Benign operations: programs that were started before the first scenario, and steps.
    #[serde(default)]
    pub operations: usize,
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
    /// The stage of the infection where it ended (DESIGN.md §4): of what ran, or of what was refused last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// How the typing went: `typed`, `hung-up`, `no-shell`, `no-session`.
    pub typed: String,
    /// Controls that refused something meanwhile.
    pub stopped_by: BTreeSet<String>,
    /// The end of the session, as it was shown.
    pub session: String,
}

impl Run {
    /// From what a guest said.
    #[must_use]
    pub fn of(mut head: Self, outcome: &Outcome, life: Life) -> Self {
        head.life = life;
        head.start = outcome.all("defence").map(str::to_owned).collect();
        head.active = outcome.all("lsm").next().unwrap_or_default().to_owned();
        let mut attacked = false;
        for (word, text) in &outcome.said {
            match word.as_str() {
                "mark" => attacked = true,
                "exec" if !attacked => head.operations += 1,
                "step" => head.benign.extend(step(text)),
                "scenario" => head.attacks.extend(attack(text)),
                "session" => head.take_session(text),
                "event" => head.take(refusal::of_event(text)),
                "denied" => head.take(refusal::of_others(head.defence, text)),
                _ => {}
            }
        }
        head.operations += head.benign.len();
        for attack in &mut head.attacks {
            attack.settle(head.defence);
        }
        head
    }

    fn take_session(&mut self, text: &str) {
        let (name, said) = text.split_once(' ').unwrap_or((text, ""));
        if let Some(attack) = self.attacks.iter_mut().find(|one| one.name == name) {
            said.clone_into(&mut attack.session);
        }
    }

    /// What is refused in a session comes after its scenario's line and before that of the next.
    fn take(&mut self, refusal: Option<Refusal>) {
        let Some(refusal) = refusal else { return };
        match self.attacks.last_mut().filter(|_| refusal.of_intruder) {
            Some(attack) => {
                attack.stopped_by.insert(refusal.control);
            }
            None => *self.denials.entry(refusal.words).or_insert(0) += 1,
        }
    }

    /// The defence and its intent.
    #[must_use]
    pub const fn chosen(&self) -> Chosen {
        Chosen { defence: self.defence, intent: self.intent }
    }

    /// Attacks that got through.
    #[must_use]
    pub fn infected(&self) -> usize {
        self.attacks.iter().filter(|attack| attack.ran).count()
    }

    /// A service that answered on the network: by the port that was asked, or by its pages.
    #[must_use]
    pub fn reached(&self) -> Option<&str> {
        let page = |step: &&Step| step.name.starts_with("page-") && step.code == 0;
        self.life.reached().or_else(|| self.benign.iter().find(page).map(|_| "pages"))
    }

    /// Benign steps that fail here and do not fail without a defence.
    #[must_use]
    pub fn broken<'a>(&'a self, free: &Self) -> Vec<&'a Step> {
        let lived = |step: &&Step| {
            free.benign.iter().any(|other| other.name == step.name && other.code == 0)
        };
        self.benign.iter().filter(|step| step.code != 0).filter(lived).collect()
    }

    /// Benign steps that no policy was learnt from.
    #[must_use]
    pub fn unseen(&self) -> usize {
        self.benign.iter().filter(|step| !is_learnt(&step.name)).count()
    }

    /// Was the defence in force, by what the kernel said? None: it does not say.
    #[must_use]
    pub fn in_force(&self) -> Option<bool> {
        if self.impossible.is_some() || !self.life.started {
            return Some(false);
        }
        let refused = |line: &String| !line.ends_with(" bytes");
        if self.start.iter().any(refused) {
            return Some(false);
        }
        match self.defence.module() {
            Some(name) => Some(self.active.split(',').any(|active| active == name)),
            None => Some(true),
        }
    }
}

impl Attack {
    /// Finds the stage, and who refused where nobody writes that down.
    fn settle(&mut self, defence: Defence) {
        let refused = ["ermission denied", "not permitted"];
        let silent = matches!(defence, Defence::Seccomp | Defence::Landlock);
        if silent && !self.ran && refused.iter().any(|word| self.session.contains(word)) {
            self.stopped_by.insert(format!("{}: refused", defence.as_str()));
        }
        if self.stage.is_none() {
            let stages = self.stopped_by.iter().filter_map(|control| stage_of(control));
            self.stage = match self.typed.as_str() {
                "no-shell" => Some("S1".to_owned()),
                "no-session" => None,
                _ => stages.max().map(str::to_owned),
            };
        }
    }
}

/// The stage that a control ends.
fn stage_of(control: &str) -> Option<&'static str> {
    Some(match control {
        "shell-start" => "S1",
        "grant-exec" | "write-exec" => "S5",
        "script-exec" | "interpret-dropped" => "S6a",
        "exec-outside" | "run-dropped" | "exec.allow" | "exec" => "S6b",
        other if other.contains("exec") || other.contains("mmap") => "S6b",
        _ => return None,
    })
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

fn attack(text: &str) -> Option<Attack> {
    let mut words = text.split(' ');
    let name = words.next()?.to_owned();
    let stage = match words.next()? {
        "ran" => Some("S6b"),
        "ran-script" => Some("S6a"),
        _ => None,
    };
    Some(Attack {
        name,
        ran: stage.is_some(),
        stage: stage.map(str::to_owned),
        typed: words.next()?.to_owned(),
        stopped_by: BTreeSet::new(),
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
    let (n, p, z) = (count(of), count(hits.min(of)) / count(of), 1.959_964_f64);
    let middle = p + z * z / (2.0 * n);
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    (((middle - spread) / scale).max(0.0), ((middle + spread) / scale).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::End;

    fn head(defence: Defence) -> Run {
        let text = r#"{"schema":2,"image":"i","machine":"mips","kernel":"6.1","defence":"none","rules":0,
            "life":{"started":true,"programs":0,"services":[],"listeners":[],"alive":[],"crashes":[],
            "dropped_lines":0,"seconds":0.0},"benign":[],"attacks":[],"denials":{}}"#;
        Run { defence, ..serde_json::from_str(text).unwrap() }
    }

    fn outcome(lines: &[(&str, &str)]) -> Outcome {
        Outcome {
            said: lines.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
            end: End::Done,
            ..Outcome::default()
        }
    }

    fn run(defence: Defence, lines: &[(&str, &str)]) -> Run {
        let life = head(defence).life;
        Run::of(head(defence), &outcome(lines), life)
    }

    #[test]
    fn zero_of_fourteen_is_still_up_to_a_fifth() {
        let (low, high) = interval(0, 14);
        assert!(low.abs() < 1e-9 && (0.21..0.22).contains(&high), "{low} {high}");
    }

    #[test]
    fn what_a_session_is_refused_belongs_to_its_scenario_and_the_rest_is_a_false_denial() {
        let event = |domain: &str, control: &str| {
            format!(
                r#"{{"domain":"{domain}","comm":"x","control":"{control}","verdict":"deny","path":"/tmp/d"}}"#
            )
        };
        let (early, late, service) = (
            event("remote-session", "grant-exec"),
            event("remote-session", "exec-outside"),
            event("httpd", "files.read"),
        );
        let found = run(
            Defence::KakoiModule,
            &[
                ("exec", "1 /sbin/init"),
                ("step", "page-1 0 90 HTTP/1.0 200"),
                ("mark", "attacks"),
                ("scenario", "wget-loader stopped typed"),
                ("event", &early),
                ("event", &late),
                ("event", &service),
            ],
        );
        assert_eq!(found.attacks[0].stage.as_deref(), Some("S6b"));
        assert_eq!(found.denials.keys().collect::<Vec<_>>(), ["httpd files.read /tmp/d (x)"]);
        assert_eq!((found.operations, found.reached(), found.unseen()), (2, Some("pages"), 1));
    }

    #[test]
    fn a_scenario_without_a_shell_ended_at_the_first_stage_and_a_script_that_ran_at_its_own() {
        let found = run(
            Defence::Landlock,
            &[
                ("scenario", "echo-loader stopped no-shell"),
                ("scenario", "script-sourced ran-script typed"),
                ("scenario", "adb-like stopped typed"),
                ("session", "adb-like sh: ./d.bin: Permission denied"),
            ],
        );
        let stages: Vec<Option<&str>> =
            found.attacks.iter().map(|attack| attack.stage.as_deref()).collect();
        assert_eq!(stages, [Some("S1"), Some("S6a"), None]);
        assert!(found.attacks[2].stopped_by.contains("landlock: refused"));
    }

    #[test]
    fn a_module_that_the_kernel_does_not_list_was_not_in_force() {
        let lines = [("lsm", "capability,landlock,tomoyo")];
        assert_eq!(run(Defence::Tomoyo, &lines).in_force(), Some(true));
        assert_eq!(run(Defence::Smack, &lines).in_force(), Some(false));
        let refused = [
            ("lsm", "tomoyo"),
            ("defence", "/sys/kernel/security/tomoyo/profile: Invalid argument"),
        ];
        assert_eq!(run(Defence::Tomoyo, &refused).in_force(), Some(false));
    }
}
