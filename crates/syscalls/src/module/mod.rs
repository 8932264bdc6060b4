// SPDX-License-Identifier: Apache-2.0
//! One executable or library, analysed on its own: what the cache keeps by content hash.

pub(crate) mod decoders;
mod discover;
mod interest;
mod pieces;
mod premise;
mod service;
mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::function::{Callee, Function, Listing, Reference};
use crate::object::{Export, Import, Machine, Object, Relocated, SymbolKind, Unreadable};

use decoders::Decoders;
pub use pieces::Piece;
pub(crate) use pieces::piece_at;
pub use premise::Premise;
pub(crate) use premise::{expands_patterns, fulfilled_by, is_linker};
pub(crate) use service::function_of;
pub(crate) use text::is_lookup;

/// Raised when the content of a summary changes meaning.
pub const SUMMARY_VERSION: u32 = 19;

/// What linking and reachability need of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// [`SUMMARY_VERSION`] of the code that made it.
    pub version: u32,
    /// Instruction set and ABI.
    pub machine: Machine,
    /// Most significant byte first.
    pub big: bool,
    /// Added to every address of the file.
    pub bias: u64,
    /// `e_entry`.
    pub entry: Option<u64>,
    /// `PT_INTERP`.
    pub interpreter: Option<String>,
    /// `DT_SONAME`.
    pub soname: Option<String>,
    /// `DT_NEEDED`.
    pub needed: Vec<String>,
    /// `DT_RPATH`, `DT_RUNPATH`.
    pub search: Vec<String>,
    /// Functions in the order of their addresses.
    pub functions: Vec<Function>,
    /// Names of functions by address.
    pub names: BTreeMap<u64, String>,
    /// Functions that run when the file is loaded or unloaded: initialisers, finalisers, choosers.
    pub roots: Vec<u64>,
    /// Those of them that run when the file is unloaded.
    pub finals: Vec<u64>,
    /// Dynamic symbols that are referred to, by index.
    pub imports: BTreeMap<u32, Import>,
    /// What other files may bind to.
    pub exports: Vec<Export>,
    /// Data with addresses in it.
    pub pieces: Vec<Piece>,
    /// Names of libraries in constant data, by address.
    pub libraries: BTreeMap<u64, String>,
    /// Texts that calls of the dynamic linker get, by address.
    pub texts: BTreeMap<u64, String>,
    /// Names of functions of the name service in constant data, by address.
    pub services: BTreeMap<u64, String>,
    /// Calls and system calls that are made only if something else has run, by address.
    pub premises: BTreeMap<u64, Premise>,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// Analyses a file.
///
/// # Errors
/// When nothing of it can be analysed.
pub fn summarise(bytes: &[u8]) -> Result<Summary, Unreadable> {
    let object = Object::parse(bytes)?;
    Ok(summarise_object(&object, &Decoders::of(&object)))
}

/// Lists the functions of a file that was read, in the order of their addresses, each with its instructions.
pub fn list_functions(object: &Object<'_>, take: &mut dyn FnMut(Listing)) {
    discover::list_functions(object, &Decoders::of(object), take);
}

fn summarise_object(object: &Object<'_>, decoders: &Decoders) -> Summary {
    let mut functions = discover::find_functions(object, decoders);
    let pieces = pieces::find_pieces(object, &functions);
    let libraries = text::find_libraries(object);
    let imports = find_imports(object);
    let texts = text::find_texts(object, &functions, &imports);
    let services = service::find_services(object, &functions, &pieces);
    trim(object, &mut functions, &pieces, |address| {
        libraries.contains_key(&address) || services.contains_key(&address)
    });
    interest::trim_inputs(object.machine, &mut functions, &imports);
    let exports = find_exports(object);
    let soname = object.dynamic.soname.clone();
    let premises = premise::find_premises(&premise::Library {
        machine: object.machine,
        soname: soname.as_deref(),
        functions: &functions,
        exports: &exports,
        imports: &imports,
    });
    Summary {
        version: SUMMARY_VERSION,
        machine: object.machine,
        big: object.big,
        bias: object.bias,
        entry: object.entry,
        interpreter: object.interpreter.clone(),
        soname,
        needed: object.dynamic.needed.clone(),
        search: object.dynamic.search.clone(),
        names: find_names(object, &functions),
        roots: find_roots(object),
        finals: discover::finaliser_entries(object),
        exports,
        imports,
        functions,
        pieces,
        libraries,
        texts,
        services,
        premises,
        problems: object.problems.clone(),
    }
}

/// References to places that lead nowhere are left out.
fn trim(
    object: &Object<'_>,
    functions: &mut [Function],
    pieces: &[Piece],
    is_text: impl Fn(u64) -> bool,
) {
    let leads = |reference: &Reference| match reference {
        Reference::Symbol(_) => true,
        Reference::Address(address) => {
            object.image.is_code(object.without_mode(*address))
                || pieces::piece_at(pieces, *address).is_some()
                || is_text(*address)
        }
    };
    for function in functions {
        function.references.retain(leads);
    }
}

fn find_imports(object: &Object<'_>) -> BTreeMap<u32, Import> {
    let symbols =
        object.symbols.iter().enumerate().filter(|(_, symbol)| !symbol.local || !symbol.defined);
    symbols
        .filter(|(_, symbol)| !symbol.name.is_empty())
        .map(|(index, symbol)| {
            let (name, version) = (symbol.name.clone(), symbol.version.clone());
            let import = Import { name, version, weak: symbol.weak };
            (index as u32, import)
        })
        .collect()
}

fn find_exports(object: &Object<'_>) -> Vec<Export> {
    let mut exports: Vec<Export> = object
        .symbols
        .iter()
        .filter(|symbol| symbol.defined && !symbol.local && symbol.kind != SymbolKind::Other)
        .map(|symbol| Export {
            name: symbol.name.clone(),
            version: symbol.version.clone(),
            hidden: symbol.hidden,
            kind: symbol.kind,
            address: code_address(object, symbol.value),
        })
        .collect();
    exports.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    exports
}

/// An address of code without its mode bit.
fn code_address(object: &Object<'_>, address: u64) -> u64 {
    let code = object.without_mode(address);
    if object.image.is_code(code) { code } else { address }
}

fn find_names(object: &Object<'_>, functions: &[Function]) -> BTreeMap<u64, String> {
    let mut names = BTreeMap::new();
    let starts: std::collections::HashSet<u64> =
        functions.iter().map(|function| function.start).collect();
    for symbol in object.symbols.iter().filter(|symbol| symbol.defined) {
        let address = code_address(object, symbol.value);
        if starts.contains(&address) && !symbol.name.is_empty() {
            names.entry(address).or_insert_with(|| symbol.name.clone());
        }
    }
    names
}

fn find_roots(object: &Object<'_>) -> Vec<u64> {
    let mut roots = object.dynamic.init_and_fini();
    roots.extend(discover::array_entries(object));
    roots.extend(object.relocations.iter().filter_map(|relocation| match relocation.value {
        Relocated::Chosen(address) => Some(address),
        _ => None,
    }));
    roots.sort_unstable();
    roots.dedup();
    roots
}

impl Summary {
    /// The function that an address lies in.
    #[must_use]
    pub fn function_at(&self, address: u64) -> Option<usize> {
        let address = self.machine.without_mode(address);
        let after = self.functions.partition_point(|function| function.start <= address);
        let index = after.checked_sub(1)?;
        let function = self.functions.get(index)?;
        (address < function.end || address == function.start).then_some(index)
    }

    /// How a function is called in messages.
    #[must_use]
    pub fn name_of(&self, function: &Function) -> String {
        match self.names.get(&function.start) {
            Some(name) => name.clone(),
            None => format!("{:#x}", function.start.wrapping_sub(self.bias)),
        }
    }

    /// Callees that are addresses, for tests and display.
    #[must_use]
    pub fn callee_name(&self, callee: &Callee) -> String {
        match callee {
            Callee::Symbol(symbol) => self
                .imports
                .get(symbol)
                .map_or_else(|| "?".to_owned(), |import| import.name.clone()),
            Callee::Address(address) => self
                .function_at(*address)
                .and_then(|index| self.functions.get(index))
                .map_or_else(|| format!("{address:#x}"), |function| self.name_of(function)),
            Callee::Entry(register) => format!("*r{register}"),
            Callee::Unknown => "*".to_owned(),
        }
    }
}
