// SPDX-License-Identifier: Apache-2.0
//! Running a filter as the kernel does.

use kakoi_model::Endian;

use super::Program;

/// A call as a filter sees it (`struct seccomp_data`, include/uapi/linux/seccomp.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Data {
    /// Number in the register.
    pub number: u32,
    /// Architecture word.
    pub architecture: u32,
    /// Address of the instruction after the call.
    pub instruction_pointer: u64,
    /// Arguments.
    pub arguments: [u64; 6],
    /// Byte order of the machine: which half of an argument comes first.
    pub order: Endian,
}

/// What a run gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Return value.
    pub code: u32,
    /// Instructions executed.
    pub steps: usize,
}

impl Data {
    /// The word at an offset below 64.
    fn word(&self, offset: u32) -> u32 {
        let long = |number: u64| {
            let is_upper = (offset % 8 == 4) == (self.order == Endian::Little);
            if is_upper { (number >> 32) as u32 } else { number as u32 }
        };
        match offset {
            0 => self.number,
            4 => self.architecture,
            8 | 12 => long(self.instruction_pointer),
            _ => long(self.arguments.get(offset as usize / 8 - 2).copied().unwrap_or(0)),
        }
    }
}

/// Registers of the machine.
#[derive(Default)]
struct State {
    accumulator: u32,
    index: u32,
    scratch: [u32; 16],
}

impl Program {
    /// Runs the filter. Jumps only go forward, so that it ends.
    #[must_use]
    pub fn run(&self, data: &Data) -> Run {
        let mut state = State::default();
        let (mut at, mut steps) = (0, 0);
        while let Some(instruction) = self.instructions().get(at) {
            steps += 1;
            let constant = instruction.constant;
            at += 1;
            match instruction.code {
                0x06 => return Run { code: constant, steps },
                0x16 => return Run { code: state.accumulator, steps },
                0x05 => at += constant as usize,
                code if code & 7 == 5 => {
                    let holds = state.compare(code, constant);
                    at += usize::from(if holds { instruction.then } else { instruction.otherwise });
                }
                code if code & 7 == 4 => match state.compute(code, constant) {
                    Some(number) => state.accumulator = number,
                    // Division by a register that is zero ends the filter (net/core/filter.c).
                    None => return Run { code: 0, steps },
                },
                code => state.transfer(code, constant, data),
            }
        }
        // `check` proved that the last instruction returns; a kernel would kill.
        Run { code: 0, steps }
    }
}

impl State {
    fn operand(&self, code: u16, constant: u32) -> u32 {
        if code & 8 == 0 { constant } else { self.index }
    }

    fn compare(&self, code: u16, constant: u32) -> bool {
        let (left, right) = (self.accumulator, self.operand(code, constant));
        match code & 0xf0 {
            0x10 => left == right,
            0x20 => left > right,
            0x30 => left >= right,
            _ => left & right != 0,
        }
    }

    fn compute(&self, code: u16, constant: u32) -> Option<u32> {
        let (left, right) = (self.accumulator, self.operand(code, constant));
        Some(match code & 0xf0 {
            0x00 => left.wrapping_add(right),
            0x10 => left.wrapping_sub(right),
            0x20 => left.wrapping_mul(right),
            0x30 => left.checked_div(right)?,
            0x40 => left | right,
            0x50 => left & right,
            0x60 => left.wrapping_shl(right),
            0x70 => left.wrapping_shr(right),
            0x80 => left.wrapping_neg(),
            _ => left ^ right,
        })
    }

    fn transfer(&mut self, code: u16, constant: u32, data: &Data) {
        let place = constant as usize & 15;
        match code {
            0x20 => self.accumulator = data.word(constant),
            0x80 => self.accumulator = 64,
            0x81 => self.index = 64,
            0x00 => self.accumulator = constant,
            0x01 => self.index = constant,
            0x07 => self.index = self.accumulator,
            0x87 => self.accumulator = self.index,
            0x60 => self.accumulator = self.scratch[place],
            0x61 => self.index = self.scratch[place],
            0x02 => self.scratch[place] = self.accumulator,
            0x03 => self.scratch[place] = self.index,
            _ => {}
        }
    }
}
