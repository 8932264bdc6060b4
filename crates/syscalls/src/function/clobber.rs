// SPDX-License-Identifier: Apache-2.0
//! Which registers a function of the same file may change. Compilers that see a callee keep values in registers that the calling
//! convention would let it change (`-fipa-ra`).

use std::collections::BTreeSet;

use crate::arch::Convention;
use crate::isa::{Effect, Flow, Register, Target};
use crate::module::decoders::Decoders;
use crate::object::Object;

/// Every register.
const ALL: u32 = u32::MAX;
/// Instructions of one function before it is taken to change everything.
const MOST_INSTRUCTIONS: usize = 2000;
/// Calls within calls that are followed.
const MOST_DEPTH: u32 = 12;

/// A bit for each register that the function at the address, which has its mode bit, may change.
pub(crate) fn changed(
    object: &Object<'_>,
    decoders: &Decoders,
    convention: &Convention,
    address: u64,
    depth: u32,
) -> u32 {
    if let Some(known) = decoders.changed.borrow().get(&address) {
        return *known;
    }
    if depth > MOST_DEPTH {
        return ALL;
    }
    // Of a function that calls itself nothing is known; compilers do not know more.
    decoders.changed.borrow_mut().insert(address, ALL);
    let mask = scan(object, decoders, convention, address, depth).unwrap_or(ALL);
    decoders.changed.borrow_mut().insert(address, mask);
    mask
}

/// None: it goes where nothing tells.
fn scan(
    object: &Object<'_>,
    decoders: &Decoders,
    convention: &Convention,
    address: u64,
    depth: u32,
) -> Option<u32> {
    let mode = address.wrapping_sub(object.without_mode(address)) as u8;
    let decoder = decoders.by_mode(mode)?;
    let mut mask = 0;
    let mut seen = BTreeSet::new();
    let mut work = vec![object.without_mode(address)];
    while let Some(at) = work.pop() {
        if !seen.insert(at) {
            continue;
        }
        if seen.len() > MOST_INSTRUCTIONS || !object.image.is_code(at) {
            return None;
        }
        let decode = |at: u64| {
            let (code, offset) = object.image.code_at(at)?;
            decoder.decode_in(code, offset, at)
        };
        let found = decode(at)?;
        mask |= written(&found.effects);
        let mut next = at.checked_add(u64::from(found.size))?;
        if found.delay_slot.is_some() {
            let slot = decode(next)?;
            mask |= written(&slot.effects);
            next = next.checked_add(u64::from(slot.size))?;
        }
        match found.flow {
            Flow::Return | Flow::Stop => {}
            Flow::Next => work.push(next),
            Flow::Jump(Target::Direct(to))
                if (to & 1) as u8 == mode || !object.machine.has_modes() =>
            {
                work.push(object.without_mode(to));
            }
            Flow::Call(Target::Direct(to)) => {
                mask |= changed(object, decoders, convention, to, depth + 1);
                work.push(next);
            }
            Flow::SystemCall(_) => {
                mask |= convention.kernel_clobbers;
                work.push(next);
            }
            _ => return None,
        }
        if found.condition.is_some() {
            work.push(next);
        }
    }
    Some(mask)
}

fn written(effects: &[Effect]) -> u32 {
    let register = |effect: &Effect| match effect {
        Effect::Set { register, .. }
        | Effect::Compute { register, .. }
        | Effect::Insert { register, .. }
        | Effect::Load { register, .. }
        | Effect::Choose { register, .. }
        | Effect::Clobber(register) => Some(*register),
        _ => None,
    };
    let bit = |Register(number)| 1_u32.checked_shl(u32::from(number)).unwrap_or(0);
    effects.iter().filter_map(register).fold(0, |mask, register| mask | bit(register))
}
