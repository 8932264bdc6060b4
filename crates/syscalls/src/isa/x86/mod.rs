// SPDX-License-Identifier: Apache-2.0
//! x86-64 and i386, decoded by iced-x86.

mod data;
mod flow;
mod memory;

use iced_x86::{Decoder as Iced, DecoderOptions, FlowControl, Mnemonic, Register as IcedRegister};

use super::{Address, Condition, Decoder, Effect, Flow, Instruction, Register, Target};

/// The decoder for one width.
#[derive(Debug, Clone, Copy)]
pub struct X86 {
    bits: u32,
}

impl X86 {
    /// For x86-64.
    #[must_use]
    pub fn wide() -> Self {
        Self { bits: 64 }
    }

    /// For i386.
    #[must_use]
    pub fn narrow() -> Self {
        Self { bits: 32 }
    }
}

/// The stack pointer, `rsp`.
const STACK: Register = Register(4);
const FRAME: Register = Register(5);

impl Decoder for X86 {
    fn decode(&self, bytes: &[u8], address: u64) -> Option<Instruction> {
        let bytes = bytes.get(..bytes.len().min(15))?;
        let mut decoder = Iced::with_ip(self.bits, bytes, address, DecoderOptions::NONE);
        let found = decoder.decode();
        if found.is_invalid() {
            return None;
        }
        let mut reader = One { found: &found, bits: self.bits, effects: Vec::new() };
        let (flow, condition) = reader.read();
        Some(Instruction {
            size: u8::try_from(found.len()).ok()?,
            effects: reader.effects,
            flow,
            condition,
            delay_slot: None,
        })
    }

    fn alignment(&self) -> u64 {
        1
    }
}

/// One instruction on its way.
struct One<'a> {
    found: &'a iced_x86::Instruction,
    bits: u32,
    effects: Vec<Effect>,
}

impl One<'_> {
    fn read(&mut self) -> (Flow, Option<Condition>) {
        match self.found.flow_control() {
            FlowControl::Next => {
                self.data();
                (Flow::Next, None)
            }
            FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => self.jump(),
            FlowControl::IndirectBranch => (Flow::Jump(self.indirect()), None),
            FlowControl::Call if self.found.mnemonic() == Mnemonic::Syscall => {
                (Flow::SystemCall(0), None)
            }
            FlowControl::Call if self.found.mnemonic() == Mnemonic::Sysenter => {
                (Flow::SystemCall32, None)
            }
            FlowControl::Call => {
                (Flow::Call(Target::Direct(self.found.near_branch_target())), None)
            }
            FlowControl::IndirectCall => (self.indirect_call(), None),
            FlowControl::Return => (Flow::Return, None),
            FlowControl::Interrupt => (self.interrupt(), None),
            _ => (self.other_flow(), None),
        }
    }
}

/// Somewhere that is not known; storing there lets a value escape.
const UNKNOWN_PLACE: Address = Address { base: None, index: None, displacement: 0, segment: true };

fn at_register(base: Register) -> Address {
    Address { base: Some(base), index: None, displacement: 0, segment: false }
}

fn is_conditional_move(mnemonic: Mnemonic) -> bool {
    matches!(
        mnemonic,
        Mnemonic::Cmova
            | Mnemonic::Cmovae
            | Mnemonic::Cmovb
            | Mnemonic::Cmovbe
            | Mnemonic::Cmove
            | Mnemonic::Cmovg
            | Mnemonic::Cmovge
            | Mnemonic::Cmovl
            | Mnemonic::Cmovle
            | Mnemonic::Cmovne
            | Mnemonic::Cmovno
            | Mnemonic::Cmovnp
            | Mnemonic::Cmovns
            | Mnemonic::Cmovo
            | Mnemonic::Cmovp
            | Mnemonic::Cmovs
    )
}

/// Number and width of a general register; `None` for others and for `ah` and its like.
fn general(register: IcedRegister) -> Option<(Register, u8)> {
    let high = matches!(
        register,
        IcedRegister::AH | IcedRegister::CH | IcedRegister::DH | IcedRegister::BH
    );
    if !register.is_gpr() {
        return None;
    }
    let number = Register(u8::try_from(register.full_register().number()).ok()?);
    let bits = u8::try_from(register.size() * 8).ok()?;
    // What is done to the second byte is outside the model: it changes the whole register.
    if high { None } else { Some((number, bits)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Value;

    fn decode(bytes: &[u8]) -> Instruction {
        X86::wide().decode(bytes, 0x1000).expect("an instruction")
    }

    #[test]
    fn a_number_in_eax_and_a_system_call() {
        let set = decode(&[0xb8, 0x3c, 0, 0, 0]);
        let value = Value::Constant(60);
        assert_eq!(set.effects, [Effect::Set { register: Register(0), value, bits: 32 }]);
        assert_eq!(decode(&[0x0f, 0x05]).flow, Flow::SystemCall(0));
        assert_eq!(decode(&[0xcd, 0x80]).flow, Flow::SystemCall32);
    }

    #[test]
    fn addresses_relative_to_the_program_counter_are_constants() {
        // lea 0x10(%rip),%rdi
        let lea = decode(&[0x48, 0x8d, 0x3d, 0x10, 0, 0, 0]);
        let value = Value::Constant(0x1017);
        assert_eq!(lea.effects, [Effect::Set { register: Register(7), value, bits: 64 }]);
    }

    #[test]
    fn a_function_address_that_goes_through_a_vector_register_escapes() {
        // movq %rax,%xmm0
        let moved = decode(&[0x66, 0x48, 0x0f, 0x6e, 0xc0]);
        let value = Value::Register(Register(0));
        assert!(moved.effects.contains(&Effect::Store { address: UNKNOWN_PLACE, value, bytes: 8 }));
    }

    #[test]
    fn writing_ah_makes_rax_unknown() {
        // mov $1,%ah
        assert!(decode(&[0xb4, 1]).effects.contains(&Effect::Clobber(Register(0))));
    }

    #[test]
    fn any_fifteen_bytes_decode_or_do_not() {
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..15)
                .map(|_| {
                    seed = seed
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    (seed >> 56) as u8
                })
                .collect();
            for decoder in [X86::wide(), X86::narrow()] {
                if let Some(found) = decoder.decode(&bytes, 0x1000) {
                    assert!((1..=15).contains(&found.size));
                }
            }
        }
    }
}
