// SPDX-License-Identifier: Apache-2.0
//! Many sessions in one log, each with a state of its own.

use std::collections::{HashMap, VecDeque};

use super::classify::{Classifier, LineStages};

/// A line with the session that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionLine {
    /// The session; empty for a plain transcript.
    pub session: String,
    /// Its line.
    pub line: LineStages,
}

/// Classifiers by session. At most so many are open at once; the one that began first is ended
/// when there is no room.
#[derive(Debug)]
pub struct Sessions {
    open: HashMap<String, Classifier>,
    order: VecDeque<String>,
    most: usize,
}

impl Sessions {
    /// Sessions of which at most `most` are open at once.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { open: HashMap::new(), order: VecDeque::new(), most: most.max(1) }
    }

    /// Takes a line of a session; gives lines that are settled by it.
    pub fn push(&mut self, session: &str, number: u64, text: &[u8]) -> Vec<SessionLine> {
        let mut settled = Vec::new();
        if !self.open.contains_key(session) {
            settled = self.make_room();
            self.open.insert(session.to_owned(), Classifier::new());
            self.order.push_back(session.to_owned());
        }
        let line = self.open.get_mut(session).and_then(|open| open.push(number, text));
        settled.extend(line.map(|line| SessionLine { session: session.to_owned(), line }));
        settled
    }

    /// Ends a session; gives what was still held of it.
    pub fn end(&mut self, session: &str) -> Vec<SessionLine> {
        let Some(mut classifier) = self.open.remove(session) else { return Vec::new() };
        if self.order.len() > 2 * self.open.len() + 64 {
            self.order.retain(|session| self.open.contains_key(session));
        }
        let lines = classifier.finish().into_iter();
        lines.map(|line| SessionLine { session: session.to_owned(), line }).collect()
    }

    /// Ends all sessions, in the order in which they began.
    pub fn finish(&mut self) -> Vec<SessionLine> {
        let order: Vec<String> = std::mem::take(&mut self.order).into();
        order.iter().flat_map(|session| self.end(session)).collect()
    }

    fn make_room(&mut self) -> Vec<SessionLine> {
        let mut settled = Vec::new();
        while self.open.len() >= self.most {
            let Some(oldest) = self.order.pop_front() else { break };
            settled.extend(self.end(&oldest));
        }
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_do_not_see_each_others_files() {
        let mut sessions = Sessions::new(8);
        sessions.push("a", 1, b"cp /bin/echo x");
        sessions.push("b", 2, b">x");
        let settled = sessions.push("a", 3, b">x");
        assert_eq!((settled.len(), settled[0].line.to_tsv()), (1, "1\t5\t5".to_owned()));
        let rest: Vec<String> = sessions.finish().iter().map(|one| one.line.to_tsv()).collect();
        assert_eq!(rest, ["3\t5\t5", "2\t2\t2"]);
    }

    #[test]
    fn the_oldest_session_ends_when_there_is_no_room() {
        let mut sessions = Sessions::new(2);
        for (number, name) in (1..).zip(["a", "b", "c"]) {
            let settled = sessions.push(name, number, b"id");
            assert_eq!(settled.len(), usize::from(number == 3));
        }
        assert_eq!(sessions.end("a"), []);
        assert_eq!(sessions.finish().len(), 2);
    }
}
