// SPDX-License-Identifier: Apache-2.0
//! Section headers (gABI "Sections"): extra evidence only. Nothing at run time needs them, so
//! vendors strip, cut off or fill them with garbage.

use super::header::Header;
use super::read::Reader;

pub(super) const SHT_SYMTAB: u32 = 2;
pub(super) const SHT_NOBITS: u32 = 8;

/// What the section header table is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Every header was read, and every section lies in the file.
    Whole,
    /// The header says that there are none.
    Stripped,
    /// Cut off or contradictory: a section that is not there means nothing.
    Damaged,
}

/// One section.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section<'a> {
    pub(super) name: &'a [u8],
    pub(super) kind: u32,
    /// `sh_addr`.
    pub(super) address: u64,
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) link: u32,
    pub(super) entry_size: u64,
    name_at: u32,
}

/// The section header table.
#[derive(Debug)]
pub(super) struct Sections<'a> {
    /// Only sections that lie in the file.
    pub(super) list: Vec<Section<'a>>,
    pub(super) trust: Trust,
}

impl<'a> Sections<'a> {
    pub(super) fn parse(file: Reader<'a>, header: &Header, damage: &mut Vec<String>) -> Self {
        if header.sections_at == 0 || header.section_count == 0 {
            return Self { list: Vec::new(), trust: Trust::Stripped };
        }
        match parse_table(file, header) {
            Ok(list) => Self { list, trust: Trust::Whole },
            Err(reason) => {
                damage.push(reason);
                Self { list: Vec::new(), trust: Trust::Damaged }
            }
        }
    }

    pub(super) fn named(&self, name: &[u8]) -> Option<&Section<'a>> {
        self.list.iter().find(|section| section.name == name)
    }

    /// Was everything that is loaded taken out (`objcopy --only-keep-debug`)? The program headers
    /// are then those of the original and point at other bytes.
    pub(super) fn are_debug_only(&self) -> bool {
        self.named(b".text").is_some_and(|text| text.kind == SHT_NOBITS && text.size > 0)
    }

    pub(super) fn content(&self, file: Reader<'a>, name: &[u8]) -> Option<&'a [u8]> {
        self.named(name)?.content(file)
    }
}

impl<'a> Section<'a> {
    pub(super) fn content(&self, file: Reader<'a>) -> Option<&'a [u8]> {
        if self.kind == SHT_NOBITS { None } else { file.slice(self.offset, self.size) }
    }
}

/// All or nothing: a table in which one section lies outside the file is not evidence.
fn parse_table<'a>(file: Reader<'a>, header: &Header) -> Result<Vec<Section<'a>>, String> {
    let size = if file.is_wide() { 64 } else { 40 };
    if u64::from(header.section_size) != size {
        return Err(format!("e_shentsize is {}, not {size}", header.section_size));
    }
    let whole = u64::from(header.section_count) * size;
    if file.slice(header.sections_at, whole).is_none() {
        return Err("the section header table lies beyond the end of the file".to_owned());
    }
    let mut list = Vec::with_capacity(usize::from(header.section_count));
    for index in 0..header.section_count {
        let at = header.sections_at + u64::from(index) * size;
        let section = parse_section(file, at)
            .filter(|section| section.kind == SHT_NOBITS || section.lies_in(file))
            .ok_or_else(|| format!("section {index} lies beyond the end of the file"))?;
        list.push(section);
    }
    let names = list.get(usize::from(header.section_names)).copied();
    let names = names.and_then(|section| section.content(file)).unwrap_or_default();
    for section in &mut list {
        section.name = name_in(names, section.name_at).unwrap_or_default();
    }
    Ok(list)
}

impl Section<'_> {
    fn lies_in(&self, file: Reader<'_>) -> bool {
        self.kind == 0 || file.slice(self.offset, self.size).is_some()
    }
}

fn parse_section<'a>(file: Reader<'a>, at: u64) -> Option<Section<'a>> {
    let word = file.word_size();
    let field = |number: u64| file.word(at.checked_add(8 + number * word)?);
    let after = at.checked_add(8 + 4 * word)?;
    Some(Section {
        name: b"",
        name_at: file.int(at)?,
        kind: file.int(at.checked_add(4)?)?,
        address: field(1)?,
        offset: field(2)?,
        size: field(3)?,
        link: file.int(after)?,
        entry_size: file.word(after.checked_add(8 + word)?)?,
    })
}

/// A NUL-terminated name in a string table.
pub(super) fn name_in(table: &[u8], at: u32) -> Option<&[u8]> {
    let rest = table.get(at as usize..)?;
    rest.get(..memchr::memchr(0, rest)?)
}
