// SPDX-License-Identifier: Apache-2.0
//! The Hamming code of NAND flash: three bytes for 256, one wrong bit mended (Linux
//! drivers/mtd/nand/ecc-sw-hamming.c, facts only; Samsung, "ECC Algorithm").

/// Bytes that one code covers.
pub(super) const STEP: usize = 256;

/// The code: parities of lines 0 to 7, of lines 8 to 15, of columns; all inverted, so that an erased
/// page has an erased code.
pub(super) fn code(bytes: &[u8]) -> [u8; 3] {
    let (mut columns, mut odd_lines, mut total) = (0_u8, 0_usize, 0_usize);
    for (index, &byte) in bytes.iter().enumerate() {
        columns ^= byte;
        if byte.count_ones() % 2 == 1 {
            odd_lines ^= index;
            total ^= 1;
        }
    }
    let mut lines = 0_u16;
    for bit in 0..8 {
        let with = odd_lines >> bit & 1;
        lines |= (with << (2 * bit + 1) | (with ^ total) << (2 * bit)) as u16;
    }
    let [low, high] = lines.to_le_bytes();
    let masks = [0xf0, 0x0f, 0xcc, 0x33, 0xaa, 0x55];
    let parities = masks
        .iter()
        .fold(0_u8, |parities, mask| parities << 1 | (columns & mask).count_ones() as u8 & 1);
    [!low, !high, !(parities << 2)]
}

/// What a code says of the bytes that it covers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Right,
    Flipped { byte: usize, bit: u8 },
    Beyond,
}

pub(super) fn compare(computed: [u8; 3], stored: [u8; 3]) -> Outcome {
    let [low, high, columns] = [0, 1, 2].map(|byte| computed[byte] ^ stored[byte]);
    let columns = columns & 0xfc;
    let ones = low.count_ones() + high.count_ones() + columns.count_ones();
    // One bit of the code itself: the bytes are right.
    if ones <= 1 {
        return Outcome::Right;
    }
    let one_of_two = |byte: u8, mask: u8| (byte ^ byte >> 1) & mask == mask;
    if one_of_two(low, 0x55) && one_of_two(high, 0x55) && one_of_two(columns, 0x54) {
        let byte = odd_bits(high, 1) << 4 | odd_bits(low, 1);
        let bit = odd_bits(columns, 3) as u8;
        return Outcome::Flipped { byte, bit };
    }
    Outcome::Beyond
}

/// Bits `first`, `first + 2`, … up to 7 as a number.
fn odd_bits(byte: u8, first: u32) -> usize {
    let bits = (first..8).step_by(2).enumerate();
    bits.fold(0, |number, (index, bit)| number | usize::from(byte >> bit & 1) << index)
}

/// Where in the spare bytes each byte of the codes lies: the columns that hold it on all pages but a
/// few, which may have a wrong bit.
pub(super) fn find_columns(
    page: usize,
    spare: usize,
    written: &[(&[u8], &[u8])],
) -> Option<Vec<usize>> {
    let codes: Vec<Vec<u8>> =
        written.iter().map(|(page, _)| page.chunks_exact(STEP).flat_map(code).collect()).collect();
    let misses = written.len() / 16;
    let mut columns = Vec::new();
    for byte in 0..page / STEP * 3 {
        let agrees = |column: &usize| {
            let pairs = codes.iter().zip(written);
            let wrong = pairs.filter(|(code, (_, spare))| code.get(byte) != spare.get(*column));
            !columns.contains(column) && wrong.take(misses + 1).count() <= misses
        };
        columns.push((0..spare).find(agrees)?);
    }
    // Codes that hardly differ show nothing.
    let distinct: std::collections::HashSet<&Vec<u8>> = codes.iter().collect();
    (distinct.len() * 2 > written.len()).then_some(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erased_stretch_has_an_erased_code() {
        assert_eq!(code(&[0xff; STEP]), [0xff; 3]);
    }

    #[test]
    fn every_single_wrong_bit_is_found_where_it_is() {
        let bytes: Vec<u8> = (0..STEP).map(|index| (index * 7 + index / 3) as u8).collect();
        let right = code(&bytes);
        assert_eq!(compare(right, right), Outcome::Right);
        for (byte, bit) in [(0, 0), (1, 7), (100, 3), (255, 6)] {
            let mut wrong = bytes.clone();
            wrong[byte] ^= 1 << bit;
            assert_eq!(compare(code(&wrong), right), Outcome::Flipped { byte, bit });
            wrong[byte ^ 5] ^= 2;
            assert_eq!(compare(code(&wrong), right), Outcome::Beyond);
        }
    }
}
