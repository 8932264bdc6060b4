// SPDX-License-Identifier: Apache-2.0
//! Thumb: halfwords, and since Thumb-2 pairs of them.
//!
//! An `it` makes up to four instructions after it conditional. [`Decoder::decode_in`] finds it by looking back, at most
//! fourteen bytes; a halfword that only looks like an `it` makes an instruction conditional that is not, which the analysis
//! survives: it then also keeps what was before. Data in front of code is the only place where that happens.

use kakoi_model::Endian;

use super::super::bytes::{field, half};
use super::super::{Decoder, Effect, Flow, Instruction};
use super::{Place, condition, thumb16, thumb32};

/// Decoder of Thumb. The order is that of instructions: little also in BE8 images, whose data is big.
#[derive(Debug, Clone, Copy)]
pub struct Thumb {
    /// Byte order of instructions.
    pub order: Endian,
}

impl Decoder for Thumb {
    fn decode(&self, bytes: &[u8], address: u64) -> Option<Instruction> {
        let first = half(bytes, self.order)?;
        let counter = (address as u32).wrapping_add(4);
        if !is_wide(first) {
            return thumb16::narrow(Place { counter, size: 2, thumb: true }, first);
        }
        let second = half(bytes.get(2..)?, self.order)?;
        thumb32::wide(Place { counter, size: 4, thumb: true }, first, second)
    }

    fn decode_in(&self, code: &[u8], offset: usize, address: u64) -> Option<Instruction> {
        let instruction = self.decode(code.get(offset..)?, address)?;
        match self.block_condition(code, offset) {
            Some(field) => Some(in_block(instruction, field)),
            None => Some(instruction),
        }
    }

    fn operation(&self, bytes: &[u8]) -> u32 {
        let Some(first) = half(bytes, self.order) else { return 0 };
        if is_wide(first) {
            let second = bytes.get(2..).and_then(|rest| half(rest, self.order)).unwrap_or(0);
            let branches = first >> 11 == 0x1e && second >> 15 == 1;
            return if branches {
                0xf000_0000 | second & 0xd000
            } else {
                first << 16 & 0xfff0_0000
            };
        }
        match first >> 10 {
            _ if matches!(first, 0xbf00 | 0x46c0) => 0,
            0x10 | 0x11 => first & 0xffc0,
            0x34..=0x37 => first & 0xff00,
            0x2c..=0x2f => first & 0xff00,
            _ => first & 0xf800 | 1,
        }
    }

    fn alignment(&self) -> u64 {
        2
    }
}

/// Whether the halfword is the first of two.
const fn is_wide(first: u32) -> bool {
    first >> 11 >= 0b11101
}

/// `it` with its mask: 1011 1111 condition mask, the mask not zero.
const fn is_block_start(half: u32) -> bool {
    half & 0xff00 == 0xbf00 && half & 0xf != 0
}

impl Thumb {
    /// The condition that an `it` before `offset` lays on the instruction there.
    fn block_condition(self, code: &[u8], offset: usize) -> Option<u32> {
        // Almost no instruction stands after one: look at the upper bytes alone first.
        let before = code.get(offset.saturating_sub(14)..offset)?;
        let upper = if self.order == Endian::Little { 1 } else { 0 };
        before.iter().skip(upper).step_by(2).any(|byte| *byte == 0xbf).then_some(())?;
        (1..=7).find_map(|back| {
            let start = offset.checked_sub(2 * back)?;
            let first = half(code.get(start..)?, self.order)?;
            if is_block_start(first) {
                self.position(code, start + 2, offset).and_then(|at| lane(first, at))
            } else {
                None
            }
        })
    }

    /// How many instructions lie between the two offsets, at most three.
    fn position(self, code: &[u8], from: usize, to: usize) -> Option<u32> {
        let mut at = from;
        for count in 0..4 {
            if at >= to {
                return (at == to).then_some(count);
            }
            let first = half(code.get(at..)?, self.order)?;
            at += if is_wide(first) { 4 } else { 2 };
        }
        None
    }
}

/// The condition of the instruction at `position` (0 to 3) in the block. Each lane's lowest condition bit stands in the
/// mask, which a one ends.
fn lane(block: u32, position: u32) -> Option<u32> {
    let length = 4 - (block & 0xf).trailing_zeros();
    if position >= length {
        return None;
    }
    let base = field(block, 4, 4);
    let lowest = if position == 0 { base & 1 } else { (block >> (4 - position)) & 1 };
    Some(base & 0b1110 | lowest)
}

/// Inside a block 16-bit arithmetic leaves the flags alone, except for comparisons.
fn in_block(mut instruction: Instruction, field: u32) -> Instruction {
    if instruction.size == 2 && instruction.effects.len() > 1 {
        instruction
            .effects
            .retain(|effect| !matches!(effect, Effect::Compare { .. } | Effect::ClobberFlags));
    }
    if instruction.flow != Flow::Stop {
        instruction.condition = condition(field);
    }
    instruction
}

#[cfg(test)]
mod tests {
    use super::super::super::Condition;
    use super::*;

    const THUMB: Thumb = Thumb { order: Endian::Little };

    /// itete eq; mov.w r0, #1; movs r0, #2; bxne… in halfwords.
    const BLOCK: [u8; 14] = [
        0x0b, 0xbf, // itete eq
        0x4f, 0xf0, 0x01, 0x00, // moveq.w r0, #1
        0x02, 0x20, // movne r0, #2
        0x70, 0x47, // bxeq lr
        0x00, 0x28, // cmpne r0, #0
        0x03, 0x20, // movs r0, #3
    ];

    fn condition_at(offset: usize) -> Option<Condition> {
        THUMB.decode_in(&BLOCK, offset, 0x1000 + offset as u64).unwrap().condition
    }

    #[test]
    fn an_it_makes_the_instructions_after_it_conditional() {
        let conditions: Vec<_> = [2, 6, 8, 10, 12].map(condition_at).to_vec();
        let equal = Some(Condition::Equal);
        let different = Some(Condition::NotEqual);
        assert_eq!(conditions, [equal, different, equal, different, None]);
    }

    #[test]
    fn flags_are_set_in_a_block_only_by_comparisons() {
        let effects = |offset| THUMB.decode_in(&BLOCK, offset, 0).unwrap().effects;
        assert!(!effects(6).contains(&Effect::ClobberFlags));
        assert!(matches!(effects(10)[..], [Effect::Compare { .. }]));
        assert!(effects(12).contains(&Effect::ClobberFlags));
    }

    #[test]
    fn without_what_stands_before_there_is_no_condition() {
        assert_eq!(THUMB.decode(&BLOCK[6..], 6).unwrap().condition, None);
    }
}
