// SPDX-License-Identifier: Apache-2.0
//! One instruction without what differs between builds: registers by the order in which they occur, addresses by what lies there.

use kakoi_syscalls::function::{Point, Step};
use kakoi_syscalls::isa::{Address, Effect, Flow, Operation, Register, Target, Value};

use crate::hash::Mix;
use crate::program::{Number, Refer, Token};

/// Turns the instructions of one function into tokens.
pub(crate) struct Encoder {
    /// The number that a register got when it first occurred, plus one.
    order: [u8; 256],
    next: u8,
    stack: u8,
    /// The register that a function computes its global pointer in, from its own address (MIPS).
    global: Option<u8>,
}

/// One token on its way.
struct Work<'a> {
    mix: Mix,
    numbers: Vec<Number>,
    /// The numbers of the instruction are parts of an address.
    masked: bool,
    points: &'a [Point],
}

impl Encoder {
    /// `stack` is the number of the stack pointer, `global` that of the global pointer.
    pub(crate) fn new(stack: u8, global: Option<u8>) -> Self {
        Self { order: [0; 256], next: 0, stack, global }
    }

    /// `block` is the ordinal of the block that a direct jump leads to, `refers` what the points of the step lead to.
    pub(crate) fn encode(
        &mut self,
        step: &Step,
        block: Option<usize>,
        refers: Vec<Refer>,
    ) -> Token {
        let masked = step.points.iter().any(|point| !matches!(point, Point::Number(_)));
        let mut work = Work {
            mix: Mix::new(u64::from(step.operation)),
            numbers: Vec::new(),
            masked,
            points: &step.points,
        };
        for effect in &step.instruction.effects {
            let (outer, before) = (work.masked, work.numbers.len());
            work.masked |= self.makes_global(effect);
            let sum = addition(effect).filter(|_| work.masked);
            self.effect(sum.as_ref().unwrap_or(effect), &mut work);
            if self.makes_global(effect) {
                work.numbers.truncate(before);
            }
            work.masked = outer;
        }
        if let Some(condition) = step.instruction.condition {
            work.mix.add(condition_number(condition));
        }
        self.flow(&step.instruction.flow, block, &mut work);
        work.numbers.extend(step.points.iter().filter_map(|point| match point {
            Point::Number(number) => Some(Number::Immediate(*number as i64)),
            _ => None,
        }));
        work.mix.add(refers.len() as u64);
        let loose =
            Mix::new(u64::from(step.operation) << 3 | refers.len().min(7) as u64).finish() as u32;
        Token { shape: work.mix.finish(), loose, numbers: work.numbers, refers }
    }

    /// The distance from a function to the global pointer is another in every build.
    fn makes_global(&self, effect: &Effect) -> bool {
        match effect {
            Effect::Set { register, .. } | Effect::Compute { register, .. } => {
                Some(register.0) == self.global
            }
            _ => false,
        }
    }

    fn register(&mut self, register: Register, work: &mut Work<'_>) {
        if register.0 == self.stack {
            work.mix.add(0x100);
            return;
        }
        let Some(order) = self.order.get_mut(usize::from(register.0)) else { return };
        if *order == 0 {
            self.next = self.next.saturating_add(1);
            *order = self.next;
        }
        work.mix.add(0x200 + u64::from(*order));
    }

    fn value(&mut self, value: &Value, is_part: bool, work: &mut Work<'_>) {
        match value {
            Value::Constant(number) => {
                work.mix.add(1);
                let is_point = work.points.contains(&Point::Address(*number))
                    || work.points.contains(&Point::Table(*number));
                if !(is_point || is_part && work.masked) {
                    work.numbers.push(Number::Immediate(*number as i64));
                }
            }
            Value::Register(register) => self.register(*register, work),
            Value::Unknown => work.mix.add(2),
        }
    }

    fn address(&mut self, address: &Address, work: &mut Work<'_>) {
        let on_stack = address.base.is_some_and(|base| base.0 == self.stack);
        match address.base {
            Some(base) => self.register(base, work),
            None => work.mix.add(3),
        }
        if let Some((index, shift)) = address.index {
            self.register(index, work);
            work.mix.add(u64::from(shift));
        }
        work.mix.add(u64::from(address.segment));
        if on_stack {
            work.numbers.push(Number::Frame(address.displacement));
        } else if !work.masked && (address.base.is_some() || address.segment) {
            work.numbers.push(Number::Displacement(address.displacement));
        }
    }

    fn effect(&mut self, effect: &Effect, work: &mut Work<'_>) {
        match effect {
            Effect::Set { register, value, bits } => {
                work.mix.add(10 + u64::from(*bits));
                self.value(value, true, work);
                self.register(*register, work);
            }
            Effect::Compute { register, operation, left, right, bits } => {
                work.mix.add(1000 + (*operation as u64) * 100 + u64::from(*bits));
                let stack = Value::Register(Register(self.stack));
                let on_stack = register.0 == self.stack || *left == stack;
                self.value(left, true, work);
                let before = work.numbers.len();
                self.value(right, true, work);
                if on_stack {
                    for number in work.numbers.iter_mut().skip(before) {
                        *number = Number::Frame(number.value());
                    }
                }
                self.register(*register, work);
            }
            Effect::Insert { register, value, lowest, count } => {
                work.mix.add(3000 + u64::from(*lowest) * 64 + u64::from(*count));
                self.value(value, true, work);
                self.register(*register, work);
            }
            Effect::Load { register, address, bytes, signed } => {
                work.mix.add(8000 + u64::from(*bytes) * 2 + u64::from(*signed));
                self.address(address, work);
                self.register(*register, work);
            }
            Effect::Store { address, value, bytes } => {
                work.mix.add(8100 + u64::from(*bytes));
                self.address(address, work);
                self.value(value, false, work);
            }
            Effect::Clobber(register) => {
                work.mix.add(8200);
                self.register(*register, work);
            }
            Effect::Choose { register, value } => {
                work.mix.add(8300);
                self.value(value, true, work);
                self.register(*register, work);
            }
            Effect::Compare { left, right } => {
                work.mix.add(8400);
                self.value(left, false, work);
                self.value(right, false, work);
            }
            Effect::ClobberFlags => work.mix.add(8500),
            Effect::Touch { address, bytes } => {
                work.mix.add(8600 + u64::from(*bytes));
                self.address(address, work);
            }
            Effect::Overwrite { address, bytes } => {
                work.mix.add(0x1_0000 + u64::from(*bytes));
                self.address(address, work);
            }
        }
    }

    fn flow(&mut self, flow: &Flow, block: Option<usize>, work: &mut Work<'_>) {
        match flow {
            Flow::Next => {}
            Flow::Jump(target) => self.target(21, target, block, work),
            Flow::Call(target) => self.target(22, target, None, work),
            Flow::Return => work.mix.add(23),
            Flow::SystemCall(number) => work.mix.add(0x2400_0000 + u64::from(*number)),
            Flow::SystemCall32 => work.mix.add(25),
            Flow::Stop => work.mix.add(26),
        }
    }

    fn target(&mut self, kind: u64, target: &Target, block: Option<usize>, work: &mut Work<'_>) {
        work.mix.add(kind);
        match target {
            Target::Direct(_) => work.mix.add(block.map_or(0, |block| block as u64 + 1) + 40),
            // A call through the GOT and one by way of the PLT mean the same; the reference tells.
            Target::Register(_) | Target::Memory(_) if kind == 22 => work.mix.add(40),
            Target::Register(register) => self.register(*register, work),
            Target::Memory(address) => self.address(address, work),
            Target::Table { .. } | Target::Steps { .. } => work.mix.add(31),
            Target::Unknown => work.mix.add(32),
        }
    }
}

/// The second half of an address that lies at the begin of a page adds nothing, and is read as a move.
fn addition(effect: &Effect) -> Option<Effect> {
    let Effect::Set { register, value: left @ Value::Register(_), bits } = *effect else {
        return None;
    };
    let (operation, right) = (Operation::Add, Value::Constant(0));
    Some(Effect::Compute { register, operation, left, right, bits })
}

fn condition_number(condition: kakoi_syscalls::isa::Condition) -> u64 {
    use kakoi_syscalls::isa::Condition;
    0x3000
        + match condition {
            Condition::Equal => 1,
            Condition::NotEqual => 2,
            Condition::Above => 3,
            Condition::AboveOrEqual => 4,
            Condition::Below => 5,
            Condition::BelowOrEqual => 6,
            Condition::Other => 7,
            Condition::Coded(number) => 16 + u64::from(number),
        }
}
