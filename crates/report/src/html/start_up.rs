// SPDX-License-Identifier: Apache-2.0
//! How the device starts: from the kernel over scripts to programs, as a tree and as a table.

use std::collections::BTreeMap;

use kakoi_model::{Evidence, StartCertainty, StartMechanism, StartUp};

use super::markup::Markup;
use super::page::{Column, Table, nothing, section};
use crate::overview::Overview;
use crate::text::{location, place};

/// Deepest nesting that is drawn; deeper steps are drawn at this depth.
const MOST_DEPTH: usize = 12;

/// Programs that are drawn; the table has more.
const MOST_DRAWN: usize = 600;

/// A step of start-up, what it starts, and the steps that follow from it.
#[derive(Default)]
struct Step<'a> {
    evidence: Option<&'a Evidence>,
    starts: Vec<&'a StartUp>,
    next: Vec<Step<'a>>,
}

pub(super) fn write(page: &mut Markup, overview: &Overview<'_>) {
    section(page, "start-up", "How it starts", |page| {
        let starts: Vec<&StartUp> = overview.facts.start_ups().collect();
        if starts.is_empty() {
            nothing(
                page,
                "No start-up was found: no root file system, or an init that kakoi does not know.",
            );
            return;
        }
        page.raw("<p>Each line is a step; what is indented below it follows from it.</p>");
        let drawn = &starts[..starts.len().min(MOST_DRAWN)];
        page.within("div", &[("class", "tree")], |page| write_steps(page, &tree(drawn).next));
        page.within("details", &[], |page| {
            page.raw("<summary>As a table</summary>");
            write_table(page, &starts);
        });
    });
}

/// Chains share their first steps; a step is told from others by its place and text.
fn tree<'a>(starts: &[&'a StartUp]) -> Step<'a> {
    let mut root = Step::default();
    for start in starts {
        let mut step = &mut root;
        for evidence in start.chain.iter().take(MOST_DEPTH) {
            let known =
                step.next.iter().position(|it| it.evidence.is_some_and(|it| same(it, evidence)));
            let index = known.unwrap_or_else(|| {
                step.next.push(Step { evidence: Some(evidence), ..Step::default() });
                step.next.len() - 1
            });
            step = &mut step.next[index];
        }
        if start.chain.is_empty() {
            step.next.push(Step { starts: vec![start], ..Step::default() });
        } else {
            step.starts.push(start);
        }
    }
    root
}

fn same(a: &Evidence, b: &Evidence) -> bool {
    (&a.file, a.line, a.offset, &a.what) == (&b.file, b.line, b.offset, &b.what)
        && a.excerpt == b.excerpt
}

fn write_steps(page: &mut Markup, steps: &[Step<'_>]) {
    if steps.is_empty() {
        return;
    }
    page.within("ul", &[], |page| {
        for step in steps {
            page.within("li", &[], |page| {
                write_step(page, step);
                write_steps(page, &step.next);
            });
        }
    });
}

fn write_step(page: &mut Markup, step: &Step<'_>) {
    page.within("div", &[("class", "step")], |page| {
        for start in &step.starts {
            write_start(page, start);
        }
        let Some(evidence) = step.evidence else { return };
        page.within("span", &[("class", "why")], |page| {
            if step.starts.is_empty() {
                page.text(&evidence.what);
                page.raw(" ");
            }
            page.leaf("span", &[("class", "place")], &location(evidence));
            if let Some(excerpt) = &evidence.excerpt {
                page.raw(" ");
                page.leaf("code", &[], excerpt);
            }
        });
    });
}

fn write_start(page: &mut Markup, start: &StartUp) {
    page.leaf("b", &[("class", "command")], &start.command);
    for port in &start.listens {
        page.leaf("span", &[("class", "tag port")], port);
    }
    match start.certainty {
        StartCertainty::Always => {}
        StartCertainty::Conditional => page.raw("<span class=\"tag\">if a condition holds</span>"),
        StartCertainty::Possible => page.raw("<span class=\"tag\">possible</span>"),
    }
    if !matches!(start.user.as_str(), "" | "root") {
        page.leaf("span", &[("class", "tag")], &format!("as {}", start.user));
    }
    if start.program.is_none() {
        page.raw("<span class=\"tag missing\">not in the image</span>");
    }
}

fn write_table(page: &mut Markup, starts: &[&StartUp]) {
    let columns = [
        Column::Code("Command"),
        Column::Code("Program"),
        Column::Text("Started by"),
        Column::Text("Reached"),
        Column::Text("Stays"),
        Column::Text("User"),
        Column::Code("Listens"),
    ];
    let table = Table { caption: "Programs that start at boot", columns: &columns, most: 1000 };
    let mechanisms: BTreeMap<StartMechanism, &str> = MECHANISMS.iter().copied().collect();
    table.write(page, starts, |cells, start| {
        let command = [vec![start.command.clone()], start.arguments.clone()].concat();
        cells.text(&command.join(" "));
        cells.text(&start.program.as_ref().map_or_else(|| "not in the image".into(), place));
        cells.text(mechanisms.get(&start.mechanism).copied().unwrap_or("other"));
        cells.text(match start.certainty {
            StartCertainty::Always => "always",
            StartCertainty::Conditional => "if a condition holds",
            StartCertainty::Possible => "possibly",
        });
        cells.text(if start.service { "as a service" } else { "ends" });
        cells.text(&start.user);
        cells.text(&start.listens.join(", "));
    });
}

const MECHANISMS: [(StartMechanism, &str); 10] = [
    (StartMechanism::Kernel, "the kernel"),
    (StartMechanism::Inittab, "inittab"),
    (StartMechanism::RcScript, "a script of init"),
    (StartMechanism::SysvRunLevel, "a run level"),
    (StartMechanism::Procd, "procd"),
    (StartMechanism::Systemd, "systemd"),
    (StartMechanism::Inetd, "inetd, on connection"),
    (StartMechanism::Cron, "cron"),
    (StartMechanism::Hotplug, "hotplug"),
    (StartMechanism::Program, "another program"),
];
