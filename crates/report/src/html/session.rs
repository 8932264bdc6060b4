// SPDX-License-Identifier: Apache-2.0
//! A recorded session as one HTML file: each command line with its stages, the processes that worked for it and what they
//! called, side by side. It needs no network and, but for searching, no script.

use std::collections::{BTreeMap, BTreeSet};

use kakoi_model::{Action, Argument, Call, Event, Purpose, Stage, Subject, Timestamp};

use super::markup::Markup;
use super::write_head;

const STYLE: &str = include_str!("session.css");
const SCRIPT: &str = include_str!("session.js");

/// Calls that are shown of one line; how many were left out is said.
const MOST_CALLS: usize = 2_000;

/// A session to show.
#[derive(Debug, Clone, Default)]
pub struct Session {
    /// Its name.
    pub name: String,
    /// Its events in order.
    pub events: Vec<Event>,
    /// What each line was for by its text: the purposes of its sub-commands.
    pub by_text: BTreeMap<u32, Vec<Purpose>>,
}

/// The page.
#[must_use]
pub fn render_session(session: &Session) -> String {
    let seen = Seen::new(session);
    let title = format!("session {} · kakoi honeypot", session.name);
    let mut page = Markup::new();
    page.raw("<!DOCTYPE html>\n");
    page.within("html", &[("lang", "en")], |page| {
        page.within("head", &[], |page| write_head(page, &title, STYLE, SCRIPT));
        page.within("body", &[], |page| {
            page.within("header", &[], |page| write_header(page, session, &seen));
            page.within("main", &[], |page| write_main(page, &seen));
            page.within("script", &[], |page| page.raw(SCRIPT));
        });
    });
    page.raw("\n");
    page.finish()
}

/// One command line.
#[derive(Default)]
struct Line<'e> {
    at: Option<Timestamp>,
    input: &'e str,
    stages: BTreeSet<Stage>,
    processes: BTreeMap<u32, Process<'e>>,
    calls: Vec<(&'e Event, &'e Call, &'e Subject)>,
}

/// What a process was under one line.
struct Process<'e> {
    parent: Option<u32>,
    programs: Vec<&'e str>,
    calls: usize,
}

/// Events by line, and what belongs to none.
struct Seen<'e> {
    began: Timestamp,
    ended: Timestamp,
    head: Vec<String>,
    lines: BTreeMap<u32, Line<'e>>,
    logins: Vec<String>,
    asked: Vec<(&'e str, &'e str)>,
    kept: Vec<(&'e str, &'e str, u64)>,
    calls: usize,
    lost: u64,
}

impl<'e> Seen<'e> {
    fn new(session: &'e Session) -> Self {
        let time = |event: Option<&Event>| event.map_or(Timestamp(0), |event| event.time);
        let mut seen = Self {
            began: time(session.events.first()),
            ended: time(session.events.last()),
            head: Vec::new(),
            lines: BTreeMap::new(),
            logins: Vec::new(),
            asked: Vec::new(),
            kept: Vec::new(),
            calls: 0,
            lost: 0,
        };
        session.events.iter().for_each(|event| seen.add(event));
        for (number, purposes) in &session.by_text {
            if let Some(line) = seen.lines.get_mut(number) {
                line.stages.extend(purposes.iter().filter_map(|purpose| purpose.stage()));
            }
        }
        seen
    }

    fn add(&mut self, event: &'e Event) {
        match &event.action {
            Action::SessionStart(start) => {
                self.head.push(format!("by {}", start.entry));
                self.head.extend(start.peer.iter().map(|peer| format!("from {peer}")));
                self.head.extend(start.architecture.clone());
            }
            Action::Input { input } => {
                let line = self.lines.entry(event.line.unwrap_or(0)).or_default();
                (line.at, line.input) = (Some(event.time), input.as_str());
            }
            Action::Call(call) => self.add_call(event, call),
            Action::Login { user, password, admitted } => {
                let outcome = if *admitted { "let in" } else { "refused" };
                self.logins.push(format!("{user} / {password}: {outcome}"));
            }
            Action::Asked { service, asked } => self.asked.push((service.as_str(), asked.as_str())),
            Action::Sample { path, sha256, size } => {
                self.kept.push((path.as_str(), sha256.as_str(), *size))
            }
            Action::SessionEnd { lost } => self.lost = *lost,
            Action::Hook { .. } => {}
        }
    }

    fn add_call(&mut self, event: &'e Event, call: &'e Call) {
        let Some(subject) = &event.subject else { return };
        self.calls += 1;
        let line = self.lines.entry(event.line.unwrap_or(0)).or_default();
        line.stages.extend(event.stage);
        let process = line.processes.entry(subject.pid).or_insert_with(|| Process {
            parent: subject.parent,
            programs: Vec::new(),
            calls: 0,
        });
        process.calls += 1;
        if process.programs.last() != Some(&subject.program.as_str()) {
            process.programs.push(&subject.program);
        }
        line.calls.push((event, call, subject));
    }

    fn since(&self, time: Timestamp) -> String {
        format!("{:.3}", time.0.saturating_sub(self.began.0) as f64 / 1e9)
    }
}

fn write_header(page: &mut Markup, session: &Session, seen: &Seen<'_>) {
    page.leaf("h1", &[], &format!("Session {}", session.name));
    page.within("p", &[("class", "meta")], |page| {
        for part in &seen.head {
            page.leaf("span", &[], part);
        }
        page.leaf("span", &[], &format!("began {}", seen.began));
        page.leaf("span", &[], &format!("{} s", seen.since(seen.ended)));
        let lines = seen.lines.keys().filter(|number| **number > 0).count();
        page.leaf("span", &[], &format!("{lines} lines, {} calls", seen.calls));
    });
    for login in &seen.logins {
        page.leaf("p", &[("class", "meta c")], login);
    }
    if seen.lost > 0 {
        page.leaf("p", &[("class", "warning")], &format!("{} events were lost", seen.lost));
    }
    page.within("ul", &[("class", "strip"), ("aria-label", "Stages by line")], |page| {
        for (number, line) in seen.lines.iter().filter(|(number, _)| **number > 0) {
            let stage = line.stages.last().map_or("none", |stage| stage.as_str());
            let link = format!("#line-{number}");
            let label = format!("line {number}: {stage}");
            page.within("li", &[], |page| {
                page.leaf(
                    "a",
                    &[("class", stage), ("href", &link), ("title", &label), ("aria-label", &label)],
                    "",
                );
            });
        }
    });
    write_legend(page);
}

fn write_legend(page: &mut Markup) {
    let words = [
        ("S1", "S1 shell"),
        ("S2", "S2 writable directory"),
        ("S3", "S3 survey"),
        ("S4a", "S4a download, S4b written by echo"),
        ("S5", "S5 execute permission"),
        ("S6a", "S6a script, S6b program run"),
    ];
    page.within("ul", &[("class", "legend")], |page| {
        for (class, text) in words {
            page.within("li", &[], |page| {
                page.leaf("i", &[("class", class)], "");
                page.text(text);
            });
        }
    });
}

fn write_main(page: &mut Markup, seen: &Seen<'_>) {
    page.raw(
        "<div class=\"tools\" id=\"tools\" hidden><input id=\"search\" type=\"search\" placeholder=\"Search commands, calls, paths\" aria-label=\"Search\"><button id=\"open\" type=\"button\">Open or close all</button><span id=\"told\" class=\"note\" role=\"status\"></span></div>",
    );
    for (number, line) in &seen.lines {
        let id = format!("line-{number}");
        page.within("details", &[("class", "line"), ("id", &id)], |page| {
            write_summary(page, seen, *number, line);
            page.within("div", &[("class", "inside")], |page| {
                page.within("div", &[], |page| {
                    page.raw("<h3>Processes</h3>");
                    page.within("ul", &[("class", "tree")], |page| {
                        for (pid, process) in &line.processes {
                            let inside =
                                process.parent.is_some_and(|pid| line.processes.contains_key(&pid));
                            if !inside {
                                write_process(page, line, *pid, process, 0);
                            }
                        }
                    });
                });
                page.within("div", &[], |page| write_calls(page, seen, line));
            });
        });
    }
    write_rest(page, seen);
}

fn write_summary(page: &mut Markup, seen: &Seen<'_>, number: u32, line: &Line<'_>) {
    page.within("summary", &[], |page| {
        let time = line.at.map_or_else(String::new, |at| format!("{} s", seen.since(at)));
        page.leaf("span", &[("class", "time")], &time);
        page.leaf("span", &[("class", "number")], &number.to_string());
        page.within("span", &[], |page| {
            for stage in &line.stages {
                let class = format!("tag {stage}");
                page.leaf("span", &[("class", &class)], stage.as_str());
            }
        });
        let typed = if number == 0 { "before the first line" } else { line.input };
        page.leaf("code", &[("class", "typed")], typed);
        let counts = format!("{} processes, {} calls", line.processes.len(), line.calls.len());
        page.leaf("span", &[("class", "counts")], &counts);
    });
}

/// A process and those that it made under the same line.
fn write_process(
    page: &mut Markup,
    line: &Line<'_>,
    pid: u32,
    process: &Process<'_>,
    depth: usize,
) {
    const DEEPEST: usize = 32;
    page.within("li", &[], |page| {
        page.leaf("code", &[], &process.programs.join(" → "));
        let told = format!(" {pid}, {} calls", process.calls);
        page.leaf("span", &[("class", "n")], &told);
        let children = line
            .processes
            .iter()
            .filter(|(own, child)| child.parent == Some(pid) && **own != pid && depth < DEEPEST);
        let children: Vec<_> = children.collect();
        if !children.is_empty() {
            page.within("ul", &[], |page| {
                for (pid, child) in children {
                    write_process(page, line, *pid, child, depth + 1);
                }
            });
        }
    });
}

fn write_calls(page: &mut Markup, seen: &Seen<'_>, line: &Line<'_>) {
    page.raw("<h3>System calls</h3>");
    let region = [
        ("class", "scroll"),
        ("tabindex", "0"),
        ("role", "region"),
        ("aria-label", "System calls"),
    ];
    page.within("div", &region, |page| {
        page.raw("<table><thead><tr><th scope=\"col\">s</th><th scope=\"col\">Process</th><th scope=\"col\">Call</th><th scope=\"col\">Arguments</th><th scope=\"col\">Result</th><th scope=\"col\">Stage</th></tr></thead>");
        page.within("tbody", &[], |page| {
            for (event, call, subject) in line.calls.iter().take(MOST_CALLS) {
                let class = if call.result < 0 { "err" } else { "" };
                page.within("tr", &[("class", class)], |page| {
                    page.leaf("td", &[("class", "r")], &seen.since(event.time));
                    page.leaf("td", &[("class", "r")], &subject.pid.to_string());
                    page.leaf("td", &[("class", "c")], &call.call);
                    page.leaf("td", &[("class", "a c")], &arguments(call));
                    page.leaf("td", &[("class", "r")], &call.result.to_string());
                    page.within("td", &[], |page| {
                        if let Some(stage) = event.stage {
                            let class = format!("tag {stage}");
                            page.leaf("span", &[("class", &class)], stage.as_str());
                        }
                    });
                });
            }
        });
        page.raw("</table>");
    });
    if let Some(rest) = line.calls.len().checked_sub(MOST_CALLS).filter(|rest| *rest > 0) {
        page.leaf("p", &[("class", "note")], &format!("{rest} more calls are in the events."));
    }
}

fn write_rest(page: &mut Markup, seen: &Seen<'_>) {
    if !seen.asked.is_empty() {
        page.raw("<h2>Asked of the network</h2>");
        page.within("ul", &[], |page| {
            for (service, asked) in &seen.asked {
                page.leaf("li", &[("class", "c")], &format!("{service}: {asked}"));
            }
        });
    }
    if !seen.kept.is_empty() {
        page.raw("<h2>Files kept</h2>");
        page.within("ul", &[], |page| {
            for (path, sha256, size) in &seen.kept {
                page.leaf("li", &[("class", "c")], &format!("{path}, {size} bytes, {sha256}"));
            }
        });
    }
}

fn arguments(call: &Call) -> String {
    let one = |(name, value): (&String, &Argument)| match value {
        Argument::Number(number) if name == "mode" => format!("{name}={number:#o}"),
        Argument::Number(number) => format!("{name}={number}"),
        Argument::Text(text) => format!("{name}={text}"),
        Argument::List(words) => format!("{name}=[{}]", words.join(" ")),
    };
    call.arguments.iter().map(one).collect::<Vec<_>>().join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(line: u32, action: Action, stage: Option<Stage>) -> Event {
        let subject =
            Subject { pid: 7, parent: Some(6), program: "sh".to_owned(), lineage: Vec::new() };
        Event {
            time: Timestamp(i64::from(line) * 1_500_000_000),
            session: Some("s".to_owned()),
            line: Some(line),
            domain: None,
            subject: Some(subject),
            action,
            verdict: None,
            stage,
        }
    }

    #[test]
    fn calls_stand_under_their_line_and_nothing_typed_is_markup() {
        let arguments = BTreeMap::from([
            ("path".to_owned(), Argument::Text("</td><script>".to_owned())),
            ("mode".to_owned(), Argument::Number(0o777)),
        ]);
        let call = Call { call: "chmod".to_owned(), arguments, result: 0 };
        let events = vec![
            event(1, Action::Input { input: "echo <b>".to_owned() }, None),
            event(2, Action::Input { input: "chmod 777 x".to_owned() }, None),
            event(2, Action::Call(call), Some(Stage::S5)),
        ];
        let page = render_session(&Session { name: "s".to_owned(), events, ..Session::default() });
        assert!(page.contains("echo &lt;b&gt;") && !page.contains("</td><script>"));
        let second = page.split("id=\"line-2\"").nth(1).unwrap();
        assert!(second.contains("path=&lt;/td&gt;") && second.contains("mode=0o777"));
        assert!(second.contains("1.500 s") && second.contains("tag S5"));
    }
}
