// SPDX-License-Identifier: Apache-2.0
//! Stretches of printable ASCII in any bytes: what `strings` prints, without looking at each byte.

use crate::bits::{BLOCK, bits_where};

/// A blank to a tilde.
pub(crate) const fn is_printable(byte: u8) -> bool {
    byte.wrapping_sub(b' ') < 0x5f
}

/// Printable stretches of at least `LEAST` (1 to 32) bytes with their offsets, in order, each as
/// long as it goes. Most of a program holds none, and is passed over in blocks: a bit for each
/// printable byte, and shifts that leave a bit only where `LEAST` of them follow one another.
pub(crate) fn printable_stretches<const LEAST: usize>(
    content: &[u8],
) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(rest) = content.get(at..).filter(|rest| !rest.is_empty()) {
            // The last bits of a word cannot tell how their stretch goes on: the next word can.
            let begins = runs::<LEAST>(printable_bits(rest));
            if begins == 0 {
                at += BLOCK + 1 - LEAST;
                continue;
            }
            let start = at + begins.trailing_zeros() as usize;
            let stretch = content.get(start..)?;
            let stretch = stretch.get(..printable_length(stretch))?;
            at = start + stretch.len() + 1;
            return Some((start, stretch));
        }
        None
    })
}

/// Where `LEAST` ones begin that follow one another.
fn runs<const LEAST: usize>(bits: u64) -> u64 {
    let (mut runs, mut length) = (bits, 1);
    while length * 2 <= LEAST {
        runs &= runs >> length;
        length *= 2;
    }
    runs & runs >> (LEAST - length)
}

fn printable_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    while let Some(rest) = bytes.get(length..).filter(|rest| !rest.is_empty()) {
        let more = printable_bits(rest).trailing_ones() as usize;
        length += more;
        if more < BLOCK {
            break;
        }
    }
    length
}

/// The lowest bit is that of the first byte; behind the end nothing is printable.
fn printable_bits(bytes: &[u8]) -> u64 {
    if let Some(block) = bytes.first_chunk::<BLOCK>() {
        return bits_where(block, is_printable);
    }
    let mut block = [0; BLOCK];
    block.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    bits_where(&block, is_printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slowly(content: &[u8], least: usize) -> Vec<(usize, &[u8])> {
        let mut at = 0;
        let mut found = Vec::new();
        for stretch in content.split(|byte| !is_printable(*byte)) {
            if stretch.len() >= least {
                found.push((at, stretch));
            }
            at += stretch.len() + 1;
        }
        found
    }

    #[test]
    fn stretches_are_those_that_a_split_at_other_bytes_gives() {
        let mut state = 7_u32;
        for length in 0..400 {
            let content: Vec<u8> = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    b"ab ~\0"[(state >> 24) as usize % 5
                        * usize::from(length % 3 > 0 || state >> 20 & 7 == 0)]
                })
                .collect();
            let found: Vec<_> = printable_stretches::<1>(&content).collect();
            assert_eq!(found, slowly(&content, 1), "{content:?}");
            let found: Vec<_> = printable_stretches::<4>(&content).collect();
            assert_eq!(found, slowly(&content, 4), "{content:?}");
            let found: Vec<_> = printable_stretches::<6>(&content).collect();
            assert_eq!(found, slowly(&content, 6), "{content:?}");
        }
    }

    #[test]
    fn blanks_and_tildes_are_printable_and_their_neighbours_are_not() {
        let all: Vec<u8> = (0..=255).filter(|byte| is_printable(*byte)).collect();
        assert_eq!(all, (b' '..=b'~').collect::<Vec<u8>>());
        assert_eq!(printable_stretches::<1>(b"").count(), 0);
    }
}
