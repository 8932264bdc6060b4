// SPDX-License-Identifier: Apache-2.0
//! What callers pass to a function, over all of them.

use crate::function::{Function, Guards, Input, Inputs};

/// More than that is anything.
const MOST: usize = 96;

/// Values of one entry register.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Values {
    /// Those that some caller is known to pass, in order.
    pub(crate) known: Vec<u64>,
    /// Another caller passes what is not known.
    pub(crate) open: bool,
}

impl Values {
    pub(crate) fn all() -> Self {
        Self { known: Vec::new(), open: true }
    }

    /// Takes more in. True: it grew.
    pub(crate) fn join(&mut self, other: &Self) -> bool {
        let mut grown = other.open && !self.open;
        self.open |= other.open;
        for value in &other.known {
            let Err(place) = self.known.binary_search(value) else { continue };
            if self.known.len() < MOST {
                self.known.insert(place, *value);
                grown = true;
            } else if !self.open {
                self.open = true;
                grown = true;
            }
        }
        grown
    }
}

/// Entry registers that a function's facts depend on, with what they may hold, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entries {
    values: Vec<(u8, Values)>,
}

impl Entries {
    /// For a function: those registers that it speaks of, with nothing in them yet.
    pub(crate) fn of(function: &Function) -> Self {
        let mut registers = Vec::new();
        let mut note = |input: &Input| {
            if let Input::Entry(register, _) = input {
                registers.push(*register);
            }
        };
        for site in &function.sites {
            site.number.iter().for_each(&mut note);
            site.inputs.iter().for_each(|(_, input)| note(input));
        }
        for call in &function.calls {
            call.inputs.iter().for_each(|(_, input)| note(input));
        }
        let guards = function.sites.iter().map(|site| &site.guards);
        let guards = guards.chain(function.calls.iter().map(|call| &call.guards));
        registers.extend(guards.flatten().map(|(register, _)| *register));
        registers.sort_unstable();
        registers.dedup();
        Self {
            values: registers.into_iter().map(|register| (register, Values::default())).collect(),
        }
    }

    pub(crate) fn registers(&self) -> impl Iterator<Item = u8> {
        self.values.iter().map(|(register, _)| *register)
    }

    /// Everything is possible. True: it was not before.
    pub(crate) fn open(&mut self) -> bool {
        let mut grown = false;
        for (_, values) in &mut self.values {
            grown |= !std::mem::replace(&mut values.open, true);
        }
        grown
    }

    pub(crate) fn join(&mut self, register: u8, other: &Values) -> bool {
        let found = self.values.iter_mut().find(|(known, _)| *known == register);
        found.is_some_and(|(_, values)| values.join(other))
    }

    /// None: anything.
    fn value(&self, register: u8) -> Option<&Values> {
        self.values.iter().find(|(known, _)| *known == register).map(|(_, values)| values)
    }

    /// What a fact's value may be with these entries.
    pub(crate) fn evaluate(&self, input: Option<&Input>) -> Values {
        match input {
            Some(Input::Constants(all)) => {
                let mut known = all.clone();
                known.sort_unstable();
                known.dedup();
                Values { known, open: false }
            }
            Some(Input::Entry(register, add)) => {
                let Some(values) = self.value(*register) else { return Values::all() };
                let add = i64::from(*add) as u64;
                let mut known: Vec<u64> =
                    values.known.iter().map(|value| value.wrapping_add(add)).collect();
                known.sort_unstable();
                Values { known, open: values.open }
            }
            Some(Input::Symbol(_)) | None => Values::all(),
        }
    }

    /// The value of one register at a call.
    pub(crate) fn passed(&self, inputs: &Inputs, register: u8) -> Values {
        let input = inputs.iter().find(|(known, _)| *known == register).map(|(_, input)| input);
        self.evaluate(input)
    }

    /// Can a fact under these guards happen?
    pub(crate) fn permit(&self, guards: &Guards) -> bool {
        guards.iter().all(|(register, allowed)| {
            let Some(values) = self.value(*register) else { return true };
            values.open || values.known.iter().any(|value| allowed.contains(*value))
        })
    }
}
