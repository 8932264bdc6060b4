// SPDX-License-Identifier: Apache-2.0
//! `kakoi policy simulate`: a policy against recorded attempts, by the function that the tests use.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use kakoi_policy::{Action, Policy, Recorded, Verdict};
use serde_json::json;

use super::{decide_recorded, load, read_text};
use crate::exit::{BadInput, Exit};
use crate::output;

#[derive(Args)]
pub struct Arguments {
    /// The policy
    file: PathBuf,
    /// Attempts, one JSON object a line: {"subject":{"domains":[…]},"attempt":{"op":…}}
    events: PathBuf,
    /// Print only attempts that are not simply allowed
    #[arg(long)]
    judged: bool,
    /// Exit with 1 if anything would have been refused or rewritten
    #[arg(long)]
    fail: bool,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let policy = load(&arguments.file)?;
    let text = read_text(&arguments.events)?;
    let mut counts: BTreeMap<(Action, String), usize> = BTreeMap::new();
    let mut out = String::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let recorded = parse(&arguments.events, index + 1, line)?;
        let verdict = decide_recorded(&policy, &recorded).map_err(|error| {
            BadInput(format!("{}:{}:1: {error:#}", arguments.events.display(), index + 1))
        })?;
        let control = verdict.cause.map_or_else(String::new, |cause| cause.control.to_string());
        *counts.entry((verdict.action, control)).or_default() += 1;
        if !arguments.judged || verdict.cause.is_some() {
            out.push_str(&format!("{}\n", render(&policy, index + 1, &recorded, &verdict)));
        }
    }
    output::data(&out)?;
    for ((action, control), count) in counts.iter().rev() {
        output::say(format!("{count:>8} {action} {control}").trim_end());
    }
    let refused = counts.keys().any(|(action, _)| *action >= Action::Rewrite);
    Ok(if refused && arguments.fail { Exit::Findings } else { Exit::Done })
}

fn parse(path: &Path, number: usize, line: &str) -> anyhow::Result<Recorded> {
    let read = serde_json::from_str(line);
    Ok(read.map_err(|error| {
        BadInput(format!("{}:{number}:{}: {error}", path.display(), error.column()))
    })?)
}

fn render(
    policy: &Policy,
    line: usize,
    recorded: &Recorded,
    verdict: &Verdict,
) -> serde_json::Value {
    let mut value = json!({ "line": line, "op": recorded.attempt.op, "verdict": verdict.action });
    let Some(fields) = value.as_object_mut() else { return value };
    if !recorded.id.is_null() {
        fields.insert("id".to_owned(), recorded.id.clone());
    }
    if let Some(path) = &recorded.attempt.object.path {
        fields.insert("path".to_owned(), json!(path));
    }
    if let Some(cause) = verdict.cause {
        let domain = policy.domains.get(cause.domain).map(|domain| domain.name.as_str());
        let place = policy.rule(cause.rule).map(|(_, _, rule)| rule.place.line);
        fields.insert("control".to_owned(), json!(cause.control));
        fields.insert("domain".to_owned(), json!(domain));
        fields.insert("policy-line".to_owned(), json!(place));
        fields.insert("would".to_owned(), json!(cause.would));
    }
    if let Some(mode) = verdict.mode {
        fields.insert("mode".to_owned(), json!(mode));
    }
    if verdict.taints {
        fields.insert("taints".to_owned(), json!(true));
    }
    value
}
