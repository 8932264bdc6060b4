// SPDX-License-Identifier: Apache-2.0
//! One instruction: its effects, under its condition, and where control goes from it.

use super::flow::negate;
use super::state::State;
use super::value::Abstract;
use super::walk::Walk;
use crate::isa::{Condition, Effect, Flow, Instruction, Target};

impl Walk<'_, '_> {
    /// One instruction. True: control goes on behind it, with `state`.
    pub(super) fn step(
        &mut self,
        at: u64,
        next: u64,
        found: &Instruction,
        state: &mut State,
    ) -> bool {
        if found.flow == Flow::Next {
            match found.condition {
                Some(condition) => self.apply_if(at, condition, found, state),
                None => {
                    self.predicated.clear();
                    self.apply(at, &found.effects, state);
                }
            }
            return true;
        }
        self.predicated.clear();
        let target = self.target_under(at, found, state);
        if found.condition.is_none() {
            self.apply(at, &found.effects, state);
            if let Some(slot) = found.delay_slot.and_then(|_| self.decode(next)) {
                self.apply(next, &slot.effects, state);
            }
            return self.leave(at, &found.flow, target, state);
        }
        self.branch((at, next), found, target, state)
    }

    /// The same, where control leaves only under a condition.
    fn branch(
        &mut self,
        (at, next): (u64, u64),
        found: &Instruction,
        target: Option<Abstract>,
        state: &mut State,
    ) -> bool {
        let mut not_taken = state.clone();
        self.apply(at, &found.effects, state);
        // What compares and branches by itself compares either way; all else happens only under the condition.
        let compares =
            found.effects.iter().filter(|effect| matches!(effect, Effect::Compare { .. }));
        compares.for_each(|effect| self.apply(at, std::slice::from_ref(effect), &mut not_taken));
        let compared = not_taken.compared;
        let is_taken = self.narrow(state, found.condition, compared, true);
        let is_passed = self.narrow(&mut not_taken, found.condition, compared, false);
        if let Some(only_if_taken) = found.delay_slot
            && let Some(slot) = self.decode(next)
        {
            self.apply(next, &slot.effects, state);
            if !only_if_taken {
                self.apply(next, &slot.effects, &mut not_taken);
            }
        }
        let goes_on = is_taken && self.leave(at, &found.flow, target, state);
        if !is_passed {
            return goes_on;
        }
        if goes_on {
            state.join(&not_taken, &mut self.sets);
        } else {
            *state = not_taken;
        }
        true
    }

    /// An instruction that takes effect only under a condition. What one register gets under a condition and then under its opposite
    /// is one of the two.
    fn apply_if(&mut self, at: u64, condition: Condition, found: &Instruction, state: &mut State) {
        let before = state.clone();
        let changes_flags =
            |effect: &Effect| matches!(effect, Effect::Compare { .. } | Effect::ClobberFlags);
        if found.effects.iter().any(changes_flags) {
            self.predicated.clear();
        }
        self.apply(at, &found.effects, state);
        let written = found.effects.iter().find_map(|effect| match effect {
            Effect::Set { register, .. } | Effect::Compute { register, .. } => Some(*register),
            _ => None,
        });
        let written = written.filter(|_| found.effects.len() == 1 && condition != Condition::Other);
        let value = written.map(|register| state.register(register));
        state.join(&before, &mut self.sets);
        let (Some(register), Some(value)) = (written, value) else { return };
        let opposite = negate(condition);
        let other = self.predicated.iter().find(|(r, c, _)| *r == register && *c == opposite);
        if let Some((_, _, other)) = other {
            let both = self.sets.join(*other, value);
            state.set(register, both);
        }
        self.predicated.push((register, condition, value));
    }

    /// The target, as far as the condition of the jump tells more of it: the bound of a table.
    fn target_under(&mut self, at: u64, found: &Instruction, state: &State) -> Option<Abstract> {
        let direct =
            matches!(found.flow, Flow::Jump(Target::Direct(_)) | Flow::Call(Target::Direct(_)));
        if found.condition.is_none() || direct {
            return self.target(at, &found.flow, state);
        }
        let mut narrowed = state.clone();
        let compared = narrowed.compared;
        self.narrow(&mut narrowed, found.condition, compared, true);
        self.target(at, &found.flow, &narrowed)
    }

    /// Where a jump or call goes, before its delay slot changes the register.
    fn target(&mut self, at: u64, flow: &Flow, state: &State) -> Option<Abstract> {
        let (Flow::Jump(target) | Flow::Call(target)) = flow else { return None };
        Some(match target {
            Target::Direct(address) => Abstract::Constant(*address),
            Target::Register(register) => state.register(*register),
            Target::Memory(address) => {
                let bytes = self.place.object.image.word_size() as u8;
                self.load(at, address, bytes, false, state)
            }
            Target::Table { entry, bytes, shift, base } => {
                let found = self.load(at, entry, *bytes, false, state);
                self.distance(found, *shift, *base)
            }
            Target::Steps { base, index, shift } => self.steps(*base, *index, *shift, state),
            Target::Unknown => Abstract::Unknown,
        })
    }
}
