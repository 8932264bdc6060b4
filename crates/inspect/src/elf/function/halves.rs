// SPDX-License-Identifier: Apache-2.0
//! Which of 64 halves of Thumb code begin an instruction, and which, a bit for each: a table
//! lookup and a jump for every half costs several times as much, as no processor foresees it.

use crate::bits::{BLOCK, bits_where};

const EVEN: u64 = 0x5555_5555_5555_5555;

/// 64 halves, told by their upper bytes alone (Arm ARM, "Thumb instruction set encoding").
#[derive(Debug, Clone, Copy)]
pub(super) struct Halves {
    /// First halves of instructions of two halves, if they are first halves.
    wide: u64,
    /// `b<cond>`.
    pub(super) conditional: u64,
    /// `cbz` and `cbnz`.
    pub(super) compare: u64,
    /// `pop {…, pc}`, `udf`, `b`: what follows is not reached.
    pub(super) end: u64,
    /// Those that must be read one after the other: loads of literals, `add rX, pc`, `bx`, and
    /// of two halves table branches, branches, calls, immediate numbers, single loads.
    pub(super) ordered: u64,
}

impl Halves {
    /// Of the first 64; where there are fewer, the rest is 0.
    pub(super) fn of(block: &[u16; BLOCK + 1]) -> Self {
        let mut upper = [0; BLOCK];
        upper.iter_mut().zip(block).for_each(|(upper, half)| *upper = (half >> 8) as u8);
        Self::told_by(&upper)
    }

    fn told_by(upper: &[u8; BLOCK]) -> Self {
        let bits = |first: u8, last: u8| {
            bits_where(upper, move |byte| byte.wrapping_sub(first) <= last - first)
        };
        let is_ordered = |byte: u8| {
            (byte & 0xf8 == 0x48)
                | (byte & 0xf8 == 0xf0)
                | (byte == 0x44)
                | (byte == 0x47)
                | (byte == 0xe8)
                | (byte == 0xf8)
        };
        let is_end = |byte: u8| (byte & 0xf8 == 0xe0) | (byte == 0xbd) | (byte == 0xde);
        Self {
            wide: bits(0xe8, 0xff),
            conditional: bits(0xd0, 0xdd),
            compare: bits_where(upper, |byte| byte & 0xf5 == 0xb1),
            end: bits_where(upper, is_end),
            ordered: bits_where(upper, is_ordered),
        }
    }

    /// Where instructions begin, and whether the last one reaches into the next block. `constants`
    /// are no instructions. `entered`: the first half is the second one of an instruction.
    ///
    /// Of halves in a row that all look like first ones, every second one is: those of a row that
    /// begins at an even place have even places. A sum carries through a row from where it begins.
    pub(super) fn starts(&self, constants: u64, entered: bool) -> (u64, bool) {
        let wide = self.wide & !constants & !u64::from(entered);
        let rows = wide & !(wide << 1);
        let carried = wide.wrapping_add(rows & EVEN);
        let firsts = (wide & !carried & EVEN) | (wide & carried & !EVEN);
        let seconds = firsts << 1 | u64::from(entered);
        (!seconds & !constants, firsts >> 63 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same, one half after the other.
    fn slowly(upper: &[u8; BLOCK], constants: u64, entered: bool) -> (u64, bool) {
        let (mut starts, mut skip) = (0, entered);
        for (place, byte) in upper.iter().enumerate() {
            if std::mem::take(&mut skip) || constants >> place & 1 == 1 {
                continue;
            }
            starts |= 1 << place;
            skip = *byte >= 0xe8;
        }
        (starts, skip)
    }

    #[test]
    fn instructions_begin_where_reading_one_by_one_says() {
        let mut state = 5_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 24
        };
        for round in 0..20_000 {
            let mut upper = [0; BLOCK];
            let often = random() % 4;
            upper.iter_mut().for_each(|byte| {
                *byte = if random() % 4 < often {
                    0xe8 + (random() % 24) as u8
                } else {
                    random() as u8
                };
            });
            let constants =
                if round % 2 == 0 { 0 } else { 3 << (random() % 63) | 3 << (random() % 63) };
            for entered in [false, true] {
                let fast = Halves::told_by(&upper).starts(constants, entered);
                assert_eq!(fast, slowly(&upper, constants, entered), "{upper:x?} {constants:x}");
            }
        }
    }

    #[test]
    fn kinds_are_told_by_the_upper_byte() {
        let of = |byte: u8| {
            let mut upper = [0; BLOCK];
            upper[9] = byte;
            let all = Halves::told_by(&upper);
            let Halves { wide, conditional, compare, end, ordered } = all;
            [wide, conditional, compare, end, ordered].map(|bits| bits >> 9 & 1)
        };
        assert_eq!(of(0xe7), [0, 0, 0, 1, 0]);
        assert_eq!(of(0xe8), [1, 0, 0, 0, 1]);
        assert_eq!(of(0xf7), [1, 0, 0, 0, 1]);
        assert_eq!(of(0xf9), [1, 0, 0, 0, 0]);
        assert_eq!(of(0xdd), [0, 1, 0, 0, 0]);
        assert_eq!(of(0xde), [0, 0, 0, 1, 0]);
        assert_eq!(of(0xdf), [0, 0, 0, 0, 0]);
        assert_eq!(of(0xb9), [0, 0, 1, 0, 0]);
        assert_eq!(of(0xb5), [0, 0, 0, 0, 0]);
        assert_eq!(of(0x4a), [0, 0, 0, 0, 1]);
        assert_eq!(of(0x00), [0, 0, 0, 0, 0]);
    }
}
