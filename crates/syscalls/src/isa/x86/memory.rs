// SPDX-License-Identifier: Apache-2.0
//! Operands in memory, and instructions that are not modelled.

use iced_x86::{
    InstructionInfoFactory, InstructionInfoOptions, Mnemonic, OpAccess, OpKind,
    Register as IcedRegister,
};

use super::{One, STACK, UNKNOWN_PLACE, at_register, general};
use crate::isa::{Address, Effect, Register, Value};
impl One<'_> {
    pub(super) fn forget_flags(&mut self) {
        self.effects.push(Effect::Compare { left: Value::Unknown, right: Value::Unknown });
    }

    /// Memory that is only read, into nothing: its address is still a reference.
    pub(super) fn touch_memory(&mut self) {
        let reads =
            (0..self.found.op_count()).any(|number| self.found.op_kind(number) == OpKind::Memory);
        if reads {
            self.refer();
        }
    }

    /// Memory that is read in a way that is not modelled.
    pub(super) fn refer(&mut self) {
        let (address, bytes) = (self.address(), self.memory_bytes());
        self.effects.push(Effect::Touch { address, bytes });
    }

    /// How much memory the instruction may reach.
    pub(super) fn memory_bytes(&self) -> u16 {
        let found = self.found;
        match found.memory_size().size() {
            // States of the floating-point unit, and sizes that the decoder does not tell.
            0 => 1024,
            size => u16::try_from(size).unwrap_or(u16::MAX),
        }
    }

    pub(super) fn address(&self) -> Address {
        let found = self.found;
        let relative = found.is_ip_rel_memory_operand();
        let segment = matches!(found.memory_segment(), IcedRegister::FS | IcedRegister::GS);
        let base = if relative { None } else { general(found.memory_base()).map(|(base, _)| base) };
        let index = general(found.memory_index())
            .map(|(index, _)| (index, found.memory_index_scale().trailing_zeros() as u8));
        let displacement =
            if relative { found.ip_rel_memory_address() } else { found.memory_displacement64() };
        let displacement = if self.bits == 32 && base.is_none() && index.is_none() {
            (displacement & 0xffff_ffff) as i64
        } else if self.bits == 32 {
            i64::from(displacement as i32)
        } else {
            displacement as i64
        };
        Address { base, index, displacement, segment }
    }

    /// Are vector registers, memory and numbers all that it has to do with? Then nobody need ask which registers it uses.
    fn is_vector_only(&self) -> bool {
        let found = self.found;
        let plain = |number: u32| match found.op_kind(number) {
            OpKind::Register => found.op_register(number).is_vector_register(),
            OpKind::Memory | OpKind::Immediate8 => true,
            _ => false,
        };
        // Comparisons of strings give an index in ecx.
        let counts = matches!(
            found.mnemonic(),
            Mnemonic::Pcmpestri
                | Mnemonic::Pcmpistri
                | Mnemonic::Pcmpestrm
                | Mnemonic::Vpcmpestri
                | Mnemonic::Vpcmpistri
                | Mnemonic::Vpcmpestrm
        );
        found.op_count() >= 2 && !counts && (0..found.op_count()).all(plain)
    }

    fn vector(&mut self) {
        if self.found.op_kind(0) == OpKind::Memory {
            let (address, bytes) = (self.address(), self.memory_bytes());
            self.refer();
            self.effects.push(Effect::Overwrite { address, bytes });
        } else {
            self.touch_memory();
        }
        if self.found.rflags_modified() != 0 {
            self.forget_flags();
        }
    }

    /// What no other function here models.
    pub(super) fn unmodelled(&mut self) {
        if self.is_vector_only() {
            self.vector();
        } else {
            self.forget();
        }
    }

    /// Registers that are written lose their content, memory that is written too, and what registers
    /// held may have gone anywhere.
    fn forget(&mut self) {
        let mut factory = InstructionInfoFactory::new();
        let info = factory.info_options(self.found, InstructionInfoOptions::NONE);
        let writes = |access| {
            matches!(
                access,
                OpAccess::Write
                    | OpAccess::CondWrite
                    | OpAccess::ReadWrite
                    | OpAccess::ReadCondWrite
            )
        };
        let reads = |access| {
            matches!(
                access,
                OpAccess::Read | OpAccess::CondRead | OpAccess::ReadWrite | OpAccess::ReadCondWrite
            )
        };
        let used: Vec<_> = info
            .used_registers()
            .iter()
            .filter_map(|used| Some((general(used.register().full_register())?.0, used.access())))
            .collect();
        let written = info.used_memory().iter().any(|memory| writes(memory.access()));
        let addressed = [self.found.memory_base(), self.found.memory_index()]
            .map(|r| general(r).map(|(r, _)| r));
        for (register, access) in &used {
            let only_addresses = addressed.contains(&Some(*register))
                && self.found.op_count() > 1
                && !(0..self.found.op_count()).any(|n| {
                    self.found.op_kind(n) == OpKind::Register
                        && general(self.found.op_register(n)).map(|(r, _)| r) == Some(*register)
                });
            if reads(*access) && !only_addresses && *register != STACK {
                let value = Value::Register(*register);
                self.effects.push(Effect::Store { address: UNKNOWN_PLACE, value, bytes: 8 });
            }
        }
        let has_memory =
            (0..self.found.op_count()).any(|n| self.found.op_kind(n) == OpKind::Memory);
        if has_memory {
            self.refer();
            if written {
                let (address, bytes) = (self.address(), self.memory_bytes());
                self.effects.push(Effect::Overwrite { address, bytes });
            }
        } else if written && self.found.is_string_instruction() {
            // `stos`, `movs` and `ins` write where rdi points to.
            let address = at_register(Register(7));
            self.effects.push(Effect::Overwrite { address, bytes: u16::MAX });
        }
        if self.found.rflags_modified() != 0 {
            self.forget_flags();
        }
        for (register, access) in used {
            if writes(access) {
                self.effects.push(Effect::Clobber(register));
            }
        }
    }
}
