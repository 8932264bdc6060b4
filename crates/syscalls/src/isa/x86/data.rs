// SPDX-License-Identifier: Apache-2.0
//! Instructions that move and compute numbers.

use iced_x86::{Mnemonic, OpKind};

use super::{FRAME, One, STACK, at_register, general, is_conditional_move};
use crate::isa::{Effect, Operation, Register, Value};
impl One<'_> {
    pub(super) fn data(&mut self) {
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

    pub(super) fn mov(&mut self) -> Option<()> {
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
    pub(super) fn extend(&mut self, register: Register, bits: u8) -> Option<()> {
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

    pub(super) fn lea(&mut self) -> Option<()> {
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
    pub(super) fn operand(&self, number: u32) -> Option<Value> {
        match self.found.op_kind(number) {
            OpKind::Register => {
                let (register, _) = general(self.found.op_register(number))?;
                Some(Value::Register(register))
            }
            OpKind::Memory => None,
            _ => self.found.try_immediate(number).ok().map(Value::Constant),
        }
    }

    pub(super) fn xor(&mut self) -> Option<()> {
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

    pub(super) fn destination(&self) -> Option<(Register, u8)> {
        if self.found.op0_kind() != OpKind::Register {
            return None;
        }
        general(self.found.op0_register())
    }

    pub(super) fn compute(&mut self, operation: Operation) -> Option<()> {
        let (register, bits) = self.destination()?;
        let right = self.operand(1)?;
        self.forget_flags();
        let left = Value::Register(register);
        self.effects.push(Effect::Compute { register, operation, left, right, bits });
        Some(())
    }

    pub(super) fn subtract(&mut self) -> Option<()> {
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

    pub(super) fn step(&mut self, operation: Operation) -> Option<()> {
        let (register, bits) = self.destination()?;
        self.forget_flags();
        let (left, right) = (Value::Register(register), Value::Constant(1));
        self.effects.push(Effect::Compute { register, operation, left, right, bits });
        Some(())
    }

    pub(super) fn multiply(&mut self) -> Option<()> {
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

    pub(super) fn word(&self) -> u8 {
        (self.bits / 8) as u8
    }

    pub(super) fn move_stack(&mut self, operation: Operation) {
        self.effects.push(Effect::Compute {
            register: STACK,
            operation,
            left: Value::Register(STACK),
            right: Value::Constant(u64::from(self.word())),
            bits: self.bits as u8,
        });
    }

    pub(super) fn push(&mut self) -> Option<()> {
        let value = self.operand(0).unwrap_or(Value::Unknown);
        let value = if value == Value::Register(STACK) { Value::Unknown } else { value };
        self.move_stack(Operation::Subtract);
        self.effects.push(Effect::Store { address: at_register(STACK), value, bytes: self.word() });
        Some(())
    }

    pub(super) fn pop(&mut self) -> Option<()> {
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

    pub(super) fn leave(&mut self) -> Option<()> {
        let bits = self.bits as u8;
        self.effects.push(Effect::Set { register: STACK, value: Value::Register(FRAME), bits });
        let (address, bytes) = (at_register(STACK), self.word());
        self.effects.push(Effect::Load { register: FRAME, address, bytes, signed: false });
        self.move_stack(Operation::Add);
        Some(())
    }

    pub(super) fn compare(&mut self) -> Option<()> {
        let left = self.operand(0).unwrap_or(Value::Unknown);
        let right = self.operand(1).unwrap_or(Value::Unknown);
        self.effects.push(Effect::Compare { left, right });
        self.touch_memory();
        Some(())
    }

    pub(super) fn test(&mut self) -> Option<()> {
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

    pub(super) fn choose(&mut self) -> Option<()> {
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
}
