// SPDX-License-Identifier: Apache-2.0
//! Beginnings of functions that tables of a stripped file still name: exported symbols, the entry,
//! initialisers, pointers that are relocated, and on MIPS the global offset table.

use crate::elf::Elf;
use crate::elf::code::Code;
use crate::elf::dynamic::{
    DT_FINI_ARRAY, DT_FINI_ARRAYSZ, DT_INIT_ARRAY, DT_INIT_ARRAYSZ, DT_MIPS_LOCAL_GOTNO, DT_PLTGOT,
    DT_REL, DT_RELSZ,
};
use crate::elf::machine::is_mips;

/// `R_ARM_RELATIVE` (ELF for the Arm Architecture), `R_MIPS_REL32` (MIPS psABI) of no symbol.
const RELATIVE: [u32; 2] = [23, 3];
/// More entries of a table than any linker writes.
const MOST_ENTRIES: u64 = 1 << 20;

/// Addresses within `text`, with the lowest bit that says Thumb.
pub(super) fn find_known(elf: &Elf<'_>, text: &Code<'_>) -> Vec<u64> {
    let exported = elf.dynamic_symbols.list.iter();
    let exported = exported.filter(|symbol| symbol.is_function() && !symbol.is_undefined());
    let mut known: Vec<u64> = exported.map(|symbol| symbol.value).collect();
    known.push(elf.header.entry);
    for (table, size) in [(DT_INIT_ARRAY, DT_INIT_ARRAYSZ), (DT_FINI_ARRAY, DT_FINI_ARRAYSZ)] {
        known.extend(read_words(elf, table, elf.dynamic.value(size).unwrap_or(0) / 4));
    }
    known.extend(find_relocated(elf));
    if is_mips(elf.header.machine) {
        known.extend(local_table(elf).into_iter().filter(|address| address & 0xffff != 0));
    }
    known.retain(|&address| address != 0 && text.holds(address));
    known
}

/// The local part of the global offset table: pages (their lower half is 0) and addresses.
pub(super) fn local_table(elf: &Elf<'_>) -> Vec<u64> {
    let count = elf.dynamic.value(DT_MIPS_LOCAL_GOTNO).unwrap_or(0);
    read_words(elf, DT_PLTGOT, count).collect()
}

fn read_words<'a>(elf: &'a Elf<'_>, table: u64, count: u64) -> impl Iterator<Item = u64> + 'a {
    let start = elf.dynamic.value(table).and_then(|address| elf.segments.offset_of(address));
    let count = if start.is_some() { count.min(MOST_ENTRIES) } else { 0 };
    let start = start.unwrap_or(0);
    (0..count).map_while(move |n| elf.file.int(start + 4 * n)).map(u64::from)
}

/// What is written at places that get the load address added.
fn find_relocated<'a>(elf: &'a Elf<'_>) -> impl Iterator<Item = u64> + 'a {
    let size = elf.dynamic.value(DT_RELSZ).unwrap_or(0);
    let words: Vec<u64> = read_words(elf, DT_REL, size / 8 * 2).collect();
    let places: Vec<u64> = words
        .chunks_exact(2)
        .filter_map(|entry| match *entry {
            [place, info] if RELATIVE.contains(&(info as u32)) => Some(place),
            _ => None,
        })
        .collect();
    places.into_iter().filter_map(|place| {
        let at = elf.segments.offset_of(place)?;
        elf.file.int(at).map(u64::from)
    })
}
