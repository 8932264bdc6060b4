// SPDX-License-Identifier: Apache-2.0
//! Beginnings of functions in Thumb code.

use std::collections::{BTreeMap, BTreeSet};

use crate::elf::Elf;
use crate::elf::code::{Code, thumb_target};
use crate::elf::header::ET_EXEC;

/// How far a prologue may lie behind the first instruction of its function, in instructions.
const PROLOGUE: usize = 6;

/// An instruction: its address and its halves, the second 0 if it has one only.
#[derive(Debug, Clone, Copy)]
struct Instruction {
    at: u64,
    first: u16,
    second: u16,
}

/// How many calls go to somewhere in the text.
pub(super) fn count_calls(text: &Code<'_>) -> usize {
    let calls = read(text).filter_map(|one| one.any_call());
    calls.filter(|target| text.holds(*target)).count()
}

pub(super) fn find_starts(elf: &Elf<'_>, text: &Code<'_>, ends: &[u64]) -> Vec<u64> {
    let code: Vec<Instruction> = read(text).collect();
    let stubs = find_stubs(text);
    let mut starts: Vec<u64> = code.iter().filter_map(Instruction::call).collect();
    starts.extend(find_relative(text, &code));
    starts.retain(|start| text.holds(*start) && !stubs.contains(start));
    let begins = find_behind_ends(&code, ends);
    let is_fixed = elf.header.kind == ET_EXEC;
    starts
        .extend(find_absolute(text, &code).filter(|start| is_fixed && begins.contains_key(start)));
    starts.extend(begins.iter().filter(|(_, saves)| **saves).map(|(start, _)| *start));
    starts
}

/// The instructions one after the other, but for the constants between them: those lie behind the
/// instructions that read them, so they are known when their turn comes.
fn read(text: &Code<'_>) -> impl Iterator<Item = Instruction> {
    let mut halves = text.halves().zip((text.address..).step_by(2));
    let mut literals = BTreeSet::new();
    std::iter::from_fn(move || {
        loop {
            let (first, at) = halves.next()?;
            if literals.contains(&(at & !3)) {
                continue;
            }
            let is_wide = first >> 11 > 0b11100;
            let second = if is_wide { halves.next()?.0 } else { 0 };
            let one = Instruction { at, first, second };
            literals.extend(one.literal());
            return Some(one);
        }
    })
}

/// Entries of the linkage table are in ARM code; before one there may be `bx pc; nop`.
fn find_stubs(text: &Code<'_>) -> BTreeSet<u64> {
    let entries = text.words().filter(|(_, word)| word & 0xffff_f000 == 0xe28f_c000);
    entries.flat_map(|(at, _)| [at, at.wrapping_sub(4)]).collect()
}

/// Addresses that position-independent code computes: `ldr rX, [pc, #…]` and `add rX, pc`. That of
/// a Thumb function is odd.
fn find_relative(text: &Code<'_>, code: &[Instruction]) -> Vec<u64> {
    let mut loaded = [None::<u32>; 16];
    let mut found = Vec::new();
    for one in code {
        if let Some(place) = one.literal() {
            let register =
                if one.first >> 11 == 0b01001 { one.first >> 8 & 7 } else { one.second >> 12 };
            let value = text.part(place, 4).and_then(|part| part.words().next());
            if let Some(slot) = loaded.get_mut(usize::from(register)) {
                *slot = value.map(|(_, word)| word);
            }
        } else if one.first & 0xff78 == 0x4478 {
            let register = (one.first >> 4 & 8 | one.first & 7) as usize;
            let distance = loaded.get_mut(register).and_then(Option::take);
            let base = one.at.wrapping_add(4);
            found.extend(distance.map(|distance| base.wrapping_add(u64::from(distance))));
        }
    }
    let odd = found.iter().map(|address| address & 0xffff_ffff).filter(|address| address & 1 == 1);
    odd.map(|address| address & !1).collect()
}

/// Odd numbers that a program which is not position-independent may mean as functions: literals,
/// and what `movw` and `movt` put together.
fn find_absolute(text: &Code<'_>, code: &[Instruction]) -> impl Iterator<Item = u64> {
    let literals = code.iter().filter_map(Instruction::literal);
    let literals = literals.filter_map(|place| text.part(place, 4)?.words().next());
    let mut lower = [0_u32; 16];
    let halves = code.iter().filter_map(move |one| {
        let register = lower.get_mut(usize::from(one.second >> 8 & 15))?;
        match one.first & 0xfbf0 {
            0xf240 => {
                *register = one.immediate();
                None
            }
            0xf2c0 => Some(*register | one.immediate() << 16),
            _ => None,
        }
    });
    let found = literals.map(|(_, word)| word).chain(halves).map(u64::from);
    let odd: Vec<u64> = found.filter(|address| address & 1 == 1).collect();
    odd.into_iter().map(|address| address & !1)
}

/// Where a function ends and nothing branches to: a function may begin there. The value says
/// whether a prologue follows, so that one does begin.
fn find_behind_ends(code: &[Instruction], ends: &[u64]) -> BTreeMap<u64, bool> {
    let inner: BTreeSet<u64> = code.iter().filter_map(Instruction::branch).collect();
    let ends: BTreeSet<u64> = ends.iter().copied().collect();
    let mut found = BTreeMap::new();
    for (number, one) in code.iter().enumerate() {
        let is_end = one.leaves() || ends.contains(&one.at);
        let Some(behind) = code.get(number + 1..).filter(|_| is_end) else { continue };
        let Some(first) = behind.iter().position(|one| !one.is_padding()) else { continue };
        let behind = behind.get(first..).unwrap_or_default();
        let start = behind.first().map(|one| one.at).filter(|start| !inner.contains(start));
        found.extend(start.map(|start| (start, has_prologue(behind))));
    }
    found
}

fn has_prologue(code: &[Instruction]) -> bool {
    for one in code.get(..PROLOGUE).unwrap_or(code) {
        if one.saves_return() {
            return true;
        }
        if one.leaves() || one.branch().is_some() {
            return false;
        }
    }
    false
}

/// Encodings of the Arm ARM, "Alphabetical list of instructions", T1 and T2.
impl Instruction {
    /// `push {…, lr}`, narrow and wide, and `str lr, [sp, #-4]!`.
    fn saves_return(&self) -> bool {
        self.first & 0xff00 == 0xb500
            || (self.first == 0xe92d && self.second & 0x4000 != 0)
            || (self.first == 0xf84d && self.second == 0xed04)
    }

    /// `bx`, `pop {…, pc}`, `b`, `ldr pc, [sp], #4`, table branches, `udf`.
    fn leaves(&self) -> bool {
        let pops = matches!(self.first, 0xe8bd | 0xe891) && self.second & 0x8000 != 0;
        self.first & 0xff87 == 0x4700
            || self.first & 0xff00 == 0xbd00
            || pops
            || (self.first == 0xf85d && self.second == 0xfb04)
            || self.first >> 11 == 0b11100
            || (self.first & 0xf800 == 0xf000 && self.second & 0xd000 == 0x9000)
            || self.first & 0xfff0 == 0xe8d0 && self.second & 0xffe0 == 0xf000
            || self.first & 0xff00 == 0xde00
    }

    fn is_padding(&self) -> bool {
        matches!(self.first, 0 | 0xbf00 | 0x46c0) || (self.first, self.second) == (0xf3af, 0x8000)
    }

    /// Target of a conditional branch.
    fn branch(&self) -> Option<u64> {
        let base = self.at.wrapping_add(4);
        let (first, second) = (self.first, self.second);
        if first >> 12 == 0xd && first >> 8 & 0xf < 0xe {
            let distance = i64::from(first as u8 as i8) << 1;
            return Some(base.wrapping_add_signed(distance));
        }
        if first & 0xf500 == 0xb100 {
            let distance = u64::from(first >> 9 & 1) << 6 | u64::from(first >> 3 & 0x1f) << 1;
            return Some(base.wrapping_add(distance));
        }
        let is_wide = first & 0xf800 == 0xf000 && second & 0xd000 == 0x8000;
        (is_wide && first >> 6 & 0xe != 0xe).then(|| {
            let (first, second) = (u32::from(first), u32::from(second));
            let raw = (first >> 10 & 1) << 20
                | (second >> 11 & 1) << 19
                | (second >> 13 & 1) << 18
                | (first & 0x3f) << 12
                | (second & 0x7ff) << 1;
            base.wrapping_add_signed(i64::from((raw << 11) as i32 >> 11))
        })
    }

    /// Target of `bl` and `blx`.
    fn any_call(&self) -> Option<u64> {
        let is_call = self.first & 0xf800 == 0xf000 && self.second & 0xc000 == 0xc000;
        is_call.then(|| thumb_target(self.at, self.first, self.second))
    }

    /// Target of `bl`; `blx` goes to ARM code.
    fn call(&self) -> Option<u64> {
        let is_call = self.first & 0xf800 == 0xf000 && self.second & 0xd000 == 0xd000;
        is_call.then(|| thumb_target(self.at, self.first, self.second))
    }

    /// The 16 bits of `movw` and `movt`.
    fn immediate(&self) -> u32 {
        let (first, second) = (u32::from(self.first), u32::from(self.second));
        (first & 15) << 12 | (first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | (second & 0xff)
    }

    /// The constant that `ldr rX, [pc, #…]` reads, narrow or wide.
    fn literal(&self) -> Option<u64> {
        let base = self.at.wrapping_add(4) & !3;
        if self.first >> 11 == 0b01001 {
            return Some(base.wrapping_add(u64::from(self.first & 0xff) * 4));
        }
        let distance = i64::from(self.second & 0xfff);
        match self.first {
            0xf8df => Some(base.wrapping_add_signed(distance)),
            0xf85f => Some(base.wrapping_add_signed(-distance)),
            _ => None,
        }
    }
}
