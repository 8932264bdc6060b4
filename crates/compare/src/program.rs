// SPDX-License-Identifier: Apache-2.0
//! One program as a comparison sees it: functions without addresses.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kakoi_model::Digest;
use kakoi_syscalls::function::{Callee, Listing, Point, Step};
use kakoi_syscalls::isa::{Flow, Target};
use kakoi_syscalls::module::list_functions;
use kakoi_syscalls::object::{Machine, Object, SymbolKind, Unreadable, section_bytes};

use crate::data;
use crate::encode::Encoder;
use crate::hash::{Mix, of_bytes};
use crate::names::{Names, find_names};
use crate::text::mask;

/// A program that was read.
#[derive(Debug)]
pub struct Program {
    /// Identity of the file.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Instruction set.
    pub machine: Machine,
    /// In the order of their addresses.
    pub functions: Vec<Function>,
    /// Texts that functions refer to, by the number in [`Refer::Text`].
    pub texts: Vec<String>,
    /// Of them those that begin within a longer one: linkers keep equal ends once; else what was read was no text.
    pub inner_texts: BTreeSet<u32>,
    /// Texts that data refers to.
    pub table_texts: BTreeSet<String>,
    /// What other files have to give, by name.
    pub needs: BTreeSet<String>,
    /// All that is loaded, one segment after the other: whether a text is anywhere in the file.
    pub constants: Vec<u8>,
    /// The compilers that the file names.
    pub compilers: Vec<u8>,
    /// Imports by the number in [`Refer::Import`].
    pub imports: Vec<String>,
    /// What is mapped, as one digest: what does not change when a file is only stripped or its notes differ.
    pub loaded: Digest,
    /// Constant data that functions refer to, by address with bias: hashes of its first bytes, of twice as many, and so on.
    pub data: BTreeMap<u64, Vec<u64>>,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// One function.
#[derive(Debug, Clone)]
pub struct Function {
    /// First address, as the file has it.
    pub address: u64,
    /// By a symbol.
    pub name: Option<String>,
    /// Other files may bind to it.
    pub exported: bool,
    /// Its instructions, without padding.
    pub tokens: Vec<Token>,
    /// Number of basic blocks.
    pub blocks: usize,
    /// Operations in pairs, sorted: what similarity is measured by.
    pub pairs: Vec<u32>,
    /// Texts and imports that it refers to, by hash, sorted.
    pub links: Vec<u64>,
    /// Everything but addresses; equal where two builds have the same code.
    pub strict: u64,
    /// As [`Function::strict`] without numbers.
    pub shape: u64,
    /// What it does apart from its frame: operations with operands and references, in no order. Other scheduling, other registers
    /// and another layout of the stack leave it as it is.
    pub core: u64,
}

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it does, with registers by their first use, without numbers.
    pub shape: u64,
    /// The operation only.
    pub loose: u32,
    /// Numbers in it that are no addresses.
    pub numbers: Vec<Number>,
    /// What its addresses lead to.
    pub refers: Vec<Refer>,
}

/// A number in an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Number {
    /// An operand.
    Immediate(i64),
    /// A distance from what a register points to.
    Displacement(i64),
    /// A place on the stack, or the size of a frame.
    Frame(i64),
}

impl Number {
    /// The number itself.
    #[must_use]
    pub const fn value(self) -> i64 {
        match self {
            Self::Immediate(value) | Self::Displacement(value) | Self::Frame(value) => value,
        }
    }
}

/// What an address leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refer {
    /// A text: hash of the masked one, and its number.
    Text(u64, u32),
    /// A symbol of another file: hash of its name, and its number.
    Import(u64, u32),
    /// A function of this file, by its number; it is called or jumped to.
    Call(u32),
    /// A function of this file whose address is taken.
    Code(u32),
    /// Data, or a place in the code that is no function: address with bias.
    Data(u64),
}

impl Refer {
    /// The same in two builds.
    #[must_use]
    pub const fn stable(self) -> u64 {
        match self {
            Self::Text(hash, _) | Self::Import(hash, _) => hash,
            Self::Call(_) => 1,
            Self::Code(_) => 2,
            Self::Data(_) => 3,
        }
    }
}

impl Program {
    /// Reads an ELF file. `debug` is a separate debug file of the same build, for names only.
    ///
    /// # Errors
    /// When nothing of it can be analysed.
    pub fn read(bytes: &[u8], debug: Option<&[u8]>) -> Result<Self, Unreadable> {
        let object = Object::parse(bytes)?;
        let names = find_names(&object, bytes, debug);
        let mut reader = Reader::new(&object, names);
        list_functions(&object, &mut |listing| reader.raw.push(Raw::of(listing)));
        let functions = reader.read();
        Ok(Self {
            digest: Digest::of(bytes),
            size_bytes: bytes.len() as u64,
            machine: object.machine,
            data: data::find_data(&object, &functions, &reader.tables),
            table_texts: find_table_texts(&object),
            functions,
            texts: reader.texts,
            inner_texts: reader.inner_texts,
            imports: reader.imports,
            needs: find_needs(&object),
            constants: constants_of(&object),
            compilers: section_bytes(bytes, ".comment").unwrap_or_default().to_vec(),
            loaded: digest_of_loaded(&object),
            problems: object.problems.clone(),
        })
    }

    /// How a function is called in reports.
    #[must_use]
    pub fn name_of(&self, function: &Function) -> String {
        function.name.clone().unwrap_or_else(|| format!("fun_{:x}", function.address))
    }
}

fn digest_of_loaded(object: &Object<'_>) -> Digest {
    let mut all = Vec::new();
    for segment in &object.image.segments {
        // The first segment begins with the headers, which tell where sections lie in the file.
        let skip = if segment.bytes.starts_with(b"\x7fELF") { 64 } else { 0 };
        all.extend_from_slice(&segment.address.to_le_bytes());
        all.extend_from_slice(segment.bytes.get(skip..).unwrap_or_default());
    }
    Digest::of(&all)
}

fn find_needs(object: &Object<'_>) -> BTreeSet<String> {
    // Variables are copied into programs or not, as the code was built.
    let wanted = |kind: SymbolKind| !matches!(kind, SymbolKind::Object | SymbolKind::Other);
    let undefined = object.symbols.iter().filter(|symbol| !symbol.defined && wanted(symbol.kind));
    undefined.map(|symbol| symbol.name.clone()).filter(|name| !name.is_empty()).collect()
}

fn constants_of(object: &Object<'_>) -> Vec<u8> {
    let mut all = Vec::new();
    for segment in &object.image.segments {
        all.extend_from_slice(segment.bytes);
        all.push(0);
    }
    all
}

/// Texts that pointers in data lead to: tables of messages, options, commands.
fn find_table_texts(object: &Object<'_>) -> BTreeSet<String> {
    use kakoi_syscalls::object::Relocated;
    let addresses = object.relocations.iter().filter_map(|relocation| match relocation.value {
        Relocated::Address(address) => Some(address),
        _ => None,
    });
    addresses.filter_map(|address| text_at(object, address)).filter(|text| text.len() > 3).collect()
}

/// Longest text that is read.
const LONGEST_TEXT: usize = 4096;

fn text_at(object: &Object<'_>, address: u64) -> Option<String> {
    if !object.image.is_constant(address) {
        return None;
    }
    let bytes = object.image.bytes_at(address)?;
    let window = bytes.get(..bytes.len().min(LONGEST_TEXT))?;
    let raw = window.get(..window.iter().position(|byte| *byte == 0)?)?;
    let printable = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b | 0x20..=0x7e | 0x80..);
    let text = std::str::from_utf8(raw).ok()?;
    (!raw.is_empty() && raw.iter().all(printable)).then(|| text.to_owned())
}

/// A listing, and what it is a part of.
struct Raw {
    listing: Listing,
    targets: HashMap<u64, Vec<Callee>>,
}

impl Raw {
    fn of(listing: Listing) -> Self {
        let mut targets: HashMap<u64, Vec<Callee>> = HashMap::new();
        for call in &listing.function.calls {
            targets.entry(call.address).or_default().push(call.callee);
        }
        Self { listing, targets }
    }
}

struct Reader<'o, 'f> {
    object: &'o Object<'f>,
    names: Names,
    raw: Vec<Raw>,
    /// Number of the function that begins at an address; a part has the number of its function.
    numbers: BTreeMap<u64, u32>,
    texts: Vec<String>,
    inner_texts: BTreeSet<u32>,
    /// Tables that jumps are taken from.
    tables: BTreeSet<u64>,
    text_numbers: HashMap<u64, Option<(u64, u32)>>,
    imports: Vec<String>,
    import_numbers: HashMap<u32, u32>,
    /// Instructions that linkers moved out of functions (erratum 843419 of the Cortex-A53), by where they lie.
    veneers: HashMap<u64, Vec<Step>>,
}

impl<'o, 'f> Reader<'o, 'f> {
    fn new(object: &'o Object<'f>, names: Names) -> Self {
        Self {
            object,
            names,
            raw: Vec::new(),
            numbers: BTreeMap::new(),
            texts: Vec::new(),
            inner_texts: BTreeSet::new(),
            tables: BTreeSet::new(),
            text_numbers: HashMap::new(),
            imports: Vec::new(),
            import_numbers: HashMap::new(),
            veneers: HashMap::new(),
        }
    }

    fn read(&mut self) -> Vec<Function> {
        let mut raw = std::mem::take(&mut self.raw);
        // Stubs of MIPS have a symbol that covers them all.
        let is_stub =
            |start: u64| self.names.get(&start).is_some_and(|(name, _)| name == "_MIPS_STUBS_");
        raw.retain(|raw| {
            let listing = &raw.listing;
            !listing.is_stub && !listing.steps.is_empty() && !is_stub(listing.function.start)
        });
        let parents = find_parents(&raw, &self.names);
        let mut number = 0;
        for (index, one) in raw.iter().enumerate() {
            if !parents.contains_key(&index) {
                self.numbers.insert(one.listing.function.start, number);
                number += 1;
            }
        }
        for (part, parent) in &parents {
            let start = |index: &usize| raw.get(*index).map(|raw| raw.listing.function.start);
            let known = start(parent).and_then(|start| self.numbers.get(&start).copied());
            if let (Some(part), Some(known)) = (start(part), known) {
                self.numbers.insert(part, known);
            }
        }
        let veneers = parents.keys().filter_map(|part| raw.get(*part)).filter(|raw| is_veneer(raw));
        self.veneers =
            veneers.map(|raw| (raw.listing.function.start, raw.listing.steps.clone())).collect();
        let mut parts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let whole = parents.iter().filter(|(part, _)| !raw.get(**part).is_some_and(is_veneer));
        whole.for_each(|(part, parent)| parts.entry(*parent).or_default().push(*part));
        (0..raw.len())
            .filter(|index| !parents.contains_key(index))
            .map(|index| {
                let more = parts.get(&index).into_iter().flatten();
                let all = std::iter::once(&index).chain(more).filter_map(|index| raw.get(*index));
                self.function(all)
            })
            .collect()
    }

    fn function<'r>(&mut self, parts: impl Iterator<Item = &'r Raw>) -> Function {
        let mut encoder =
            Encoder::new(stack_of(self.object.machine), global_of(self.object.machine));
        let mut tokens = Vec::new();
        let (mut blocks, mut start) = (0, None);
        for raw in parts {
            start.get_or_insert(raw.listing.function.start);
            blocks += raw.listing.heads.len();
            for step in self.with_veneers(&raw.listing) {
                let padding = step.operation == 0 && step.instruction.flow == Flow::Next;
                if !padding || !step.instruction.effects.is_empty() {
                    let refers = self.refers(&step, raw);
                    tokens.push(encoder.encode(&step, block_of(&step, &raw.listing), refers));
                }
            }
        }
        let start = start.unwrap_or(0);
        let (name, exported) = match self.names.get(&start) {
            Some((name, exported)) => (Some(name.clone()), *exported),
            None => (None, false),
        };
        finish(self.object.shown(start), name, exported, tokens, blocks)
    }

    /// The instructions of a function, with those that a linker moved out to a veneer back in their place.
    fn with_veneers(&self, listing: &Listing) -> Vec<Step> {
        let mut steps = Vec::with_capacity(listing.steps.len());
        for step in &listing.steps {
            let veneer = match step.instruction.flow {
                Flow::Jump(Target::Direct(target)) => self.veneers.get(&target),
                _ => None,
            };
            match veneer.and_then(|veneer| veneer.split_last()) {
                Some((_, moved)) => steps.extend_from_slice(moved),
                None => steps.push(step.clone()),
            }
        }
        steps
    }

    fn refers(&mut self, step: &Step, raw: &Raw) -> Vec<Refer> {
        let called = raw.targets.get(&step.address).map(Vec::as_slice).unwrap_or_default();
        let mut refers: Vec<Refer> =
            called.iter().filter_map(|callee| self.callee(*callee)).collect();
        if refers.is_empty() {
            let points = step.points.iter();
            refers.extend(points.filter_map(|point| self.point(*point, &raw.listing)));
        }
        refers.sort_unstable_by_key(|refer| refer.stable());
        refers
    }

    fn callee(&mut self, callee: Callee) -> Option<Refer> {
        match callee {
            Callee::Symbol(symbol) => self.import(symbol),
            Callee::Address(address) => {
                Some(self.code(address).map_or(Refer::Data(address), Refer::Call))
            }
            Callee::Entry(_) | Callee::Unknown => None,
        }
    }

    fn code(&self, address: u64) -> Option<u32> {
        self.numbers.get(&self.object.without_mode(address)).copied()
    }

    fn point(&mut self, point: Point, listing: &Listing) -> Option<Refer> {
        match point {
            Point::Page | Point::Number(_) => None,
            Point::Symbol(symbol) => self.import(symbol),
            Point::Table(address) => {
                self.tables.insert(address);
                Some(Refer::Data(address))
            }
            Point::Address(address) => {
                let inside = listing.function.start < address && address < listing.function.end;
                if let Some(number) = self.code(address).filter(|_| !inside) {
                    return Some(Refer::Code(number));
                }
                Some(match self.text(address) {
                    Some((hash, number)) => Refer::Text(hash, number),
                    None => Refer::Data(address),
                })
            }
        }
    }

    fn text(&mut self, address: u64) -> Option<(u64, u32)> {
        if let Some(known) = self.text_numbers.get(&address) {
            return *known;
        }
        let found = text_at(self.object, address).map(|text| {
            let hash = of_bytes(mask(&text).as_bytes()) | 8;
            self.texts.push(text);
            let number = self.texts.len() as u32 - 1;
            let before = address.checked_sub(1).and_then(|it| self.object.image.bytes_at(it));
            if before.and_then(<[u8]>::first).is_some_and(|byte| *byte != 0) {
                self.inner_texts.insert(number);
            }
            (hash, number)
        });
        self.text_numbers.insert(address, found);
        found
    }

    fn import(&mut self, symbol: u32) -> Option<Refer> {
        let name = &self.object.symbols.get(symbol as usize)?.name;
        let hash = of_bytes(name.as_bytes()) | 8;
        // A symbol of this file that others may replace is still a function of it.
        let found = self.object.symbols.get(symbol as usize).filter(|symbol| symbol.defined);
        if let Some(number) = found.and_then(|symbol| self.code(symbol.value)) {
            return Some(Refer::Call(number));
        }
        let imports = &mut self.imports;
        let number = *self.import_numbers.entry(symbol).or_insert_with(|| {
            imports.push(name.clone());
            imports.len() as u32 - 1
        });
        Some(Refer::Import(hash, number))
    }
}

/// One instruction and the jump back.
fn is_veneer(raw: &Raw) -> bool {
    let [moved, back] = raw.listing.steps.as_slice() else { return false };
    moved.instruction.flow == Flow::Next
        && matches!(back.instruction.flow, Flow::Jump(Target::Direct(_)))
        && back.instruction.condition.is_none()
}

fn global_of(machine: Machine) -> Option<u8> {
    match machine {
        Machine::MipsO32 | Machine::MipsN32 | Machine::MipsN64 => Some(28),
        Machine::X86_64 | Machine::I386 | Machine::Aarch64 | Machine::Arm => None,
    }
}

fn stack_of(machine: Machine) -> u8 {
    match machine {
        Machine::X86_64 | Machine::I386 => 4,
        Machine::Aarch64 => 31,
        Machine::Arm => 13,
        Machine::MipsO32 | Machine::MipsN32 | Machine::MipsN64 => 29,
    }
}

fn block_of(step: &Step, listing: &Listing) -> Option<usize> {
    let Flow::Jump(Target::Direct(target)) = step.instruction.flow else { return None };
    let heads = &listing.heads;
    heads.binary_search(&target).or_else(|_| heads.binary_search(&(target & !1))).ok()
}

/// Parts that compilers move away from their function (`.cold`): nothing calls them, one function jumps into them, and they are named
/// so or jump back into its middle, or the jump is conditional.
fn find_parents(raw: &[Raw], names: &Names) -> BTreeMap<usize, usize> {
    let starts: HashMap<u64, usize> =
        raw.iter().enumerate().map(|(index, raw)| (raw.listing.function.start, index)).collect();
    let mut jumpers: BTreeMap<usize, (BTreeSet<usize>, bool)> = BTreeMap::new();
    let mut called: BTreeSet<usize> = BTreeSet::new();
    for (index, one) in raw.iter().enumerate() {
        for step in &one.listing.steps {
            let targets = one.targets.get(&step.address).into_iter().flatten();
            let places = targets.filter_map(|callee| match callee {
                Callee::Address(address) => starts.get(address).copied(),
                _ => None,
            });
            for place in places.filter(|place| *place != index) {
                if matches!(step.instruction.flow, Flow::Call(_)) {
                    called.insert(place);
                } else {
                    let known = jumpers.entry(place).or_default();
                    known.0.insert(index);
                    known.1 |= step.instruction.condition.is_some();
                }
            }
            for point in &step.points {
                if let Point::Address(address) = point {
                    called.extend(starts.get(address));
                }
            }
        }
    }
    let mut parents = BTreeMap::new();
    for (part, (from, conditional)) in jumpers {
        let Some(one) = raw.get(part) else { continue };
        let mut from = from.into_iter();
        let (Some(parent), None) = (from.next(), from.next()) else { continue };
        let Some(around) = raw.get(parent).map(|raw| &raw.listing.function) else { continue };
        let name = |start: u64| names.get(&start).map(|(name, _)| name);
        let own = name(one.listing.function.start);
        if called.contains(&part) || own.is_some() && own != name(around.start) {
            continue;
        }
        let goes_back = one.targets.values().flatten().any(|callee| {
            matches!(callee, Callee::Address(to) if around.start < *to && *to < around.end)
        });
        if conditional || goes_back {
            parents.insert(part, parent);
        }
    }
    // A part of a part belongs to what that belongs to; chains are short, and a ring is none.
    let top = |mut index: usize| {
        for _ in 0..8 {
            match parents.get(&index) {
                Some(parent) => index = *parent,
                None => return Some(index),
            }
        }
        None
    };
    let whole: BTreeMap<usize, usize> =
        parents.keys().filter_map(|part| Some((*part, top(*part)?))).collect();
    whole
}

fn finish(
    address: u64,
    name: Option<String>,
    exported: bool,
    tokens: Vec<Token>,
    blocks: usize,
) -> Function {
    let (mut strict, mut shape) = (Mix::new(1), Mix::new(2));
    for token in &tokens {
        for mix in [&mut strict, &mut shape] {
            mix.add(token.shape);
            token.refers.iter().for_each(|refer| mix.add(refer.stable()));
        }
        token.numbers.iter().for_each(|number| strict.add(number.value() as u64));
    }
    let next = tokens.iter().skip(1).map(|token| token.loose).chain([0]);
    let mut pairs: Vec<u32> = tokens
        .iter()
        .zip(next)
        .map(|(token, next)| token.loose.rotate_left(7).wrapping_mul(0x9e37_79b1) ^ next)
        .collect();
    pairs.sort_unstable();
    let refers = tokens.iter().flat_map(|token| &token.refers);
    let mut links: Vec<u64> = refers.map(|refer| refer.stable()).filter(|hash| *hash > 3).collect();
    links.sort_unstable();
    let core = core_of(&tokens);
    Function {
        address,
        name,
        exported,
        tokens,
        blocks,
        pairs,
        links,
        strict: strict.finish(),
        shape: shape.finish(),
        core,
    }
}

/// Sums up what tokens do, whatever their order; what only saves, restores or makes room on the stack is left out.
fn core_of(tokens: &[Token]) -> u64 {
    let on_frame = |token: &&Token| {
        let frame = |number: &Number| matches!(number, Number::Frame(_));
        !token.numbers.iter().any(frame)
    };
    tokens.iter().filter(on_frame).fold(0, |sum: u64, token| {
        let mut mix = Mix::new(u64::from(token.loose));
        token.refers.iter().for_each(|refer| mix.add(refer.stable()));
        token.numbers.iter().for_each(|number| mix.add(number.value() as u64));
        sum.wrapping_add(mix.finish())
    })
}
