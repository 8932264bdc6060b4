// SPDX-License-Identifier: Apache-2.0
//! Numbers at byte offsets, in a byte order that is found out while reading.

use kakoi_model::Endian;

/// Bytes together with the order in which they make numbers. Reads past the end give none.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) endian: Endian,
}

impl Words<'_> {
    pub(super) fn u16(&self, at: usize) -> Option<u16> {
        let raw = self.take::<2>(at)?;
        Some(match self.endian {
            Endian::Little => u16::from_le_bytes(raw),
            Endian::Big => u16::from_be_bytes(raw),
        })
    }

    pub(super) fn u32(&self, at: usize) -> Option<u32> {
        let raw = self.take::<4>(at)?;
        Some(match self.endian {
            Endian::Little => u32::from_le_bytes(raw),
            Endian::Big => u32::from_be_bytes(raw),
        })
    }

    pub(super) fn u64(&self, at: usize) -> Option<u64> {
        let raw = self.take::<8>(at)?;
        Some(match self.endian {
            Endian::Little => u64::from_le_bytes(raw),
            Endian::Big => u64::from_be_bytes(raw),
        })
    }

    /// A number of 4 or 8 bytes.
    pub(super) fn word(&self, at: usize, width: usize) -> Option<u64> {
        if width == 8 { self.u64(at) } else { self.u32(at).map(u64::from) }
    }

    fn take<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..at.checked_add(N)?)?.try_into().ok()
    }
}
