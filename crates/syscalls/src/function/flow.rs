// SPDX-License-Identifier: Apache-2.0
//! Where control goes from an instruction: calls, jumps, jump tables, conditions.

use super::clobber::changed;
use super::effect::{POINTEE, extend};
use super::facts::{Call, Callee, Reference};
use super::inputs::guards;
use super::state::State;
use super::value::{Abstract, Allowed, Element};
use super::walk::Walk;
use crate::isa::{Condition, Flow, Register, Target};
use crate::object::Relocated;

/// What the flags came from.
pub(crate) type Compared = Option<(Abstract, Abstract)>;

/// A jump table whose end nothing tells is read up to this.
const MOST_ENTRIES: u64 = 1024;

impl Walk<'_, '_> {
    /// Control leaves by `flow`. True: it comes back behind the instruction.
    pub(crate) fn leave(
        &mut self,
        at: u64,
        flow: &Flow,
        target: Option<Abstract>,
        state: &mut State,
    ) -> bool {
        match flow {
            Flow::Next => true,
            Flow::Return => {
                self.leaves.insert(at);
                false
            }
            Flow::Stop => false,
            Flow::SystemCall(_) | Flow::SystemCall32 => {
                self.site(at, flow, state);
                state.keep(!self.place.convention.kernel_clobbers);
                true
            }
            Flow::Call(_) => {
                let target = target.unwrap_or(Abstract::Unknown);
                self.call(at, target, state);
                !self.ends_with(target)
            }
            Flow::Jump(to) => {
                self.jumps_directly = matches!(to, Target::Direct(_));
                self.jumps_by_register = matches!(to, Target::Register(_));
                self.jump(at, target.unwrap_or(Abstract::Unknown), state);
                false
            }
        }
    }

    /// Does a call of the target not come back?
    fn ends_with(&self, target: Abstract) -> bool {
        let object = self.place.object;
        self.ends.is_some_and(|ends| {
            let callees = self.callee(target);
            !callees.is_empty() && callees.into_iter().all(|callee| ends.has(object, callee))
        })
    }

    fn call(&mut self, at: u64, target: Abstract, state: &mut State) {
        let convention = self.place.convention;
        let registers = convention.arguments.iter().chain(convention.private).copied();
        let mut inputs = self.inputs(state, registers.chain([convention.number]));
        self.stacked_inputs(state, 0, &mut inputs);
        let guards = guards(state);
        let mut changed = 0;
        for callee in self.callee(target) {
            changed |= self.changed(callee);
            let (inputs, guards) = (inputs.clone(), guards.clone());
            self.findings.call(Call { address: at, callee, inputs, guards });
        }
        if !self.escaped.is_empty() {
            state.forget_slots(&self.escaped);
        }
        state.keep(convention.preserved | !changed);
    }

    /// Registers that a call may change.
    fn changed(&self, callee: Callee) -> u32 {
        let place = &self.place;
        match callee {
            Callee::Address(address) => {
                changed(place.object, place.decoders, &place.convention, address, 0)
            }
            _ => u32::MAX,
        }
    }

    fn jump(&mut self, at: u64, target: Abstract, state: &State) {
        if let Abstract::Element(element) = target
            && let Some(element) = self.elements.get(element as usize).copied()
        {
            self.jump_by_table(at, element, state);
            return;
        }
        if let Abstract::Run(run) = target {
            self.jump_into_run(at, run, state);
            return;
        }
        for callee in self.callee(target) {
            match callee {
                Callee::Address(address)
                    if self.is_inside(address) && !self.changes_mode(address) =>
                {
                    self.edges.insert((at, address));
                    self.reach(address, state);
                }
                callee => {
                    self.jumps_anywhere |= callee == Callee::Unknown && self.selects(state);
                    self.tail(at, callee, state);
                }
            }
        }
    }

    /// Does a jump to what is not known look like one within the function? Tail calls come after the frame is gone, and not after a comparison
    /// with a bound.
    fn selects(&self, state: &State) -> bool {
        let stack = state.register(self.place.convention.stack);
        !self.jumps_by_register
            || state.has_bounds()
            || matches!(stack, Abstract::Stack(depth) if depth != 0)
    }

    /// Every branch of a run may be taken; where it ends nothing tells but the end of the function.
    fn jump_into_run(&mut self, at: u64, run: u32, state: &State) {
        let targets = self.runs.get(run as usize).cloned().unwrap_or_default();
        let mut found = false;
        let step = self.place.decoder.alignment();
        for target in targets {
            if !self.is_inside(target) {
                break;
            }
            if !self.place.object.without_mode(target).is_multiple_of(step) {
                continue;
            }
            found = true;
            self.edges.insert((at, target));
            self.reach(target, state);
        }
        if !found {
            self.jumps_anywhere = true;
            self.tail(at, Callee::Unknown, state);
        }
    }

    /// A jump to an address that is known goes on in the encoding that its bit 0 tells; but registers that old code jumps by
    /// (`mov pc, r3`) do not tell.
    fn changes_mode(&self, address: u64) -> bool {
        self.place.object.machine.has_modes()
            && self.jumps_directly
            && (address & 1) as u8 != self.place.mode
    }

    fn is_inside(&self, address: u64) -> bool {
        let bounds = &self.place.bounds;
        let address = self.place.object.without_mode(address);
        bounds.start <= address && address < bounds.end
    }

    /// A jump out of the function takes all registers along.
    pub(crate) fn tail(&mut self, at: u64, callee: Callee, state: &State) {
        self.leaves.insert(at);
        let mut inputs = self.inputs(state, (0..32).map(Register));
        self.stacked_inputs(state, self.place.convention.stacked.return_bytes, &mut inputs);
        self.findings.call(Call { address: at, callee, inputs, guards: guards(state) });
    }

    fn jump_by_table(&mut self, at: u64, element: Element, state: &State) {
        let bound = self.table_bounds.get(&element.table).copied().flatten();
        let count = bound.map_or(MOST_ENTRIES, |bound| bound.saturating_add(1).min(MOST_ENTRIES));
        let mut found = false;
        // A table among the instructions ends where the first of its targets behind it begins.
        let mut first_target = u64::MAX;
        for number in 0..count {
            let place =
                number.saturating_mul(u64::from(element.bytes)).saturating_add(element.table);
            if place >= first_target {
                break;
            }
            let Some(target) = self.entry(&element, number) else { break };
            let code = self.place.object.without_mode(target);
            if code > place && self.is_inside(place) {
                first_target = first_target.min(code);
            }
            let inside = self.is_inside(target);
            if !inside && (bound.is_none() || !self.place.object.image.is_code(target)) {
                break;
            }
            found = true;
            self.pass_over(&element, number);
            let mut state = state.clone();
            if let Some((register, add)) =
                element.index.filter(|(register, _)| register.0 < POINTEE)
            {
                let value = number.wrapping_sub(i64::from(add) as u64);
                let allowed = Allowed::only(value);
                if !state.guard(register, allowed) {
                    continue;
                }
            }
            if inside {
                self.edges.insert((at, target));
                self.reach(target, &state);
            } else {
                self.tail(at, Callee::Address(target), &state);
            }
        }
        if found {
            self.jump_tables.insert(element.table);
        } else {
            self.jumps_anywhere = true;
            self.tail(at, Callee::Unknown, state);
        }
    }

    /// An entry of a table among the instructions is none of them.
    fn pass_over(&mut self, element: &Element, number: u64) {
        let bytes = u64::from(element.bytes);
        let place = element.table.wrapping_add(number.wrapping_mul(bytes));
        if self.is_inside(place) {
            self.cover(place, bytes);
            self.findings.literals.insert(place, place.saturating_add(bytes));
        }
    }

    fn entry(&self, element: &Element, number: u64) -> Option<u64> {
        let place = element.table.checked_add(number.checked_mul(u64::from(element.bytes))?)?;
        if let Some((Relocated::Address(address), _)) = self.relocated(place) {
            return Some(address);
        }
        if !self.place.object.image.is_constant(place) && element.bytes != 8 {
            return None;
        }
        let raw = extend(
            self.place.object.image.number(place, element.bytes)?,
            element.bytes,
            element.signed,
        );
        let target = (raw << element.shift).wrapping_add(element.add);
        Some(if self.place.object.wide { target } else { target & 0xffff_ffff })
    }

    /// Narrows entry values and bounds by a branch that was taken or not. False: it cannot be.
    pub(crate) fn narrow(
        &mut self,
        state: &mut State,
        condition: Option<Condition>,
        compared: Compared,
        taken: bool,
    ) -> bool {
        let Some(condition) = condition else { return true };
        let condition = match (state.compared_below, condition) {
            (false, condition) => condition,
            (true, Condition::NotEqual) => Condition::Below,
            (true, Condition::Equal) => Condition::AboveOrEqual,
            (true, _) => return true,
        };
        let condition = if taken { condition } else { negate(condition) };
        let Some((left, Abstract::Constant(right))) = compared else { return true };
        if let Some(register) = state.compared_register {
            match condition {
                Condition::Equal | Condition::BelowOrEqual => state.set_bound(register, right),
                Condition::Below => state.set_bound(register, right.saturating_sub(1)),
                _ => {}
            }
        }
        match left {
            Abstract::Constant(left) => holds(condition, left, right),
            // What a pointer leads to may have changed by now.
            Abstract::Entry(register, add) if register.0 < POINTEE => {
                state.guard(register, allow(condition, add, right))
            }
            _ => true,
        }
    }

    /// References to what was walked in the function are labels, not functions; what lies behind it may be anything.
    pub(crate) fn keeps(&self, reference: &Reference) -> bool {
        let Reference::Address(address) = reference else { return true };
        let place = self.place.object.without_mode(*address);
        if place == self.place.bounds.start || !self.is_inside(*address) {
            return true;
        }
        // Among Thumb an even address is that of a table or text.
        if self.place.mode == 1 && address & 1 == 0 {
            return false;
        }
        let offset = usize::try_from(place - self.place.bounds.start).unwrap_or(usize::MAX);
        !self.place.bounds.exact && !self.covered.get(offset).copied().unwrap_or(false)
    }
}

pub(crate) fn negate(condition: Condition) -> Condition {
    match condition {
        Condition::Equal => Condition::NotEqual,
        Condition::NotEqual => Condition::Equal,
        Condition::Above => Condition::BelowOrEqual,
        Condition::AboveOrEqual => Condition::Below,
        Condition::Below => Condition::AboveOrEqual,
        Condition::BelowOrEqual => Condition::Above,
        Condition::Coded(number) => Condition::Coded(number ^ 1),
        Condition::Other => Condition::Other,
    }
}

/// Of two numbers; the width of the comparison is not known, so only what holds in 32 and 64 bits
/// is decided.
fn holds(condition: Condition, left: u64, right: u64) -> bool {
    let low = |number: u64| number & 0xffff_ffff;
    let test = |left: u64, right: u64| match condition {
        Condition::Equal => left == right,
        Condition::NotEqual => left != right,
        Condition::Above => left > right,
        Condition::AboveOrEqual => left >= right,
        Condition::Below => left < right,
        Condition::BelowOrEqual => left <= right,
        Condition::Coded(_) | Condition::Other => true,
    };
    test(left, right) || test(low(left), low(right))
}

/// Entry values for which `entry + add` compares so with `right`.
fn allow(condition: Condition, add: i32, right: u64) -> Allowed {
    let add = i64::from(add) as u64;
    let right = right & 0xffff_ffff;
    let sum = |value: u64| value.wrapping_add(add) & 0xffff_ffff;
    match condition {
        Condition::Coded(_) | Condition::Other => Allowed::ALL,
        Condition::Equal => Allowed::only(right.wrapping_sub(add)),
        Condition::NotEqual => {
            let mut allowed = Allowed::ALL;
            allowed.remove(right.wrapping_sub(add));
            allowed
        }
        // Values beyond the table stay allowed unless a small bound without wrap excludes them.
        Condition::Below => {
            Allowed::those(right > 200 || add != 0 && !is_small(add), |v| sum(v) < right)
        }
        Condition::BelowOrEqual => {
            Allowed::those(right >= 200 || add != 0 && !is_small(add), |v| sum(v) <= right)
        }
        Condition::Above => Allowed::those(true, |v| sum(v) > right),
        Condition::AboveOrEqual => Allowed::those(true, |v| sum(v) >= right),
    }
}

/// Subtracted numbers up to 50: `entry - k <= right` means `entry <= right + k`, below 255.
fn is_small(add: u64) -> bool {
    (add.wrapping_neg() as i64) >= 0 && add.wrapping_neg() <= 50
}
