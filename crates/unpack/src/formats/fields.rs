// SPDX-License-Identifier: Apache-2.0
//! Packed fields in the order of a C structure with bit fields.
//!
//! cramfs and squashfs 1 to 3 store inodes and directories as packed bit fields of the machine that
//! mounts them: fields fill bytes from the lowest bit on little-endian machines and from the highest
//! on big-endian ones (`squashfs_fs.h` of the Linux patches up to squashfs 3.4, `SQUASHFS_SWAP`;
//! `cramfs_fs.h`). Whole integers come out the same way.

use kakoi_model::Endian;

/// Takes fields one after the other.
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    endian: Endian,
    /// Bits taken.
    at: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8], endian: Endian) -> Self {
        Self { bytes, endian, at: 0 }
    }

    /// The next `bits` bits, at most 64; bits beyond the end are 0.
    pub(super) fn take(&mut self, bits: usize) -> u64 {
        let (first, skipped) = (self.at / 8, self.at % 8);
        let last = (self.at + bits).div_ceil(8);
        self.at += bits;
        let byte = |index: usize| u128::from(self.bytes.get(index).copied().unwrap_or(0));
        let mask = (1_u128 << bits) - 1;
        let value = match self.endian {
            Endian::Little => {
                let whole = (first..last).rev().fold(0, |sum, index| sum << 8 | byte(index));
                whole >> skipped
            }
            Endian::Big => {
                let whole = (first..last).fold(0, |sum, index| sum << 8 | byte(index));
                whole >> (last * 8 - self.at)
            }
        };
        (value & mask) as u64
    }

    /// The next `bits` bits as a 32-bit number.
    pub(super) fn take32(&mut self, bits: usize) -> u32 {
        u32::try_from(self.take(bits)).unwrap_or(u32::MAX)
    }

    /// The next `bits` bits as a size or offset in memory.
    pub(super) fn size(&mut self, bits: usize) -> usize {
        usize::try_from(self.take(bits)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_fields_fill_bytes_from_the_side_of_their_byte_order() {
        let mut little = Fields::new(&[0x21, 0xa4, 0x34, 0x12], Endian::Little);
        assert_eq!([little.take(4), little.take(12), little.take(16)], [1, 0xa42, 0x1234]);
        let mut big = Fields::new(&[0x1a, 0x42, 0x12, 0x34], Endian::Big);
        assert_eq!([big.take(4), big.take(12), big.take(16)], [1, 0xa42, 0x1234]);
    }

    #[test]
    fn a_field_may_span_nine_bytes_and_leave_the_input() {
        let bytes = [0xff; 9];
        let mut fields = Fields::new(&bytes, Endian::Big);
        fields.take(4);
        assert_eq!(fields.take(64), u64::MAX);
        assert_eq!(fields.take(32), 0xf000_0000);
    }
}
