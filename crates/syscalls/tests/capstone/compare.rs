// SPDX-License-Identifier: Apache-2.0
//! Where two decodings differ in what the analysis reads.

use kakoi_syscalls::isa::{Effect, Flow, Instruction, Register, SCRATCH, Target, Value};

use crate::oracle::Record;
use crate::sets::{Family, Set};

/// A kind of difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    /// An instruction for capstone, none for us.
    OnlyTheirs,
    /// An instruction for us, none for capstone.
    OnlyOurs,
    Size,
    /// Whether control goes elsewhere, or comes back.
    Flow,
    Target,
    /// General registers written.
    Written,
    /// A number of ours that capstone has not.
    Number,
}

/// The first difference, none if they agree.
pub(crate) fn difference(
    set: &Set,
    address: u64,
    ours: Option<&Instruction>,
    theirs: &Record,
) -> Option<Difference> {
    let Some(ours) = ours else { return (theirs.size != 0).then_some(Difference::OnlyTheirs) };
    if theirs.size == 0 {
        return Some(Difference::OnlyOurs);
    }
    let facts = Facts::new(set, theirs);
    if ours.size != theirs.size {
        return Some(Difference::Size);
    }
    if class(&ours.flow) != facts.class {
        return Some(Difference::Flow);
    }
    if let Flow::Jump(Target::Direct(target)) | Flow::Call(Target::Direct(target)) = ours.flow
        && !facts.has_target(set, address, target)
    {
        return Some(Difference::Target);
    }
    if written(ours) != facts.written {
        return Some(Difference::Written);
    }
    let missing = numbers(ours).into_iter().any(|number| !facts.has_number(set, address, number));
    missing.then_some(Difference::Number)
}

/// How control leaves, as far as capstone tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Next,
    /// Away for good; with capstone a jump and a return look alike.
    Away,
    Call,
    SystemCall,
    Stop,
}

fn class(flow: &Flow) -> Class {
    match flow {
        Flow::Next => Class::Next,
        Flow::Jump(_) | Flow::Return => Class::Away,
        Flow::Call(_) => Class::Call,
        Flow::SystemCall(_) | Flow::SystemCall32 => Class::SystemCall,
        Flow::Stop => Class::Stop,
    }
}

/// What capstone says, in our terms.
struct Facts<'a> {
    class: Class,
    written: u32,
    record: &'a Record,
}

impl<'a> Facts<'a> {
    fn new(set: &Set, record: &'a Record) -> Self {
        let mnemonic = record.text.split(' ').next().unwrap_or_default();
        let plain = mnemonic.split('.').next().unwrap_or_default();
        let mut written = record.written;
        let mut class = match plain {
            _ if set.is_system_call(plain) => Class::SystemCall,
            _ if set.is_stop(plain) => Class::Stop,
            _ if record.call || set.is_call(mnemonic) => Class::Call,
            _ if record.jump || set.is_jump(mnemonic) => Class::Away,
            _ => Class::Next,
        };
        match set.family {
            Family::Arm => {
                let writes_counter = written & 1 << 15 != 0;
                if writes_counter && class == Class::Next {
                    class = Class::Away;
                }
                written &= !(1 << 15);
                match class {
                    Class::Call => written |= 1 << 14,
                    // Capstone has the link register of the kernel's mode.
                    Class::SystemCall => written = 0,
                    _ => {}
                }
            }
            Family::Arm64 if class == Class::Call => written |= 1 << 30,
            Family::Arm64 => {}
            Family::Mips => {
                if !set.writes_first(mnemonic) {
                    written = 0;
                }
                if class == Class::Call && (plain != "jalr" || !record.text.contains(',')) {
                    written = 1 << 31;
                }
                written &= !1;
            }
        }
        Self { class, written, record }
    }

    /// Capstone prints the branches of release 6 as distances from the next instruction.
    fn has_target(&self, set: &Set, address: u64, target: u64) -> bool {
        let low = (target & !1) as u32;
        let next = if set.is_release_6() { address as u32 + 4 } else { 0 };
        self.record.numbers.iter().any(|number| {
            let number = *number as u32;
            number & !1 == low || number.wrapping_add(next) == low
        })
    }

    /// The number itself, its negation, or its distance from the counter.
    fn has_number(&self, set: &Set, address: u64, number: u64) -> bool {
        let number = number as u32;
        let counter = set.counter(address) as u32;
        let candidates = [number, number.wrapping_neg(), !number, 32_u32.wrapping_sub(number)];
        let relative = [counter, counter & !3].map(|counter| number.wrapping_sub(counter));
        let theirs = |candidate: u32| {
            self.record.numbers.iter().any(|theirs| {
                let theirs = *theirs as u32;
                theirs == candidate
                    || theirs.wrapping_neg() == candidate
                    || theirs << 16 == candidate
            })
        };
        // A constant may stand as a byte and its rotation; `vldm` moves its base by its list.
        let rotated = matches!(self.record.numbers[..], [byte, by] if {
            let rotation = (byte as u32).rotate_right(by as u32);
            candidates.contains(&rotation) || relative.contains(&rotation)
        });
        let is_list = self.record.text.contains("ldm") || self.record.text.contains("stm");
        rotated
            || is_list
            || relative.contains(&0)
            || candidates.into_iter().chain(relative).any(theirs)
    }
}

/// A bit for each register that the effects write.
pub(crate) fn written(instruction: &Instruction) -> u32 {
    let register = |effect: &Effect| match effect {
        Effect::Set { register, .. }
        | Effect::Compute { register, .. }
        | Effect::Insert { register, .. }
        | Effect::Load { register, .. }
        | Effect::Choose { register, .. }
        | Effect::Clobber(register) => Some(*register),
        _ => None,
    };
    instruction
        .effects
        .iter()
        .filter_map(register)
        .filter(|register| *register != SCRATCH)
        .fold(0, |mask, Register(number)| mask | 1 << number)
}

/// The numbers that the effects hold, where they are the instruction's own: a link register's is not, small ones come from
/// the meaning (`sxtb` shifts by 24).
fn numbers(instruction: &Instruction) -> Vec<u64> {
    if instruction.flow != Flow::Next || instruction.effects.len() > 1 {
        return Vec::new();
    }
    let constant = |value: &Value| match value {
        Value::Constant(number) if *number != 0 => Some(*number),
        _ => None,
    };
    let number = |effect: &Effect| match effect {
        Effect::Set { value, .. } | Effect::Insert { value, .. } => constant(value),
        Effect::Compute { right: Value::Constant(0xff | 0xffff | 0xffff_ffff), .. } => None,
        Effect::Compute { right, .. } => constant(right),
        Effect::Compare { right, .. } => constant(right),
        Effect::Load { address, .. } | Effect::Store { address, .. }
            if address.displacement != 0 =>
        {
            Some(address.displacement.cast_unsigned())
        }
        _ => None,
    };
    instruction.effects.iter().filter_map(number).collect()
}
