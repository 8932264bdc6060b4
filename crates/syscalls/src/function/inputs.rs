// SPDX-License-Identifier: Apache-2.0
//! What is known at a call or a system call: numbers, arguments, targets.

use super::effect::{POINTEE, STACKED};
use super::facts::{Callee, Door, Input, Inputs, Site};
use super::state::State;
use super::value::Abstract;
use super::walk::Walk;
use crate::isa::{Flow, Register};

impl Walk<'_, '_> {
    pub(crate) fn site(&mut self, at: u64, flow: &Flow, state: &State) {
        let door = match flow {
            // Only numbers of the old ABI are looked at (arch/arm/kernel/entry-common.S).
            Flow::SystemCall(number @ 0x90_0000..=0x9f_ffff) => Door::Coded(*number),
            Flow::SystemCall(_) => Door::Usual,
            _ => Door::Narrow,
        };
        let number = self.input(state.register(self.place.convention.number));
        let registers = self.place.convention.kernel_arguments;
        let site = Site {
            address: at,
            door,
            number: if let Door::Coded(number) = door {
                Some(Input::Constants(vec![u64::from(number)]))
            } else {
                number
            },
            inputs: self.inputs(state, registers.iter().copied()),
            guards: guards(state),
        };
        self.findings.site(site);
    }

    pub(crate) fn inputs(
        &self,
        state: &State,
        registers: impl Iterator<Item = Register>,
    ) -> Inputs {
        let mut inputs: Inputs = registers
            .filter_map(|register| Some((register.0, self.input(state.register(register))?)))
            .collect();
        self.pointees(state, &mut inputs);
        inputs.sort_by_key(|(register, _)| *register);
        inputs.dedup_by_key(|(register, _)| *register);
        inputs
    }

    /// Arguments on the stack, as the stack pointer stands now.
    pub(crate) fn stacked_inputs(&self, state: &State, return_bytes: u8, inputs: &mut Inputs) {
        let Abstract::Stack(top) = state.register(self.place.convention.stack) else { return };
        for (register, place) in self.stacked_places(top.saturating_add(i64::from(return_bytes))) {
            inputs.extend(self.input(state.slot(place)).map(|input| (register.0, input)));
        }
    }

    /// Arguments on the stack by their entry registers, with their places; `first` is the stack pointer before the call.
    pub(super) fn stacked_places(
        &self,
        first: i64,
    ) -> impl Iterator<Item = (Register, i64)> + use<> {
        let stacked = self.place.convention.stacked;
        let word = self.place.object.image.word_size() as i64;
        (stacked.first..stacked.first.saturating_add(stacked.count)).map(move |number| {
            let place = first.saturating_add(i64::from(number).saturating_mul(word));
            (Register(STACKED.saturating_add(number)), place)
        })
    }

    /// Words on the stack that arguments point to.
    fn pointees(&self, state: &State, inputs: &mut Inputs) {
        for register in self.place.convention.arguments {
            if let Abstract::Stack(at) = state.register(*register) {
                let found =
                    self.input(state.slot(at)).filter(|input| matches!(input, Input::Constants(_)));
                inputs.extend(found.map(|input| (POINTEE + register.0, input)));
            }
        }
    }

    pub(crate) fn input(&self, value: Abstract) -> Option<Input> {
        match value {
            Abstract::Entry(register, add) => Some(Input::Entry(register.0, add)),
            Abstract::Symbol(symbol) => Some(Input::Symbol(symbol)),
            other => self.sets.constants(&other).map(|all| Input::Constants(all.to_vec())),
        }
    }

    pub(crate) fn callee(&self, value: Abstract) -> Vec<Callee> {
        match value {
            Abstract::Symbol(symbol) => vec![Callee::Symbol(symbol)],
            Abstract::Entry(register, 0) => vec![Callee::Entry(register.0)],
            other => match self.sets.constants(&other) {
                Some(all) => all.iter().map(|address| Callee::Address(*address)).collect(),
                None => vec![Callee::Unknown],
            },
        }
    }
}

pub(crate) fn guards(state: &State) -> super::facts::Guards {
    state.guards.iter().map(|(register, allowed)| (register.0, *allowed)).collect()
}
