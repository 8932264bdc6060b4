// SPDX-License-Identifier: Apache-2.0
//! Instructions of two and three registers.

use super::super::bytes::{compute, field};
use super::super::{Effect, Flow, Instruction, Operation, Target, Value};
use super::{Place, RETURN_ADDRESS, flag, general, read, set, wide};

/// `addu`, `subu`.
pub(super) fn three(place: Place, half: u32) -> Option<Instruction> {
    let operation = match half & 3 {
        1 => Operation::Add,
        3 => Operation::Subtract,
        _ => return None,
    };
    let (x, y, z) = (wide(field(half, 8, 3)), wide(field(half, 5, 3)), wide(field(half, 2, 3)));
    place.one(compute(general(z), operation, read(x), read(y), 32))
}

pub(super) fn two(place: Place, half: u32) -> Option<Instruction> {
    let (x, y) = (wide(field(half, 8, 3)), wide(field(half, 5, 3)));
    let (left, right) = (read(x), read(y));
    let own = |operation| place.one(compute(general(x), operation, left, right, 32));
    match field(half, 0, 5) {
        0x00 => jump(place, half, x),
        0x01 | 0x05 => Some(place.instruction(Vec::new()).going(Flow::Stop)),
        0x02 => flag(place, Operation::Less, left, right),
        0x03 => flag(place, Operation::Below, left, right),
        0x04 | 0x06 | 0x07 => place.one(Effect::Clobber(general(y))),
        0x0a => flag(place, Operation::ExclusiveOr, left, right),
        0x0b => place.one(compute(general(x), Operation::Subtract, Value::Constant(0), right, 32)),
        0x0c => own(Operation::And),
        0x0d => own(Operation::Or),
        0x0e => own(Operation::ExclusiveOr),
        0x0f => {
            let all = Value::Constant(0xffff_ffff);
            place.one(compute(general(x), Operation::ExclusiveOr, right, all, 32))
        }
        0x10 | 0x12 => place.one(Effect::Clobber(general(x))),
        0x11 => convert(place, half, x),
        0x18..=0x1b => Some(place.instruction(Vec::new())),
        _ => None,
    }
}

/// `zeb`, `zeh`, `seb`, `seh`.
fn convert(place: Place, half: u32, register: u32) -> Option<Instruction> {
    let (name, value) = (general(register), read(register));
    let mask = |mask| place.one(compute(name, Operation::And, value, Value::Constant(mask), 32));
    let twice =
        |bits| {
            let amount = Value::Constant(bits);
            let left = compute(name, Operation::ShiftLeft, value, amount, 32);
            Some(place.instruction(vec![
                left,
                compute(name, Operation::ShiftRightSigned, value, amount, 32),
            ]))
        };
    match field(half, 5, 3) {
        0 => mask(0xff),
        1 => mask(0xffff),
        4 => twice(24),
        5 => twice(16),
        _ => None,
    }
}

/// `jr`, `jalr`, and the same without delay slot.
fn jump(place: Place, half: u32, register: u32) -> Option<Instruction> {
    let kind = field(half, 5, 3);
    let is_compact = kind & 4 != 0;
    let target = Target::Register(general(register));
    let instruction = match kind & 3 {
        0 => place.instruction(Vec::new()).going(Flow::Jump(target)),
        1 => place.instruction(Vec::new()).going(Flow::Return),
        2 => {
            let back = place.next().wrapping_add(if is_compact { 0 } else { 2 });
            place.instruction(vec![set(RETURN_ADDRESS, back | 1)]).going(Flow::Call(target))
        }
        _ => return None,
    };
    Some(if is_compact { instruction } else { instruction.delayed(false) })
}
