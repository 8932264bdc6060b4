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
        _ => decode(place, half, constants(prefix, half)),
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
