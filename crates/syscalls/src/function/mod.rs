// SPDX-License-Identifier: Apache-2.0
//! One function: forward propagation of constants, entry values and stack slots, and what comes of
//! it: system calls with their numbers, calls with their arguments, references.

mod effect;
mod facts;
mod flow;
mod state;
mod value;
mod walk;

use serde::{Deserialize, Serialize};

use crate::arch::convention;
use crate::isa::Decoder;
use crate::object::Object;
use walk::{Place, Walk};

pub use facts::{Call, Callee, Door, Guards, Input, Inputs, Reference, Site};
pub use value::Allowed;

/// What one function does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// First address, with bias, without a mode bit.
    pub start: u64,
    /// Address behind the last instruction.
    pub end: u64,
    /// System-call instructions.
    pub sites: Vec<Site>,
    /// Calls and jumps out of the function.
    pub calls: Vec<Call>,
    /// What it takes the address of, in order.
    pub references: Vec<Reference>,
    /// Edges between places in it, where they were asked for.
    pub edges: Vec<(u64, u64)>,
    /// The walk gave up; what it found is a part.
    pub exhausted: bool,
}

/// Walks one function. `closed`: another function begins at its end, so that control does not fall
/// off there.
#[must_use]
pub fn analyse(
    object: &Object<'_>,
    decoder: &dyn Decoder,
    start: u64,
    end: u64,
    closed: bool,
) -> Function {
    let convention = convention(object.machine);
    let place = Place { object, decoder, convention, start, end, closed };
    let mut walk = Walk::new(place);
    walk.run();
    let kept = std::mem::take(&mut walk.findings.references);
    let references = kept.into_iter().filter(|reference| walk.keeps(reference)).collect();
    let exhausted = walk.exhausted || end.saturating_sub(start) > walk::LONGEST;
    let edges = walk.edges.into_iter().collect();
    let (sites, calls, _) = walk.findings.into_parts();
    Function { start, end, sites, calls, references, edges, exhausted }
}

/// What a PLT entry jumps to: a dynamic symbol, or an address that a chooser gives. `None` when there
/// is no such entry at the address.
#[must_use]
pub fn resolve_stub(object: &Object<'_>, decoder: &dyn Decoder, address: u64) -> Option<Callee> {
    const LONGEST_STUB: u64 = 32;
    let end = address.saturating_add(LONGEST_STUB);
    let place = Place {
        object,
        decoder,
        convention: convention(object.machine),
        start: address,
        end,
        closed: true,
    };
    let mut walk = Walk::new(place);
    if !walk.run_straight() {
        return None;
    }
    let (sites, calls, _) = walk.findings.into_parts();
    match calls.as_slice() {
        [only] if sites.is_empty() => match only.callee {
            Callee::Symbol(_) | Callee::Address(_) => Some(only.callee),
            _ => None,
        },
        _ => None,
    }
}
