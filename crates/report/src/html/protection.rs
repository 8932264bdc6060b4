// SPDX-License-Identifier: Apache-2.0
//! The report of `kakoi protect`: what lives, what got through, what the policy allows.

use std::collections::BTreeSet;

use super::markup::Markup;
use super::page::{Column, Table, nothing, section};
use super::write_head;
use crate::protection::{Attack, Lines, Protection, Run, Service, State};

/// The page. `fixed` are the lines before the learning run: static, observed, both.
#[must_use]
pub fn render_protection(protection: &Protection, fixed: [usize; 3], seconds: f64) -> String {
    let mut page = Markup::new();
    page.raw("<!DOCTYPE html>\n");
    page.within("html", &[("lang", "en")], |page| {
        page.within("head", &[], |page| {
            write_head(page, &protection.derived.image, super::STYLE, super::SCRIPT);
        });
        page.within("body", &[], |page| {
            page.within("header", &[("class", "top")], |page| {
                page.leaf("h1", &[], &protection.derived.image);
                page.leaf("p", &[], "Policy derived from the image, and what it holds off");
            });
            page.within("div", &[("class", "frame")], |page| {
                page.within("main", &[], |page| {
                    write_result(page, protection, fixed, seconds);
                    write_attacks(page, protection);
                    write_services(page, protection);
                    write_benign(page, protection);
                    write_denials(page, protection);
                    write_policy(page, protection);
                    write_causes(page, protection);
                });
            });
        });
    });
    page.raw("\n");
    page.finish()
}

fn guarded(protection: &Protection) -> impl Iterator<Item = &Run> {
    protection
        .runs
        .iter()
        .filter(|run| run.defence.starts_with("kakoi") && run.impossible.is_none())
}

fn free(protection: &Protection) -> Option<&Run> {
    protection.runs.iter().find(|run| run.defence == "none")
}

fn write_result(page: &mut Markup, protection: &Protection, fixed: [usize; 3], seconds: f64) {
    section(page, "result", "In short", |page| {
        let through = |run: &Run| run.attacks.iter().filter(|attack| attack.ran).count();
        if let Some(free) = free(protection) {
            let text = format!(
                "Without protection {} of {} infections ran. The guest was {} with kernel {}.",
                through(free),
                free.attacks.len(),
                free.machine,
                free.kernel
            );
            page.leaf("p", &[], &text);
        }
        for run in guarded(protection) {
            let text = format!(
                "Under {} {} of {} infections ran; {} refusals concerned services; boot and all steps took {:.0} s.",
                run.defence,
                through(run),
                run.attacks.len(),
                run.denials.values().sum::<usize>(),
                run.life.seconds
            );
            page.leaf("p", &[], &text);
        }
        for run in protection.runs.iter().filter(|run| run.impossible.is_some()) {
            let why = run.impossible.as_deref().unwrap_or_default();
            page.leaf("p", &[], &format!("{} is not possible here: {why}.", run.defence));
        }
        let text = format!(
            "The policy has {} domains of services. From the image alone came {} lines; with what a run showed, {}. All of it took {seconds:.0} s.",
            protection.derived.services.len(),
            fixed.iter().sum::<usize>(),
            protection.derived.services.iter().map(size).sum::<usize>(),
        );
        page.leaf("p", &[], &text);
    });
}

fn size(service: &Service) -> usize {
    lists(service).iter().map(|(_, lines)| lines.len()).sum()
}

fn lists(service: &Service) -> [(&'static str, &Lines); 6] {
    [
        ("reads", &service.read),
        ("changes", &service.write),
        ("runs", &service.exec),
        ("binds", &service.bind),
        ("connects to", &service.connect),
        ("capabilities", &service.capabilities),
    ]
}

fn write_attacks(page: &mut Markup, protection: &Protection) {
    section(page, "attacks", "Infections", |page| {
        let names: BTreeSet<&str> = protection
            .runs
            .iter()
            .flat_map(|run| run.attacks.iter().map(|attack| attack.name.as_str()))
            .collect();
        let mut rows: Vec<(&str, &Run)> = Vec::new();
        for name in names {
            rows.extend(protection.runs.iter().map(|run| (name, run)));
        }
        let columns =
            [Column::Text("Infection"), Column::Text("Defence"), Column::Text("Where it ended")];
        let table = Table { caption: "Scenario by defence", columns: &columns, most: 400 };
        table.write(page, &rows, |cells, (name, run)| {
            cells.text(name);
            cells.text(&run.defence);
            let found = run.attacks.iter().find(|attack| attack.name == *name);
            cells.text(&match (found, &run.impossible) {
                (_, Some(_)) => "not possible".to_owned(),
                (Some(attack), None) => ended(attack),
                (None, None) => "not run".to_owned(),
            });
        });
    });
}

fn ended(attack: &Attack) -> String {
    let by: Vec<&str> = attack.stopped_by.iter().map(String::as_str).collect();
    match (attack.ran, by.is_empty()) {
        (true, _) => "RAN".to_owned(),
        (false, false) => format!("stopped by {}", by.join(", ")),
        (false, true) => format!("came to nothing by itself ({})", attack.typed),
    }
}

fn state(run: &Run, name: &str) -> String {
    match run.life.services.iter().find(|service| service.name == name).map(|found| &found.state) {
        Some(State::Alive) => "alive".to_owned(),
        Some(State::Ended(how)) => format!("ended: {how}"),
        Some(State::NeverRun) => "never run".to_owned(),
        None => "–".to_owned(),
    }
}

fn write_services(page: &mut Markup, protection: &Protection) {
    section(page, "services", "Services before and under protection", |page| {
        let Some(free) = free(protection) else {
            nothing(page, "There was no run without protection.");
            return;
        };
        let columns =
            [Column::Code("Service"), Column::Text("Before"), Column::Text("Under protection")];
        let table =
            Table { caption: "Services of the start-up chain", columns: &columns, most: 400 };
        table.write(page, &free.life.services, |cells, service| {
            cells.text(&service.name);
            cells.text(&state(free, &service.name));
            let under: Vec<String> =
                guarded(protection).map(|run| state(run, &service.name)).collect();
            cells.text(&under.join("; "));
        });
        let rows: Vec<(&str, &crate::protection::Listening)> = protection
            .runs
            .iter()
            .flat_map(|run| run.life.listeners.iter().map(|one| (run.defence.as_str(), one)))
            .collect();
        let columns = [
            Column::Text("Defence"),
            Column::Code("Port"),
            Column::Code("Program"),
            Column::Text("Answer"),
        ];
        let table =
            Table { caption: "What listens, and what it answers", columns: &columns, most: 400 };
        table.write(page, &rows, |cells, (defence, one)| {
            cells.text(defence);
            cells.text(&one.port);
            cells.text(&one.program);
            cells.text(one.answer.as_deref().unwrap_or("nothing"));
        });
    });
}

fn write_benign(page: &mut Markup, protection: &Protection) {
    section(page, "benign", "Benign life", |page| {
        let rows: Vec<_> = protection
            .runs
            .iter()
            .flat_map(|run| run.benign.iter().map(|step| (run.defence.as_str(), step)))
            .collect();
        let columns = [
            Column::Text("Step"),
            Column::Text("Defence"),
            Column::Number("Exit"),
            Column::Text("Said"),
        ];
        let table = Table { caption: "Steps outside every session", columns: &columns, most: 400 };
        table.write(page, &rows, |cells, (defence, step)| {
            cells.text(&step.name);
            cells.text(defence);
            cells.text(&step.code.to_string());
            cells.text(&step.said);
        });
    });
}

fn write_denials(page: &mut Markup, protection: &Protection) {
    section(page, "denials", "Refusals outside sessions", |page| {
        let rows: Vec<(&String, &usize)> =
            guarded(protection).flat_map(|run| run.denials.iter()).collect();
        if rows.is_empty() {
            nothing(page, "Nothing was refused outside remote sessions.");
            return;
        }
        let columns = [Column::Code("Domain, control, object"), Column::Number("Times")];
        let table = Table {
            caption: "Each is a false denial, or an attack on a service",
            columns: &columns,
            most: 400,
        };
        table.write(page, &rows, |cells, (what, count)| {
            cells.text(what);
            cells.text(&count.to_string());
        });
    });
}

fn write_policy(page: &mut Markup, protection: &Protection) {
    section(page, "policy", "What the policy leaves to an intruder in a service", |page| {
        let columns = [
            Column::Code("Service"),
            Column::Code("Started by"),
            Column::Text("Left to it"),
            Column::Text("Lines: static, observed, both"),
            Column::Text("Not told by the image"),
        ];
        let table = Table { caption: "Domains", columns: &columns, most: 100 };
        table.write(page, &protection.derived.services, |cells, service| {
            cells.text(&format!("{} ({})", service.enter, service.name));
            cells.text(&service.start);
            cells.text(&left(service));
            let known = |word: &str| {
                let all = lists(service);
                let lines = all.iter().flat_map(|(_, lines)| lines.values());
                lines.filter(|line| line.known == word).count()
            };
            cells.text(&format!("{}, {}, {}", known("static"), known("observed"), known("both")));
            cells.text(&service.gaps.join("; "));
        });
        for line in &protection.derived.left_out {
            page.leaf("p", &[("class", "note")], &format!("Without a domain: {line}"));
        }
    });
}

/// The sharpest of what it may do.
fn left(service: &Service) -> String {
    let parts = lists(service).map(|(verb, lines)| {
        let some: Vec<&str> = lines.keys().take(4).map(String::as_str).collect();
        let more = lines.len().saturating_sub(4);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        if lines.is_empty() {
            format!("{verb} nothing")
        } else {
            format!("{verb} {}{rest}", some.join(", "))
        }
    });
    parts.join(" · ")
}

fn write_causes(page: &mut Markup, protection: &Protection) {
    section(page, "causes", "Why services do not live", |page| {
        let causes = free(protection).map(|run| run.life.causes.as_slice()).unwrap_or_default();
        if causes.is_empty() {
            nothing(page, "Nothing was seen that would explain it.");
        }
        for cause in causes {
            page.leaf("p", &[], cause);
        }
    });
}
