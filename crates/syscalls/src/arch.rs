// SPDX-License-Identifier: Apache-2.0
//! What the procedure-call and system-call conventions of each machine say.

use crate::isa::Register;
use crate::object::Machine;

/// Registers with a role. Sources: the processor supplements of the System V ABI, AAPCS, AAPCS64,
/// and `syscall(2)` for the kernel's side.
#[derive(Debug, Clone, Copy)]
pub struct Convention {
    /// Holds the number of a system call.
    pub number: Register,
    /// The stack pointer.
    pub stack: Register,
    /// Hold the arguments of a call; on i386 arguments are on the stack.
    pub arguments: &'static [Register],
    /// Hold other things that functions written by hand take (`ip` of ARM's `__libc_do_syscall`).
    pub private: &'static [Register],
    /// Arguments on the stack that are followed: from the stack pointer at entry, and how many.
    pub stacked: Stacked,
    /// Hold the arguments of a system call.
    pub kernel_arguments: &'static [Register],
    /// Bit n: register n has its content again after a call.
    pub preserved: u32,
    /// Bit n: register n changes in a system call.
    pub kernel_clobbers: u32,
    /// Holds the address of a function when it is entered (MIPS `$t9`).
    pub entered: Option<Register>,
    /// The global pointer (MIPS).
    pub global: Option<Register>,
}

/// Arguments on the stack.
#[derive(Debug, Clone, Copy)]
pub struct Stacked {
    /// Bytes between the stack pointer at entry and that before the call: a return address.
    pub return_bytes: u8,
    /// The first that is followed, counted in words from the stack pointer before the call.
    pub first: u8,
    /// How many are followed.
    pub count: u8,
}

const NOT_STACKED: Stacked = Stacked { return_bytes: 0, first: 0, count: 0 };

macro_rules! registers {
    ($($number:literal)*) => { &[$(Register($number)),*] };
}

const fn mask(numbers: &[u8]) -> u32 {
    let mut mask = 0;
    let mut at = 0;
    while at < numbers.len() {
        mask |= 1 << numbers[at];
        at += 1;
    }
    mask
}

const X86_64: Convention = Convention {
    number: Register(0),
    stack: Register(4),
    arguments: registers!(7 6 2 1 8 9),
    private: &[],
    stacked: NOT_STACKED,
    kernel_arguments: registers!(7 6 2 10 8 9),
    preserved: mask(&[3, 4, 5, 12, 13, 14, 15]),
    kernel_clobbers: mask(&[0, 1, 11]),
    entered: None,
    global: None,
};

const I386: Convention = Convention {
    number: Register(0),
    stack: Register(4),
    arguments: registers!(0 2 1),
    private: &[],
    stacked: Stacked { return_bytes: 4, first: 0, count: 7 },
    kernel_arguments: registers!(3 1 2 6 7 5),
    preserved: mask(&[3, 4, 5, 6, 7]),
    kernel_clobbers: mask(&[0]),
    entered: None,
    global: None,
};

const AARCH64: Convention = Convention {
    number: Register(8),
    stack: Register(31),
    arguments: registers!(0 1 2 3 4 5 6 7),
    private: &[],
    stacked: NOT_STACKED,
    kernel_arguments: registers!(0 1 2 3 4 5),
    preserved: mask(&[19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 31]),
    kernel_clobbers: mask(&[0]),
    entered: None,
    global: None,
};

const ARM: Convention = Convention {
    number: Register(7),
    stack: Register(13),
    arguments: registers!(0 1 2 3),
    private: registers!(12),
    stacked: Stacked { return_bytes: 0, first: 0, count: 4 },
    kernel_arguments: registers!(0 1 2 3 4 5),
    preserved: mask(&[4, 5, 6, 7, 8, 9, 10, 11, 13]),
    kernel_clobbers: mask(&[0]),
    entered: None,
    global: None,
};

const MIPS: Convention = Convention {
    number: Register(2),
    stack: Register(29),
    arguments: registers!(4 5 6 7),
    private: &[],
    stacked: Stacked { return_bytes: 0, first: 4, count: 4 },
    kernel_arguments: registers!(4 5 6 7),
    // The global pointer is restored by the caller; it counts as kept.
    preserved: mask(&[16, 17, 18, 19, 20, 21, 22, 23, 28, 29, 30]),
    kernel_clobbers: mask(&[1, 2, 3, 7, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25]),
    entered: Some(Register(25)),
    global: Some(Register(28)),
};

const MIPS64: Convention = Convention {
    arguments: registers!(4 5 6 7 8 9 10 11),
    stacked: NOT_STACKED,
    kernel_arguments: registers!(4 5 6 7 8 9),
    kernel_clobbers: mask(&[1, 2, 3, 7, 12, 13, 14, 15, 24, 25]),
    ..MIPS
};

/// The convention of a machine.
#[must_use]
pub fn convention(machine: Machine) -> Convention {
    match machine {
        Machine::X86_64 => X86_64,
        Machine::I386 => I386,
        Machine::Aarch64 => AARCH64,
        Machine::Arm => ARM,
        Machine::MipsO32 => MIPS,
        Machine::MipsN64 | Machine::MipsN32 => MIPS64,
    }
}
