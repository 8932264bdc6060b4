// SPDX-License-Identifier: Apache-2.0
//! One function: forward propagation of constants, entry values and stack slots, and what comes of
//! it: system calls with their numbers, calls with their arguments, references.

mod clobber;
mod effect;
mod ends;
mod facts;
mod flow;
mod inputs;
mod listing;
mod memory;
mod state;
mod step;
mod value;
mod walk;

use serde::{Deserialize, Serialize};

use crate::arch::convention;
use crate::module::decoders::Decoders;
use crate::object::Object;
use walk::{Place, Straight, Walk};

pub(crate) use ends::Ends;
pub use facts::{Call, Callee, Door, Guards, Input, Inputs, Reference, Site};
pub use listing::{Listing, Point, Step};
pub use value::Allowed;

/// Where control comes from to a place that no instruction is known to lead to.
pub const NOWHERE: u64 = u64::MAX;

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
    /// Instructions that control leaves by for another place in it, with that place. Places that only exceptions or unknown jumps may
    /// lead to have [`NOWHERE`] for the instruction.
    pub edges: Vec<(u64, u64)>,
    /// Instructions that control leaves the function by for good: returns and jumps out of it.
    pub leaves: Vec<u64>,
    /// The walk gave up; what it found is a part.
    pub exhausted: bool,
    /// A place that control reaches and that holds no instruction that is known.
    pub undecoded: Option<u64>,
}

/// Where a function lies, as far as it is known before it is walked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// First address, without mode bit.
    pub(crate) start: u64,
    /// Address behind it.
    pub(crate) end: u64,
    /// Another function begins at the end.
    pub(crate) closed: bool,
    /// The end is known, not only the most that it can be.
    pub(crate) exact: bool,
    /// Exceptions may lead into it.
    pub(crate) pads: bool,
}

/// Walks one function. Gives also which of its bytes were walked. None: nothing decodes its encoding.
pub(crate) fn analyse(
    object: &Object<'_>,
    decoders: &Decoders,
    bounds: Bounds,
    mode: u8,
) -> Option<(Function, Vec<bool>)> {
    let decoder = decoders.by_mode(mode)?;
    let convention = convention(object.machine);
    let mut walk = Walk::new(Place { object, decoders, decoder, convention, bounds, mode });
    walk.run();
    let mut kept = std::mem::take(&mut walk.findings.references);
    let words = std::mem::take(&mut walk.findings.words);
    kept.extend(words.into_iter().flat_map(|(place, bytes)| held(object, place, bytes)));
    let references = kept.into_iter().filter(|reference| walk.keeps(reference)).collect();
    let exhausted = walk.exhausted || bounds.end.saturating_sub(bounds.start) > walk::LONGEST;
    let edges = walk.all_edges();
    let leaves = walk.leaves.iter().copied().collect();
    let (sites, calls, undecoded) = walk.findings.into_parts();
    let last = walk.covered.iter().rposition(|covered| *covered).map_or(0, |last| last + 1);
    let end = if bounds.exact { bounds.end } else { bounds.start.saturating_add(last as u64) };
    let start = bounds.start;
    let function =
        Function { start, end, sites, calls, references, edges, leaves, exhausted, undecoded };
    Some((function, walk.covered))
}

/// Walks one function and lists its instructions with what they make of addresses.
pub(crate) fn list(
    object: &Object<'_>,
    decoders: &Decoders,
    ends: &Ends,
    bounds: Bounds,
    mode: u8,
) -> Option<(Vec<Step>, Vec<u64>)> {
    let decoder = decoders.by_mode(mode)?;
    let convention = convention(object.machine);
    let mut walk = Walk::new(Place { object, decoders, decoder, convention, bounds, mode });
    walk.ends = Some(ends);
    walk.run();
    Some(walk.replay())
}

/// What lies in memory that is read: what the loader writes there, and in files that are not moved every word that is an
/// address. Slots of the GOT are known where they are read.
fn held(object: &Object<'_>, place: u64, bytes: u16) -> Vec<Reference> {
    let word = object.image.word_size();
    let (first, end) = (place.saturating_sub(word - 1), place.saturating_add(u64::from(bytes)));
    let list = &object.relocations;
    let from = list.partition_point(|relocation| relocation.place < first);
    let to = list.partition_point(|relocation| relocation.place < end);
    let relocations = list.get(from..to).unwrap_or_default();
    let mut found: Vec<Reference> = relocations
        .iter()
        .filter(|relocation| !relocation.slot)
        .map(|relocation| Reference::of(relocation.value))
        .collect();
    if !object.independent && !object.image.is_code(place) {
        let places = (first.next_multiple_of(word)..end).step_by(word as usize);
        let values = places.filter_map(|place| object.image.word(place));
        found.extend(
            values.filter(|value| object.image.segment(*value).is_some()).map(Reference::Address),
        );
    }
    found
}

/// What a PLT entry jumps to: a dynamic symbol, or an address that a chooser gives. `None` when there
/// is no such entry at the address, which has its mode bit.
pub(crate) fn resolve_stub(
    object: &Object<'_>,
    decoders: &Decoders,
    address: u64,
) -> Option<Callee> {
    const LONGEST_STUB: u64 = 32;
    let start = object.without_mode(address);
    let mode = (address - start) as u8;
    let end = start.saturating_add(LONGEST_STUB);
    let bounds = Bounds { start, end, closed: true, exact: true, pads: false };
    let decoder = decoders.by_mode(mode)?;
    let mut walk = Walk::new(Place {
        object,
        decoders,
        decoder,
        convention: convention(object.machine),
        bounds,
        mode,
    });
    match walk.run_straight() {
        Straight::Left => {}
        // `bx pc` before the entry of another encoding.
        Straight::Jumped(next) if next & 1 == 0 && mode == 1 => {
            return resolve_stub(object, decoders, next);
        }
        Straight::Jumped(_) | Straight::Other => return None,
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
