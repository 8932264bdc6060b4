// SPDX-License-Identifier: Apache-2.0
//! Machine instructions, reduced to what the flow of constants, addresses and control needs.
//!
//! Every instruction set decodes into the same few [`Effect`]s and one [`Flow`], so that the
//! analysis is written once. A decoder may say less than the instruction does ([`Effect::Clobber`]),
//! never something else: what it does not model it clobbers.
//!
//! The target of a [`Flow`] is read before the effects of the same instruction (`jalr`, `ldr pc, [ip, #8]!`). The link
//! register of a call is an effect (`lr`, `$ra` become a constant). An instruction that compares and branches by itself
//! (`cbz`, MIPS `beq`) has the [`Effect::Compare`] before its condition is asked.

mod a64;
mod arm;
mod bytes;
mod mips;
mod mips16;

pub use a64::A64;
pub use arm::{A32, Thumb};
pub use mips::{Mips, MipsRevision};
pub use mips16::Mips16;

mod x86;

pub use x86::X86;

/// A general register by its number in the instruction set: x86 0..16 as encoded (rax 0, rcx 1, rdx 2,
/// rbx 3, rsp 4 …), AArch64 0..31 (31 is the stack pointer; writes to the zero register are dropped,
/// reads of it are [`Value::Constant`] 0), ARM 0..16 (15 is the program counter and never an operand:
/// reads of it are constants), MIPS 0..32 (reads of `$zero` are constants).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Register(pub u8);

/// No register of any machine: holds what one effect leaves for the next of the same instruction.
pub const SCRATCH: Register = Register(33);

/// What an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// A number, also every address that is relative to the program counter.
    Constant(u64),
    /// What a register holds before the instruction.
    Register(Register),
    /// Something that is not modelled (SIMD registers, flags). A [`Effect::Compare`] of two unknown values
    /// forgets what the flags came from; a [`Effect::Store`] of one forgets what the memory held.
    Unknown,
}

/// Arithmetic that constants and addresses are made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Sum.
    Add,
    /// Left minus right.
    Subtract,
    /// Bits in both.
    And,
    /// Bits in either.
    Or,
    /// Bits in one of the two.
    ExclusiveOr,
    /// Left shifted towards the high end by right.
    ShiftLeft,
    /// Left shifted towards the low end by right, zeroes shifted in.
    ShiftRight,
    /// As [`Operation::ShiftRight`], the sign shifted in.
    ShiftRightSigned,
    /// Product.
    Multiply,
    /// The lowest bits of left, as many as right says, as a signed number (8, 16, 32).
    SignExtend,
    /// 1 where left is below right without sign, else 0 (MIPS `sltu`).
    Below,
    /// 1 where left is below right with sign, else 0 (MIPS `slt`).
    Less,
}

/// A place in memory: base + index << shift + displacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// Register to start from; none for an absolute address or one relative to the program counter,
    /// which is then in `displacement`.
    pub base: Option<Register>,
    /// Register that is shifted and added.
    pub index: Option<(Register, u8)>,
    /// Bytes to add.
    pub displacement: i64,
    /// Relative to a segment that the program cannot compute with (`fs`, `gs`): its content is unknown.
    pub segment: bool,
}

/// What an instruction does to registers and memory. Effects of one instruction happen in their order; a
/// later one sees the registers that an earlier one set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// `register = value`, `bits` wide (8, 16, 32, 64). On x86-64 and AArch64 a 32-bit write clears the upper half, on MIPS64
    /// it fills it with the sign;
    /// an 8- or 16-bit write of x86 keeps the rest, which makes the register unknown unless it was a constant.
    Set {
        /// Register that is written.
        register: Register,
        /// Its new content.
        value: Value,
        /// Width of the write.
        bits: u8,
    },
    /// `register = left operation right`, `bits` wide.
    Compute {
        /// Register that is written.
        register: Register,
        /// What is done.
        operation: Operation,
        /// First operand.
        left: Value,
        /// Second operand.
        right: Value,
        /// Width of the operation.
        bits: u8,
    },
    /// Bits `lowest..lowest + count` of the register are replaced by the value (AArch64 `movk`, ARM `movt`, `bfi`).
    Insert {
        /// Register that is partly written.
        register: Register,
        /// What is put in.
        value: Value,
        /// Lowest bit.
        lowest: u8,
        /// Number of bits.
        count: u8,
    },
    /// `register = memory[address]`.
    Load {
        /// Register that is written.
        register: Register,
        /// Where from.
        address: Address,
        /// Bytes read: 1, 2, 4, 8.
        bytes: u8,
        /// The upper bits are the sign, not zero.
        signed: bool,
    },
    /// `memory[address] = value`.
    Store {
        /// Where to.
        address: Address,
        /// What is written.
        value: Value,
        /// Bytes written: 1, 2, 4, 8.
        bytes: u8,
    },
    /// The register holds something that is not modelled.
    Clobber(Register),
    /// The register becomes one of its old content and the value, whichever (`cmov`, `csel`, predicated moves).
    Choose {
        /// Register that may be written.
        register: Register,
        /// What it may hold.
        value: Value,
    },
    /// The flags come from comparing the two; bounds of jump tables are read from it.
    Compare {
        /// First operand.
        left: Value,
        /// Second operand.
        right: Value,
    },
    /// The flags come from something else than a comparison.
    ClobberFlags,
    /// Memory is read, and what comes of it is not modelled (comparisons with memory, vector loads).
    Touch {
        /// Where from.
        address: Address,
        /// Number of bytes.
        bytes: u16,
    },
    /// Memory from the address on holds something that is not modelled (vector and floating-point stores, store-conditional).
    Overwrite {
        /// Where from.
        address: Address,
        /// Number of bytes.
        bytes: u16,
    },
}

/// Where control goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A known address. On ARM bit 0 tells Thumb, as in ELF symbols (ELF for the Arm Architecture, §5.5.3);
    /// on MIPS it tells MIPS16 or microMIPS.
    Direct(u64),
    /// The content of a register.
    Register(Register),
    /// The content of memory.
    Memory(Address),
    /// An entry of a table of distances: `base + (memory[entry] << shift)` (Thumb `tbb`, `tbh`).
    Table {
        /// Place of the entry.
        entry: Address,
        /// Size of an entry: 1, 2.
        bytes: u8,
        /// What an entry is shifted by.
        shift: u8,
        /// Address that distances count from. Bit 0 tells Thumb.
        base: u64,
    },
    /// `base + (index << shift)`, as wide as a register: a run of branches (`add pc, pc, r3, lsl #2`), or a register and a
    /// displacement (`sub pc, r3, #31`).
    Steps {
        /// Where the run begins.
        base: u64,
        /// Register that selects.
        index: Register,
        /// Its shift.
        shift: u8,
    },
    /// Anything else.
    Unknown,
}

/// How control leaves an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// To the next one.
    Next,
    /// To the target; also tail calls and jump tables.
    Jump(Target),
    /// To the target and back.
    Call(Target),
    /// To the caller.
    Return,
    /// Into the kernel. The number is that in the instruction (ARM OABI `swi`), 0 where it is in a register.
    SystemCall(u32),
    /// A system call by the 32-bit door of a 64-bit process or of i386 (`int 0x80`, `sysenter`).
    SystemCall32,
    /// Nowhere: trap, halt, undefined by intention.
    Stop,
}

/// A condition that a branch was taken under, where it compares a register with a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Equal, zero.
    Equal,
    /// Different.
    NotEqual,
    /// Left above right, without sign.
    Above,
    /// Left above or equal to right, without sign.
    AboveOrEqual,
    /// Left below right, without sign.
    Below,
    /// Left below or equal to right, without sign.
    BelowOrEqual,
    /// Another one, by its number in the instruction set (ARM); the lowest bit negates it.
    Coded(u8),
    /// Any other.
    Other,
}

/// Effects of one instruction: at most this many (an ARM `ldm` of all registers).
pub const MOST_EFFECTS: usize = 17;

/// One decoded instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Length in bytes.
    pub size: u8,
    /// What it does, in order.
    pub effects: Vec<Effect>,
    /// Where control goes.
    pub flow: Flow,
    /// It takes effect only under this condition; otherwise nothing happens and control goes to the next one.
    pub condition: Option<Condition>,
    /// The following instruction is executed before control leaves (MIPS delay slot). `Some(true)`: only if the branch is
    /// taken (branch likely).
    pub delay_slot: Option<bool>,
}

/// An instruction set. Decoding is total: `None` where the bytes are no instruction or are cut off.
pub trait Decoder {
    /// Decodes the instruction at `address`, whose bytes begin `bytes`. On ARM the mode is that of the decoder, and `address` is
    /// even.
    fn decode(&self, bytes: &[u8], address: u64) -> Option<Instruction>;

    /// Decodes the instruction at `offset` of `code`, where what stands before it is known too: the `it` that makes a Thumb
    /// instruction conditional, the `mov lr, pc` that makes an ARM branch a call.
    fn decode_in(&self, code: &[u8], offset: usize, address: u64) -> Option<Instruction> {
        self.decode(code.get(offset..)?, address)
    }

    /// A number for what the instruction does, without its registers, numbers and addresses as far as the encoding keeps them
    /// apart; 0 for what does nothing (padding, marks of branch targets). Two builds of one source have the same one.
    fn operation(&self, bytes: &[u8]) -> u32;

    /// Smallest distance between two instructions, in bytes.
    fn alignment(&self) -> u64;
}
