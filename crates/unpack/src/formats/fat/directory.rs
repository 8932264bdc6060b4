// SPDX-License-Identifier: Apache-2.0
//! Directory entries of FAT, with long names.

/// Size of an entry.
const ENTRY: usize = 32;

/// Attributes of an entry.
const LABEL: u8 = 0x08;
const DIRECTORY: u8 = 0x10;
const LONG_NAME: u8 = 0x0f;

/// A file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) is_directory: bool,
    pub(super) first_cluster: u32,
    pub(super) size: u32,
}

/// The entries of a directory, without `.`, `..`, deleted ones and the label.
pub(super) fn parse_directory(content: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut long = LongName::default();
    for raw in content.chunks_exact(ENTRY) {
        match (raw[0], raw[11] & 0x3f) {
            (0, _) => break,
            (0xe5, _) => long = LongName::default(),
            (_, LONG_NAME) => long.add(raw),
            (_, attributes) => {
                let name = std::mem::take(&mut long).finish(raw);
                if attributes & LABEL == 0 && raw[0] != b'.' {
                    entries.push(parse_entry(raw, name, attributes));
                }
            }
        }
    }
    entries
}

fn parse_entry(raw: &[u8], long: Option<Vec<u8>>, attributes: u8) -> Entry {
    let number = |at: usize| u16::from_le_bytes([raw[at], raw[at + 1]]);
    Entry {
        name: long.unwrap_or_else(|| short_name(raw)),
        is_directory: attributes & DIRECTORY != 0,
        first_cluster: u32::from(number(20)) << 16 | u32::from(number(26)),
        size: u32::from(number(30)) << 16 | u32::from(number(28)),
    }
}

/// Eight characters and three; Windows NT marks parts that are in lower case.
fn short_name(raw: &[u8]) -> Vec<u8> {
    let part = |range: std::ops::Range<usize>, lower: bool| {
        let mut part = raw[range].trim_ascii_end().to_vec();
        if lower {
            part.make_ascii_lowercase();
        }
        part
    };
    let mut name = part(0..8, raw[12] & 0x08 != 0);
    // The first byte 0xe5 marks deleted entries; a name that begins with it has 0x05.
    if let Some(first @ 0x05) = name.first_mut() {
        *first = 0xe5;
    }
    let extension = part(8..11, raw[12] & 0x10 != 0);
    if !extension.is_empty() {
        name.push(b'.');
        name.extend(extension);
    }
    name
}

/// A long name in pieces of 13 characters, the last piece first.
#[derive(Default)]
struct LongName {
    pieces: Vec<[u16; 13]>,
    /// Number that the next piece must have, and the checksum of the short name.
    expected: u8,
    checksum: u8,
}

impl LongName {
    fn add(&mut self, raw: &[u8]) {
        let number = raw[0] & 0x1f;
        if raw[0] & 0x40 != 0 {
            *self = Self { pieces: Vec::new(), expected: number, checksum: raw[13] };
        }
        if number == 0 || number != self.expected || raw[13] != self.checksum {
            *self = Self::default();
            return;
        }
        let mut piece = [0; 13];
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain([28, 30]);
        for (unit, at) in piece.iter_mut().zip(places) {
            *unit = u16::from_le_bytes([raw[at], raw[at + 1]]);
        }
        self.pieces.push(piece);
        self.expected = number - 1;
    }

    /// The name, if all pieces were there and belong to this short name.
    fn finish(self, raw: &[u8]) -> Option<Vec<u8>> {
        let sum = raw[..11].iter().fold(0_u8, |sum, &byte| sum.rotate_right(1).wrapping_add(byte));
        if self.pieces.is_empty() || self.expected != 0 || sum != self.checksum {
            return None;
        }
        let units = self.pieces.iter().rev().flatten().copied().take_while(|&unit| unit != 0);
        let characters = char::decode_utf16(units);
        let name: String = characters.map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        (!name.is_empty()).then(|| name.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(name: &[u8; 11], attributes: u8) -> [u8; 32] {
        let mut raw = [0; 32];
        raw[..11].copy_from_slice(name);
        raw[11] = attributes;
        raw[26] = 7;
        raw[28] = 3;
        raw
    }

    #[test]
    fn short_names_are_joined_and_labels_and_deleted_ones_left_out() {
        let mut content = Vec::new();
        content.extend(short(b"LABEL      ", 0x08));
        content.extend(short(b"\xe5ONE    TXT", 0));
        let mut lower = short(b"README  TXT", 0x20);
        lower[12] = 0x18;
        content.extend(lower);
        content.extend(short(b"SUB        ", 0x10));
        let entries = parse_directory(&content);
        let names: Vec<&[u8]> = entries.iter().map(|entry| &entry.name[..]).collect();
        assert_eq!(names, [&b"readme.txt"[..], b"SUB"]);
        assert_eq!((entries[0].first_cluster, entries[0].size), (7, 3));
        assert!(entries[1].is_directory);
    }

    #[test]
    fn a_long_name_of_another_short_name_does_not_count() {
        let mut piece = [0xff; 32];
        piece[0] = 0x41;
        piece[1..5].copy_from_slice(&[b'x', 0, 0, 0]);
        piece[11] = LONG_NAME;
        piece[13] = 0;
        let mut content = piece.to_vec();
        content.extend(short(b"REAL    BIN", 0));
        assert_eq!(parse_directory(&content)[0].name, b"REAL.BIN");
    }
}
