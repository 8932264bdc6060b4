// SPDX-License-Identifier: Apache-2.0
//! Instructions with a prefix that holds the upper bits of their constant.

use super::super::Instruction;
use super::super::bytes::{field, signed};
use super::{Constants, Near, Place, decode, frame};

pub(super) fn extended(place: Place, prefix: u32, half: u32) -> Option<Instruction> {
    let code = half >> 11;
    match code {
        // Jumps, and what has no constant, take no prefix.
        0x03 | 0x1c..=0x1f => None,
        0x0c if field(half, 8, 3) == 4 => Some(frame::frame(place, half, Some(prefix))),
        0x0c if field(half, 8, 3) > 4 => None,
        _ if reserved(prefix, half) != 0 => None,
        _ => decode(place, half, constants(prefix, half)),
    }
}

/// Fields that must be zero: release 2 of the set (MIPS16e2) has other instructions there.
fn reserved(prefix: u32, half: u32) -> u32 {
    match half >> 11 {
        0x02 => field(half, 5, 6),
        0x06 => field(half, 2, 3) | field(prefix, 0, 6),
        0x00 | 0x01 | 0x04 | 0x05 | 0x09..=0x0e | 0x12 | 0x16 | 0x1a => field(half, 5, 3),
        _ => 0,
    }
}

fn constants(prefix: u32, half: u32) -> Constants {
    let number = field(prefix, 0, 5) << 11 | field(prefix, 5, 6) << 5 | field(half, 0, 5);
    let distance = signed(number, 16);
    let short_sum = field(prefix, 0, 4) << 11 | field(prefix, 4, 7) << 4 | field(half, 0, 4);
    Constants {
        plain: number,
        sum: distance,
        short_sum: signed(short_sum, 15),
        far: distance,
        frame: distance,
        near: Near::Bytes(distance),
        branch: distance * 2,
        long_branch: distance * 2,
        amount: field(prefix, 6, 5),
    }
}
