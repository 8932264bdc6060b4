// SPDX-License-Identifier: Apache-2.0
//! `save` and `restore`: a function's frame in one instruction.

use super::super::Effect;
use super::super::bytes::{bit, field};
use super::{Instruction, Place, RETURN_ADDRESS, STACK, at, general, load, read, sum};

/// Numbers of arguments and of static registers among `$a0` to `$a3`, by their code.
const ARGUMENTS: [(u32, u32); 16] = [
    (0, 0),
    (0, 1),
    (0, 2),
    (0, 3),
    (1, 0),
    (1, 1),
    (1, 2),
    (1, 3),
    (2, 0),
    (2, 1),
    (2, 2),
    (0, 4),
    (3, 0),
    (3, 1),
    (4, 0),
    (0, 0),
];

/// With the prefix's bits, if there is one.
pub(super) fn frame(place: Place, half: u32, prefix: Option<u32>) -> Instruction {
    let is_save = bit(half, 7);
    let size =
        match (prefix.map_or(0, |prefix| field(prefix, 4, 4)) << 4 | field(half, 0, 4), prefix) {
            (0, None) => 128,
            (eighths, _) => (eighths * 8).cast_signed(),
        };
    let (arguments, statics) = prefix.map_or((0, 0), |prefix| ARGUMENTS[(prefix & 15) as usize]);
    let mut effects = Vec::with_capacity(17);
    if is_save {
        effects.extend((0..arguments).map(|number| store(4 + number, (number * 4).cast_signed())));
    }
    let top = if is_save { 0 } else { size };
    for (register, place) in saved(half, prefix, statics).into_iter().zip(1_i32..) {
        let displacement = top - 4 * place;
        effects.push(match is_save {
            true => store(register, displacement),
            false => load(register, at(STACK, displacement), 4, false),
        });
    }
    effects.push(sum(STACK, STACK, if is_save { -size } else { size }));
    place.instruction(effects)
}

fn store(register: u32, displacement: i32) -> Effect {
    debug_assert!(general(register).0 != 0, "no frame saves $zero");
    Effect::Store { address: at(STACK, displacement), value: read(register), bytes: 4 }
}

/// Registers from the top of the frame downwards.
fn saved(half: u32, prefix: Option<u32>, statics: u32) -> Vec<u32> {
    let further = prefix.map_or(0, |prefix| field(prefix, 8, 3));
    let mut registers = Vec::with_capacity(14);
    registers.extend(bit(half, 6).then_some(RETURN_ADDRESS));
    // $s2 to $s7, and $s8, which is register 30.
    registers.extend((0..further).rev().map(|number| if number == 6 { 30 } else { 18 + number }));
    registers.extend(bit(half, 4).then_some(17));
    registers.extend(bit(half, 5).then_some(16));
    registers.extend((0..statics).map(|number| 7 - number));
    registers
}
