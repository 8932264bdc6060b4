// SPDX-License-Identifier: Apache-2.0
//! Thumb instructions of one halfword (manual, A6.2). Outside an `it` block they set the flags.

use super::super::bytes::{bit, compute, field, signed};
use super::super::{Condition, Effect, Flow, Instruction, Operation, Target, Value};
use super::block::Block;
use super::data::{Arithmetic, Data, Operand, shifted};
use super::media::extend;
use super::memory::{Indexing, Transfer, add_constant};
use super::{COUNTER, LINK, Offset, Place, STACK, condition, constant, direct, general, set};

pub(super) fn narrow(place: Place, half: u32) -> Option<Instruction> {
    Some(match half >> 12 {
        0 | 1 => shift_add(place, half),
        2 | 3 => with_constant(place, half),
        4 if !bit(half, 11) => return registers(place, half),
        4 => literal(place, half),
        5 => by_register(place, half),
        6..=8 => by_constant(place, half),
        9 => transfer(place, bit(half, 11), 4, false, field(half, 8, 3), STACK, stack_offset(half)),
        10 => sum_address(place, half),
        11 => return miscellaneous(place, half),
        12 => return block(place, half),
        13 => return conditional_branch(place, half),
        // 15 and the upper half of 14 are first halfwords of two.
        _ => jump(place, signed(half, 11) << 1),
    })
}

fn jump(place: Place, distance: i32) -> Instruction {
    place.instruction(Vec::new()).going(Flow::Jump(target(place, distance)))
}

fn target(place: Place, distance: i32) -> Target {
    direct(place.counter.wrapping_add_signed(distance) | 1)
}

fn data(
    place: Place,
    arithmetic: Arithmetic,
    destination: u32,
    first: u32,
    second: Operand,
) -> Instruction {
    Data { arithmetic, flags: true, destination, first, second }.decode(place)
}

/// Shifts by a constant, sums of registers and of three bits.
fn shift_add(place: Place, half: u32) -> Instruction {
    let (destination, first) = (field(half, 0, 3), field(half, 3, 3));
    match field(half, 11, 2) {
        3 => {
            let number = field(half, 6, 3);
            let second = if bit(half, 10) { constant(number) } else { place.read(number) };
            let operation = if bit(half, 9) { Operation::Subtract } else { Operation::Add };
            data(place, Arithmetic::Two(operation), destination, first, Operand::Value(second))
        }
        kind => {
            let operand = shifted(place, first, kind, field(half, 6, 5));
            data(place, Arithmetic::Move, destination, first, operand)
        }
    }
}

/// `mov`, `cmp`, `add`, `sub` with eight bits.
fn with_constant(place: Place, half: u32) -> Instruction {
    let register = field(half, 8, 3);
    let arithmetic = match field(half, 11, 2) {
        0 => Arithmetic::Move,
        1 => Arithmetic::Compare,
        2 => Arithmetic::Two(Operation::Add),
        _ => Arithmetic::Two(Operation::Subtract),
    };
    data(place, arithmetic, register, register, Operand::Value(constant(field(half, 0, 8))))
}

/// Arithmetic of low registers, and `add`, `cmp`, `mov`, `bx` of all.
fn registers(place: Place, half: u32) -> Option<Instruction> {
    if bit(half, 10) {
        return Some(high_registers(place, half));
    }
    let (first, second) = (field(half, 0, 3), field(half, 3, 3));
    let operand = Operand::Value(place.read(second));
    Some(match field(half, 6, 4) {
        // Shifts by a register.
        2..=4 | 7 => data(place, Arithmetic::Move, first, first, Operand::Unknown),
        9 => data(place, Arithmetic::Reverse, first, second, Operand::Value(constant(0))),
        13 => {
            let factor = |number| Value::Register(general(number));
            let product =
                compute(general(first), Operation::Multiply, factor(first), factor(second), 32);
            place.instruction(vec![Effect::ClobberFlags, product])
        }
        code => data(place, Arithmetic::from_field(code), first, first, operand),
    })
}

fn high_registers(place: Place, half: u32) -> Instruction {
    let destination = field(half, 0, 3) | field(half, 7, 1) << 3;
    let source = field(half, 3, 4);
    let plain = |arithmetic| {
        Data {
            arithmetic,
            flags: false,
            destination,
            first: destination,
            second: Operand::Value(place.read(source)),
        }
        .decode(place)
    };
    match (field(half, 8, 2), bit(half, 7)) {
        (0, _) => plain(Arithmetic::Two(Operation::Add)),
        (1, _) => plain(Arithmetic::Compare),
        (2, _) => plain(Arithmetic::Move),
        (_, false) => place.instruction(Vec::new()).going(place.jump_to(source)),
        (_, true) if source == COUNTER => place.call(direct(place.aligned_counter())),
        (_, true) => place.call(Target::Register(general(source))),
    }
}

fn transfer(
    place: Place,
    load: bool,
    bytes: u8,
    signed: bool,
    register: u32,
    base: u32,
    offset: Offset,
) -> Instruction {
    Transfer {
        load,
        bytes,
        signed,
        register,
        second: None,
        base,
        offset,
        indexing: Indexing::Offset,
    }
    .decode(place)
}

fn stack_offset(half: u32) -> Offset {
    Offset::Constant((field(half, 0, 8) * 4).cast_signed())
}

fn literal(place: Place, half: u32) -> Instruction {
    transfer(place, true, 4, false, field(half, 8, 3), COUNTER, stack_offset(half))
}

fn by_register(place: Place, half: u32) -> Instruction {
    let (load, bytes, signed) = match field(half, 9, 3) {
        0 => (false, 4, false),
        1 => (false, 2, false),
        2 => (false, 1, false),
        3 => (true, 1, true),
        4 => (true, 4, false),
        5 => (true, 2, false),
        6 => (true, 1, false),
        _ => (true, 2, true),
    };
    let offset = Offset::Plus(field(half, 6, 3), 0);
    transfer(place, load, bytes, signed, field(half, 0, 3), field(half, 3, 3), offset)
}

fn by_constant(place: Place, half: u32) -> Instruction {
    let bytes: u8 = match half >> 12 {
        6 => 4,
        7 => 1,
        _ => 2,
    };
    let offset = Offset::Constant((field(half, 6, 5) * u32::from(bytes)).cast_signed());
    transfer(place, bit(half, 11), bytes, false, field(half, 0, 3), field(half, 3, 3), offset)
}

/// `adr` and `add rd, sp, #`.
fn sum_address(place: Place, half: u32) -> Instruction {
    let (register, number) = (field(half, 8, 3), field(half, 0, 8) * 4);
    let effect = if bit(half, 11) {
        let stack = Value::Register(general(STACK));
        compute(general(register), Operation::Add, stack, constant(number), 32)
    } else {
        set(register, constant(place.aligned_counter().wrapping_add(number)))
    };
    place.instruction(vec![effect])
}

fn miscellaneous(place: Place, half: u32) -> Option<Instruction> {
    let low = field(half, 0, 3);
    Some(match field(half, 8, 4) {
        0 => {
            let bytes = (field(half, 0, 7) * 4).cast_signed();
            place.instruction(vec![add_constant(STACK, if bit(half, 7) { -bytes } else { bytes })])
        }
        1 | 3 | 9 | 11 => compare_branch(place, half),
        2 => {
            let kind = [3, 2, 7, 6][field(half, 6, 2) as usize];
            place.instruction(extend(low, field(half, 3, 3), kind))
        }
        4 | 5 => push(place, half)?,
        // `setend`, `cps`.
        6 if matches!(field(half, 5, 3), 2 | 3) => place.clobbering(&[]),
        10 if field(half, 6, 2) == 2 => place.instruction(Vec::new()).going(Flow::Stop),
        10 => place.clobbering(&[low]),
        12 | 13 => pop(place, half)?,
        14 => place.instruction(Vec::new()).going(Flow::Stop),
        // `it`, hints.
        15 => place.clobbering(&[]),
        _ => return None,
    })
}

fn compare_branch(place: Place, half: u32) -> Instruction {
    let distance = field(half, 3, 5) << 1 | field(half, 9, 1) << 6;
    let left = Value::Register(general(field(half, 0, 3)));
    let taken = if bit(half, 11) { Condition::NotEqual } else { Condition::Equal };
    place
        .instruction(vec![Effect::Compare { left, right: constant(0) }])
        .going(Flow::Jump(target(place, distance.cast_signed())))
        .when(taken)
}

fn push(place: Place, half: u32) -> Option<Instruction> {
    stack_block(false, field(half, 0, 8) | field(half, 8, 1) << LINK).decode(place)
}

fn pop(place: Place, half: u32) -> Option<Instruction> {
    stack_block(true, field(half, 0, 8) | field(half, 8, 1) << COUNTER).decode(place)
}

fn stack_block(load: bool, list: u32) -> Block {
    Block { load, base: STACK, list, up: load, before: !load, write_back: true, exception: false }
}

fn block(place: Place, half: u32) -> Option<Instruction> {
    let (load, base, list) = (bit(half, 11), field(half, 8, 3), field(half, 0, 8));
    let write_back = !(load && bit(list, base));
    Block { load, base, list, up: true, before: false, write_back, exception: false }.decode(place)
}

fn conditional_branch(place: Place, half: u32) -> Option<Instruction> {
    match field(half, 8, 4) {
        14 => Some(place.instruction(Vec::new()).going(Flow::Stop)),
        // The kernel takes the number from r7, whatever the instruction says (arch/arm/kernel/entry-common.S).
        15 => Some(place.instruction(Vec::new()).going(Flow::SystemCall(0))),
        code => {
            let instruction = jump(place, signed(half, 8) << 1);
            Some(Instruction { condition: condition(code), ..instruction })
        }
    }
}
