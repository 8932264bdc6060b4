// SPDX-License-Identifier: Apache-2.0
//! A recorded session as one HTML file: each command line with its stages, the processes that worked for it and what they
//! called, side by side. It needs no network and, but for searching, no script.

mod seen;

use std::collections::BTreeMap;

use kakoi_model::{Argument, Call, Event, Purpose};

use self::seen::{Line, Process, Seen, Text};
use super::markup::Markup;
use super::write_head;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Characters of a text that are written at once: [`Markup::text`] cuts what is very long.
const PIECE: usize = 256;

/// Characters of a text that are shown in a line's summary.
const MOST_OF_SUMMARY: usize = 240;

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

fn write_header(page: &mut Markup, session: &Session, seen: &Seen<'_>) {
    page.leaf("h1", &[], &format!("Session {}", session.name));
    page.within("p", &[("class", "meta")], |page| {
        for part in &seen.head {
            page.leaf("span", &[], part);
        }
        page.leaf("span", &[], &format!("began {}", seen.began));
        page.leaf("span", &[], &format!("{} s", seen.since(seen.ended)));
        let lines = seen.lines.keys().filter(|number| **number > 0).count();
        let (lines, calls) =
            (counted(lines, "line", "lines"), counted(seen.calls, "call", "calls"));
        page.leaf("span", &[], &format!("{lines}, {calls}"));
    });
    for login in &seen.logins {
        page.leaf("p", &[("class", "meta c")], login);
    }
    if seen.lost > 0 {
        page.leaf("p", &[("class", "warning")], &format!("{} events were lost", seen.lost));
    }
    page.within("ul", &[("class", "strip"), ("aria-label", "Stages by line")], |page| {
        for (number, line) in seen.lines.iter().filter(|(number, _)| **number > 0) {
            page.within("li", &[], |page| write_step(page, *number, line));
        }
    });
    write_legend(page);
}

/// A line in the strip: one colour for each of its stages, upwards.
fn write_step(page: &mut Markup, number: u32, line: &Line<'_>) {
    let stages: Vec<&str> = line.stages.iter().map(|stage| stage.as_str()).collect();
    let stages = if stages.is_empty() { "no stage".to_owned() } else { stages.join(" ") };
    let (link, label) = (format!("#line-{number}"), format!("line {number}: {stages}"));
    let label = label.as_str();
    let attributes = [("href", link.as_str()), ("title", label), ("aria-label", label)];
    page.within("a", &attributes, |page| {
        for stage in line.stages.iter().rev() {
            page.leaf("i", &[("class", stage.as_str())], "");
        }
    });
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
            write_whole_text(page, line);
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
        match &line.text {
            Text::Typed(typed) => write_short(page, "typed", typed),
            Text::Asked(asked) => write_short(page, "typed request", first_line(asked)),
            Text::None if number == 0 => {
                page.leaf("span", &[("class", "note")], "before the first line")
            }
            Text::None => page.leaf("span", &[("class", "note")], "an empty line"),
        }
        let processes = counted(line.processes.len(), "process", "processes");
        let counts = format!("{processes}, {}", counted(line.calls.len(), "call", "calls"));
        page.leaf("span", &[("class", "counts")], &counts);
    });
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn first_line(text: &str) -> &str {
    text.split(['\r', '\n']).next().unwrap_or_default()
}

/// What fits into a summary; the whole is inside.
fn write_short(page: &mut Markup, class: &str, text: &str) {
    let mut short: String = text.chars().take(MOST_OF_SUMMARY).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    page.leaf("code", &[("class", class)], &short);
}

/// A request, or a line that its summary cuts.
fn write_whole_text(page: &mut Markup, line: &Line<'_>) {
    let (title, text) = match &line.text {
        Text::Asked(asked) => ("Request", *asked),
        Text::Typed(typed) if typed.chars().nth(MOST_OF_SUMMARY).is_some() => ("Line", *typed),
        _ => return,
    };
    page.within("div", &[("class", "whole")], |page| {
        page.leaf("h3", &[], title);
        page.within("pre", &[], |page| {
            for line in text.split_inclusive('\n') {
                let shown =
                    line.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
                write_long(page, shown.unwrap_or(line));
                if shown.is_some() {
                    page.raw("\n");
                }
            }
        });
    });
}

/// A text of any length.
fn write_long(page: &mut Markup, text: &str) {
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.char_indices().nth(PIECE).map_or(rest.len(), |(end, _)| end);
        let (piece, after) = rest.split_at(end);
        page.text(piece);
        rest = after;
    }
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
        let told = format!(" {pid}, {}", counted(process.calls, "call", "calls"));
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
                page.within("li", &[("class", "c")], |page| {
                    write_long(page, &format!("{service}: {asked}"))
                });
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
    use kakoi_model::{Action, Stage, Subject, Timestamp};

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
    #[test]
    fn a_request_is_shown_under_its_line_and_what_the_sinkhole_was_asked_is_not() {
        let asked = |service: &str, asked: &str| Action::Asked {
            service: service.to_owned(),
            asked: asked.to_owned(),
        };
        let request = "GET /ping?host=<i>;id HTTP/1.0\r\nHost: router\r\n\r\n";
        let outside = Event { line: None, ..event(0, asked("dns", "a.example"), None) };
        let events = vec![outside, event(1, asked("httpd", request), None)];
        let page = render_session(&Session { name: "s".to_owned(), events, ..Session::default() });
        let first = page.split("id=\"line-1\"").nth(1).unwrap();
        let (line, rest) = first.split_once("</details>").unwrap();
        assert!(
            line.contains(
                "<code class=\"typed request\">GET /ping?host=&lt;i&gt;;id HTTP/1.0</code>"
            )
        );
        assert!(
            line.contains("1.500 s") && line.contains("HTTP/1.0\nHost: router\n\n</pre>"),
            "{line}"
        );
        assert!(rest.contains("dns: a.example") && !rest.contains("httpd: GET"));
    }

    #[test]
    fn a_long_line_is_cut_in_its_summary_and_whole_inside() {
        let input = format!("echo -ne '{}END'", "\\x7f".repeat(1000));
        let events = vec![event(1, Action::Input { input: input.clone() }, None)];
        let page = render_session(&Session { name: "s".to_owned(), events, ..Session::default() });
        let whole = page.split("<pre>").nth(1).unwrap().split("</pre>").next().unwrap();
        assert_eq!(whole.replace("&#39;", "'"), input);
        assert!(!page.split("</summary>").next().unwrap().contains("END"));
    }
}
