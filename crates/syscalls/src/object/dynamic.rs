// SPDX-License-Identifier: Apache-2.0
//! The dynamic section (gABI "Dynamic Section").

use super::image::Parts;

/// The dynamic section, its numbers by tag and its texts.
#[derive(Debug, Clone, Default)]
pub struct Dynamic {
    /// `DT_NEEDED`, in order.
    pub needed: Vec<String>,
    /// `DT_SONAME`.
    pub soname: Option<String>,
    /// `DT_RPATH` and `DT_RUNPATH`, split at colons.
    pub search: Vec<String>,
    /// Is there one at all?
    pub present: bool,
    entries: Vec<(u64, u64)>,
    bias: u64,
}

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
const DT_SONAME: u64 = 14;
const DT_RPATH: u64 = 15;
pub(super) const DT_REL: u64 = 17;
pub(super) const DT_RELSZ: u64 = 18;
pub(super) const DT_PLTREL: u64 = 20;
pub(super) const DT_JMPREL: u64 = 23;
pub(super) const DT_INIT_ARRAY: u64 = 25;
pub(super) const DT_FINI_ARRAY: u64 = 26;
pub(super) const DT_INIT_ARRAYSZ: u64 = 27;
pub(super) const DT_FINI_ARRAYSZ: u64 = 28;
const DT_RUNPATH: u64 = 29;
pub(super) const DT_PREINIT_ARRAY: u64 = 32;
pub(super) const DT_PREINIT_ARRAYSZ: u64 = 33;
pub(super) const DT_RELRSZ: u64 = 35;
pub(super) const DT_RELR: u64 = 36;
pub(super) const DT_GNU_HASH: u64 = 0x6fff_fef5;
pub(super) const DT_VERSYM: u64 = 0x6fff_fff0;
pub(super) const DT_VERDEF: u64 = 0x6fff_fffc;
pub(super) const DT_VERNEED: u64 = 0x6fff_fffe;
pub(super) const DT_MIPS_LOCAL_GOTNO: u64 = 0x7000_000a;
pub(super) const DT_MIPS_SYMTABNO: u64 = 0x7000_0011;
pub(super) const DT_MIPS_GOTSYM: u64 = 0x7000_0013;
/// A section of more entries than that is damage.
const MOST_ENTRIES: u64 = 4096;

impl Dynamic {
    /// The first value of a tag, as it is.
    pub(super) fn value(&self, tag: u64) -> Option<u64> {
        self.entries.iter().find(|(found, _)| *found == tag).map(|(_, value)| *value)
    }

    /// The first value of a tag, an address, with bias.
    pub(super) fn address(&self, tag: u64) -> Option<u64> {
        let value = self.value(tag).filter(|value| *value != 0)?;
        Some(value.wrapping_add(self.bias))
    }

    /// Address and size in bytes of a table.
    pub(super) fn table(&self, start: u64, size: u64) -> Option<(u64, u64)> {
        Some((self.address(start)?, self.value(size)?))
    }

    /// `DT_INIT` and `DT_FINI`.
    #[must_use]
    pub fn init_and_fini(&self) -> Vec<u64> {
        [DT_INIT, DT_FINI].iter().filter_map(|tag| self.address(*tag)).collect()
    }

    /// `DT_FINI`.
    #[must_use]
    pub fn fini(&self) -> Option<u64> {
        self.address(DT_FINI)
    }

    /// `DT_FINI_ARRAY`: address and size in bytes.
    #[must_use]
    pub fn final_array(&self) -> Option<(u64, u64)> {
        self.table(DT_FINI_ARRAY, DT_FINI_ARRAYSZ)
    }

    /// `DT_PREINIT_ARRAY`, `DT_INIT_ARRAY` and `DT_FINI_ARRAY`: address and size in bytes.
    #[must_use]
    pub fn arrays(&self) -> Vec<(u64, u64)> {
        [
            (DT_PREINIT_ARRAY, DT_PREINIT_ARRAYSZ),
            (DT_INIT_ARRAY, DT_INIT_ARRAYSZ),
            (DT_FINI_ARRAY, DT_FINI_ARRAYSZ),
        ]
        .iter()
        .filter_map(|(start, size)| self.table(*start, *size))
        .collect()
    }

    /// What `gp` holds in MIPS code of this file (MIPS ABI supplement: `DT_PLTGOT` + 0x7ff0).
    #[must_use]
    pub fn global_pointer(&self) -> Option<u64> {
        self.address(DT_PLTGOT).map(|got| got.wrapping_add(0x7ff0))
    }
}

pub(super) fn parse_dynamic(parts: &Parts<'_>, bias: u64, problems: &mut Vec<String>) -> Dynamic {
    let Some((address, size)) = parts.dynamic else { return Dynamic::default() };
    let mut dynamic = Dynamic { present: true, bias, ..Dynamic::default() };
    let Some(reader) = parts.image.reader(address) else {
        problems.push("the dynamic section lies outside the file".to_owned());
        return dynamic;
    };
    let word = reader.word_size();
    for number in 0..(size / (2 * word)).min(MOST_ENTRIES) {
        let at = number * 2 * word;
        match (reader.word(at), reader.word(at + word)) {
            (Some(0), _) => break,
            (Some(tag), Some(value)) => dynamic.entries.push((tag, value)),
            _ => problems.push("the dynamic section is cut off".to_owned()),
        }
    }
    read_texts(parts, &mut dynamic);
    dynamic
}

fn read_texts(parts: &Parts<'_>, dynamic: &mut Dynamic) {
    let Some(strings) = dynamic.address(DT_STRTAB).and_then(|at| parts.image.reader(at)) else {
        return;
    };
    for (tag, value) in dynamic.entries.clone() {
        let Some(text) = strings.name(value) else { continue };
        match tag {
            DT_NEEDED => dynamic.needed.push(text),
            DT_SONAME => dynamic.soname = Some(text),
            DT_RPATH | DT_RUNPATH => dynamic.search.extend(text.split(':').map(str::to_owned)),
            _ => {}
        }
    }
}
