// SPDX-License-Identifier: Apache-2.0
//! Many bytes judged at once: a bit of a word for each.

/// Bytes that are looked at together.
pub(crate) const BLOCK: usize = 64;

/// The lowest bit is that of the first byte. A test without branches is done on many bytes at once
/// by what the compiler makes of it; a product then gathers the lowest bits of eight bytes in its
/// highest byte.
pub(crate) fn bits_where(block: &[u8; BLOCK], test: impl Fn(u8) -> bool) -> u64 {
    let ones = block.map(|byte| u8::from(test(byte)));
    let (words, _) = ones.as_chunks::<8>();
    let gather = |word: &[u8; 8]| u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080);
    words.iter().rev().fold(0, |bits, word| bits << 8 | gather(word) >> 56)
}

/// The numbers of the bits that are set, ascending.
pub(crate) fn ones(mut bits: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let lowest = bits.trailing_zeros();
        bits &= bits.checked_sub(1)?;
        Some(lowest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_the_bit_of_its_place() {
        let mut block = [0; BLOCK];
        let places = [0, 1, 7, 8, 30, 33, 62, 63];
        places.iter().for_each(|place| block[*place] = 9);
        let bits = bits_where(&block, |byte| byte == 9);
        assert_eq!(ones(bits).map(|bit| bit as usize).collect::<Vec<_>>(), places);
        assert_eq!(bits_where(&block, |_| true), u64::MAX);
        assert_eq!(ones(0).next(), None);
    }
}
