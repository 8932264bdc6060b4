// SPDX-License-Identifier: Apache-2.0
//! Classic BPF programs as seccomp takes them.

use std::fmt;

use kakoi_model::Endian;

use super::Action;

/// Most instructions of one filter (`BPF_MAXINSNS`, include/uapi/linux/bpf_common.h).
pub(super) const LIMIT: usize = 4096;

/// One instruction (`struct sock_filter`, include/uapi/linux/filter.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions to skip where the comparison holds.
    pub then: u8,
    /// Instructions to skip where it does not.
    pub otherwise: u8,
    /// Constant.
    pub constant: u32,
}

/// Operations that the compiler makes; the interpreter knows all.
pub(super) mod code {
    /// `A = data[k]`
    pub(in super::super) const LOAD: u16 = 0x20;
    /// `A = A & k`
    pub(in super::super) const AND: u16 = 0x54;
    /// `goto k`
    pub(in super::super) const JUMP: u16 = 0x05;
    /// `A == k`
    pub(in super::super) const IF_EQUAL: u16 = 0x15;
    /// `A >= k`
    pub(in super::super) const IF_FROM: u16 = 0x35;
    /// `return k`
    pub(in super::super) const RETURN: u16 = 0x06;
}

/// A program that the kernel takes: holding one proves that [`Program::check`] found nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    instructions: Vec<Instruction>,
}

/// Why the kernel would refuse a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// No instruction, or more than 4096.
    Length(usize),
    /// The bytes are no whole number of instructions.
    Bytes(usize),
    /// The instruction at this index has an operation that seccomp does not take.
    Operation(usize),
    /// It reads outside `struct seccomp_data`, or between its words.
    Offset(usize),
    /// It jumps behind the end.
    Jump(usize),
    /// It divides by zero, shifts by more than 31, or uses a scratch word above 15.
    Constant(usize),
    /// The last instruction does not return.
    End,
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(count) => {
                write!(formatter, "filter: {count} instructions, the kernel takes 1 to {LIMIT}")
            }
            Self::Bytes(count) => {
                write!(formatter, "filter: {count} bytes are no whole number of instructions")
            }
            Self::Operation(at) => {
                write!(formatter, "filter: instruction {at}: operation not taken by seccomp")
            }
            Self::Offset(at) => {
                write!(formatter, "filter: instruction {at}: offset outside seccomp_data")
            }
            Self::Jump(at) => write!(formatter, "filter: instruction {at}: jump behind the end"),
            Self::Constant(at) => {
                write!(formatter, "filter: instruction {at}: constant out of range")
            }
            Self::End => write!(formatter, "filter: the last instruction does not return"),
        }
    }
}

impl std::error::Error for Malformed {}

impl Program {
    /// Checks what `bpf_check_classic` and `seccomp_check_filter` check.
    ///
    /// # Errors
    /// What the kernel would refuse.
    pub fn check(instructions: Vec<Instruction>) -> Result<Self, Malformed> {
        let count = instructions.len();
        if count == 0 || count > LIMIT {
            return Err(Malformed::Length(count));
        }
        for (at, instruction) in instructions.iter().enumerate() {
            check_instruction(*instruction, at, count)?;
        }
        match instructions.last() {
            Some(Instruction { code: 0x06 | 0x16, .. }) => Ok(Self { instructions }),
            _ => Err(Malformed::End),
        }
    }

    /// The same filter, handing to a tracer every call that it would have blocked or logged.
    #[must_use]
    pub fn handing_over(&self) -> Self {
        let change = |instruction: &Instruction| match instruction.code {
            code::RETURN if instruction.constant != Action::Allow.code() => {
                Instruction { constant: Action::Trace.code(), ..*instruction }
            }
            _ => *instruction,
        };
        Self { instructions: self.instructions.iter().map(change).collect() }
    }

    /// The instructions.
    #[must_use]
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// The array of `struct sock_filter` as the kernel of that byte order takes it.
    #[must_use]
    pub fn encode(&self, order: Endian) -> Vec<u8> {
        let encode = |instruction: &Instruction| {
            let (code, constant) = match order {
                Endian::Little => {
                    (instruction.code.to_le_bytes(), instruction.constant.to_le_bytes())
                }
                Endian::Big => (instruction.code.to_be_bytes(), instruction.constant.to_be_bytes()),
            };
            let [a, b, c, d] = constant;
            [code[0], code[1], instruction.then, instruction.otherwise, a, b, c, d]
        };
        self.instructions.iter().flat_map(encode).collect()
    }

    /// Reads such an array.
    ///
    /// # Errors
    /// As [`Program::check`], and when the length is odd.
    pub fn decode(bytes: &[u8], order: Endian) -> Result<Self, Malformed> {
        let (chunks, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(Malformed::Bytes(bytes.len()));
        }
        let decode = |&[a, b, then, otherwise, c, d, e, f]: &[u8; 8]| {
            let (code, constant) = match order {
                Endian::Little => (u16::from_le_bytes([a, b]), u32::from_le_bytes([c, d, e, f])),
                Endian::Big => (u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f])),
            };
            Instruction { code, then, otherwise, constant }
        };
        Self::check(chunks.iter().map(decode).collect())
    }
}

fn check_instruction(instruction: Instruction, at: usize, count: usize) -> Result<(), Malformed> {
    let left = count - at - 1;
    let constant = instruction.constant;
    let fits = |distance: u64| distance < left as u64;
    match instruction.code {
        code::LOAD if !constant.is_multiple_of(4) || constant >= 64 => Err(Malformed::Offset(at)),
        code::JUMP if !fits(u64::from(constant)) => Err(Malformed::Jump(at)),
        0x15 | 0x1d | 0x25 | 0x2d | 0x35 | 0x3d | 0x45 | 0x4d
            if !fits(instruction.then.into()) || !fits(instruction.otherwise.into()) =>
        {
            Err(Malformed::Jump(at))
        }
        // Division by zero, shifts, scratch words.
        0x34 if constant == 0 => Err(Malformed::Constant(at)),
        0x64 | 0x74 if constant > 31 => Err(Malformed::Constant(at)),
        0x60 | 0x61 | 0x02 | 0x03 if constant > 15 => Err(Malformed::Constant(at)),
        code if is_taken(code) => Ok(()),
        _ => Err(Malformed::Operation(at)),
    }
}

/// The operations in kernel/seccomp.c, `seccomp_check_filter`.
const fn is_taken(code: u16) -> bool {
    matches!(
        code,
        0x20 | 0x80 | 0x81 // loads of data and of its length
            | 0x06 | 0x16 // returns
            | 0x04 | 0x0c | 0x14 | 0x1c | 0x24 | 0x2c | 0x34 | 0x3c | 0x44 | 0x4c
            | 0x54 | 0x5c | 0x64 | 0x6c | 0x74 | 0x7c | 0xa4 | 0xac | 0x84 // arithmetic
            | 0x00 | 0x01 | 0x07 | 0x87 | 0x60 | 0x61 | 0x02 | 0x03 // registers and scratch words
            | 0x05 | 0x15 | 0x1d | 0x25 | 0x2d | 0x35 | 0x3d | 0x45 | 0x4d // jumps
    )
}
