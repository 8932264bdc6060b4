// SPDX-License-Identifier: Apache-2.0
//! Symbol tables. The dynamic one is counted without section headers: by `DT_HASH`,
//! `DT_MIPS_SYMTABNO`, a walk of `DT_GNU_HASH`, or the table that comes next.

use super::dynamic::{
    DT_GNU_HASH, DT_HASH, DT_INIT, DT_JMPREL, DT_MIPS_SYMTABNO, DT_REL, DT_RELA, DT_STRTAB,
    DT_SYMTAB, DT_VERDEF, DT_VERNEED, DT_VERSYM, Dynamic, Strings,
};
use super::read::Reader;
use super::section::{SHT_SYMTAB, Sections};
use super::segment::Segments;

pub(super) const STT_NOTYPE: u8 = 0;
pub(super) const STT_FUNC: u8 = 2;
const STT_SECTION: u8 = 3;
const STT_GNU_IFUNC: u8 = 10;
const STB_WEAK: u8 = 2;

/// More symbols than any file that kakoi meets; a larger count is damage.
const MOST_SYMBOLS: u64 = 1 << 22;

/// One symbol.
#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol<'a> {
    pub(super) name: &'a [u8],
    /// Number in its table.
    pub(super) index: u32,
    pub(super) value: u64,
    pub(super) size: u64,
    pub(super) info: u8,
    pub(super) section: u16,
    /// Where the entry lies in the file.
    pub(super) at: u64,
}

impl Symbol<'_> {
    pub(super) fn kind(&self) -> u8 {
        self.info & 0xf
    }

    pub(super) fn is_undefined(&self) -> bool {
        self.section == 0
    }

    pub(super) fn is_function(&self) -> bool {
        matches!(self.kind(), STT_FUNC | STT_GNU_IFUNC)
    }

    /// Does it name a function that another file defines? Untyped weak ones are hooks of the
    /// start files (`__gmon_start__`), not calls.
    pub(super) fn is_import(&self) -> bool {
        let untyped = self.kind() == STT_NOTYPE && self.info >> 4 != STB_WEAK;
        self.is_undefined() && (self.is_function() || untyped)
    }
}

/// A symbol table.
#[derive(Debug, Default)]
pub(super) struct Symbols<'a> {
    pub(super) list: Vec<Symbol<'a>>,
    /// Was every entry read with its name? Only then does a name that is not there mean anything.
    pub(super) whole: bool,
}

impl<'a> Symbols<'a> {
    pub(super) fn named(&self, name: &[u8]) -> Option<&Symbol<'a>> {
        self.list.iter().find(|symbol| symbol.name == name)
    }
}

/// The dynamic symbols.
pub(super) fn parse_dynamic_symbols<'a>(
    file: Reader<'a>,
    segments: &Segments,
    dynamic: &Dynamic,
    strings: &Strings<'a>,
    damage: &mut Vec<String>,
) -> Symbols<'a> {
    let Some(start) = dynamic.value(DT_SYMTAB) else {
        return Symbols { list: Vec::new(), whole: dynamic.whole };
    };
    let (Some(at), Some(count)) =
        (segments.offset_of(start), count_dynamic_symbols(file, segments, dynamic))
    else {
        damage.push("the dynamic symbols cannot be found or counted".to_owned());
        return Symbols::default();
    };
    let (count, exact) = count;
    let mut symbols = parse_table(file, at, count, strings.table);
    if !exact {
        // A bound from the next table may take in a few bytes of padding.
        while symbols.list.last().is_some_and(|last| last.name.is_empty() && last.info == 0) {
            symbols.list.pop();
        }
        symbols.whole = symbols
            .list
            .iter()
            .skip(1)
            .all(|symbol| !symbol.name.is_empty() || symbol.kind() == STT_SECTION);
    }
    if !symbols.whole {
        damage.push("some dynamic symbols or their names are lost".to_owned());
    }
    symbols
}

/// The full symbol table of the section headers, if they are whole.
pub(super) fn parse_static_symbols<'a>(file: Reader<'a>, sections: &Sections<'a>) -> Symbols<'a> {
    let Some(section) = sections.list.iter().find(|section| section.kind == SHT_SYMTAB) else {
        return Symbols::default();
    };
    let names = sections.list.get(section.link as usize).and_then(|names| names.content(file));
    let (Some(names), size) = (names, symbol_size(file)) else { return Symbols::default() };
    if section.entry_size != size {
        return Symbols::default();
    }
    parse_table(file, section.offset, section.size / size, names)
}

fn symbol_size(file: Reader<'_>) -> u64 {
    if file.is_wide() { 24 } else { 16 }
}

fn parse_table<'a>(file: Reader<'a>, at: u64, count: u64, names: &'a [u8]) -> Symbols<'a> {
    let size = symbol_size(file);
    let available = file.len().saturating_sub(at) / size;
    let read = count.min(available).min(MOST_SYMBOLS);
    let mut symbols = Symbols { list: Vec::with_capacity(read as usize), whole: read == count };
    for index in 0..read {
        let Some((symbol, name)) = parse_symbol(file, at + index * size, index as u32, names)
        else {
            symbols.whole = false;
            break;
        };
        symbols.whole &= name;
        symbols.list.push(symbol);
    }
    symbols
}

/// One entry, and whether its name could be read.
fn parse_symbol<'a>(
    file: Reader<'a>,
    at: u64,
    index: u32,
    names: &'a [u8],
) -> Option<(Symbol<'a>, bool)> {
    let (value_at, size_at, info_at) =
        if file.is_wide() { (at + 8, at + 16, at + 4) } else { (at + 4, at + 8, at + 12) };
    let name = super::section::name_in(names, file.int(at)?);
    let symbol = Symbol {
        name: name.unwrap_or_default(),
        index,
        value: file.word(value_at)?,
        size: file.word(size_at)?,
        info: file.byte(info_at)?,
        section: file.half(info_at + 2)?,
        at,
    };
    Some((symbol, name.is_some()))
}

/// How many dynamic symbols there are, and whether that is exact or an upper bound.
fn count_dynamic_symbols(
    file: Reader<'_>,
    segments: &Segments,
    dynamic: &Dynamic,
) -> Option<(u64, bool)> {
    let believable = |count: &u64| *count > 0 && *count <= MOST_SYMBOLS;
    let offset = |tag: u64| dynamic.value(tag).and_then(|address| segments.offset_of(address));
    // The second word of the hash table is the number of chains, one for each symbol.
    let by_hash = offset(DT_HASH).and_then(|at| file.int(at + 4)).map(u64::from);
    let exact = by_hash
        .filter(believable)
        .or_else(|| dynamic.value(DT_MIPS_SYMTABNO).filter(believable))
        .or_else(|| offset(DT_GNU_HASH).and_then(|at| count_by_gnu_hash(file, at)));
    exact.map(|count| (count, true)).or_else(|| Some((count_by_next_table(file, dynamic)?, false)))
}

/// The GNU hash table lists exported symbols only, and they come last: the end of the chain of
/// the highest bucket is the end of the table. A table without exports tells nothing.
fn count_by_gnu_hash(file: Reader<'_>, at: u64) -> Option<u64> {
    let buckets = u64::from(file.int(at)?);
    let first = u64::from(file.int(at + 4)?);
    let bloom = u64::from(file.int(at + 8)?);
    let buckets_at = at.checked_add(16)?.checked_add(bloom.checked_mul(file.word_size())?)?;
    file.slice(buckets_at, buckets * 4)?;
    let highest = (0..buckets).filter_map(|n| file.int(buckets_at + n * 4)).max()?;
    let mut index = u64::from(highest);
    if index < first || index == 0 {
        return None;
    }
    let chains_at = buckets_at + buckets * 4;
    while file.int(chains_at.checked_add((index - first) * 4)?)? & 1 == 0 {
        index += 1;
        if index > MOST_SYMBOLS {
            return None;
        }
    }
    Some(index + 1)
}

fn count_by_next_table(file: Reader<'_>, dynamic: &Dynamic) -> Option<u64> {
    const TABLES: [u64; 10] = [
        DT_STRTAB,
        DT_VERSYM,
        DT_HASH,
        DT_GNU_HASH,
        DT_REL,
        DT_RELA,
        DT_JMPREL,
        DT_VERNEED,
        DT_VERDEF,
        DT_INIT,
    ];
    let start = dynamic.value(DT_SYMTAB)?;
    let tables = TABLES.iter().filter_map(|&tag| dynamic.value(tag));
    let next = tables.filter(|&address| address > start).min()?;
    let count = (next - start) / symbol_size(file);
    (count > 0 && count <= MOST_SYMBOLS).then_some(count)
}
