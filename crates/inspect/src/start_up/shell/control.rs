// SPDX-License-Identifier: Apache-2.0
//! Pipelines, lists, branches and loops over conditions that may not be known.

use super::run::{Flow, Shell};
use super::state::Text;
use super::syntax::{Command, Joint, Word};

/// Rounds of one loop.
const MAX_ROUNDS: usize = 200;

impl Shell<'_, '_> {
    pub(super) fn run_sequence(&mut self, commands: &[Command]) -> Flow {
        for command in commands {
            let flow = self.run(command);
            if flow != Flow::Next {
                return flow;
            }
        }
        Flow::Next
    }

    /// In a subshell: what it sets, and where it leaves to, stays in it.
    pub(super) fn run_apart(&mut self, command: &Command) {
        let (scope, doubts) = (self.scope.clone(), self.doubts);
        self.run(command);
        (self.scope, self.doubts) = (scope, doubts);
    }

    pub(super) fn run_pipeline(&mut self, negated: bool, stages: &[Command]) -> Flow {
        let Some((last, before)) = stages.split_last() else { return Flow::Next };
        if before.is_empty() {
            let flow = self.run(last);
            self.status = self.status.map(|status| status != negated);
            return flow;
        }
        let capture = self.capture.take();
        for stage in before {
            self.run_apart(stage);
        }
        self.capture = capture;
        self.run_apart(last);
        self.status = self.status.map(|status| status != negated);
        Flow::Next
    }

    pub(super) fn run_and_or(&mut self, first: &Command, rest: &[(Joint, Command)]) -> Flow {
        // Of `a && b &`, only the last stays in the background.
        let background = self.background;
        self.background = background && rest.is_empty();
        let mut flow = self.run(first);
        for (at, (joint, command)) in rest.iter().enumerate() {
            if flow != Flow::Next {
                break;
            }
            self.background = background && at + 1 == rest.len();
            let wanted = *joint == Joint::And;
            match self.status {
                Some(status) if status == wanted => flow = self.run(command),
                Some(_) => {}
                None => {
                    flow = self.branch(|shell| shell.run(command), |_| Flow::Next);
                    self.status = None;
                }
            }
        }
        self.background = background;
        flow
    }

    pub(super) fn run_if(
        &mut self,
        arms: &[(Command, Command)],
        otherwise: Option<&Command>,
    ) -> Flow {
        let background = std::mem::take(&mut self.background);
        let flow = self.run_arms(arms, otherwise);
        self.background = background;
        flow
    }

    fn run_arms(&mut self, arms: &[(Command, Command)], otherwise: Option<&Command>) -> Flow {
        let Some(((condition, body), others)) = arms.split_first() else {
            return match otherwise {
                Some(body) => self.run(body),
                None => {
                    self.status = Some(true);
                    Flow::Next
                }
            };
        };
        let flow = self.run(condition);
        if flow != Flow::Next {
            return flow;
        }
        match self.status {
            Some(true) => self.run(body),
            Some(false) => self.run_arms(others, otherwise),
            None => self.branch(|shell| shell.run(body), |shell| shell.run_arms(others, otherwise)),
        }
    }

    /// Takes both of two ways, and goes on with what holds on either.
    pub(super) fn branch(
        &mut self,
        one: impl FnOnce(&mut Self) -> Flow,
        other: impl FnOnce(&mut Self) -> Flow,
    ) -> Flow {
        if !self.boot.enter() {
            return Flow::Next;
        }
        self.conditions += 1;
        let before = self.scope.clone();
        let flow_of_one = one(self);
        let (scope_of_one, status) = (std::mem::replace(&mut self.scope, before), self.status);
        let flow_of_other = other(self);
        self.conditions -= 1;
        self.boot.leave();
        if self.status != status {
            self.status = None;
        }
        if flow_of_one == flow_of_other {
            self.scope = scope_of_one.join(&self.scope);
        } else if flow_of_one == Flow::Next {
            self.scope = scope_of_one;
        }
        let stays = flow_of_one.min(flow_of_other);
        let leaves = flow_of_one.max(flow_of_other);
        if stays != leaves {
            self.doubt(leaves);
        }
        stays
    }

    fn doubt(&mut self, leaves: Flow) {
        match leaves {
            Flow::Next => {}
            Flow::Continue | Flow::Break => self.doubts.in_loop = true,
            Flow::Return => self.doubts.in_function = true,
            Flow::Exit => self.doubts.in_script = true,
        }
    }

    pub(super) fn run_loop(&mut self, stops_on: bool, condition: &Command, body: &Command) -> Flow {
        let background = std::mem::take(&mut self.background);
        let doubted = self.doubts.in_loop;
        let flow = self.run_rounds(stops_on, condition, body);
        (self.background, self.doubts.in_loop) = (background, doubted);
        flow
    }

    fn run_rounds(&mut self, stops_on: bool, condition: &Command, body: &Command) -> Flow {
        for _ in 0..MAX_ROUNDS {
            let before = self.scope.clone();
            let flow = self.run(condition);
            if flow != Flow::Next {
                return flow;
            }
            match self.status {
                Some(status) if status == stops_on => return Flow::Next,
                None => {
                    let flow = self.branch(|shell| shell.run(body), |_| Flow::Next);
                    self.status = None;
                    return if flow >= Flow::Return { flow } else { Flow::Next };
                }
                Some(_) => {}
            }
            match self.run(body) {
                Flow::Next | Flow::Continue => {}
                Flow::Break => return Flow::Next,
                flow => return flow,
            }
            if self.scope.same_values(&before) {
                // Nothing changes any more: the loop never ends, unless a doubtful way left it.
                let may_end = self.doubts.in_loop || self.doubts.in_function;
                return if may_end { Flow::Next } else { Flow::Exit };
            }
        }
        self.status = None;
        Flow::Next
    }

    pub(super) fn run_for(&mut self, name: &str, words: Option<&[Word]>, body: &Command) -> Flow {
        let background = std::mem::take(&mut self.background);
        let doubted = self.doubts.in_loop;
        let values = match words {
            Some(words) => self.expand_for_loop(words),
            None => self.scope.positional.to_vec(),
        };
        self.status = Some(true);
        let mut result = Flow::Next;
        for value in values.into_iter().take(MAX_ROUNDS) {
            let known = value.known;
            self.scope.set(name, known.then_some(value.text));
            let flow = if known {
                self.run(body)
            } else {
                self.branch(|shell| shell.run(body), |_| Flow::Next)
            };
            match flow {
                Flow::Next | Flow::Continue => {}
                Flow::Break => break,
                flow => {
                    result = flow;
                    break;
                }
            }
        }
        (self.background, self.doubts.in_loop) = (background, doubted);
        result
    }

    pub(super) fn run_case(&mut self, subject: &Word, arms: &[(Vec<Word>, Command)]) -> Flow {
        let background = std::mem::take(&mut self.background);
        let subject = self.expand_text(subject);
        let flow = self.run_case_arms(&subject, arms);
        self.background = background;
        flow
    }

    fn run_case_arms(&mut self, subject: &Text, arms: &[(Vec<Word>, Command)]) -> Flow {
        for (at, (patterns, body)) in arms.iter().enumerate() {
            match self.matches_any(subject, patterns) {
                Some(true) => return self.run(body),
                Some(false) => {}
                None => {
                    let others = arms.get(at + 1..).unwrap_or_default();
                    return self.branch(
                        |shell| shell.run(body),
                        |shell| shell.run_case_arms(subject, others),
                    );
                }
            }
        }
        self.status = Some(true);
        Flow::Next
    }

    fn matches_any(&mut self, subject: &Text, patterns: &[Word]) -> Option<bool> {
        let mut unknown = false;
        for pattern in patterns {
            let (pattern, known) = self.expand_pattern(pattern);
            if known && pattern == "*" {
                return Some(true);
            }
            match subject.value() {
                Some(value) if known => {
                    if super::pattern::matches_pattern(&pattern, value) {
                        return Some(true);
                    }
                }
                _ => unknown = true,
            }
        }
        if unknown { None } else { Some(false) }
    }
}
