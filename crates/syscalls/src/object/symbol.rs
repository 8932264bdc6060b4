// SPDX-License-Identifier: Apache-2.0
//! Symbols with their versions (gABI "Symbol Table"; LSB Core 5 §10.7).

use std::collections::BTreeMap;

use super::Machine;
use super::dynamic::{
    DT_GNU_HASH, DT_HASH, DT_MIPS_SYMTABNO, DT_STRSZ, DT_STRTAB, DT_SYMTAB, DT_VERDEF, DT_VERNEED,
    DT_VERSYM, Dynamic,
};
use super::image::{Image, Section};
use super::read::Reader;

/// What a symbol names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SymbolKind {
    /// A function.
    Function,
    /// A function that chooses an implementation (`STT_GNU_IFUNC`).
    Chooser,
    /// A variable.
    Object,
    /// Thread-local, section or file: no address of code or data.
    Other,
    /// `STT_NOTYPE`.
    Untyped,
}

/// One symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Its name without version.
    pub name: String,
    /// Its version: of a definition, or that which a reference asks for.
    pub version: Option<String>,
    /// A definition that references without a version do not bind to.
    pub hidden: bool,
    /// Address with bias; on ARM bit 0 tells Thumb.
    pub value: u64,
    /// Bytes.
    pub size: u64,
    /// What it names.
    pub kind: SymbolKind,
    /// Defined in this file.
    pub defined: bool,
    /// `STB_WEAK`.
    pub weak: bool,
    /// `STB_LOCAL`, or a visibility that keeps it from other files.
    pub local: bool,
}

/// A definition that other files may bind to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Export {
    /// Name without version.
    pub name: String,
    /// Version of the definition.
    pub version: Option<String>,
    /// Not the default version.
    pub hidden: bool,
    /// What it names.
    pub kind: SymbolKind,
    /// Address with bias.
    pub address: u64,
}

/// A name that the loader binds.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct Import {
    /// Name without version.
    pub name: String,
    /// Version asked for.
    pub version: Option<String>,
    /// `STB_WEAK`: the program does without a definition.
    pub weak: bool,
}

const MOST_SYMBOLS: u64 = 1 << 20;

pub(super) fn parse_dynamic_symbols(
    image: &Image<'_>,
    dynamic: &Dynamic,
    bias: u64,
) -> Vec<Symbol> {
    let Some(table) = dynamic.address(DT_SYMTAB).and_then(|at| image.reader(at)) else {
        return Vec::new();
    };
    let Some(strings_at) = dynamic.address(DT_STRTAB) else { return Vec::new() };
    let Some(strings) = image.reader(strings_at) else { return Vec::new() };
    let size = dynamic.value(DT_STRSZ).unwrap_or(u64::MAX);
    let strings = strings.over(strings.slice_up_to(0, size));
    let count = count_symbols(image, dynamic).unwrap_or(0).min(MOST_SYMBOLS);
    let versions = Versions::parse(image, dynamic, strings);
    (0..count)
        .map_while(|number| {
            let mut symbol = parse_symbol(table, strings, number, bias)?;
            versions.apply(number, &mut symbol);
            Some(symbol)
        })
        .collect()
}

/// Symbols of `.symtab`: functions and objects only, as local ones.
pub(super) fn parse_static_symbols(
    file: Reader<'_>,
    sections: &[Section],
    bias: u64,
    machine: Machine,
    into: &mut Vec<Symbol>,
) {
    const SHT_SYMTAB: u32 = 2;
    let Some(section) = sections.iter().find(|section| section.kind == SHT_SYMTAB) else { return };
    let Some(names) = usize::try_from(section.link).ok().and_then(|link| sections.get(link)) else {
        return;
    };
    let table = file.over(file.slice_up_to(section.offset, section.size));
    let strings = file.over(file.slice_up_to(names.offset, names.size));
    let entry = if file.is_wide() { 24 } else { 16 };
    for number in 0..(section.size / entry).min(MOST_SYMBOLS) {
        let Some(mut symbol) = parse_symbol(table, strings, number, bias) else { break };
        let mapping = symbol.name.starts_with('$') && machine != Machine::X86_64;
        let named =
            matches!(symbol.kind, SymbolKind::Function | SymbolKind::Chooser | SymbolKind::Object);
        if symbol.defined && named && !mapping {
            symbol.local = true;
            into.push(symbol);
        }
    }
}

fn parse_symbol(table: Reader<'_>, strings: Reader<'_>, number: u64, bias: u64) -> Option<Symbol> {
    const SHN_ABS: u16 = 0xfff1;
    let (value, size, info, other, section) = if table.is_wide() {
        let at = number.checked_mul(24)?;
        (
            table.long(at + 8)?,
            table.long(at + 16)?,
            table.byte(at + 4)?,
            table.byte(at + 5)?,
            table.half(at + 6)?,
        )
    } else {
        let at = number.checked_mul(16)?;
        let value = u64::from(table.int(at + 4)?);
        (
            value,
            u64::from(table.int(at + 8)?),
            table.byte(at + 12)?,
            table.byte(at + 13)?,
            table.half(at + 14)?,
        )
    };
    let name_at = table.int(number.checked_mul(if table.is_wide() { 24 } else { 16 })?)?;
    let binding = info >> 4;
    Some(Symbol {
        name: strings.name(u64::from(name_at)).unwrap_or_default(),
        version: None,
        hidden: false,
        value: value.wrapping_add(bias),
        size,
        kind: kind_of(info & 0xf),
        defined: section != 0 && section != SHN_ABS,
        weak: binding == 2,
        local: binding == 0 || matches!(other & 3, 1 | 2),
    })
}

fn kind_of(number: u8) -> SymbolKind {
    match number {
        0 => SymbolKind::Untyped,
        1 => SymbolKind::Object,
        2 => SymbolKind::Function,
        10 => SymbolKind::Chooser,
        _ => SymbolKind::Other,
    }
}

/// `DT_HASH` tells, MIPS has its own tag, else the longest chain of `DT_GNU_HASH`.
fn count_symbols(image: &Image<'_>, dynamic: &Dynamic) -> Option<u64> {
    if let Some(count) = dynamic.value(DT_MIPS_SYMTABNO) {
        return Some(count);
    }
    if let Some(hash) = dynamic.address(DT_HASH) {
        return image.number(hash + 4, 4);
    }
    let hashed = dynamic.address(DT_GNU_HASH).and_then(|at| count_by_gnu_hash(image, at));
    Some(hashed.unwrap_or(0).max(count_by_place(image, dynamic)))
}

/// Linkers put the names right behind the symbols; a hash table of no definitions does not count what is undefined.
fn count_by_place(image: &Image<'_>, dynamic: &Dynamic) -> u64 {
    let entry = if image.word_size() == 8 { 24 } else { 16 };
    let tables = dynamic.address(DT_SYMTAB).zip(dynamic.address(DT_STRTAB));
    let room = tables.and_then(|(symbols, names)| names.checked_sub(symbols));
    // Where something else lies in between, what is read there has no names.
    room.map_or(0, |room| (room / entry).min(1 << 16))
}

fn count_by_gnu_hash(image: &Image<'_>, at: u64) -> Option<u64> {
    let table = image.reader(at)?;
    let (buckets, first, bloom) = (table.int(0)?, table.int(4)?, table.int(8)?);
    let buckets_at = 16 + u64::from(bloom) * table.word_size();
    let chains_at = buckets_at + u64::from(buckets) * 4;
    let last = (0..u64::from(buckets).min(MOST_SYMBOLS))
        .map_while(|bucket| table.int(buckets_at + bucket * 4))
        .max()
        .unwrap_or(0);
    if last < first {
        return Some(u64::from(first));
    }
    let mut number = u64::from(last);
    while number < MOST_SYMBOLS {
        let chain = table.int(chains_at + (number - u64::from(first)) * 4)?;
        number += 1;
        if chain & 1 == 1 {
            break;
        }
    }
    Some(number)
}

/// Names of versions by their index, and the index of every symbol.
struct Versions<'a> {
    names: BTreeMap<u16, String>,
    indices: Option<Reader<'a>>,
}

impl<'a> Versions<'a> {
    fn parse(image: &Image<'a>, dynamic: &Dynamic, strings: Reader<'a>) -> Self {
        let mut names = BTreeMap::new();
        if let Some(table) = dynamic.address(DT_VERDEF).and_then(|at| image.reader(at)) {
            parse_definitions(table, strings, &mut names);
        }
        if let Some(table) = dynamic.address(DT_VERNEED).and_then(|at| image.reader(at)) {
            parse_needs(table, strings, &mut names);
        }
        let indices = dynamic.address(DT_VERSYM).and_then(|at| image.reader(at));
        Self { names, indices }
    }

    fn apply(&self, number: u64, symbol: &mut Symbol) {
        let Some(index) = self.indices.and_then(|table| table.half(number * 2)) else { return };
        symbol.hidden = index & 0x8000 != 0;
        let index = index & 0x7fff;
        // 0 is local, 1 global without version.
        if index > 1 {
            symbol.version = self.names.get(&index).cloned();
        }
    }
}

const MOST_VERSIONS: usize = 4096;

fn parse_definitions(table: Reader<'_>, strings: Reader<'_>, names: &mut BTreeMap<u16, String>) {
    let mut at = 0_u64;
    for _ in 0..MOST_VERSIONS {
        let (Some(index), Some(first), Some(next)) =
            (table.half(at + 4), table.int(at + 12), table.int(at + 16))
        else {
            return;
        };
        let name =
            table.int(at.saturating_add(first.into())).and_then(|name| strings.name(name.into()));
        names.extend(name.map(|name| (index & 0x7fff, name)));
        if next == 0 {
            return;
        }
        at = at.saturating_add(next.into());
    }
}

fn parse_needs(table: Reader<'_>, strings: Reader<'_>, names: &mut BTreeMap<u16, String>) {
    let mut at = 0_u64;
    for _ in 0..MOST_VERSIONS {
        let (Some(count), Some(first), Some(next)) =
            (table.half(at + 2), table.int(at + 8), table.int(at + 12))
        else {
            return;
        };
        let mut entry = at.saturating_add(first.into());
        for _ in 0..count {
            let (Some(index), Some(name), Some(step)) =
                (table.half(entry + 6), table.int(entry + 8), table.int(entry + 12))
            else {
                break;
            };
            names.extend(strings.name(name.into()).map(|name| (index & 0x7fff, name)));
            entry = entry.saturating_add(step.into());
        }
        if next == 0 {
            return;
        }
        at = at.saturating_add(next.into());
    }
}
