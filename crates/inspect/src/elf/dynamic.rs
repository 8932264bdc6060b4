// SPDX-License-Identifier: Apache-2.0
//! The dynamic section, found through `PT_DYNAMIC` (gABI "Dynamic Section").

use super::read::{Reader, readable};
use super::segment::{PT_DYNAMIC, Segments};

pub(super) const DT_NEEDED: u64 = 1;
pub(super) const DT_PLTRELSZ: u64 = 2;
pub(super) const DT_PLTGOT: u64 = 3;
pub(super) const DT_HASH: u64 = 4;
pub(super) const DT_STRTAB: u64 = 5;
pub(super) const DT_SYMTAB: u64 = 6;
pub(super) const DT_RELA: u64 = 7;
pub(super) const DT_RELASZ: u64 = 8;
pub(super) const DT_STRSZ: u64 = 10;
pub(super) const DT_INIT: u64 = 12;
pub(super) const DT_FINI: u64 = 13;
pub(super) const DT_SONAME: u64 = 14;
pub(super) const DT_RPATH: u64 = 15;
pub(super) const DT_REL: u64 = 17;
pub(super) const DT_RELSZ: u64 = 18;
pub(super) const DT_PLTREL: u64 = 20;
pub(super) const DT_DEBUG: u64 = 21;
pub(super) const DT_TEXTREL: u64 = 22;
pub(super) const DT_JMPREL: u64 = 23;
pub(super) const DT_BIND_NOW: u64 = 24;
pub(super) const DT_INIT_ARRAY: u64 = 25;
pub(super) const DT_FINI_ARRAY: u64 = 26;
pub(super) const DT_INIT_ARRAYSZ: u64 = 27;
pub(super) const DT_FINI_ARRAYSZ: u64 = 28;
pub(super) const DT_RUNPATH: u64 = 29;
pub(super) const DT_FLAGS: u64 = 30;
pub(super) const DT_GNU_HASH: u64 = 0x6fff_fef5;
pub(super) const DT_VERSYM: u64 = 0x6fff_fff0;
pub(super) const DT_FLAGS_1: u64 = 0x6fff_fffb;
pub(super) const DT_VERDEF: u64 = 0x6fff_fffc;
pub(super) const DT_VERNEED: u64 = 0x6fff_fffe;
pub(super) const DT_VERNEEDNUM: u64 = 0x6fff_ffff;
pub(super) const DT_MIPS_LOCAL_GOTNO: u64 = 0x7000_000a;
pub(super) const DT_MIPS_SYMTABNO: u64 = 0x7000_0011;
pub(super) const DT_MIPS_GOTSYM: u64 = 0x7000_0013;
pub(super) const DT_MIPS_RLD_MAP: u64 = 0x7000_0016;
pub(super) const DT_MIPS_RLD_MAP_REL: u64 = 0x7000_0035;

pub(super) const DF_TEXTREL: u64 = 4;
pub(super) const DF_BIND_NOW: u64 = 8;
pub(super) const DF_1_NOW: u64 = 1;
pub(super) const DF_1_PIE: u64 = 0x0800_0000;

/// More entries than any linker writes.
const MOST_ENTRIES: u64 = 8192;

/// One entry and where it lies in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) tag: u64,
    pub(super) value: u64,
    pub(super) at: u64,
}

/// The dynamic section.
#[derive(Debug, Default)]
pub(super) struct Dynamic {
    pub(super) entries: Vec<Entry>,
    /// Is there a `PT_DYNAMIC`?
    pub(super) exists: bool,
    /// Was it read up to its `DT_NULL`? Only then does a tag that is not there mean anything.
    pub(super) whole: bool,
}

impl Dynamic {
    pub(super) fn parse(file: Reader<'_>, segments: &Segments, damage: &mut Vec<String>) -> Self {
        let Some(segment) = segments.first(PT_DYNAMIC) else {
            return Self { whole: segments.intact, ..Self::default() };
        };
        let mut dynamic = Self { exists: true, ..Self::default() };
        // The loader goes by the address; `p_offset` is wrong in some files.
        let start = segments.offset_of(segment.address).unwrap_or(segment.offset);
        let size = file.word_size();
        for number in 0..MOST_ENTRIES {
            let at = start.saturating_add(number * 2 * size);
            let (Some(tag), Some(value)) = (file.word(at), file.word(at.saturating_add(size)))
            else {
                break;
            };
            if tag == 0 {
                dynamic.whole = true;
                break;
            }
            dynamic.entries.push(Entry { tag, value, at });
        }
        if !dynamic.whole {
            damage.push("the dynamic section has no end".to_owned());
        }
        dynamic
    }

    pub(super) fn entry(&self, tag: u64) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.tag == tag)
    }

    pub(super) fn value(&self, tag: u64) -> Option<u64> {
        self.entry(tag).map(|entry| entry.value)
    }

    pub(super) fn has(&self, tag: u64) -> bool {
        self.entry(tag).is_some()
    }

    /// The entry `tag` if any bit of `mask` is set in it.
    pub(super) fn flag(&self, tag: u64, mask: u64) -> Option<&Entry> {
        self.entry(tag).filter(|entry| entry.value & mask != 0)
    }

    /// The string table, as far as the file holds it, and its claimed length.
    pub(super) fn strings<'a>(&self, file: Reader<'a>, segments: &Segments) -> Strings<'a> {
        let Some(at) = self.value(DT_STRTAB).and_then(|address| segments.offset_of(address)) else {
            return Strings { table: b"" };
        };
        Strings { table: file.slice_up_to(at, self.value(DT_STRSZ).unwrap_or(0)) }
    }

    /// The texts of every entry `tag`, in file order; an entry whose text is lost gives none.
    pub(super) fn texts(&self, tag: u64, strings: &Strings<'_>) -> Vec<String> {
        let entries = self.entries.iter().filter(|entry| entry.tag == tag);
        entries.filter_map(|entry| strings.text(entry.value)).map(readable).collect()
    }
}

/// The dynamic string table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strings<'a> {
    pub(super) table: &'a [u8],
}

impl<'a> Strings<'a> {
    pub(super) fn text(&self, at: u64) -> Option<&'a [u8]> {
        super::section::name_in(self.table, u32::try_from(at).ok()?)
    }
}
