// SPDX-License-Identifier: Apache-2.0
//! The truth table (tests/policy/*.toml) and recorded attempts: who tries what, and what is to
//! become of it. The host, BPF and module run the same cases, each in its place.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::attempt::{Attempt, Mode};
use crate::mark::Mark;
use crate::policy::Policy;
use crate::words::{Action, Control, Op, Program, Remote};

/// One file of the table.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Table {
    /// What the file is about.
    pub about: String,
    /// The policy of its cases, from the top of the repository.
    pub policy: String,
    /// The cases.
    #[serde(rename = "case")]
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Case {
    /// A sentence, unique in the table.
    pub name: String,
    /// Stage of the infection model (`S1` … `S6b`), where it is one.
    #[serde(default)]
    pub row: Option<String>,
    /// Short name of the way around that it is, where it is one.
    #[serde(default)]
    pub way: Option<String>,
    /// Another policy than the file's.
    #[serde(default)]
    pub policy: Option<String>,
    /// In a guest: where the action runs: `session` (through telnet), `outside` (by init), `both`
    /// (first lines in the session, after `---` outside), or `none`: only the abstract attempt.
    pub place: String,
    /// In a guest: lines that are run outside before the action, when what the attempt names is there.
    #[serde(default)]
    pub prepared: String,
    /// In a guest: the inert action, lines of a BusyBox shell; `kakoi-try NAME` is the guest's helper
    /// for calls that no applet makes.
    #[serde(default)]
    pub run: String,
    /// In a guest: a command, run outside any session, that succeeds when the action was stopped.
    #[serde(default)]
    pub stopped: String,
    /// A documented limit: why this is let through, and the line of a policy that would close it.
    #[serde(default)]
    pub limit: Option<String>,
    /// Who tries.
    #[serde(default)]
    pub subject: Subject,
    /// What.
    pub attempt: Attempt,
    /// What is to become of it.
    pub expect: Expected,
}

/// Who tries something: domains as recorded, or the history that led to them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Subject {
    /// Domains by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
    /// Kinds of the program that it runs.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub program: BTreeSet<Program>,
    /// Its mark was lost.
    pub unknown: bool,
    /// Its history since init: `fork`, `accept`, `thread`, `setsid`, `orphan`, `exec PATH ARGUMENT…`,
    /// `exec@pty PATH …`, `exec@socket PATH …`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<String>,
}

/// A verdict as the table writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expected {
    /// The action.
    pub verdict: Action,
    /// The control that decided; must be there unless the action is allow.
    #[serde(default)]
    pub control: Option<Control>,
    /// What the rule says, where it is not what is done.
    #[serde(default)]
    pub would: Option<Action>,
    /// For rewrite: the mode.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// The object becomes dropped content.
    #[serde(default)]
    pub taints: Option<bool>,
}

/// One line of what `kakoi policy simulate` reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Recorded {
    /// Whatever names the event elsewhere.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub id: serde_json::Value,
    /// Who.
    #[serde(default)]
    pub subject: Subject,
    /// What.
    pub attempt: Attempt,
}

impl Subject {
    /// The mark that such a subject has under this policy.
    ///
    /// # Errors
    /// It names a domain or a step that there is not.
    pub fn mark(&self, policy: &Policy) -> Result<Mark, String> {
        let mut mark = Mark::default();
        for (step, serial) in self.history.iter().zip(1..) {
            mark = take(policy, &mark, step, serial)?;
        }
        for name in &self.domains {
            let index =
                policy.domain(name).ok_or_else(|| format!("the policy has no domain {name}"))?;
            mark.domains.insert(index);
        }
        mark.program.extend(&self.program);
        mark.unknown |= self.unknown;
        Ok(mark)
    }
}

fn take(policy: &Policy, mark: &Mark, step: &str, serial: u32) -> Result<Mark, String> {
    let mut words = step.split_whitespace();
    let verb = words.next().unwrap_or_default();
    let remote = match verb {
        "fork" => return Ok(mark.fork(serial)),
        // The mark is the process's: none of these changes it.
        "thread" | "setsid" | "orphan" | "nohup" => return Ok(mark.clone()),
        "accept" => {
            let mut mark = mark.clone();
            mark.accept();
            return Ok(mark);
        }
        "exec" => None,
        "exec@pty" => Some(Remote::Pty),
        "exec@socket" => Some(Remote::Socket),
        _ => return Err(format!("`{step}` is no step of a history")),
    };
    let mut attempt = Attempt::new(Op::Exec);
    let path = words.next().ok_or_else(|| format!("`{step}` names no program"))?;
    attempt.object.path = Some(path.to_owned());
    attempt.argv = words.map(str::to_owned).collect();
    if attempt.argv.is_empty() {
        attempt.argv.push(path.to_owned());
    }
    attempt.remote.extend(remote);
    Ok(mark.exec(policy, &attempt, serial))
}
