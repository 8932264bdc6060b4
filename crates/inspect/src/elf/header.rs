// SPDX-License-Identifier: Apache-2.0
//! The ELF header (gABI "ELF Header").

use kakoi_model::Endian;

use super::read::Reader;

pub(super) const ET_REL: u16 = 1;
pub(super) const ET_EXEC: u16 = 2;
pub(super) const ET_DYN: u16 = 3;
const ET_CORE: u16 = 4;

/// The fields of the header that kakoi uses. They are what the file claims, not checked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Header {
    /// `e_type`.
    pub(super) kind: u16,
    /// `e_machine`.
    pub(super) machine: u16,
    /// `e_entry`, an address.
    pub(super) entry: u64,
    /// `e_phoff`.
    pub(super) segments_at: u64,
    /// `e_shoff`; 0 when the file says that it has no sections.
    pub(super) sections_at: u64,
    /// `e_flags`.
    pub(super) flags: u32,
    /// `e_phentsize`.
    pub(super) segment_size: u16,
    /// `e_phnum`.
    pub(super) segment_count: u16,
    /// `e_shentsize`.
    pub(super) section_size: u16,
    /// `e_shnum`.
    pub(super) section_count: u16,
    /// `e_shstrndx`.
    pub(super) section_names: u16,
}

impl Header {
    /// Is `e_type` one that the gABI defines? Else the header was lost or overwritten.
    pub(super) fn is_known_kind(&self) -> bool {
        matches!(self.kind, ET_REL | ET_EXEC | ET_DYN | ET_CORE)
    }
}

/// Byte order and class from `e_ident`. None when this is not ELF. A class or byte order that is
/// neither of the two is guessed from `e_version` and reported as damage.
pub(super) fn parse_ident(content: &[u8], damage: &mut Vec<String>) -> Option<(Endian, u8)> {
    if !content.starts_with(b"\x7fELF") {
        return None;
    }
    let bits = match content.get(4) {
        Some(1) => 32,
        Some(2) => 64,
        other => {
            damage.push(format!("EI_CLASS is {other:?}, read as 32-bit"));
            32
        }
    };
    let endian = match content.get(5) {
        Some(1) => Endian::Little,
        Some(2) => Endian::Big,
        other => {
            damage.push(format!("EI_DATA is {other:?}, told from e_version"));
            if content.get(20..24) == Some(&[0, 0, 0, 1]) { Endian::Big } else { Endian::Little }
        }
    };
    Some((endian, bits))
}

/// Reads the header; None when the file ends within it.
pub(super) fn parse_header(file: Reader<'_>) -> Option<Header> {
    let word = file.word_size();
    let after_words = 24 + 3 * word;
    Some(Header {
        kind: file.half(16)?,
        machine: file.half(18)?,
        entry: file.word(24)?,
        segments_at: file.word(24 + word)?,
        sections_at: file.word(24 + 2 * word)?,
        flags: file.int(after_words)?,
        segment_size: file.half(after_words + 6)?,
        segment_count: file.half(after_words + 8)?,
        section_size: file.half(after_words + 10)?,
        section_count: file.half(after_words + 12)?,
        section_names: file.half(after_words + 14)?,
    })
}
