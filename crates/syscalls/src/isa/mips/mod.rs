// SPDX-License-Identifier: Apache-2.0
//! MIPS32 and MIPS64, releases 1 to 6, both byte orders (MIPS Architecture For Programmers, volumes II-A: MD00086, MD00087).
//!
//! Not modelled, so clobbered: HI and LO, shifts by a register, rotations, bit fields, the DSP module, and vendors' own
//! instructions in SPECIAL2 (Ingenic MXU), of which any field that names a general register may be the result. Unaligned
//! loads in two halves (`lwl`, `lwr`) clobber too. microMIPS is not decoded: no firmware that we have uses it.

mod branch;
mod memory;
mod release6;
mod special;

use kakoi_model::Endian;

use super::bytes::{bit, compute, field, signed, word};
use super::{Address, Decoder, Effect, Flow, Instruction, Operation, Register, Value};

/// Which encoding of the architecture: release 6 gave many opcodes another meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MipsRevision {
    /// MIPS I to MIPS V, and releases 1 to 5.
    BeforeSix,
    /// Release 6.
    Six,
}

/// Decoder of MIPS32 and MIPS64.
#[derive(Debug, Clone, Copy)]
pub struct Mips {
    /// Byte order.
    pub order: Endian,
    /// Registers are 64 bits wide.
    pub wide: bool,
    /// Encoding.
    pub revision: MipsRevision,
}

const RETURN_ADDRESS: u32 = 31;

impl Decoder for Mips {
    fn decode(&self, bytes: &[u8], address: u64) -> Option<Instruction> {
        let word = word(bytes, self.order)?;
        let place = Place { machine: *self, address };
        if self.revision == MipsRevision::Six
            && let Some(decoded) = release6::changed(place, word)
        {
            return decoded;
        }
        decode(place, word)
    }

    fn operation(&self, bytes: &[u8]) -> u32 {
        let Some(word) = word(bytes, self.order) else { return 0 };
        match word >> 26 {
            _ if word == 0 => 0,
            0 | 0x1c | 0x1f => word & 0xfc00_003f | 0x40,
            1 => word & 0xfc1f_0000,
            0x11 => word & 0xffe0_003f,
            _ => word & 0xfc00_0000,
        }
    }

    fn alignment(&self) -> u64 {
        4
    }
}

/// Where an instruction stands, and on which machine.
#[derive(Clone, Copy)]
struct Place {
    machine: Mips,
    address: u64,
}

impl Place {
    fn is_six(self) -> bool {
        self.machine.revision == MipsRevision::Six
    }

    /// Width of registers in bits.
    fn bits(self) -> u8 {
        if self.machine.wide { 64 } else { 32 }
    }

    /// The number as wide as a register, sign extended.
    fn number(self, number: i32) -> Value {
        let number = i64::from(number).cast_unsigned();
        Value::Constant(if self.machine.wide { number } else { number & 0xffff_ffff })
    }

    /// The address `distance` bytes from this instruction.
    fn relative(self, distance: i64) -> u64 {
        let address = self.address.wrapping_add_signed(distance);
        if self.machine.wide { address } else { address & 0xffff_ffff }
    }
}

/// The register of a number below 32.
const fn general(number: u32) -> Register {
    Register((number & 31) as u8)
}

/// What a read of the register gives.
fn read(number: u32) -> Value {
    if number == 0 { Value::Constant(0) } else { Value::Register(general(number)) }
}

fn plain(effects: Vec<Effect>) -> Instruction {
    Instruction::next(4, effects)
}

fn nothing() -> Instruction {
    plain(Vec::new())
}

/// An instruction that writes one register, unless it is `$zero`.
fn writing(register: u32, effect: Effect) -> Instruction {
    if register == 0 { nothing() } else { plain(vec![effect]) }
}

fn clobbering(register: u32) -> Instruction {
    writing(register, Effect::Clobber(general(register)))
}

/// The register fields of an instruction word.
const fn rs(word: u32) -> u32 {
    field(word, 21, 5)
}
const fn rt(word: u32) -> u32 {
    field(word, 16, 5)
}
const fn rd(word: u32) -> u32 {
    field(word, 11, 5)
}

/// The lower sixteen bits as a signed number.
fn short(word: u32) -> i32 {
    signed(word, 16)
}

/// Base and displacement of a load or store.
fn address(word: u32, displacement: i32) -> Address {
    let base = rs(word);
    Address {
        base: (base != 0).then(|| general(base)),
        index: None,
        displacement: i64::from(displacement),
        segment: false,
    }
}

fn decode(place: Place, word: u32) -> Option<Instruction> {
    let wide = place.machine.wide;
    match word >> 26 {
        0x00 => special::special(place, word),
        0x01 => branch::by_sign(place, word),
        0x02 | 0x03 | 0x1d => branch::region(place, word),
        // Against zero the second register's field is reserved; so is the first of `lui`.
        0x06 | 0x07 | 0x16 | 0x17 if rt(word) != 0 => None,
        0x04..=0x07 => Some(branch::compare(place, word, None)),
        0x14..=0x17 => Some(branch::compare(place, word, Some(()))),
        0x0f if rs(word) != 0 && !place.is_six() => None,
        0x08..=0x0f => Some(constant(place, word)),
        0x18 | 0x19 if wide => {
            let sum = compute(
                general(rt(word)),
                Operation::Add,
                read(rs(word)),
                place.number(short(word)),
                64,
            );
            Some(writing(rt(word), sum))
        }
        0x10 => system(word),
        0x11 => floating(place, word),
        0x12 => coprocessor2(place, word),
        // MIPS IV floating point with an index register: stores reach memory by two registers.
        0x13 => indexed_floating(word),
        0x1c => special::special2(place, word),
        0x1e => vector(word),
        0x1f => special::special3(place, word),
        0x1a | 0x1b if !wide => None,
        // Octeon's `bbit0` and its kin, where others have coprocessor 2, which no program uses.
        0x32 | 0x36 | 0x3a | 0x3e if wide && !place.is_six() => {
            Some(branch::by_flag(place, word, false))
        }
        code => memory::access(place, word, code),
    }
}

/// `addi` to `lui`.
fn constant(place: Place, word: u32) -> Instruction {
    let register = general(rt(word));
    let logical = Value::Constant(u64::from(field(word, 0, 16)));
    let arithmetic = place.number(short(word));
    let (operation, right, bits) = match field(word, 26, 3) {
        0 | 1 => (Operation::Add, arithmetic, 32),
        2 => (Operation::Less, arithmetic, place.bits()),
        3 => (Operation::Below, arithmetic, place.bits()),
        4 => (Operation::And, logical, place.bits()),
        5 => (Operation::Or, logical, place.bits()),
        6 => (Operation::ExclusiveOr, logical, place.bits()),
        _ => {
            let upper = (field(word, 0, 16) << 16).cast_signed();
            (Operation::Add, place.number(upper), 32)
        }
    };
    // Release 6 has `aui` where `lui` was; `lui` is `aui` of `$zero`.
    let left = if field(word, 26, 3) == 7 && !place.is_six() {
        Value::Constant(0)
    } else {
        read(rs(word))
    };
    writing(rt(word), compute(register, operation, left, right, bits))
}

/// Coprocessor 0: the kernel's; a program meets only what a kernel emulates.
fn system(word: u32) -> Option<Instruction> {
    match rs(word) {
        0 | 1 | 2 | 3 | 11 => Some(clobbering(rt(word))),
        10 => Some(clobbering(rd(word))),
        4..=7 | 14 => Some(nothing()),
        16..=31 if field(word, 0, 6) == 0x18 => Some(nothing().going(Flow::Return)),
        16..=31 => Some(nothing()),
        _ => None,
    }
}

fn floating(place: Place, word: u32) -> Option<Instruction> {
    match rs(word) {
        0..=3 => Some(clobbering(rt(word))),
        4..=7 => Some(nothing()),
        8 if !place.is_six() => Some(branch::by_flag(place, word, bit(word, 17))),
        9 | 13 if place.is_six() => Some(branch::by_flag(place, word, false)),
        11 | 15 | 24..=31 => Some(branch::by_flag(place, word, false)),
        9 | 10 => Some(branch::by_flag(place, word, false)),
        16..=23 => Some(nothing()),
        _ => None,
    }
}

fn coprocessor2(place: Place, word: u32) -> Option<Instruction> {
    match rs(word) {
        0..=3 => Some(clobbering(rt(word))),
        4..=7 => Some(nothing()),
        8 if !place.is_six() => Some(branch::by_flag(place, word, bit(word, 17))),
        9 | 13 if place.is_six() => Some(branch::by_flag(place, word, false)),
        10 | 11 | 14 | 15 if place.is_six() => Some(release6::coprocessor2_memory(word)),
        16..=31 => Some(nothing()),
        _ => None,
    }
}

fn indexed_floating(word: u32) -> Option<Instruction> {
    let address = Address { index: Some((general(rt(word)), 0)), ..address(word, 0) };
    match field(word, 0, 6) {
        8 | 9 | 13 => Some(plain(vec![Effect::Overwrite { address, bytes: 8 }])),
        0 | 1 | 5 | 15 | 0x1e | 0x20..=0x3f => Some(nothing()),
        _ => None,
    }
}

/// The vector module (MSA): `copy` and `cfcmsa` write general registers, stores 16 bytes.
fn vector(word: u32) -> Option<Instruction> {
    let register = field(word, 6, 5);
    match field(word, 0, 6) {
        0x19 => Some(clobbering(register)),
        0x20..=0x27 => {
            let scale = field(word, 0, 2);
            let displacement = signed(field(word, 16, 10), 10) << scale;
            let base = rd(word);
            let address = Address {
                base: (base != 0).then(|| general(base)),
                index: None,
                displacement: i64::from(displacement),
                segment: false,
            };
            let effects = if field(word, 2, 4) == 9 {
                vec![Effect::Overwrite { address, bytes: 16 }]
            } else {
                Vec::new()
            };
            Some(plain(effects))
        }
        _ => Some(nothing()),
    }
}
