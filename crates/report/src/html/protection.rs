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
                    write_price(page, protection);
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

/// A row for each infection, a column for each defence.
fn write_attacks(page: &mut Markup, protection: &Protection) {
    section(page, "attacks", "Infections", |page| {
        let names: BTreeSet<&str> = protection
            .runs
            .iter()
            .flat_map(|run| run.attacks.iter().map(|attack| attack.name.as_str()))
            .collect();
        let label = [("class", "scroll"), ("tabindex", "0"), ("role", "region")];
        page.within("div", &label, |page| {
            page.within("table", &[], |page| {
                page.leaf("caption", &[], "Where each infection ended, by defence");
                page.within("thead", &[], |page| {
                    page.within("tr", &[], |page| {
                        page.leaf("th", &[("scope", "col")], "Infection");
                        for run in &protection.runs {
                            page.leaf("th", &[("scope", "col")], &run.defence);
                        }
                    });
                });
                page.within("tbody", &[], |page| {
                    names.iter().for_each(|name| write_attack(page, protection, name));
                });
            });
        });
        let text = "S1 a shell starts · S5 execute permission · S6a a script runs · S6b a program runs. \
                    What reached S6 is an infection.";
        page.leaf("p", &[("class", "note")], text);
    });
}

fn write_attack(page: &mut Markup, protection: &Protection, name: &str) {
    page.within("tr", &[], |page| {
        page.leaf("th", &[("scope", "row")], name);
        for run in &protection.runs {
            let found = run.attacks.iter().find(|attack| attack.name == name);
            page.within("td", &[], |page| match (found, &run.impossible) {
                (_, Some(_)) => page.text("not possible"),
                (Some(attack), None) if attack.ran => {
                    page.leaf("span", &[("class", "mark no")], &ended(attack));
                }
                (Some(attack), None) => page.text(&ended(attack)),
                (None, None) => page.text("not run"),
            });
        }
    });
}

fn ended(attack: &Attack) -> String {
    let by: Vec<&str> = attack.stopped_by.iter().map(String::as_str).collect();
    let stage = attack.stage.as_deref().unwrap_or_default();
    match (attack.ran, by.is_empty(), stage) {
        (true, _, "") => "RAN".to_owned(),
        (true, _, stage) => format!("RAN ({stage})"),
        (false, false, "") => format!("stopped by {}", by.join(", ")),
        (false, false, stage) => format!("{stage}: stopped by {}", by.join(", ")),
        (false, true, "S1") => "S1: no shell came".to_owned(),
        (false, true, _) => format!("came to nothing by itself ({})", attack.typed),
    }
}

/// Rules, and refusals for each thousand benign operations with the interval of Wilson at 95 %.
fn write_price(page: &mut Markup, protection: &Protection) {
    section(page, "price", "What each defence costs", |page| {
        let columns = [
            Column::Text("Defence"),
            Column::Number("Rules"),
            Column::Number("Benign operations"),
            Column::Number("Refusals outside sessions"),
            Column::Number("Per 1,000"),
            Column::Number("Seconds of the guest"),
        ];
        let table = Table { caption: "Rules, false denials, time", columns: &columns, most: 100 };
        let runs: Vec<&Run> =
            protection.runs.iter().filter(|run| run.impossible.is_none()).collect();
        table.write(page, &runs, |cells, run| {
            let refused = run.denials.values().sum::<usize>();
            cells.text(&run.defence);
            cells.text(&run.rules.to_string());
            cells.text(&run.operations.to_string());
            cells.text(&refused.to_string());
            cells.text(&per_thousand(refused, run.operations));
            cells.text(&format!("{:.0}", run.life.seconds));
        });
    });
}

/// `0.0 (0.0 to 12.6)`.
fn per_thousand(hits: usize, of: usize) -> String {
    let count = |number: usize| u32::try_from(number).map_or(f64::from(u32::MAX), f64::from);
    let (n, z) = (count(of.max(1)), 1.959_964_f64);
    let p = count(hits.min(of)) / n;
    let middle = p + z * z / (2.0 * n);
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let bound = |value: f64| (value / (1.0 + z * z / n)).clamp(0.0, 1.0) * 1000.0;
    format!(
        "{:.1} ({:.1} to {:.1})",
        count(hits) * 1000.0 / n,
        bound(middle - spread),
        bound(middle + spread)
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    const RUNS: &str = r#"{
        "derived": {"image": "router<1>", "left_out": [], "services": [{
            "name": "httpd", "enter": "busybox:httpd", "start": "rcS", "read": {"/www/**": {"known": "static"}},
            "write": {}, "exec": {}, "bind": {"tcp:80": {"known": "both"}}, "connect": {}, "capabilities": {},
            "gaps": []}]},
        "runs": [
            {"machine": "armhf", "kernel": "6.1", "defence": "none", "rules": 0, "operations": 300,
             "life": {"services": [{"name": "busybox:httpd", "state": {"state": "alive"}}],
                      "listeners": [{"port": "tcp:80", "program": "httpd", "answer": "HTTP/1.0 200"}], "seconds": 60.0},
             "benign": [], "denials": {},
             "attacks": [{"name": "wget-loader", "ran": true, "stage": "S6b", "typed": "typed", "stopped_by": []}]},
            {"machine": "armhf", "kernel": "6.1", "defence": "kakoi-module", "rules": 90, "operations": 300,
             "life": {"services": [{"name": "busybox:httpd", "state": {"state": "alive"}}], "listeners": [], "seconds": 61.0},
             "benign": [], "denials": {"httpd files.read /x (httpd)": 3},
             "attacks": [{"name": "wget-loader", "ran": false, "stage": "S1", "typed": "no-shell",
                          "stopped_by": ["shell-start"]}]},
            {"machine": "armhf", "kernel": "6.1", "defence": "kakoi-bpf", "impossible": "no BTF",
             "life": {"services": [], "listeners": [], "seconds": 0.0}, "benign": [], "denials": {}, "attacks": []}
        ]}"#;

    fn page() -> String {
        render_protection(&serde_json::from_str(RUNS).unwrap(), [1, 0, 1], 200.0)
    }

    #[test]
    fn the_matrix_has_a_column_for_each_defence_and_says_where_an_infection_ended() {
        let page = page();
        let row = page.split("<th scope=\"row\">wget-loader</th>").nth(1).unwrap();
        let row = row.split("</tr>").next().unwrap();
        assert!(row.contains("RAN (S6b)"), "{row}");
        assert!(row.contains("S1: stopped by shell-start"), "{row}");
        assert!(row.contains("not possible"), "{row}");
    }

    #[test]
    fn false_denials_are_a_rate_with_its_interval_and_names_are_escaped() {
        let page = page();
        assert!(page.contains("10.0 (3.4 to 29.0)"), "{page}");
        assert!(page.contains("router&lt;1&gt;") && !page.contains("router<1>"));
        assert!(page.contains("httpd files.read /x (httpd)"));
    }
}
