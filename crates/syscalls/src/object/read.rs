// SPDX-License-Identifier: Apache-2.0
//! Numbers and texts at offsets of a file that may lie about all of them.

/// Bytes with a byte order and a word size. Every read is checked against the end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    big: bool,
    wide: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], big: bool, wide: bool) -> Self {
        Self { bytes, big, wide }
    }

    /// The same order and word size over other bytes.
    pub(crate) fn over(self, bytes: &'a [u8]) -> Self {
        Self { bytes, ..self }
    }

    pub(crate) fn is_wide(self) -> bool {
        self.wide
    }

    pub(crate) fn is_big(self) -> bool {
        self.big
    }

    /// Bytes of an address.
    pub(crate) fn word_size(self) -> u64 {
        if self.wide { 8 } else { 4 }
    }

    /// A whole range, or nothing.
    pub(crate) fn slice(self, offset: u64, length: u64) -> Option<&'a [u8]> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        self.bytes.get(start..end)
    }

    /// As much of a range as there is.
    pub(crate) fn slice_up_to(self, offset: u64, length: u64) -> &'a [u8] {
        let there = (self.bytes.len() as u64).saturating_sub(offset);
        self.slice(offset, length.min(there)).unwrap_or_default()
    }

    pub(crate) fn byte(self, offset: u64) -> Option<u8> {
        self.bytes.get(usize::try_from(offset).ok()?).copied()
    }

    pub(crate) fn half(self, offset: u64) -> Option<u16> {
        let raw = self.slice(offset, 2)?.try_into().ok()?;
        Some(if self.big { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) })
    }

    pub(crate) fn int(self, offset: u64) -> Option<u32> {
        let raw = self.slice(offset, 4)?.try_into().ok()?;
        Some(if self.big { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
    }

    pub(crate) fn long(self, offset: u64) -> Option<u64> {
        let raw = self.slice(offset, 8)?.try_into().ok()?;
        Some(if self.big { u64::from_be_bytes(raw) } else { u64::from_le_bytes(raw) })
    }

    /// An address or a size.
    pub(crate) fn word(self, offset: u64) -> Option<u64> {
        if self.wide { self.long(offset) } else { self.int(offset).map(u64::from) }
    }

    /// A number of 1, 2, 4 or 8 bytes.
    pub(crate) fn number(self, offset: u64, bytes: u8) -> Option<u64> {
        match bytes {
            1 => self.byte(offset).map(u64::from),
            2 => self.half(offset).map(u64::from),
            4 => self.int(offset).map(u64::from),
            8 => self.long(offset),
            _ => None,
        }
    }

    /// The bytes up to the next NUL, which comes within `limit` bytes.
    pub(crate) fn text(self, offset: u64, limit: u64) -> Option<&'a [u8]> {
        let window = self.slice_up_to(offset, limit);
        window.get(..window.iter().position(|byte| *byte == 0)?)
    }

    /// A name as a line of text; `None` where it has no end within 4 KiB.
    pub(crate) fn name(self, offset: u64) -> Option<String> {
        self.text(offset, 4096).map(|raw| String::from_utf8_lossy(raw).into_owned())
    }
}

/// LEB128 numbers, and a position that moves (DWARF 5 §7.6).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) at: u64,
}

impl Cursor<'_> {
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let value = self.reader.byte(self.at)?;
        self.at = self.at.checked_add(1)?;
        Some(value)
    }

    pub(crate) fn number(&mut self, bytes: u8) -> Option<u64> {
        let value = self.reader.number(self.at, bytes)?;
        self.at = self.at.checked_add(u64::from(bytes))?;
        Some(value)
    }

    pub(crate) fn uleb(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}
