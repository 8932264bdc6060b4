// SPDX-License-Identifier: Apache-2.0
//! Many sessions in one log, each with a state of its own.

use std::collections::{HashMap, VecDeque};

use kakoi_model::{Purpose, Stage};

use super::calls::CallStage;
use super::classify::{Classifier, LineStages};
use super::record::Record;
use super::table::CallsByLine;

/// Longest name of a session that is told from others, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// A line with the session that it belongs to, and what the system calls under it tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionLine {
    /// The session; empty for a plain transcript.
    pub session: String,
    /// Its line.
    pub line: LineStages,
    /// The kinds of calls that were recorded under it; empty where only text is there.
    pub calls: Vec<CallStage>,
}

impl SessionLine {
    /// The stages that the calls show, in the order of the model.
    #[must_use]
    pub fn observed(&self) -> Vec<Stage> {
        let stages = self.calls.iter().filter_map(|call| call.purpose.and_then(Purpose::stage));
        let mut stages: Vec<Stage> = stages.collect();
        stages.sort_unstable();
        stages.dedup();
        stages
    }
}

/// One session.
#[derive(Debug, Default)]
struct Open {
    classifier: Classifier,
    calls: CallsByLine,
    /// Number in the log, and number in the session, of lines that are not settled.
    numbers: VecDeque<(u64, u32)>,
    inputs: u32,
}

/// Sessions by name. At most so many are open at once; the one that began first is ended when
/// there is no room.
#[derive(Debug)]
pub struct Sessions {
    open: HashMap<String, Open>,
    order: VecDeque<String>,
    most: usize,
}

impl Sessions {
    /// Sessions of which at most `most` are open at once.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { open: HashMap::new(), order: VecDeque::new(), most: most.max(1) }
    }

    /// Takes a line of a log by its number; gives the lines that it settles.
    pub fn push(&mut self, number: u64, record: &Record<'_>) -> Vec<SessionLine> {
        match record {
            Record::Input { session, line, text, .. } => {
                let session = name(session);
                let mut settled = self.begin(session);
                if let Some(open) = self.open.get_mut(session) {
                    settled.extend(open.input(session, number, *line, text));
                }
                settled
            }
            Record::Call { session, line, pid, call } => {
                if let Some(open) = self.open.get_mut(name(session)) {
                    open.calls.push(*line, *pid, call);
                }
                Vec::new()
            }
            Record::End { session } => self.end(name(session)),
            Record::Other | Record::Broken => Vec::new(),
        }
    }

    /// Ends all sessions, in the order in which they began.
    pub fn finish(&mut self) -> Vec<SessionLine> {
        let order: Vec<String> = std::mem::take(&mut self.order).into();
        order.iter().flat_map(|session| self.end(session)).collect()
    }

    /// Opens a session if it is not; one that has no room left any more ends.
    fn begin(&mut self, session: &str) -> Vec<SessionLine> {
        if self.open.contains_key(session) {
            return Vec::new();
        }
        let mut settled = Vec::new();
        while self.open.len() >= self.most {
            let Some(oldest) = self.order.pop_front() else { break };
            settled.extend(self.end(&oldest));
        }
        self.open.insert(session.to_owned(), Open::default());
        self.order.push_back(session.to_owned());
        settled
    }

    fn end(&mut self, session: &str) -> Vec<SessionLine> {
        let Some(mut open) = self.open.remove(session) else { return Vec::new() };
        if self.order.len() > 2 * self.open.len() + 64 {
            self.order.retain(|session| self.open.contains_key(session));
        }
        let lines = open.classifier.finish();
        lines.into_iter().map(|line| open.settle(session, line)).collect()
    }
}

impl Open {
    fn input(
        &mut self,
        session: &str,
        number: u64,
        line: Option<u32>,
        text: &[u8],
    ) -> Option<SessionLine> {
        self.inputs = line.unwrap_or(self.inputs.saturating_add(1));
        self.numbers.push_back((number, self.inputs));
        let settled = self.classifier.push(number, text)?;
        Some(self.settle(session, settled))
    }

    fn settle(&mut self, session: &str, line: LineStages) -> SessionLine {
        let mut calls = Vec::new();
        while let Some((number, input)) = self.numbers.front().copied() {
            if number > line.number {
                break;
            }
            self.numbers.pop_front();
            calls.extend(self.calls.take(input));
        }
        SessionLine { session: session.to_owned(), line, calls }
    }
}

fn name(session: &str) -> &str {
    let mut end = session.len().min(MAX_NAME_BYTES);
    while !session.is_char_boundary(end) {
        end -= 1;
    }
    &session[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input<'t>(session: &'t str, text: &'t str) -> Record<'t> {
        Record::Input {
            session: session.into(),
            time: None,
            line: None,
            text: text.as_bytes().into(),
        }
    }

    #[test]
    fn sessions_do_not_see_each_others_files() {
        let mut sessions = Sessions::new(8);
        sessions.push(1, &input("a", "cp /bin/echo x"));
        sessions.push(2, &input("b", ">x"));
        let settled = sessions.push(3, &input("a", ">x"));
        assert_eq!((settled.len(), settled[0].line.to_tsv()), (1, "1\t5\t5".to_owned()));
        let rest: Vec<String> = sessions.finish().iter().map(|one| one.line.to_tsv()).collect();
        assert_eq!(rest, ["3\t5\t5", "2\t2\t2"]);
    }

    #[test]
    fn the_oldest_session_ends_when_there_is_no_room() {
        let mut sessions = Sessions::new(2);
        for (number, name) in (1..).zip(["a", "b", "c"]) {
            let settled = sessions.push(number, &input(name, "id"));
            assert_eq!(settled.len(), usize::from(number == 3));
        }
        assert_eq!(sessions.push(4, &Record::End { session: "a".into() }), []);
        assert_eq!(sessions.finish().len(), 2);
    }
}
