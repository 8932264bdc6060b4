// SPDX-License-Identifier: Apache-2.0
//! x86-64 and i386, decoded by iced-x86.

use iced_x86::{
    Code, Decoder as Iced, DecoderOptions, FlowControl, InstructionInfoFactory,
    InstructionInfoOptions, Mnemonic, OpAccess, OpKind, Register as IcedRegister,
};

use super::{
    Address, Condition, Decoder, Effect, Flow, Instruction, Operation, Register, Target, Value,
};

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

    fn operation(&self, bytes: &[u8]) -> u32 {
        let bytes = bytes.get(..bytes.len().min(15)).unwrap_or_default();
        let found = Iced::with_ip(self.bits, bytes, 0, DecoderOptions::NONE).decode();
        match found.mnemonic() {
            Mnemonic::Nop | Mnemonic::Endbr32 | Mnemonic::Endbr64 => 0,
            // Where several encodings mean the same, compilers agree; vectors of other widths are other operations.
            other => other as u32,
        }
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

    fn jump(&mut self) -> (Flow, Option<Condition>) {
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

    fn indirect(&self) -> Target {
        if self.found.op0_kind() == OpKind::Memory {
            return Target::Memory(self.address());
        }
        general(self.found.op0_register())
            .map_or(Target::Register(STACK), |(register, _)| Target::Register(register))
    }

    /// `call *%gs:0x10` is the way into the kernel that glibc for i386 takes.
    fn indirect_call(&self) -> Flow {
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

    fn interrupt(&self) -> Flow {
        match self.found.code() {
            Code::Int_imm8 if self.found.immediate8() == 0x80 => Flow::SystemCall32,
            Code::Int_imm8 | Code::Int3 => Flow::Stop,
            _ => Flow::Next,
        }
    }

    fn other_flow(&mut self) -> Flow {
        match self.found.mnemonic() {
            Mnemonic::Xbegin | Mnemonic::Xabort | Mnemonic::Xend => {
                self.unmodelled();
                Flow::Next
            }
            _ => Flow::Stop,
        }
    }

    fn data(&mut self) {
        let modelled = match self.found.mnemonic() {
            Mnemonic::Nop | Mnemonic::Endbr64 | Mnemonic::Endbr32 | Mnemonic::Pause => Some(()),
            Mnemonic::Mov | Mnemonic::Movsxd | Mnemonic::Movsx | Mnemonic::Movzx => self.mov(),
            Mnemonic::Lea => self.lea(),
            Mnemonic::Xor => self.xor(),
            Mnemonic::Add => self.compute(Operation::Add),
            Mnemonic::Sub => self.subtract(),
            Mnemonic::And => self.compute(Operation::And),
            Mnemonic::Or => self.compute(Operation::Or),
            Mnemonic::Shl => self.compute(Operation::ShiftLeft),
            Mnemonic::Shr => self.compute(Operation::ShiftRight),
            Mnemonic::Sar => self.compute(Operation::ShiftRightSigned),
            Mnemonic::Inc => self.step(Operation::Add),
            Mnemonic::Dec => self.step(Operation::Subtract),
            Mnemonic::Imul => self.multiply(),
            Mnemonic::Push => self.push(),
            Mnemonic::Pop => self.pop(),
            Mnemonic::Leave => self.leave(),
            Mnemonic::Cmp => self.compare(),
            Mnemonic::Test => self.test(),
            _ if self.found.op_count() == 2 && is_conditional_move(self.found.mnemonic()) => {
                self.choose()
            }
            _ => None,
        };
        if modelled.is_none() {
            self.effects.clear();
            self.unmodelled();
        }
    }

    fn mov(&mut self) -> Option<()> {
        let signed = matches!(self.found.mnemonic(), Mnemonic::Movsx | Mnemonic::Movsxd);
        let extends = signed || self.found.mnemonic() == Mnemonic::Movzx;
        match (self.found.op0_kind(), self.found.op1_kind()) {
            (OpKind::Register, OpKind::Memory) => {
                let (register, bits) = general(self.found.op0_register())?;
                if bits < 32 {
                    return None;
                }
                let bytes = u8::try_from(self.found.memory_size().size()).ok()?;
                let address = self.address();
                self.effects.push(Effect::Load { register, address, bytes, signed });
            }
            (OpKind::Register, _) => {
                let (register, bits) = general(self.found.op0_register())?;
                if extends {
                    return self.extend(register, bits);
                }
                let value = self.operand(1)?;
                self.effects.push(Effect::Set { register, value, bits });
            }
            (OpKind::Memory, _) => {
                let bytes = u8::try_from(self.found.memory_size().size()).ok()?;
                let (address, value) = (self.address(), self.operand(1)?);
                self.effects.push(Effect::Store { address, value, bytes });
            }
            _ => return None,
        }
        Some(())
    }

    /// A register widened into another: by mask, or by two shifts.
    fn extend(&mut self, register: Register, bits: u8) -> Option<()> {
        let (from, narrow) = general(self.found.op1_register())?;
        let value = Value::Register(from);
        if self.found.mnemonic() == Mnemonic::Movzx {
            let mask = Value::Constant((1_u64 << narrow) - 1);
            self.effects.push(Effect::Compute {
                register,
                operation: Operation::And,
                left: value,
                right: mask,
                bits,
            });
            return Some(());
        }
        let shift = Value::Constant(u64::from(bits.checked_sub(narrow)?));
        let left = Operation::ShiftLeft;
        self.effects.push(Effect::Compute {
            register,
            operation: left,
            left: value,
            right: shift,
            bits,
        });
        self.effects.push(Effect::Compute {
            register,
            operation: Operation::ShiftRightSigned,
            left: Value::Register(register),
            right: shift,
            bits,
        });
        Some(())
    }

    fn lea(&mut self) -> Option<()> {
        let (register, bits) = general(self.found.op0_register())?;
        let address = self.address();
        let displacement = Value::Constant(address.displacement as u64);
        let add = Operation::Add;
        match (address.base, address.index) {
            (None, None) => self.effects.push(Effect::Set { register, value: displacement, bits }),
            (Some(base), None) => {
                let left = Value::Register(base);
                self.effects.push(Effect::Compute {
                    register,
                    operation: add,
                    left,
                    right: displacement,
                    bits,
                });
            }
            (base, Some((index, 0))) if address.displacement == 0 => {
                let (left, right) = (Value::Register(base?), Value::Register(index));
                self.effects.push(Effect::Compute { register, operation: add, left, right, bits });
            }
            _ => return None,
        }
        Some(())
    }

    /// The value of an operand that is no memory.
    fn operand(&self, number: u32) -> Option<Value> {
        match self.found.op_kind(number) {
            OpKind::Register => {
                let (register, _) = general(self.found.op_register(number))?;
                Some(Value::Register(register))
            }
            OpKind::Memory => None,
            _ => self.found.try_immediate(number).ok().map(Value::Constant),
        }
    }

    fn xor(&mut self) -> Option<()> {
        let (register, bits) = self.destination()?;
        let same = self.found.op1_kind() == OpKind::Register
            && self.found.op0_register() == self.found.op1_register();
        if same {
            self.forget_flags();
            self.effects.push(Effect::Set { register, value: Value::Constant(0), bits });
            return Some(());
        }
        self.compute(Operation::ExclusiveOr)
    }

    fn destination(&self) -> Option<(Register, u8)> {
        if self.found.op0_kind() != OpKind::Register {
            return None;
        }
        general(self.found.op0_register())
    }

    fn compute(&mut self, operation: Operation) -> Option<()> {
        let (register, bits) = self.destination()?;
        let right = self.operand(1)?;
        self.forget_flags();
        let left = Value::Register(register);
        self.effects.push(Effect::Compute { register, operation, left, right, bits });
        Some(())
    }

    fn subtract(&mut self) -> Option<()> {
        let (register, bits) = self.destination()?;
        let right = self.operand(1)?;
        let left = Value::Register(register);
        self.effects.push(Effect::Compare { left, right });
        self.effects.push(Effect::Compute {
            register,
            operation: Operation::Subtract,
            left,
            right,
            bits,
        });
        Some(())
    }

    fn step(&mut self, operation: Operation) -> Option<()> {
        let (register, bits) = self.destination()?;
        self.forget_flags();
        let (left, right) = (Value::Register(register), Value::Constant(1));
        self.effects.push(Effect::Compute { register, operation, left, right, bits });
        Some(())
    }

    fn multiply(&mut self) -> Option<()> {
        let (register, bits) = self.destination()?;
        let (left, right) = match self.found.op_count() {
            2 => (Value::Register(register), self.operand(1)?),
            3 => (self.operand(1)?, self.operand(2)?),
            _ => return None,
        };
        self.forget_flags();
        self.effects.push(Effect::Compute {
            register,
            operation: Operation::Multiply,
            left,
            right,
            bits,
        });
        Some(())
    }

    fn word(&self) -> u8 {
        (self.bits / 8) as u8
    }

    fn move_stack(&mut self, operation: Operation) {
        self.effects.push(Effect::Compute {
            register: STACK,
            operation,
            left: Value::Register(STACK),
            right: Value::Constant(u64::from(self.word())),
            bits: self.bits as u8,
        });
    }

    fn push(&mut self) -> Option<()> {
        let value = self.operand(0).unwrap_or(Value::Unknown);
        let value = if value == Value::Register(STACK) { Value::Unknown } else { value };
        self.move_stack(Operation::Subtract);
        self.effects.push(Effect::Store { address: at_register(STACK), value, bytes: self.word() });
        Some(())
    }

    fn pop(&mut self) -> Option<()> {
        if let Some((register, _)) = self.destination() {
            let bytes = self.word();
            self.effects.push(Effect::Load {
                register,
                address: at_register(STACK),
                bytes,
                signed: false,
            });
        }
        self.move_stack(Operation::Add);
        Some(())
    }

    fn leave(&mut self) -> Option<()> {
        let bits = self.bits as u8;
        self.effects.push(Effect::Set { register: STACK, value: Value::Register(FRAME), bits });
        let (address, bytes) = (at_register(STACK), self.word());
        self.effects.push(Effect::Load { register: FRAME, address, bytes, signed: false });
        self.move_stack(Operation::Add);
        Some(())
    }

    fn compare(&mut self) -> Option<()> {
        let left = self.operand(0).unwrap_or(Value::Unknown);
        let right = self.operand(1).unwrap_or(Value::Unknown);
        self.effects.push(Effect::Compare { left, right });
        self.touch_memory();
        Some(())
    }

    fn test(&mut self) -> Option<()> {
        let same = self.found.op0_kind() == OpKind::Register
            && self.found.op0_register() == self.found.op1_register();
        if same {
            let left = self.operand(0)?;
            self.effects.push(Effect::Compare { left, right: Value::Constant(0) });
        } else {
            self.forget_flags();
            self.touch_memory();
        }
        Some(())
    }

    fn choose(&mut self) -> Option<()> {
        let (register, _) = self.destination()?;
        match self.operand(1) {
            Some(value) => self.effects.push(Effect::Choose { register, value }),
            None => {
                self.touch_memory();
                self.effects.push(Effect::Clobber(register));
            }
        }
        Some(())
    }

    fn forget_flags(&mut self) {
        self.effects.push(Effect::Compare { left: Value::Unknown, right: Value::Unknown });
    }

    /// Memory that is only read, into nothing: its address is still a reference.
    fn touch_memory(&mut self) {
        let reads =
            (0..self.found.op_count()).any(|number| self.found.op_kind(number) == OpKind::Memory);
        if reads {
            self.refer();
        }
    }

    /// Memory that is read in a way that is not modelled.
    fn refer(&mut self) {
        let (address, bytes) = (self.address(), self.memory_bytes());
        self.effects.push(Effect::Touch { address, bytes });
    }

    /// How much memory the instruction may reach.
    fn memory_bytes(&self) -> u16 {
        let found = self.found;
        match found.memory_size().size() {
            // States of the floating-point unit, and sizes that the decoder does not tell.
            0 => 1024,
            size => u16::try_from(size).unwrap_or(u16::MAX),
        }
    }

    fn address(&self) -> Address {
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

    /// Registers that are written lose their content, memory that is written too, and what registers
    /// held may have gone anywhere.
    fn unmodelled(&mut self) {
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
