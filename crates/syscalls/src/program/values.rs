// SPDX-License-Identifier: Apache-2.0
//! What callers pass to a function, over all of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::function::{Function, Guards, Input, Inputs};

/// More than that is anything.
const MOST: usize = 96;

/// Values of one entry register.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Values {
    /// Those that some caller is known to pass.
    pub(crate) known: BTreeSet<u64>,
    /// Another caller passes what is not known.
    pub(crate) open: bool,
}

impl Values {
    pub(crate) fn all() -> Self {
        Self { known: BTreeSet::new(), open: true }
    }

    /// Takes more in. True: it grew.
    pub(crate) fn join(&mut self, other: &Self) -> bool {
        let before = (self.known.len(), self.open);
        let room = MOST.saturating_sub(self.known.len());
        let more: Vec<u64> = other.known.difference(&self.known).copied().collect();
        self.open |= other.open || more.len() > room;
        self.known.extend(more.into_iter().take(room));
        before != (self.known.len(), self.open)
    }
}

/// Entry registers that a function's facts depend on, with what they may hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entries {
    values: BTreeMap<u8, Values>,
}

impl Entries {
    /// For a function: those registers that it speaks of, with nothing in them yet.
    pub(crate) fn of(function: &Function) -> Self {
        let mut values = BTreeMap::new();
        let mut note = |input: &Input| {
            if let Input::Entry(register, _) = input {
                values.insert(*register, Values::default());
            }
        };
        for site in &function.sites {
            site.number.iter().for_each(&mut note);
            site.inputs.iter().for_each(|(_, input)| note(input));
        }
        for call in &function.calls {
            call.inputs.iter().for_each(|(_, input)| note(input));
            if let crate::function::Callee::Entry(register) = call.callee {
                note(&Input::Entry(register, 0));
            }
        }
        let guards = function.sites.iter().map(|site| &site.guards);
        for (register, _) in guards.chain(function.calls.iter().map(|call| &call.guards)).flatten()
        {
            values.insert(*register, Values::default());
        }
        Self { values }
    }

    pub(crate) fn registers(&self) -> Vec<u8> {
        self.values.keys().copied().collect()
    }

    /// Everything is possible. True: it was not before.
    pub(crate) fn open(&mut self) -> bool {
        let mut grown = false;
        for values in self.values.values_mut() {
            grown |= values.join(&Values::all());
        }
        grown
    }

    pub(crate) fn join(&mut self, register: u8, other: &Values) -> bool {
        self.values.get_mut(&register).is_some_and(|values| values.join(other))
    }

    pub(crate) fn value(&self, register: u8) -> Values {
        self.values.get(&register).cloned().unwrap_or_else(Values::all)
    }

    /// What a fact's value may be with these entries.
    pub(crate) fn evaluate(&self, input: Option<&Input>) -> Values {
        match input {
            Some(Input::Constants(all)) => {
                Values { known: all.iter().copied().collect(), open: false }
            }
            Some(Input::Entry(register, add)) => {
                let values = self.value(*register);
                let add = i64::from(*add) as u64;
                let known = values.known.iter().map(|value| value.wrapping_add(add)).collect();
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
            let values = self.value(*register);
            values.open || values.known.iter().any(|value| allowed.contains(*value))
        })
    }
}
