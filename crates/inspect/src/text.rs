// SPDX-License-Identifier: Apache-2.0
//! Stretches of printable ASCII in any bytes: what `strings` prints, without looking at each byte.

/// A blank to a tilde.
pub(crate) const fn is_printable(byte: u8) -> bool {
    byte.wrapping_sub(b' ') < 0x5f
}

/// Bytes that are looked at together.
const BLOCK: usize = 32;

/// Printable stretches of at least `LEAST` bytes with their offsets, in order, each as long as it
/// goes. Most of a program holds none, and is passed over in blocks.
pub(crate) fn printable_stretches<const LEAST: usize>(
    content: &[u8],
) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < content.len() {
            let rest = content.get(at..)?;
            if rest.len() >= BLOCK + LEAST && !begins_within::<LEAST>(rest) {
                at += BLOCK;
                continue;
            }
            // Beyond the block a stretch may begin that the next block is to tell of.
            let near = rest.iter().take(BLOCK);
            let Some(skipped) = near.clone().position(|byte| is_printable(*byte)) else {
                at += near.len();
                continue;
            };
            let stretch = rest.get(skipped..)?;
            let length = stretch.iter().position(|byte| !is_printable(*byte));
            let length = length.unwrap_or(stretch.len());
            let start = at + skipped;
            at = start + length;
            if length >= LEAST {
                return Some((start, stretch.get(..length)?));
            }
        }
        None
    })
}

/// Are there `LEAST` printable bytes in a row that begin in the first block? No branch depends on
/// the bytes, so that the compiler compares many at once.
fn begins_within<const LEAST: usize>(bytes: &[u8]) -> bool {
    let mut any = 0;
    if let Some(bytes) = bytes.get(..BLOCK + LEAST) {
        let mut all = [1; BLOCK];
        for shift in 0..LEAST {
            for (all, byte) in all.iter_mut().zip(&bytes[shift..shift + BLOCK]) {
                *all &= u8::from(is_printable(*byte));
            }
        }
        any = all.iter().fold(0, |any, one| any | one);
    }
    any != 0
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
