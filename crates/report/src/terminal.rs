// SPDX-License-Identifier: Apache-2.0
//! A summary for the terminal. Escape sequences come from this file only; text of the image passes
//! through [`visible`].

use kakoi_model::{Facts, Finding, Severity};

use crate::overview::{Group, Overview, group};
use crate::rule_text::wrap;
use crate::text::{count, moment, size, visible};

/// How to render. Whether the output is a terminal, how wide it is, and what `NO_COLOR` says, is
/// for the caller to find out.
#[derive(Debug, Clone, Copy)]
pub struct TerminalOptions {
    /// Columns; fewer than 40 count as 40.
    pub width: usize,
    /// Colours or none.
    pub colour: Colour,
}

/// May escape sequences be written?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// ANSI colours and bold.
    Ansi,
    /// Plain text.
    Plain,
}

/// Groups of findings that are shown; the rest is counted.
const MOST_GROUPS: usize = 12;
/// Subjects that are named for each group.
const MOST_SUBJECTS: usize = 3;
/// Columns of the left margin.
const MARGIN: usize = 13;

/// The summary; it ends with a line break.
pub fn render_terminal(facts: &Facts, findings: &[Finding], options: TerminalOptions) -> String {
    let overview = Overview::new(facts, findings);
    let mut screen =
        Screen { text: String::new(), width: options.width.max(40), colour: options.colour };
    write_head(&mut screen, &overview);
    write_identity(&mut screen, &overview);
    write_counts(&mut screen, &overview);
    write_findings(&mut screen, findings);
    write_coverage(&mut screen, &overview);
    screen.text
}

struct Screen {
    text: String,
    width: usize,
    colour: Colour,
}

impl Screen {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn painted(&self, code: &str, text: &str) -> String {
        match self.colour {
            Colour::Ansi => format!("\x1b[{code}m{text}\x1b[0m"),
            Colour::Plain => text.to_owned(),
        }
    }

    /// A name in the margin, and wrapped text beside it.
    fn field(&mut self, name: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        let lines = wrap(&visible(text), self.width.saturating_sub(MARGIN));
        for (index, line) in lines.iter().enumerate() {
            let margin = format!("{:MARGIN$}", if index == 0 { name } else { "" });
            let margin = self.painted("2", &margin);
            self.line(&format!("{margin}{line}"));
        }
    }
}

fn write_head(screen: &mut Screen, overview: &Overview<'_>) {
    let Some(image) = overview.facts.image() else {
        screen.line("No image");
        return;
    };
    let name = screen.painted("1", &visible(&image.name));
    screen.line(&name);
    let scanned = image.scanned_at.map(|at| format!(", scanned {}", moment(at)));
    let about = format!(
        "{}, SHA-256 {}, {}{}",
        size(image.size),
        image.digest.short(),
        visible(&image.tool),
        scanned.unwrap_or_default()
    );
    screen.line(&about);
    if !image.confined {
        let warning = screen.painted("33", "The parsers were not confined (--no-sandbox).");
        screen.line(&warning);
    }
    screen.line("");
}

fn write_identity(screen: &mut Screen, overview: &Overview<'_>) {
    let identity = overview.identity();
    let unknown = || "not told by the image".to_owned();
    screen.field("Chip or kit", &identity.vendor.unwrap_or_else(unknown));
    screen.field("Kernel", &identity.kernel.unwrap_or_else(unknown));
    screen.field("Machine", &identity.machine.unwrap_or_else(unknown));
    screen.field("C library", &identity.libc.unwrap_or_else(unknown));
    let roots =
        if identity.roots.is_empty() { "none found".into() } else { identity.roots.join(", ") };
    screen.field("Root", &roots);
    let started = overview.boot_summary();
    let names = if started.is_empty() { "nothing found".into() } else { started };
    screen.field("Boot starts", &names);
    screen.field("Listening", &overview.listening().join(", "));
    screen.line("");
}

fn write_counts(screen: &mut Screen, overview: &Overview<'_>) {
    let mut parts = Vec::new();
    for severity in Severity::ALL {
        let number = overview.of_severity(severity);
        let text = format!("{number} {severity}");
        parts.push(if number == 0 {
            screen.painted("2", &text)
        } else {
            screen.painted(paint(severity), &text)
        });
    }
    let total = count(overview.findings.len(), "finding", "findings");
    let total = screen.painted("1", &total);
    screen.line(&format!("{total}: {}", parts.join(", ")));
}

fn write_findings(screen: &mut Screen, findings: &[Finding]) {
    let groups: Vec<Group<'_>> =
        group(findings).into_iter().filter(|it| it.severity >= Severity::Medium).collect();
    if groups.is_empty() {
        return;
    }
    screen.line("");
    for group in groups.iter().take(MOST_GROUPS) {
        write_group(screen, group);
    }
    if groups.len() > MOST_GROUPS {
        let rest = groups.iter().skip(MOST_GROUPS).map(|it| it.findings.len()).sum();
        let rest = count(rest, "finding", "findings");
        screen.line(&format!("{:10}and {rest} of other rules, medium or worse", ""));
    }
}

fn write_group(screen: &mut Screen, group: &Group<'_>) {
    let severity =
        screen.painted(paint(group.severity), &format!("{:10}", group.severity.as_str()));
    let times = match group.findings.len() {
        1 => String::new(),
        number => format!(" × {number}"),
    };
    let rule = screen.painted("1", &visible(group.rule));
    screen.line(&format!("{severity}{rule}{times}"));
    let width = screen.width.saturating_sub(10);
    let text = match group.findings.as_slice() {
        [one] => format!("{}: {}", one.subject, one.message),
        many => {
            let names: Vec<&str> =
                many.iter().take(MOST_SUBJECTS).map(|it| it.subject.as_str()).collect();
            let more = if many.len() > MOST_SUBJECTS { ", …" } else { "" };
            format!("{}{more}", names.join(", "))
        }
    };
    for line in wrap(&visible(&text), width) {
        screen.line(&format!("{:10}{line}", ""));
    }
}

fn write_coverage(screen: &mut Screen, overview: &Overview<'_>) {
    let facts = overview.facts;
    let containers = count(facts.containers().count(), "container", "containers");
    let files = count(overview.files, "file", "files");
    let problems = match facts.problems().count() {
        0 => "everything could be read".to_owned(),
        number => count(number, "place could not be read", "places could not be read"),
    };
    screen.line("");
    screen.line(&format!("Read {containers} with {files}; {problems}."));
    screen.line("`kakoi rules CODE` explains a rule; `-o DIR` writes the whole report.");
}

fn paint(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "1;97;41",
        Severity::High => "1;31",
        Severity::Medium => "33",
        Severity::Low => "36",
        Severity::Info => "2",
    }
}
