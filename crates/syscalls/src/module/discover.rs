// SPDX-License-Identifier: Apache-2.0
//! Where functions begin and end: unwind tables, symbols, initialisers, relocations, call targets.
//!
//! Unwind tables of the `.eh_frame` kind tell both ends. Elsewhere a function ends where the next one begins, or behind the last
//! instruction that control reaches. Addresses that are only referred to are looked at last: what lies among the instructions of a
//! function that was walked is a label of it, what does not begins another one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::decoders::Decoders;
use crate::function::{
    Bounds, Callee, Ends, Function, Input, Listing, Reference, Site, analyse, list, resolve_stub,
};
use crate::object::{Machine, Object, Relocated, SymbolKind};

/// More functions than that are not walked.
const MOST_FUNCTIONS: usize = 1 << 20;

/// What is known of a function before it is walked.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// Address behind it; the start where that is not known.
    end: u64,
    /// Bit 0 of its address, where something told.
    mode: Option<u8>,
    /// Exceptions may lead into it.
    pads: bool,
    /// Something refers to it; nothing calls it.
    guessed: bool,
}

/// How an address is known to be one of code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evidence {
    /// The file says so, or control goes there.
    Firm,
    /// Something refers to it.
    Reference,
}

struct Discovery<'o, 'f> {
    object: &'o Object<'f>,
    decoders: &'o Decoders,
    known: BTreeMap<u64, Known>,
    walked: BTreeMap<u64, (Function, Vec<bool>)>,
    queue: BTreeSet<u64>,
    /// From the first to behind the last function that is not only a guess.
    firm: (u64, u64),
    /// Addresses that something refers to, with mode bit.
    referred: BTreeSet<u64>,
    /// What a stub jumps to, by its address with mode bit.
    stubs: HashMap<u64, Option<Callee>>,
}

/// All functions, walked, in order.
pub(super) fn find_functions(object: &Object<'_>, decoders: &Decoders) -> Vec<Function> {
    let functions = discover(object, decoders).walked.into_values().map(|(function, _)| function);
    functions.map(|function| without_modes(object, function)).collect()
}

/// All functions in order, each with its instructions.
pub(super) fn list_functions(
    object: &Object<'_>,
    decoders: &Decoders,
    take: &mut dyn FnMut(Listing),
) {
    let mut discovery = discover(object, decoders);
    let ends = Ends::of(object, &discovery.stubs);
    let leads = discovery.stubs.iter().filter(|(_, callee)| callee.is_some());
    let stubs: BTreeSet<u64> = leads.map(|(stub, _)| object.without_mode(*stub)).collect();
    for (start, (function, _)) in std::mem::take(&mut discovery.walked) {
        let Some(known) = discovery.known.get(&start).copied() else { continue };
        let mode = known.mode.unwrap_or(0);
        let bounds = discovery.bounds(start, &known);
        let Some((steps, heads)) = list(object, decoders, &ends, bounds, mode) else { continue };
        let end = function.end.max(start.saturating_add(1));
        let is_stub = stubs.range(start..end).next().is_some();
        let function = without_modes(object, function);
        take(Listing { function, steps, heads, is_stub });
    }
}

fn discover<'o, 'f>(object: &'o Object<'f>, decoders: &'o Decoders) -> Discovery<'o, 'f> {
    let mut discovery = Discovery {
        object,
        decoders,
        known: BTreeMap::new(),
        walked: BTreeMap::new(),
        queue: BTreeSet::new(),
        firm: (u64::MAX, 0),
        referred: BTreeSet::new(),
        stubs: HashMap::new(),
    };
    discovery.take_extents();
    for start in first_starts(object) {
        discovery.add(start, Evidence::Firm);
    }
    discovery.referred = pointers(object);
    discovery.run();
    discovery
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
        Relocated::Chosen(address) => Some(address),
        _ => None,
    }));
    starts
}

/// Addresses of code that data holds.
fn pointers(object: &Object<'_>) -> BTreeSet<u64> {
    let relocated = object.relocations.iter().filter_map(|relocation| match relocation.value {
        Relocated::Address(address) => Some(address),
        _ => None,
    });
    let bare = super::pieces::bare_pointers(object).map(|(_, address)| address);
    relocated
        .chain(bare)
        .filter(|address| object.image.is_code(object.without_mode(*address)))
        .collect()
}

/// Functions in the initialiser and finaliser arrays.
pub(super) fn array_entries(object: &Object<'_>) -> Vec<u64> {
    object.dynamic.arrays().into_iter().flat_map(|array| entries_of(object, array)).collect()
}

/// Functions that run when the file is unloaded.
pub(super) fn finaliser_entries(object: &Object<'_>) -> Vec<u64> {
    let array = object.dynamic.final_array().into_iter();
    object
        .dynamic
        .fini()
        .into_iter()
        .chain(array.flat_map(|array| entries_of(object, array)))
        .collect()
}

fn entries_of(object: &Object<'_>, (start, size): (u64, u64)) -> Vec<u64> {
    let word = object.image.word_size();
    let places = (0..(size / word).min(4096)).map(|number| start.wrapping_add(number * word));
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

/// Calls lead to functions, whatever encoding those are in.
fn without_modes(object: &Object<'_>, mut function: Function) -> Function {
    for call in &mut function.calls {
        if let Callee::Address(address) = &mut call.callee {
            *address = object.without_mode(*address);
        }
    }
    function
}

impl Discovery<'_, '_> {
    fn take_extents(&mut self) {
        let modes = self.object.machine.has_modes();
        for extent in self.object.extents() {
            let start = self.object.without_mode(extent.start);
            // On ARM the table does not tell the encoding; a function that nothing else tells of is not run.
            let mode =
                (!modes || extent.end > extent.start).then_some((extent.start - start) as u8);
            let fresh = Known { end: extent.end, mode, pads: extent.pads, guessed: false };
            let known = self.known.entry(start).or_insert(fresh);
            known.end = known.end.max(extent.end);
            if mode.is_some() {
                self.queue.insert(start);
            }
        }
    }

    /// Notes a start, unless it lies within a function whose extent is known.
    fn add(&mut self, address: u64, evidence: Evidence) {
        let start = self.object.without_mode(address);
        let mode = (address - start) as u8;
        let Some(decoder) = self.decoders.by_mode(mode) else { return };
        let aligned = start.is_multiple_of(decoder.alignment());
        if !aligned || !self.object.image.is_code(start) || self.known.len() >= MOST_FUNCTIONS {
            return;
        }
        match self.known.range_mut(..=start).next_back() {
            Some((found, known)) if *found == start => {
                known.guessed &= evidence == Evidence::Reference;
                if known.mode.is_none() {
                    known.mode = Some(mode);
                    self.queue.insert(start);
                }
            }
            Some((_, known)) if start < known.end => {}
            _ => {
                let guessed = evidence == Evidence::Reference;
                let known = Known { end: start, mode: Some(mode), pads: false, guessed };
                self.known.insert(start, known);
                self.queue.insert(start);
            }
        }
    }

    /// Functions whose end was only a guess are walked again when another one was found within.
    fn run(&mut self) {
        const MOST_ROUNDS: usize = 6;
        for _ in 0..MOST_ROUNDS {
            self.walk_queue();
            self.take_referred();
            self.walk_queue();
            let starts = self.known.iter().filter(|(_, known)| known.mode.is_some());
            let starts: Vec<u64> = starts.map(|(start, _)| *start).collect();
            let is_cut = |function: &Function| {
                let next = starts.partition_point(|start| *start <= function.start);
                let guessed =
                    self.known.get(&function.start).is_some_and(|k| k.end == function.start);
                guessed && starts.get(next).is_some_and(|next| function.end > *next)
            };
            let cut = self.walked.values().filter(|(function, _)| is_cut(function));
            self.queue = cut.map(|(function, _)| function.start).collect();
            if self.queue.is_empty() {
                return;
            }
        }
    }

    /// Addresses that are referred to: labels of the function around them, or functions.
    fn take_referred(&mut self) {
        for address in std::mem::take(&mut self.referred) {
            let place = self.object.without_mode(address);
            let around = self.walked.range(..=place).next_back();
            let is_label = around.is_some_and(|(start, (_, covered))| {
                let offset = usize::try_from(place - start).unwrap_or(usize::MAX);
                offset != 0 && covered.get(offset).copied().unwrap_or(false)
            });
            if !is_label && self.is_likely(address) {
                self.add(address, Evidence::Reference);
            }
        }
    }

    /// In a file that does not tell code from constants, what is only referred to and soon holds no instruction is none. Outside of what is
    /// known to be code, where linkers put constants, it is none if it ever does so; but not if it makes a system call whose number
    /// it sets, or calls a function that something else tells of, which constants hardly spell: that is never dropped, and what does
    /// not decode of it is reported as unresolved.
    fn is_data(&self, function: &Function) -> bool {
        const SOON: u64 = 64;
        if self.object.image.knows_code() {
            return false;
        }
        let is_firm = |callee: &Callee| match callee {
            Callee::Address(address) => {
                let start = self.object.without_mode(*address);
                self.known.get(&start).is_some_and(|known| !known.guessed)
            }
            Callee::Symbol(_) => true,
            Callee::Entry(_) | Callee::Unknown => false,
        };
        if function.calls.iter().any(|call| is_firm(&call.callee)) {
            return false;
        }
        let outside = function.start < self.firm.0 || function.start >= self.firm.1;
        let at = function.undecoded.map(|at| at.saturating_sub(function.start));
        let is_call = |site: &Site| matches!(site.number, Some(Input::Constants(_)));
        !function.sites.iter().any(is_call) && at.is_some_and(|distance| outside || distance < SOON)
    }

    /// On ARM, numbers in data and among Thumb code look like addresses of A32 code; one is believed next to A32 code only.
    fn is_likely(&self, address: u64) -> bool {
        if self.object.machine != Machine::Arm || address & 1 == 1 {
            return true;
        }
        let told = self.known.range(..=address).rev().find(|(_, known)| known.mode.is_some());
        told.is_none_or(|(start, known)| known.mode == Some(0) || *start == address)
            || self.known.contains_key(&address)
    }

    fn walk_queue(&mut self) {
        while let Some(start) = self.queue.pop_first() {
            let Some(known) = self.known.get(&start).copied() else { continue };
            let mode = known.mode.unwrap_or(0);
            let bounds = self.bounds(start, &known);
            let walked = analyse(self.object, self.decoders, bounds, mode);
            let Some((mut function, covered)) = walked else { continue };
            if known.guessed && self.is_data(&function) {
                self.known.remove(&start);
                continue;
            }
            self.resolve_stubs(&mut function);
            // What looks like code tells of code no better than a reference does.
            let evidence = if known.guessed && !self.object.image.knows_code() {
                Evidence::Reference
            } else {
                self.firm = (self.firm.0.min(function.start), self.firm.1.max(function.end));
                Evidence::Firm
            };
            for call in &function.calls {
                if let Callee::Address(address) = call.callee {
                    self.add(address, evidence);
                }
            }
            let addresses = function.references.iter().filter_map(|found| match found {
                Reference::Address(address) => Some(*address),
                Reference::Symbol(_) => None,
            });
            // What Thumb code makes of an even address is mostly no function; where it is one, something else tells.
            let wanted = addresses.filter(|address| {
                mode == 0 || address & 1 == 1 || self.known.contains_key(address)
            });
            self.referred.extend(wanted.collect::<Vec<_>>());
            self.walked.insert(start, (function, covered));
        }
    }

    /// The end by unwind table, else the next start, else the end of the section.
    fn bounds(&self, start: u64, known: &Known) -> Bounds {
        let exact = known.end > start;
        let next =
            self.known.range(start.saturating_add(1)..).find(|(_, known)| known.mode.is_some());
        let most = self.object.image.code_end(start).unwrap_or(start);
        let end = if exact { known.end } else { next.map_or(most, |(next, _)| (*next).min(most)) };
        let closed = self.known.contains_key(&end);
        Bounds { start, end, closed, exact, pads: known.pads }
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
        let is_code = self.object.image.is_code(self.object.without_mode(address));
        let found = is_code.then(|| resolve_stub(self.object, self.decoders, address)).flatten();
        self.stubs.insert(address, found);
        found
    }
}
