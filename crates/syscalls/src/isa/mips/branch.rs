// SPDX-License-Identifier: Apache-2.0
//! Branches and jumps with delay slots.

use super::super::bytes::field;
use super::super::{Condition, Effect, Flow, Instruction, Target, Value};
use super::{Place, RETURN_ADDRESS, general, nothing, plain, rd, read, rs, rt, short};

/// Address of a branch: counted from the delay slot.
pub(super) fn near(place: Place, word: u32) -> Target {
    Target::Direct(place.relative(4 + (i64::from(short(word)) << 2)))
}

/// The link register after a call with a delay slot.
pub(super) fn link(place: Place, register: u32) -> Vec<Effect> {
    link_at(place, register, 8)
}

/// The register, set to the address `distance` bytes on.
pub(super) fn link_at(place: Place, register: u32, distance: i64) -> Vec<Effect> {
    if register == 0 {
        return Vec::new();
    }
    let value = Value::Constant(place.relative(distance));
    vec![Effect::Set { register: general(register), value, bits: place.bits() }]
}

/// `beq`, `bne`, `blez`, `bgtz`, and the same as likely branches.
pub(super) fn compare(place: Place, word: u32, likely: Option<()>) -> Instruction {
    let (left, right) = (read(rs(word)), read(rt(word)));
    let jump = Flow::Jump(near(place, word));
    let taken = match field(word, 26, 2) {
        0 if left == right => return nothing().going(jump).delayed(likely.is_some()),
        0 => Condition::Equal,
        1 => Condition::NotEqual,
        // blez $zero
        2 if left == Value::Constant(0) => return nothing().going(jump).delayed(likely.is_some()),
        _ => Condition::Other,
    };
    plain(vec![Effect::Compare { left, right }]).going(jump).when(taken).delayed(likely.is_some())
}

/// Branches by the sign of a register, with and without link; traps; `synci`.
pub(super) fn by_sign(place: Place, word: u32) -> Option<Instruction> {
    let kind = rt(word);
    let is_six = place.is_six();
    match kind {
        0x00..=0x03 if !is_six || kind < 2 => {}
        0x10..=0x13 if !is_six || (kind < 0x12 && rs(word) == 0) => {}
        0x1c | 0x1d => return Some(by_flag(place, word, false)),
        0x08..=0x0c | 0x0e if !is_six => return Some(nothing()),
        0x1f => return Some(nothing()),
        _ => return None,
    }
    Some(sign_branch(place, word))
}

fn sign_branch(place: Place, word: u32) -> Instruction {
    let kind = rt(word);
    let (likely, links, by_not_negative) = (kind & 2 != 0, kind & 0x10 != 0, kind & 1 != 0);
    let target = near(place, word);
    let mut effects = if links { link(place, RETURN_ADDRESS) } else { Vec::new() };
    let zero = rs(word) == 0;
    // The way to learn one's own address: the return address is the target.
    let is_own_address = target == Target::Direct(place.relative(8));
    let flow = if links && !is_own_address { Flow::Call(target) } else { Flow::Jump(target) };
    if zero && by_not_negative {
        return plain(effects).going(flow).delayed(likely);
    }
    // `nal`: never taken.
    if zero && links && !likely {
        return plain(effects);
    }
    // Where the target is what follows anyway, the branch only tells its own address.
    if links && is_own_address {
        return plain(effects);
    }
    // The link is written also where the branch is not taken; as a call it goes on to the next either way.
    if links {
        return plain(vec![Effect::Clobber(general(RETURN_ADDRESS))]).going(flow).delayed(likely);
    }
    effects.push(Effect::Compare { left: read(rs(word)), right: Value::Constant(0) });
    plain(effects).going(flow).when(Condition::Other).delayed(likely)
}

/// Branches by a floating-point or vector flag.
pub(super) fn by_flag(place: Place, word: u32, likely: bool) -> Instruction {
    plain(vec![Effect::ClobberFlags])
        .going(Flow::Jump(near(place, word)))
        .when(Condition::Other)
        .delayed(likely)
}

/// `j`, `jal`, `jalx`: within the 256 MiB of the delay slot.
pub(super) fn region(place: Place, word: u32) -> Option<Instruction> {
    let target = (place.relative(4) & !0x0fff_ffff) | u64::from(field(word, 0, 26) << 2);
    Some(match word >> 26 {
        0x02 => nothing().going(Flow::Jump(Target::Direct(target))).delayed(false),
        0x03 => plain(link(place, RETURN_ADDRESS))
            .going(Flow::Call(Target::Direct(target)))
            .delayed(false),
        // To MIPS16 or microMIPS; release 6 has another instruction there.
        _ if place.is_six() => return None,
        _ => plain(link(place, RETURN_ADDRESS))
            .going(Flow::Call(Target::Direct(target | 1)))
            .delayed(false),
    })
}

/// `jr`, `jalr`.
pub(super) fn register(place: Place, word: u32, linked: u32) -> Instruction {
    let target = Target::Register(general(rs(word)));
    let flow = match (linked, rs(word)) {
        (0, RETURN_ADDRESS) => Flow::Return,
        (0, 0) => Flow::Jump(Target::Direct(0)),
        (0, _) => Flow::Jump(target),
        (_, 0) => Flow::Call(Target::Direct(0)),
        _ => Flow::Call(target),
    };
    plain(link(place, linked)).going(flow).delayed(false)
}

/// `jalr`'s register for the return address.
pub(super) const fn linked(word: u32) -> u32 {
    rd(word)
}
