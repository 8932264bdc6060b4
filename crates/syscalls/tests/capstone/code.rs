// SPDX-License-Identifier: Apache-2.0
//! Machine code to compare on: that of a libc, and random words.

use std::path::Path;

/// Address and content of the sections `.text` and `.plt` of an ELF file.
pub(crate) fn sections(path: &Path) -> Vec<(u64, Vec<u8>)> {
    let file = std::fs::read(path)
        .unwrap_or_else(|error| panic!("{}: {error} (tools/install.sh test)", path.display()));
    let elf = Elf { is_wide: file[4] == 2, is_big: file[5] == 2, bytes: &file };
    let table = elf.number(if elf.is_wide { 40 } else { 32 }, elf.word());
    let count = elf.number(if elf.is_wide { 60 } else { 48 }, 2);
    let header = if elf.is_wide { 64 } else { 40 };
    (0..count).filter_map(|index| elf.code(table + index * header)).collect()
}

struct Elf<'a> {
    is_wide: bool,
    is_big: bool,
    bytes: &'a [u8],
}

impl Elf<'_> {
    fn word(&self) -> usize {
        if self.is_wide { 8 } else { 4 }
    }

    fn number(&self, at: usize, bytes: usize) -> usize {
        let bytes = &self.bytes[at..at + bytes];
        let add = |sum: usize, byte: &u8| sum << 8 | usize::from(*byte);
        if self.is_big { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
    }

    /// The section if it holds instructions (`SHF_EXECINSTR`, ELF specification).
    fn code(&self, header: usize) -> Option<(u64, Vec<u8>)> {
        let word = self.word();
        let field = |index: usize| self.number(header + 8 + index * word, word);
        let (flags, address, offset, size) = (field(0), field(1), field(2), field(3));
        let is_code = flags & 4 != 0 && self.number(header + 4, 4) == 1;
        is_code.then(|| (address as u64, self.bytes[offset..offset + size].to_vec()))
    }
}

/// Random numbers that are the same each time (xorshift64*, Vigna 2016).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }
}
