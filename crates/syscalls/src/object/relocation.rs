// SPDX-License-Identifier: Apache-2.0
//! What the loader writes into memory: relocation tables, `DT_RELR`, the MIPS GOT.
//!
//! Sources: the processor supplements (x86-64 §4.4, i386, AAELF64, AAELF32 §5.6, MIPS), and for
//! RELR the gABI proposal that glibc 2.36 implements.

use super::dynamic::{
    DT_JMPREL, DT_MIPS_GOTSYM, DT_MIPS_LOCAL_GOTNO, DT_PLTGOT, DT_PLTREL, DT_PLTRELSZ, DT_REL,
    DT_RELA, DT_RELASZ, DT_RELR, DT_RELRSZ, DT_RELSZ,
};
use super::image::Section;
use super::read::Reader;
use super::{Machine, Object};

/// What a place holds once the loader is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relocated {
    /// An address in this file, with bias.
    Address(u64),
    /// The address of a dynamic symbol (by its index) plus an addend.
    Symbol(u32, i64),
    /// What the function at this address returns (`IRELATIVE`).
    Chosen(u64),
    /// A copy of a variable of a library, by dynamic symbol.
    Copy(u32),
}

/// One place that the loader writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relocation {
    /// Where, with bias.
    pub place: u64,
    /// What.
    pub value: Relocated,
    /// A place of the GOT, which only the loader writes, wherever it lies.
    pub slot: bool,
}

const MOST: u64 = 1 << 22;

enum Kind {
    Relative,
    Symbol,
    Slot,
    Choose,
    Copy,
}

fn kind_of(machine: Machine, number: u32) -> Option<Kind> {
    Some(match (machine, number) {
        (Machine::X86_64, 8)
        | (Machine::I386, 8)
        | (Machine::Aarch64, 1027)
        | (Machine::Arm, 23) => Kind::Relative,
        (Machine::X86_64 | Machine::I386, 1) | (Machine::Aarch64, 257) | (Machine::Arm, 2) => {
            Kind::Symbol
        }
        (Machine::X86_64 | Machine::I386, 6 | 7)
        | (Machine::Aarch64, 1025 | 1026)
        | (Machine::Arm, 21 | 22)
        | (Machine::MipsO32 | Machine::MipsN32 | Machine::MipsN64, 127) => Kind::Slot,
        (Machine::X86_64, 37)
        | (Machine::I386, 42)
        | (Machine::Aarch64, 1032)
        | (Machine::Arm, 160) => Kind::Choose,
        (Machine::X86_64, 5)
        | (Machine::I386, 5)
        | (Machine::Aarch64, 1024)
        | (Machine::Arm, 20) => Kind::Copy,
        // R_MIPS_REL32 (n64: composed with R_MIPS_64), R_MIPS_JUMP_SLOT, R_MIPS_COPY.
        (Machine::MipsO32 | Machine::MipsN32 | Machine::MipsN64, 3) => Kind::Symbol,
        (Machine::MipsO32 | Machine::MipsN32 | Machine::MipsN64, 126) => Kind::Copy,
        _ => return None,
    })
}

pub(super) fn parse_relocations(
    object: &mut Object<'_>,
    file: Reader<'_>,
    sections: &[Section],
    dynamic_count: usize,
) {
    let mut found = Vec::new();
    let plt_has_addends = object.dynamic.value(DT_PLTREL) == Some(DT_RELA);
    let tables = [
        (object.dynamic.table(DT_RELA, DT_RELASZ), true),
        (object.dynamic.table(DT_REL, DT_RELSZ), false),
        (object.dynamic.table(DT_JMPREL, DT_PLTRELSZ), plt_has_addends),
    ];
    for (table, addends) in tables {
        let Some((at, size)) = table else { continue };
        let Some(reader) = object.image.reader(at) else {
            object
                .problems
                .push(format!("relocations at {:#x} lie outside the file", object.shown(at)));
            continue;
        };
        parse_table(object, reader, size, addends, &mut found);
    }
    if !object.dynamic.present {
        parse_static(object, file, sections, &mut found);
    }
    parse_packed(object, &mut found);
    parse_mips_got(object, dynamic_count, &mut found);
    found.sort_by_key(|relocation| relocation.place);
    found.dedup_by_key(|relocation| relocation.place);
    object.relocations = found;
}

/// Static programs keep `IRELATIVE` relocations that only section headers name.
fn parse_static(
    object: &Object<'_>,
    file: Reader<'_>,
    sections: &[Section],
    found: &mut Vec<Relocation>,
) {
    const SHT_RELA: u32 = 4;
    const SHT_REL: u32 = 9;
    for section in sections.iter().filter(|section| section.entry_size != 0) {
        let reader = file.over(file.slice_up_to(section.offset, section.size));
        match section.kind {
            SHT_RELA => parse_table(object, reader, section.size, true, found),
            SHT_REL => parse_table(object, reader, section.size, false, found),
            _ => {}
        }
    }
}

fn parse_table(
    object: &Object<'_>,
    reader: Reader<'_>,
    size: u64,
    addends: bool,
    found: &mut Vec<Relocation>,
) {
    let word = reader.word_size();
    let entry = word * if addends { 3 } else { 2 };
    for number in 0..(size / entry).min(MOST) {
        let at = number * entry;
        let (Some(place), Some(info)) = (reader.word(at), reader.word(at + word)) else { return };
        let addend = addends.then(|| reader.word(at + 2 * word)).flatten();
        found.extend(read_one(object, place.wrapping_add(object.bias), info, addend));
    }
}

fn split_info(object: &Object<'_>, info: u64) -> (u32, u32) {
    match (object.machine, object.wide) {
        // n64 has symbol (32), special symbol, three types (8 each); in little-endian files the
        // word is read with the fields turned round.
        (Machine::MipsN64, _) if !object.big => ((info & 0xffff_ffff) as u32, (info >> 56) as u32),
        (Machine::MipsN64, _) => ((info >> 32) as u32, (info & 0xff) as u32),
        (_, true) => ((info >> 32) as u32, (info & 0xffff_ffff) as u32),
        (_, false) => ((info >> 8) as u32, (info & 0xff) as u32),
    }
}

fn read_one(object: &Object<'_>, place: u64, info: u64, addend: Option<u64>) -> Option<Relocation> {
    let (symbol, number) = split_info(object, info);
    let in_place = || object.image.word(place).unwrap_or(0);
    let addend_of = |given: Option<u64>| given.unwrap_or_else(in_place);
    let kind = kind_of(object.machine, number)?;
    let slot = matches!(kind, Kind::Slot);
    let value = match kind {
        Kind::Relative => Relocated::Address(addend_of(addend).wrapping_add(object.bias)),
        Kind::Choose => Relocated::Chosen(addend_of(addend).wrapping_add(object.bias)),
        Kind::Copy => Relocated::Copy(symbol),
        // A symbol of index 0 on MIPS means relative.
        Kind::Symbol if symbol == 0 => {
            Relocated::Address(addend_of(addend).wrapping_add(object.bias))
        }
        // REL slots of functions hold the address of their PLT entry, no addend.
        Kind::Symbol | Kind::Slot => bind_locally(object, symbol, addend.unwrap_or(0) as i64),
    };
    Some(Relocation { place, value, slot })
}

/// A definition that other files cannot replace is an address.
fn bind_locally(object: &Object<'_>, symbol: u32, addend: i64) -> Relocated {
    match object.symbols.get(symbol as usize) {
        Some(found) if found.defined && found.local => {
            Relocated::Address(found.value.wrapping_add(addend as u64))
        }
        _ => Relocated::Symbol(symbol, addend),
    }
}

/// Relative relocations as addresses and bitmaps.
fn parse_packed(object: &Object<'_>, found: &mut Vec<Relocation>) {
    let Some((at, size)) = object.dynamic.table(DT_RELR, DT_RELRSZ) else { return };
    let Some(reader) = object.image.reader(at) else { return };
    let word = reader.word_size();
    let mut next = 0_u64;
    let mut add = |place: u64| {
        if let Some(value) = object.image.word(place) {
            let value = Relocated::Address(value.wrapping_add(object.bias));
            found.push(Relocation { place, value, slot: false });
        }
    };
    for number in 0..(size / word).min(MOST) {
        let Some(entry) = reader.word(number * word) else { return };
        if entry & 1 == 0 {
            next = entry.wrapping_add(object.bias);
            add(next);
            next = next.wrapping_add(word);
            continue;
        }
        let bits = word * 8 - 1;
        for bit in (0..bits).filter(|bit| entry >> (bit + 1) & 1 == 1) {
            add(next.wrapping_add(bit * word));
        }
        next = next.wrapping_add(bits * word);
    }
}

/// The MIPS GOT has no relocations: its local part is relative, its global part follows the symbols.
fn parse_mips_got(object: &Object<'_>, dynamic_count: usize, found: &mut Vec<Relocation>) {
    let (Some(got), Some(locals), Some(first)) = (
        object.dynamic.address(DT_PLTGOT),
        object.dynamic.value(DT_MIPS_LOCAL_GOTNO),
        object.dynamic.value(DT_MIPS_GOTSYM),
    ) else {
        return;
    };
    let word = object.image.word_size();
    // Slots 0 and 1 belong to the loader.
    for slot in 2..locals.min(MOST) {
        let place = got.wrapping_add(slot * word);
        // Zero is the page that a library begins with.
        if let Some(value) = object.image.word(place) {
            let value = Relocated::Address(value.wrapping_add(object.bias));
            found.push(Relocation { place, value, slot: true });
        }
    }
    for number in first..dynamic_count as u64 {
        let slot = locals.saturating_add(number - first);
        let place = got.wrapping_add(slot.saturating_mul(word));
        let value = bind_locally(object, number as u32, 0);
        found.push(Relocation { place, value, slot: true });
    }
}
