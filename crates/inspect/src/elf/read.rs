// SPDX-License-Identifier: Apache-2.0
//! Reading numbers and text at offsets of a file that may lie about all of them.

use kakoi_model::Endian;

/// The bytes of one ELF file with the byte order and word size that its identification gives.
/// Every read is checked against the end of the file.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    endian: Endian,
    wide: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], endian: Endian, bits: u8) -> Self {
        Self { bytes, endian, wide: bits == 64 }
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Length of the file in bytes.
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Is this a 64-bit file?
    pub(super) fn is_wide(&self) -> bool {
        self.wide
    }

    /// Is the most significant byte first?
    pub(super) fn is_big(&self) -> bool {
        self.endian == Endian::Big
    }

    /// Bytes of an address or a size in this class.
    pub(super) fn word_size(&self) -> u64 {
        if self.wide { 8 } else { 4 }
    }

    pub(super) fn slice(&self, offset: u64, length: u64) -> Option<&'a [u8]> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        self.bytes.get(start..end)
    }

    /// As much of a range as the file holds; empty when it starts beyond the end.
    pub(super) fn slice_up_to(&self, offset: u64, length: u64) -> &'a [u8] {
        let available = self.len().saturating_sub(offset);
        self.slice(offset, length.min(available)).unwrap_or_default()
    }

    pub(super) fn byte(&self, offset: u64) -> Option<u8> {
        self.bytes.get(usize::try_from(offset).ok()?).copied()
    }

    pub(super) fn half(&self, offset: u64) -> Option<u16> {
        let raw = self.slice(offset, 2)?.try_into().ok()?;
        Some(if self.is_big() { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) })
    }

    pub(super) fn int(&self, offset: u64) -> Option<u32> {
        let raw = self.slice(offset, 4)?.try_into().ok()?;
        Some(if self.is_big() { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
    }

    pub(super) fn long(&self, offset: u64) -> Option<u64> {
        let raw = self.slice(offset, 8)?.try_into().ok()?;
        Some(if self.is_big() { u64::from_be_bytes(raw) } else { u64::from_le_bytes(raw) })
    }

    /// An address or size: 4 or 8 bytes by class.
    pub(super) fn word(&self, offset: u64) -> Option<u64> {
        if self.wide { self.long(offset) } else { self.int(offset).map(u64::from) }
    }

    /// The bytes up to the next NUL, which must come within `limit` bytes.
    pub(super) fn text(&self, offset: u64, limit: u64) -> Option<&'a [u8]> {
        let window = self.slice_up_to(offset, limit);
        window.get(..memchr::memchr(0, window)?)
    }
}

/// Text of an attacker's choosing as a line of UTF-8.
pub(super) fn readable(raw: &[u8]) -> String {
    kakoi_model::escape(raw.get(..256).unwrap_or(raw))
}
