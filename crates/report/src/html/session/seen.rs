// SPDX-License-Identifier: Apache-2.0
//! Events of a session by the line that they belong to.

use std::collections::{BTreeMap, BTreeSet};

use kakoi_model::{Action, Call, Event, Stage, Subject, Timestamp};

use super::Session;

/// One command line, or one request of a service.
#[derive(Default)]
pub(super) struct Line<'e> {
    pub(super) at: Option<Timestamp>,
    pub(super) text: Text<'e>,
    pub(super) stages: BTreeSet<Stage>,
    pub(super) processes: BTreeMap<u32, Process<'e>>,
    pub(super) calls: Vec<(&'e Event, &'e Call, &'e Subject)>,
}

/// What a line consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Text<'e> {
    /// Nothing was told of it: it is empty, or comes before the first one.
    #[default]
    None,
    /// A command line.
    Typed(&'e str),
    /// The first bytes of a request.
    Asked(&'e str),
}

/// What a process was under one line.
pub(super) struct Process<'e> {
    pub(super) parent: Option<u32>,
    pub(super) programs: Vec<&'e str>,
    pub(super) calls: usize,
}

/// Events by line, and what belongs to none.
pub(super) struct Seen<'e> {
    pub(super) began: Timestamp,
    pub(super) ended: Timestamp,
    pub(super) head: Vec<String>,
    pub(super) lines: BTreeMap<u32, Line<'e>>,
    pub(super) logins: Vec<String>,
    /// Services that answer in place of the world, and what they were asked.
    pub(super) asked: Vec<(&'e str, &'e str)>,
    pub(super) kept: Vec<(&'e str, &'e str, u64)>,
    pub(super) calls: usize,
    pub(super) lost: u64,
}

impl<'e> Seen<'e> {
    pub(super) fn new(session: &'e Session) -> Self {
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
            Action::Input { input } => self.add_text(event, Text::Typed(input)),
            Action::Call(call) => self.add_call(event, call),
            Action::Login { user, password, admitted } => {
                let outcome = if *admitted { "let in" } else { "refused" };
                self.logins.push(format!("{user} / {password}: {outcome}"));
            }
            // The service of the persona was asked: that is a line.
            Action::Asked { asked, .. } if event.line.is_some() => {
                self.add_text(event, Text::Asked(asked));
            }
            Action::Asked { service, asked } => self.asked.push((service.as_str(), asked.as_str())),
            Action::Sample { path, sha256, size } => {
                self.kept.push((path.as_str(), sha256.as_str(), *size));
            }
            Action::SessionEnd { lost } => self.lost = *lost,
            Action::Hook { .. } => {}
        }
    }

    fn add_text(&mut self, event: &Event, text: Text<'e>) {
        let line = self.lines.entry(event.line.unwrap_or(0)).or_default();
        (line.at, line.text) = (Some(event.time), text);
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

    /// Seconds since the begin.
    pub(super) fn since(&self, time: Timestamp) -> String {
        format!("{:.3}", time.0.saturating_sub(self.began.0) as f64 / 1e9)
    }
}
