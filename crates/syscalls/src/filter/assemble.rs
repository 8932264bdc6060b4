// SPDX-License-Identifier: Apache-2.0
//! Programs put together from the end, so that every jump knows its distance. A conditional jump reaches 255 instructions; where
//! that is not enough, the answer is written again, or a long jump put between.

use super::Action;
use super::program::{Instruction, code};

/// Where to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// An instruction, by its index from the end.
    At(usize),
    /// An answer, wherever it stands.
    Answer(Action),
}

/// Instructions, the last first.
#[derive(Default)]
pub(super) struct Assembler {
    reversed: Vec<Instruction>,
    /// Where each answer stands last.
    answers: Vec<(Action, usize)>,
}

impl Assembler {
    /// Instructions so far.
    pub(super) fn len(&self) -> usize {
        self.reversed.len()
    }

    /// The instructions in their order.
    pub(super) fn finish(mut self) -> Vec<Instruction> {
        self.reversed.reverse();
        self.reversed
    }

    /// Puts an instruction in front.
    pub(super) fn push(&mut self, operation: u16, constant: u32) -> Label {
        self.put(Instruction { code: operation, then: 0, otherwise: 0, constant })
    }

    /// Puts a comparison in front.
    pub(super) fn compare(
        &mut self,
        operation: u16,
        constant: u32,
        then: Label,
        otherwise: Label,
    ) -> Label {
        // Reaching the second may put one instruction in front, which must not push the first out of reach.
        let otherwise = self.reachable(otherwise, 254);
        let then = self.reachable(then, 255);
        let (then, otherwise) = (self.distance(then), self.distance(otherwise));
        self.put(Instruction {
            code: operation,
            then: then as u8,
            otherwise: otherwise as u8,
            constant,
        })
    }

    /// Makes the label the next instruction.
    pub(super) fn fall_into(&mut self, label: Label) {
        let at = self.reachable(label, usize::MAX);
        match self.distance(at) {
            0 => {}
            distance => _ = self.push(code::JUMP, u32::try_from(distance).unwrap_or(u32::MAX)),
        }
    }

    fn put(&mut self, instruction: Instruction) -> Label {
        self.reversed.push(instruction);
        Label::At(self.reversed.len() - 1)
    }

    /// Instructions between one that is put in front now and the one at the index.
    fn distance(&self, at: usize) -> usize {
        self.reversed.len() - at - 1
    }

    /// An index from which the label is reached within `limit`.
    fn reachable(&mut self, label: Label, limit: usize) -> usize {
        match label {
            Label::At(at) if self.distance(at) <= limit => at,
            Label::At(at) => {
                let distance = u32::try_from(self.distance(at)).unwrap_or(u32::MAX);
                self.push(code::JUMP, distance);
                self.reversed.len() - 1
            }
            Label::Answer(action) => {
                let known =
                    self.answers.iter().find(|(known, _)| *known == action).map(|(_, at)| *at);
                match known {
                    Some(at) if self.distance(at) <= limit => at,
                    _ => self.answer(action),
                }
            }
        }
    }

    fn answer(&mut self, action: Action) -> usize {
        self.push(code::RETURN, action.code());
        let at = self.reversed.len() - 1;
        self.answers.retain(|(known, _)| *known != action);
        self.answers.push((action, at));
        at
    }
}
