// SPDX-License-Identifier: Apache-2.0
//! Jumps, calls, system calls.

use iced_x86::{Code, Mnemonic, OpKind};

use super::{One, STACK, general};
use crate::isa::{Address, Condition, Flow, Target};
impl One<'_> {
    pub(super) fn jump(&mut self) -> (Flow, Option<Condition>) {
        let flow = Flow::Jump(Target::Direct(self.found.near_branch_target()));
        let condition = match self.found.mnemonic() {
            Mnemonic::Jmp => return (flow, None),
            Mnemonic::Je => Condition::Equal,
            Mnemonic::Jne => Condition::NotEqual,
            Mnemonic::Ja => Condition::Above,
            Mnemonic::Jae => Condition::AboveOrEqual,
            Mnemonic::Jb => Condition::Below,
            Mnemonic::Jbe => Condition::BelowOrEqual,
            _ => Condition::Other,
        };
        (flow, Some(condition))
    }

    pub(super) fn indirect(&self) -> Target {
        if self.found.op0_kind() == OpKind::Memory {
            return Target::Memory(self.address());
        }
        general(self.found.op0_register())
            .map_or(Target::Register(STACK), |(register, _)| Target::Register(register))
    }

    /// `call *%gs:0x10` is the way into the kernel that glibc for i386 takes.
    pub(super) fn indirect_call(&self) -> Flow {
        match self.indirect() {
            Target::Memory(Address {
                base: None,
                index: None,
                displacement: 0x10,
                segment: true,
            }) if self.bits == 32 => Flow::SystemCall32,
            target => Flow::Call(target),
        }
    }

    pub(super) fn interrupt(&self) -> Flow {
        match self.found.code() {
            Code::Int_imm8 if self.found.immediate8() == 0x80 => Flow::SystemCall32,
            Code::Int_imm8 | Code::Int3 => Flow::Stop,
            _ => Flow::Next,
        }
    }

    pub(super) fn other_flow(&mut self) -> Flow {
        match self.found.mnemonic() {
            Mnemonic::Xbegin | Mnemonic::Xabort | Mnemonic::Xend => {
                self.unmodelled();
                Flow::Next
            }
            _ => Flow::Stop,
        }
    }
}
