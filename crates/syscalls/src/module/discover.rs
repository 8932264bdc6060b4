// SPDX-License-Identifier: Apache-2.0
//! Where functions begin and end: unwind tables, symbols, initialisers, relocations, call targets.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::function::{Callee, Function, Reference, analyse, resolve_stub};
use crate::isa::Decoder;
use crate::object::{Object, Relocated, SymbolKind};

/// Functions, walked.
pub(super) struct Found {
    pub(super) functions: Vec<Function>,
}

/// More functions than that are not walked; that is said by the caller's problem list.
const MOST_FUNCTIONS: usize = 1 << 20;

struct Discovery<'o, 'f> {
    object: &'o Object<'f>,
    decoder: &'o dyn Decoder,
    /// Start to end; an end that is not known is the start.
    known: BTreeMap<u64, u64>,
    walked: BTreeMap<u64, Function>,
    queue: BTreeSet<u64>,
    /// What a stub jumps to, by its address.
    stubs: HashMap<u64, Option<Callee>>,
}

pub(super) fn find_functions(object: &Object<'_>, decoder: &dyn Decoder) -> Found {
    let mut discovery = Discovery {
        object,
        decoder,
        known: BTreeMap::new(),
        walked: BTreeMap::new(),
        queue: BTreeSet::new(),
        stubs: HashMap::new(),
    };
    for extent in object.extents() {
        let end = discovery.known.entry(object.without_mode(extent.start)).or_insert(extent.end);
        *end = (*end).max(extent.end);
    }
    for start in first_starts(object) {
        discovery.add(start);
    }
    discovery.queue = discovery.known.keys().copied().collect();
    discovery.run();
    Found { functions: discovery.walked.into_values().collect() }
}

/// Starts that the file names.
fn first_starts(object: &Object<'_>) -> Vec<u64> {
    let mut starts: Vec<u64> = object.entry.into_iter().collect();
    starts.extend(object.dynamic.init_and_fini());
    starts.extend(array_entries(object));
    let functions = object.symbols.iter().filter(|symbol| {
        symbol.defined && matches!(symbol.kind, SymbolKind::Function | SymbolKind::Chooser)
    });
    starts.extend(functions.map(|symbol| symbol.value));
    starts.extend(object.relocations.iter().filter_map(|relocation| match relocation.value {
        Relocated::Address(address) | Relocated::Chosen(address) => Some(address),
        _ => None,
    }));
    starts
}

/// Functions in the initialiser and finaliser arrays.
pub(super) fn array_entries(object: &Object<'_>) -> Vec<u64> {
    let word = object.image.word_size();
    let places = object.dynamic.arrays().into_iter().flat_map(|(start, size)| {
        (0..(size / word).min(4096)).map(move |number| start.wrapping_add(number * word))
    });
    places
        .filter_map(|place| {
            let known =
                object.relocations.binary_search_by_key(&place, |relocation| relocation.place);
            match known.ok().and_then(|index| object.relocations.get(index)).map(|r| r.value) {
                Some(Relocated::Address(address)) => Some(address),
                Some(Relocated::Symbol(index, addend)) => {
                    let symbol =
                        object.symbols.get(index as usize).filter(|symbol| symbol.defined)?;
                    Some(symbol.value.wrapping_add(addend as u64))
                }
                Some(_) => None,
                None => object.image.word(place).filter(|address| *address != 0),
            }
        })
        .filter(|address| object.image.is_code(object.without_mode(*address)))
        .collect()
}

impl Discovery<'_, '_> {
    /// Notes a start, unless it lies within a function whose extent is known. True: it is new.
    fn add(&mut self, address: u64) -> bool {
        if !self.object.image.is_code(address) || self.known.len() >= MOST_FUNCTIONS {
            return false;
        }
        if self
            .known
            .range(..=address)
            .next_back()
            .is_some_and(|(start, end)| *start == address || address < *end)
        {
            return false;
        }
        self.known.insert(address, address);
        true
    }

    /// Functions whose end was only a guess are walked again when another one was found within.
    fn run(&mut self) {
        const MOST_ROUNDS: usize = 4;
        for _ in 0..MOST_ROUNDS {
            self.walk_queue();
            let starts = self.walked.keys().copied().skip(1).chain([u64::MAX]);
            let overlapping = self.walked.values().zip(starts).filter(|(function, next)| {
                function.end > *next && self.known.get(&function.start) == Some(&function.start)
            });
            self.queue = overlapping.map(|(function, _)| function.start).collect();
            if self.queue.is_empty() {
                return;
            }
        }
    }

    fn walk_queue(&mut self) {
        while let Some(start) = self.queue.pop_first() {
            let end = self.end_of(start);
            let closed = self.known.contains_key(&end);
            let mut function = analyse(self.object, self.decoder, start, end, closed);
            self.resolve_stubs(&mut function);
            for target in targets(&function) {
                if self.add(target) {
                    self.queue.insert(target);
                }
            }
            self.walked.insert(start, function);
        }
    }

    /// The end by unwind table, else the next start, else the end of the segment.
    fn end_of(&self, start: u64) -> u64 {
        match self.known.get(&start) {
            Some(end) if *end > start => *end,
            _ => {
                let next =
                    self.known.range(start.saturating_add(1)..).next().map(|(next, _)| *next);
                let segment = self.object.image.segment(start).map_or(start, |segment| {
                    segment.address.saturating_add(segment.bytes.len() as u64)
                });
                next.unwrap_or(segment).min(segment)
            }
        }
    }

    /// Calls of and references to PLT entries become those of the symbol behind them.
    fn resolve_stubs(&mut self, function: &mut Function) {
        for call in &mut function.calls {
            if let Callee::Address(address) = call.callee
                && let Some(callee) = self.stub(address)
            {
                call.callee = callee;
            }
        }
        for reference in &mut function.references {
            if let Reference::Address(address) = *reference
                && let Some(Callee::Symbol(symbol)) = self.stub(address)
            {
                *reference = Reference::Symbol(symbol);
            }
        }
    }

    fn stub(&mut self, address: u64) -> Option<Callee> {
        if let Some(known) = self.stubs.get(&address) {
            return *known;
        }
        let found = self
            .object
            .image
            .is_code(address)
            .then(|| resolve_stub(self.object, self.decoder, address))
            .flatten();
        self.stubs.insert(address, found);
        found
    }
}

/// Addresses that a function calls or refers to.
fn targets(function: &Function) -> Vec<u64> {
    let calls = function.calls.iter().filter_map(|call| match call.callee {
        Callee::Address(address) => Some(address),
        _ => None,
    });
    let references = function.references.iter().filter_map(|reference| match reference {
        Reference::Address(address) => Some(*address),
        Reference::Symbol(_) => None,
    });
    calls.chain(references).collect()
}
