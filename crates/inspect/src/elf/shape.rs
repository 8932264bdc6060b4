// SPDX-License-Identifier: Apache-2.0
//! Program or library, static or dynamic: what an `ET_DYN` file is for has to be put together
//! from what linkers leave in each kind.

use kakoi_model::{ElfRole, Evidence, Linkage, Observed};

use super::Elf;
use super::dynamic::{
    DF_1_PIE, DT_DEBUG, DT_FLAGS_1, DT_MIPS_RLD_MAP, DT_MIPS_RLD_MAP_REL, DT_NEEDED, DT_SONAME,
    Entry,
};
use super::header::{ET_DYN, ET_EXEC, ET_REL};
use super::machine::is_mips;
use super::marks::Mark;
use super::segment::{PT_INTERP, PT_LOAD};

/// What kind of position a linked file has.
pub(super) enum Position {
    /// A program at fixed addresses.
    Fixed,
    /// A program that can lie anywhere, on this evidence.
    Anywhere(Evidence),
    /// A shared library, on this evidence.
    Library(Evidence),
    /// Nothing tells a program from a library.
    Unclear,
    /// Not linked.
    NotLinked,
}

pub(super) fn find_position(elf: &Elf<'_>) -> Position {
    match elf.header.kind {
        ET_EXEC => Position::Fixed,
        ET_DYN => position_of_shared(elf),
        _ => Position::NotLinked,
    }
}

/// Strongest evidence first: the flag that linkers set since binutils 2.26; the name that only
/// libraries have (though some have an interpreter too); the entries that only programs get; an
/// interpreter; what is needed without one.
fn position_of_shared(elf: &Elf<'_>) -> Position {
    let dynamic = &elf.dynamic;
    if let Some(entry) = dynamic.flag(DT_FLAGS_1, DF_1_PIE) {
        return Position::Anywhere(Evidence::at("DF_1_PIE", entry.at));
    }
    if let Some(entry) = dynamic.entry(DT_SONAME) {
        return Position::Library(Evidence::at("DT_SONAME", entry.at));
    }
    if let Some((entry, name)) = entry_of_programs(elf) {
        return Position::Anywhere(Evidence::at(name, entry.at));
    }
    if !dynamic.whole || !elf.segments.intact {
        return Position::Unclear;
    }
    if let Some(segment) = elf.segments.first(PT_INTERP) {
        return Position::Anywhere(segment.evidence("PT_INTERP"));
    }
    if let Some(entry) = dynamic.entry(DT_NEEDED) {
        return Position::Library(Evidence::at("DT_NEEDED without an interpreter", entry.at));
    }
    if elf.header.entry == 0 {
        return Position::Library(Evidence::at("no entry address", 24));
    }
    by_dynamic_symbols(elf)
}

/// A program that needs nobody imports nothing, and exports no functions (`main` aside, where
/// static programs were linked as if they were libraries).
fn by_dynamic_symbols(elf: &Elf<'_>) -> Position {
    let symbols = &elf.dynamic_symbols;
    let foreign = symbols
        .list
        .iter()
        .skip(1)
        .find(|symbol| symbol.is_import() || (symbol.is_function() && !symbol.is_undefined()));
    match foreign {
        Some(symbol) if symbols.whole && symbols.named(b"main").is_none() => {
            let verb = if symbol.is_undefined() { "imports" } else { "exports" };
            Position::Library(Evidence::at(format!("{verb} functions"), symbol.at))
        }
        _ => Position::Unclear,
    }
}

/// Entries that linkers give to programs only. Old linkers for MIPS gave `DT_DEBUG` to libraries
/// too, so there it needs an interpreter beside it.
fn entry_of_programs<'a>(elf: &'a Elf<'_>) -> Option<(&'a Entry, &'static str)> {
    let dynamic = &elf.dynamic;
    let told = !is_mips(elf.header.machine) || elf.segments.first(PT_INTERP).is_some();
    let debug = dynamic.entry(DT_DEBUG).filter(|_| told).map(|entry| (entry, "DT_DEBUG"));
    debug
        .or_else(|| Some((dynamic.entry(DT_MIPS_RLD_MAP_REL)?, "DT_MIPS_RLD_MAP_REL")))
        .or_else(|| Some((dynamic.entry(DT_MIPS_RLD_MAP)?, "DT_MIPS_RLD_MAP")))
}

pub(super) fn find_linkage(elf: &Elf<'_>) -> Observed<Linkage> {
    let needs = elf.segments.first(PT_INTERP).is_some() || elf.dynamic.has(DT_NEEDED);
    match elf.header.kind {
        ET_REL => return Observed::Present(Linkage::Relocatable),
        ET_EXEC | ET_DYN if needs => return Observed::Present(Linkage::Dynamic),
        ET_EXEC | ET_DYN => {}
        kind => return Observed::undetermined("not-a-program", format!("e_type is {kind}")),
    }
    if !elf.segments.intact || (elf.dynamic.exists && !elf.dynamic.whole) {
        return Observed::undetermined("headers-damaged", "the program headers are damaged");
    }
    match find_position(elf) {
        Position::Fixed => Observed::Present(Linkage::Static),
        Position::Anywhere(_) => Observed::Present(Linkage::StaticPie),
        Position::Library(_) => Observed::Present(Linkage::Dynamic),
        _ => Observed::undetermined("pie-or-library", "a static PIE or a library without a name"),
    }
}

pub(super) fn find_role(elf: &Elf<'_>, is_module: bool) -> ElfRole {
    if is_module {
        return ElfRole::KernelModule;
    }
    if is_kernel(elf) {
        return ElfRole::Kernel;
    }
    match find_position(elf) {
        Position::Fixed | Position::Anywhere(_) => ElfRole::Executable,
        Position::Library(_) | Position::Unclear => ElfRole::Library,
        Position::NotLinked if elf.header.kind == ET_REL => ElfRole::Object,
        Position::NotLinked => ElfRole::Other,
    }
}

/// A banner in a file without an interpreter that is linked into the upper half of the address
/// space (or, without a memory management unit, has the kernel's symbol sections).
fn is_kernel(elf: &Elf<'_>) -> bool {
    if elf.interpreter.is_some() || elf.marks.first(Mark::LinuxBanner).is_none() {
        return false;
    }
    let half = if elf.file.is_wide() { 1 << 63 } else { 1 << 31 };
    let high = elf.segments.of_kind(PT_LOAD).any(|load| load.address >= half);
    let sections = [&b"__ksymtab"[..], b"__ksymtab_strings", b".init.setup"];
    high || sections.iter().any(|name| elf.sections.named(name).is_some())
}
