// SPDX-License-Identifier: Apache-2.0
//! Runs side by side: the matrix of scenarios and defences, and a line for each image. Both in Markdown, and from rows that
//! hold no more than what they show, so that what was measured can be kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::defence::{Chosen, Defence, Intent};
use crate::matrix::{Run, interval};

/// What is shown of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Image.
    pub image: String,
    /// Architecture of the guest.
    pub machine: String,
    /// Release of its kernel.
    pub kernel: String,
    /// Kind of init.
    #[serde(default)]
    pub init: String,
    /// The defence.
    pub defence: Defence,
    /// What it was to hold off.
    #[serde(default)]
    pub intent: Intent,
    /// Why it could not be run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impossible: Option<String>,
    /// Was it in force, by what the kernel said?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force: Option<bool>,
    /// Services that lived, of how many.
    pub services: (usize, usize),
    /// The port that answered on the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<String>,
    /// What was seen that explains what does not live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// Scenario: where it ended, and whether it got through.
    pub attacks: BTreeMap<String, (String, bool)>,
    /// Refusals outside sessions, distinct.
    pub denials: Vec<String>,
    /// Refusals outside sessions.
    pub refused: usize,
    /// Benign operations.
    pub operations: usize,
    /// Benign steps, and those of them that nothing was learnt from.
    pub steps: (usize, usize),
    /// Benign steps that fail here and not without a defence.
    pub broken: Vec<String>,
    /// Rules.
    pub rules: usize,
    /// Costs of calls, by what the server with holes counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub costs: BTreeMap<String, u64>,
    /// Seconds of the host.
    pub seconds: f64,
}

impl Row {
    /// Of a run, beside one without a defence.
    #[must_use]
    pub fn of(run: &Run, free: Option<&Run>) -> Self {
        let attack = |one: &crate::matrix::Attack| (one.name.clone(), (ended(one), one.ran));
        Self {
            image: run.image.clone(),
            machine: run.machine.clone(),
            kernel: run.kernel.clone(),
            init: run.init.clone(),
            defence: run.defence,
            intent: run.intent,
            impossible: run.impossible.clone(),
            in_force: run.in_force(),
            services: run.life.count(),
            reached: run.reached().map(str::to_owned),
            causes: run.life.causes.iter().take(4).cloned().collect(),
            attacks: run.attacks.iter().map(attack).collect(),
            denials: run.denials.keys().cloned().collect(),
            refused: run.denials.values().sum(),
            operations: run.operations,
            steps: (run.benign.len(), run.unseen()),
            broken: free
                .map(|free| run.broken(free).iter().map(|step| step.name.clone()).collect())
                .unwrap_or_default(),
            rules: run.rules,
            costs: costs(run),
            seconds: run.life.seconds.round(),
        }
    }

    /// Of several runs; each beside the one of its image without a defence.
    #[must_use]
    pub fn of_all(runs: &[Run]) -> Vec<Self> {
        let free = |run: &Run| {
            runs.iter().find(|other| other.image == run.image && other.defence == Defence::None)
        };
        runs.iter().map(|run| Self::of(run, free(run))).collect()
    }

    pub(crate) fn name(&self) -> String {
        Chosen { defence: self.defence, intent: self.intent }.name()
    }

    fn infected(&self) -> usize {
        self.attacks.values().filter(|(_, ran)| *ran).count()
    }
}

fn costs(run: &Run) -> BTreeMap<String, u64> {
    let said = run.benign.iter().find(|step| step.name == "benign-cost").map(|step| &step.said);
    let pair = |word: &str| {
        let (name, number) = word.split_once('=')?;
        Some((name.to_owned(), number.parse().ok()?))
    };
    said.map(|said| said.split_whitespace().filter_map(pair).collect()).unwrap_or_default()
}

/// Where a scenario ended.
fn ended(attack: &crate::matrix::Attack) -> String {
    let stage = attack.stage.as_deref();
    let by: Vec<&str> = attack.stopped_by.iter().map(String::as_str).collect();
    match (attack.ran, stage, attack.typed.as_str()) {
        (true, stage, _) => format!("**{} ran**", stage.unwrap_or("S6")),
        (_, _, "no-session") => "no session".to_owned(),
        (_, Some(stage), _) if by.is_empty() => format!("{stage} (no shell came)"),
        (_, Some(stage), _) => format!("{stage}: {}", by.join(", ")),
        (_, None, _) if !by.is_empty() => by.join(", "),
        _ => "came to nothing".to_owned(),
    }
}

/// The matrix: scenario × image and defence, then what it costs.
#[must_use]
pub fn matrix(rows: &[Row]) -> String {
    let several = rows.iter().map(|row| &row.image).collect::<BTreeSet<_>>().len() > 1;
    let mut text = String::from("| scenario |");
    for row in rows {
        let image = if several { format!("{} ", cell(&row.image)) } else { String::new() };
        text.push_str(&format!(" {image}{} |", row.name()));
    }
    text.push_str(&format!("\n|---|{}\n", "---|".repeat(rows.len())));
    let names: BTreeSet<&String> = rows.iter().flat_map(|row| row.attacks.keys()).collect();
    let mut line = |name: &str, value: &dyn Fn(&Row) -> String| {
        text.push_str(&format!("| {name} |"));
        rows.iter().for_each(|row| text.push_str(&format!(" {} |", value(row))));
        text.push('\n');
    };
    for name in names {
        line(name, &|row| match (&row.impossible, row.attacks.get(name)) {
            (Some(_), _) => "–".to_owned(),
            (None, Some((ended, _))) => cell(ended),
            (None, None) => "not run".to_owned(),
        });
    }
    let possible = |value: String, row: &Row| {
        if row.impossible.is_some() { "–".to_owned() } else { value }
    };
    line("got through", &|row| {
        possible(format!("{} of {}", row.infected(), row.attacks.len()), row)
    });
    line("possible here", &|row| {
        row.impossible.as_ref().map_or("yes".to_owned(), |why| format!("no: {}", cell(why)))
    });
    line("in force", &|row| match row.in_force {
        _ if row.impossible.is_some() => "–".to_owned(),
        Some(true) => "yes".to_owned(),
        Some(false) => "**no**".to_owned(),
        None => "?".to_owned(),
    });
    line("services alive", &|row| {
        possible(format!("{} of {}", row.services.0, row.services.1), row)
    });
    line("refusals outside sessions", &|row| possible(row.refused.to_string(), row));
    line("per 1,000 benign operations", &|row| possible(rate(row), row));
    line("benign steps broken", &|row| {
        possible(format!("{} of {}", row.broken.len(), row.steps.0), row)
    });
    line("rules", &|row| possible(row.rules.to_string(), row));
    cost_lines(rows, &mut line);
    line("seconds", &|row| possible(format!("{:.0}", row.seconds), row));
    text
}

/// Writes a line of the table: its name, and what stands under each run.
type WriteLine<'a> = dyn FnMut(&str, &dyn Fn(&Row) -> String) + 'a;

/// Each call's cost as a ratio to the run without a defence.
fn cost_lines(rows: &[Row], line: &mut WriteLine<'_>) {
    let names: BTreeSet<&String> = rows.iter().flat_map(|row| row.costs.keys()).collect();
    for name in names {
        line(&format!("cost of {name}"), &|row| {
            let free = rows
                .iter()
                .find(|other| other.image == row.image && other.defence == Defence::None)
                .and_then(|free| free.costs.get(name));
            match (row.costs.get(name), free) {
                (Some(cost), Some(free)) => format!("{cost} ({})", ratio(*cost, *free)),
                (Some(cost), None) => cost.to_string(),
                (None, _) => "–".to_owned(),
            }
        });
    }
}

/// Two numbers as `1.07`, without floating point.
fn ratio(cost: u64, free: u64) -> String {
    let hundredths = cost.saturating_mul(100) / free.max(1);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// Refusals for a thousand operations, with the interval of Wilson at 95 %.
fn rate(row: &Row) -> String {
    let (low, high) = interval(row.refused, row.operations);
    let count = |number: usize| u32::try_from(number).map_or(f64::from(u32::MAX), f64::from);
    let rate = count(row.refused) * 1000.0 / count(row.operations.max(1));
    format!("{rate:.1} ({:.1} to {:.1}, n = {})", low * 1000.0, high * 1000.0, row.operations)
}

/// One line an image: what lives before and under protection, and what got through.
#[must_use]
pub fn images(rows: &[Row]) -> String {
    let mut text = String::from(
        "| image | guest | init | services alive, before → under | answers on the network, before → under | \
         refusals outside sessions | per 1,000 benign operations | benign steps broken | infections, before → under | s |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (free, held) in pairs(rows) {
        let answers = |row: &Row| row.reached.clone().unwrap_or_else(|| "no".to_owned());
        text.push_str(&format!(
            "| {} | {} | {} | {} → {} of {} | {} → {} | {} | {} | {} of {} | {} → {} of {} | {:.0} |\n",
            cell(&free.image),
            free.machine,
            cell(&free.init),
            free.services.0,
            held.services.0,
            free.services.1,
            answers(free),
            answers(held),
            held.refused,
            rate(held),
            held.broken.len(),
            held.steps.0,
            free.infected(),
            held.infected(),
            held.attacks.len(),
            free.seconds + held.seconds,
        ));
    }
    text.push_str("\nWhat was refused outside sessions:\n\n");
    let mut any = false;
    for row in rows.iter().filter(|row| row.defence == Defence::KakoiModule) {
        for denial in &row.denials {
            text.push_str(&format!("- {}: `{}`\n", cell(&row.image), denial.replace('`', "'")));
            any = true;
        }
    }
    if !any {
        text.push_str("- nothing\n");
    }
    text.push_str("\nWhy an image does not answer on the network, by what was seen:\n\n");
    for (free, _) in pairs(rows).filter(|(free, _)| free.reached.is_none()) {
        let causes: Vec<String> = free.causes.iter().map(|cause| cell(cause)).collect();
        text.push_str(&format!("- {}: {}\n", cell(&free.image), causes.join("; ")));
    }
    text
}

fn pairs(rows: &[Row]) -> impl Iterator<Item = (&Row, &Row)> {
    rows.iter().filter(|row| row.defence == Defence::None).filter_map(|free| {
        let held = |row: &&Row| {
            row.image == free.image
                && row.defence == Defence::KakoiModule
                && row.intent == Intent::Sessions
        };
        Some((free, rows.iter().find(held)?))
    })
}

/// Text of an image's making, as one cell.
pub(crate) fn cell(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '|' => '/',
            '<' => '(',
            '>' => ')',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn row(defence: Defence, ended: &str, ran: bool) -> Row {
        Row {
            image: "r|1".to_owned(),
            machine: "mips".to_owned(),
            kernel: "6.1".to_owned(),
            init: "BusyBox".to_owned(),
            defence,
            intent: Intent::Sessions,
            impossible: None,
            in_force: Some(true),
            services: (3, 4),
            reached: None,
            causes: vec!["<no switch>".to_owned()],
            attacks: BTreeMap::from([("wget-loader".to_owned(), (ended.to_owned(), ran))]),
            denials: Vec::new(),
            refused: 0,
            operations: 200,
            steps: (20, 9),
            broken: Vec::new(),
            rules: 7,
            costs: BTreeMap::from([("open".to_owned(), if ran { 100 } else { 131 })]),
            seconds: 60.0,
        }
    }

    #[test]
    fn the_matrix_says_where_each_scenario_ended_and_what_a_call_costs() {
        let rows = [
            row(Defence::None, "**S6b ran**", true),
            row(Defence::KakoiModule, "S1: shell-start", false),
        ];
        let text = matrix(&rows);
        assert!(text.contains("| wget-loader | **S6b ran** | S1: shell-start |"), "{text}");
        assert!(text.contains("| cost of open | 100 (1.00) | 131 (1.31) |"), "{text}");
        assert!(text.contains("0.0 (0.0 to 18.8, n = 200)"), "{text}");
    }

    #[test]
    fn the_line_of_an_image_compares_both_runs_and_names_causes() {
        let rows =
            [row(Defence::None, "**S6b ran**", true), row(Defence::KakoiModule, "S1", false)];
        let text = images(&rows);
        assert!(text.contains("| r/1 | mips | BusyBox | 3 → 3 of 4 | no → no | 0 |"), "{text}");
        assert!(text.contains("- r/1: (no switch)"), "{text}");
    }
}
