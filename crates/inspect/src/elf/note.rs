// SPDX-License-Identifier: Apache-2.0
//! Notes (gABI "Note Section"): GNU build identifier and program properties.

use super::header::ET_REL;
use super::read::Reader;
use super::section::Sections;
use super::segment::{PT_GNU_PROPERTY, PT_NOTE, Segments};

const SHT_NOTE: u32 = 7;
const NT_GNU_BUILD_ID: u32 = 3;
const NT_GNU_PROPERTY_TYPE_0: u32 = 5;

/// More notes than any linker writes into one segment.
const MOST_NOTES: usize = 256;

/// What the GNU notes say.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// In hexadecimal.
    pub(super) build_id: Option<String>,
    /// Properties: type, first word of the data, and where the property lies in the file.
    pub(super) properties: Vec<Property>,
    /// Were all notes read to their end?
    pub(super) whole: bool,
}

/// One program property (Linux gABI extensions, `.note.gnu.property`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Property {
    pub(super) kind: u32,
    pub(super) value: u32,
    pub(super) at: u64,
}

impl Notes {
    pub(super) fn parse(
        file: Reader<'_>,
        kind: u16,
        segments: &Segments,
        sections: &Sections<'_>,
    ) -> Self {
        let mut notes = Self { whole: true, ..Self::default() };
        let segments = segments
            .list
            .iter()
            .filter(|segment| matches!(segment.kind, PT_NOTE | PT_GNU_PROPERTY))
            .map(|segment| (segment.offset, segment.file_size, segment.align));
        for (offset, size, align) in segments {
            notes.whole &= notes.read(file, offset, size, align).is_some();
        }
        if kind == ET_REL {
            for section in sections.list.iter().filter(|section| section.kind == SHT_NOTE) {
                notes.whole &= notes.read(file, section.offset, section.size, 4).is_some();
            }
        }
        notes
    }

    fn read(&mut self, file: Reader<'_>, offset: u64, size: u64, align: u64) -> Option<()> {
        let align = if align == 8 { 8 } else { 4 };
        let end = offset.checked_add(size)?;
        let mut at = offset;
        for _ in 0..MOST_NOTES {
            if at.checked_add(12)? > end {
                return Some(());
            }
            let name_size = u64::from(file.int(at)?);
            let size = u64::from(file.int(at + 4)?);
            let kind = file.int(at + 8)?;
            let data = (at + 12).checked_add(name_size)?.checked_next_multiple_of(align)?;
            if file.slice(at + 12, name_size)? == b"GNU\0" {
                self.take(file, kind, data, size)?;
            }
            at = data.checked_add(size)?.checked_next_multiple_of(align)?;
        }
        None
    }

    fn take(&mut self, file: Reader<'_>, kind: u32, at: u64, size: u64) -> Option<()> {
        match kind {
            NT_GNU_BUILD_ID => {
                let id = file.slice(at, size.min(64))?;
                self.build_id.get_or_insert(id.iter().map(|b| format!("{b:02x}")).collect());
            }
            NT_GNU_PROPERTY_TYPE_0 => self.read_properties(file, at, size)?,
            _ => {}
        }
        Some(())
    }

    fn read_properties(&mut self, file: Reader<'_>, start: u64, size: u64) -> Option<()> {
        let end = start.checked_add(size)?;
        let mut at = start;
        while at.checked_add(8)? <= end && self.properties.len() < MOST_NOTES {
            let length = u64::from(file.int(at + 4)?);
            if length >= 4 {
                let property = Property { kind: file.int(at)?, value: file.int(at + 8)?, at };
                self.properties.push(property);
            }
            at = (at + 8).checked_add(length)?.checked_next_multiple_of(file.word_size())?;
        }
        Some(())
    }
}
