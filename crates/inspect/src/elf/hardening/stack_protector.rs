// SPDX-License-Identifier: Apache-2.0
//! Stack protector (GCC `-fstack-protector*`, and the same of clang).

use kakoi_model::{Absence, Coverage, ElfRole, Evidence, Mitigation};

use super::fortify::fills_arrays;
use super::start::main_is_protected;
use super::{SYMBOLS_LOST, Subject, undetermined_with};
use crate::elf::Elf;
use crate::elf::code::{CanaryUse, Code, find_calls_of, find_canary_uses};
use crate::elf::function::{Functions, count_functions_with, find_functions, has_functions};
use crate::elf::marks::Mark;
use crate::elf::symbol::{Symbol, Symbols};

/// What compilers call when a canary is damaged, and where they keep it when it is a variable.
/// `__stack_smash_handler` and `__guard` are of the patched GCC 3 of old vendor toolchains.
const NAMES: [&[u8]; 6] = [
    b"__stack_chk_fail",
    b"__stack_chk_fail_local",
    b"__stack_chk_guard",
    b"__stack_smash_handler",
    b"__guard",
    b"__intel_security_cookie",
];

/// A program with this many functions surely has an array on the stack of one of them.
const MANY_FUNCTIONS: usize = 50;

pub(super) fn find_stack_protector(subject: &Subject<'_>) -> Mitigation<Coverage> {
    match subject.role {
        ElfRole::Kernel => Mitigation::undetermined("kernel-decides", "told by its configuration"),
        ElfRole::KernelModule | ElfRole::Object => by_table(subject, &subject.elf.symbols),
        ElfRole::Other => Mitigation::absent(Absence::NotApplicable, Vec::new()),
        _ if subject.is_static() => in_static(subject),
        _ => by_table(subject, &subject.elf.dynamic_symbols),
    }
}

fn by_table(subject: &Subject<'_>, symbols: &Symbols<'_>) -> Mitigation<Coverage> {
    let code = Code::of(subject.elf);
    let named = NAMES.iter().find_map(|name| symbols.named(name));
    let uses = find_canary_uses(subject.elf, &code).unwrap_or_default();
    match named {
        Some(symbol) if symbol.is_undefined() || !uses.is_empty() => {
            let mut evidence = vec![name_evidence(symbol)];
            let coverage = measure(subject, &code, symbol, &uses, &mut evidence);
            Mitigation::present(coverage, evidence)
        }
        Some(symbol) => defined_here(subject, &code, symbol),
        None if !uses.is_empty() => without_handler(subject, &code, symbols, &uses),
        None if symbols.whole => missing(subject, &code),
        None => Mitigation::undetermined(
            SYMBOLS_LOST,
            "the symbols that would name the handler are lost",
        ),
    }
}

/// Canaries, but no name of a handler: it is hidden in the file (`ld.so`), or its name is lost, or
/// every function with a canary ends the program, so that none is ever checked and nobody calls
/// the handler.
fn without_handler(
    subject: &Subject<'_>,
    code: &[Code<'_>],
    symbols: &Symbols<'_>,
    uses: &[CanaryUse],
) -> Mitigation<Coverage> {
    let place = |seen: &CanaryUse, verb: &str| {
        vec![Evidence::new(format!("canary {verb} at address 0x{:x}", seen.address))]
    };
    if let Some(check) = uses.iter().find(|seen| seen.compares) {
        let sites = addresses(uses);
        let mut evidence = place(check, "compared");
        let coverage = find_functions(subject.elf, code, &[])
            .map_or(UNCOUNTED, |functions| share(Some(functions), &sites, &mut evidence));
        return Mitigation::present(coverage, evidence);
    }
    let evidence =
        uses.first().map(|seen| place(seen, "stored, never compared")).unwrap_or_default();
    if symbols.whole {
        return Mitigation::absent(Absence::NotApplicable, evidence);
    }
    undetermined_with(SYMBOLS_LOST, "canaries are stored; whether any is checked is lost", evidence)
}

fn addresses(uses: &[CanaryUse]) -> Vec<u64> {
    uses.iter().map(|seen| seen.address).collect()
}

fn name_evidence(symbol: &Symbol<'_>) -> Evidence {
    let name = crate::elf::read::readable(symbol.name);
    let verb = if symbol.is_undefined() { "imports" } else { "defines" };
    Evidence::at(format!("{verb} {name}"), symbol.at)
}

/// A C library has the handler for others; whether it uses it itself shows in its own calls.
fn defined_here(
    subject: &Subject<'_>,
    code: &[Code<'_>],
    symbol: &Symbol<'_>,
) -> Mitigation<Coverage> {
    let mut evidence = vec![name_evidence(symbol)];
    match find_calls_of(subject.elf, code, symbol) {
        Some(calls) if calls.len() > 1 => {
            let functions = find_functions(subject.elf, code, &calls);
            let coverage = share(functions, &calls, &mut evidence);
            Mitigation::present(coverage, evidence)
        }
        _ => undetermined_with(
            "handler-for-others",
            "the file provides the handler; whether its own functions use it cannot be told",
            evidence,
        ),
    }
}

/// No handler, no canary: absent. Why, depends on whether there was anything to protect.
fn missing(subject: &Subject<'_>, code: &[Code<'_>]) -> Mitigation<Coverage> {
    let evidence = vec![Evidence::new("no symbol of the stack protector among the symbols")];
    let absent = subject.absent_since_gcc((4, 1), evidence);
    if absent.reason == Absence::ToolchainCannot {
        return absent.into();
    }
    if fills_arrays(subject) || has_many_functions(subject.elf, code) {
        return absent.into();
    }
    Mitigation::absent(Absence::Unknown, absent.evidence)
}

fn has_many_functions(elf: &Elf<'_>, code: &[Code<'_>]) -> bool {
    let symbols = elf.dynamic_symbols.list.iter();
    let exported = symbols.filter(|symbol| symbol.is_function() && !symbol.is_undefined()).count();
    exported >= MANY_FUNCTIONS || has_functions(elf, code, MANY_FUNCTIONS)
}

fn measure(
    subject: &Subject<'_>,
    code: &[Code<'_>],
    symbol: &Symbol<'_>,
    uses: &[CanaryUse],
    evidence: &mut Vec<Evidence>,
) -> Coverage {
    let calls = find_calls_of(subject.elf, code, symbol);
    let functions = find_functions(subject.elf, code, calls.as_deref().unwrap_or_default());
    // Canaries show more than calls, but only the function that they are in makes them countable.
    let sites = if functions.is_some() && !uses.is_empty() {
        addresses(uses)
    } else if let Some(calls) = calls {
        calls
    } else {
        return UNCOUNTED;
    };
    if let Some(first) = sites.first() {
        evidence.push(Evidence::new(format!("first check at address 0x{first:x}")));
    }
    share(functions, &sites, evidence)
}

const UNCOUNTED: Coverage = Coverage { protected: None, of: None };

/// Functions with a check among all functions. Where the functions are not known, each call of
/// the handler is one function, as compilers share one call per function.
fn share(functions: Option<Functions>, sites: &[u64], evidence: &mut Vec<Evidence>) -> Coverage {
    let calls = u32::try_from(sites.len()).ok();
    match functions {
        _ if sites.is_empty() => UNCOUNTED,
        Some(functions) => {
            let of = u32::try_from(functions.starts.len()).ok();
            if functions.estimated {
                evidence.push(Evidence::new(format!(
                    "about {} functions, counted by what the code calls and how it begins",
                    functions.starts.len()
                )));
            }
            Coverage { protected: Some(count_functions_with(&functions.starts, sites)), of }
        }
        None => Coverage { protected: calls, of: None },
    }
}

/// A static file holds its C library, which may be protected when the program is not. So *yes*
/// needs the program's own `main`, and *no* needs a file without any trace.
fn in_static(subject: &Subject<'_>) -> Mitigation<Coverage> {
    let elf = subject.elf;
    let handlers: Vec<_> = NAMES.iter().filter_map(|name| elf.symbols.named(name)).collect();
    let targets: Vec<u64> = handlers.iter().map(|symbol| symbol.value & !1).collect();
    let mut evidence: Vec<_> = handlers.iter().map(|symbol| name_evidence(symbol)).collect();
    let message = elf.marks.first(Mark::StackCheckMessage);
    evidence.extend(message.map(|at| Evidence::at("message of the handler", at)));
    if main_is_protected(elf, &targets) {
        evidence.push(Evidence::new("main checks its canary"));
        return Mitigation::present(UNCOUNTED, evidence);
    }
    if let Some(proof) = proof_of_absence(subject) {
        return subject.absent_since_gcc((4, 1), vec![proof]).into();
    }
    undetermined_with(
        "static-library-inside",
        "linked with its C library, whose functions cannot be told from the program's own",
        evidence,
    )
}

/// What shows that nothing in a static file, library included, is protected.
fn proof_of_absence(subject: &Subject<'_>) -> Option<Evidence> {
    let elf = subject.elf;
    if !elf.segments.intact || !elf.segments.loaded_whole {
        return None;
    }
    let code = Code::of(elf);
    if find_canary_uses(elf, &code).is_some_and(|uses| uses.is_empty()) {
        return Some(Evidence::new("no instruction loads a canary"));
    }
    let nameless = NAMES.iter().all(|name| elf.symbols.named(name).is_none());
    if nameless && elf.symbols.whole && elf.symbols.named(b"main").is_some() {
        return Some(Evidence::new("no symbol of the stack protector in the symbol table"));
    }
    let speaks = matches!(subject.libc_family(), Some("glibc" | "uclibc" | "uclibc-ng"));
    if speaks && elf.marks.lacks(Mark::StackCheckMessage) {
        return Some(Evidence::new("the message that this C library's handler prints is missing"));
    }
    None
}
