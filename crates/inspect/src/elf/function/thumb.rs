// SPDX-License-Identifier: Apache-2.0
//! Beginnings of functions in Thumb code.

use super::addresses::Addresses;
use super::halves::Halves;
use crate::bits::{BLOCK, ones};
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

/// How many pairs of halves in a part are calls to somewhere in the text.
pub(super) fn count_calls(text: &Code<'_>, part: &Code<'_>) -> usize {
    let mut calls = 0;
    let mut first = 0;
    for (number, second) in part.halves().enumerate() {
        if is_any_call(first, second) {
            let at = part.address.wrapping_add(2 * number as u64).wrapping_sub(2);
            calls += usize::from(text.holds(thumb_target(at, first, second)));
        }
        first = second;
    }
    calls
}

/// What one pass over the code shows.
struct Seen {
    /// Constants; they lie behind the instructions that read them.
    literals: Addresses,
    /// Targets of branches within functions.
    inner: Addresses,
    starts: Addresses,
    /// Instructions behind which the code is not reached from them.
    ends: Vec<u64>,
    /// Numbers that may be addresses of functions.
    pointed_at: Vec<u32>,
}

pub(super) fn find_starts(elf: &Elf<'_>, text: &Code<'_>, ends: &[u64]) -> Addresses {
    let mut seen = look(text);
    let is_code = |end: &&u64| text.holds(**end) && !seen.literals.contains(**end & !3);
    seen.ends.extend(ends.iter().filter(is_code));
    let (begins, saving) = find_behind_ends(text, &seen);
    let mut starts = seen.starts;
    // Entries of the linkage table are in ARM code; before one there may be `bx pc; nop`.
    let entries = text.words().filter(|(_, word)| word & 0xffff_f000 == 0xe28f_c000);
    for (at, _) in entries {
        starts.remove(at);
        starts.remove(at.wrapping_sub(4));
    }
    // Odd numbers may be meant as functions where a program is not position-independent.
    if elf.header.kind == ET_EXEC {
        let read = seen.literals.iter().filter_map(|at| text.word(at));
        let odd = seen.pointed_at.iter().copied().chain(read).filter(|number| number & 1 == 1);
        let even = odd.map(|number| u64::from(number & !1));
        starts.extend(even.filter(|address| begins.contains(*address)));
    }
    starts.extend(saving.iter());
    starts
}

/// The instructions one after the other, but for the constants between them: those are known when
/// their turn comes.
fn look(text: &Code<'_>) -> Seen {
    let empty = || Addresses::within(text);
    let mut seen = Seen {
        literals: empty(),
        inner: empty(),
        starts: empty(),
        ends: Vec::new(),
        pointed_at: Vec::new(),
    };
    let mut numbers = Numbers::default();
    let (mut entered, mut constant) = (false, false);
    for number in 0..text.bytes.len().div_ceil(2 * BLOCK) {
        let address = text.address.wrapping_add((2 * BLOCK * number) as u64);
        let block = text.block(2 * BLOCK * number);
        let halves = Halves::of(&block);
        // A constant is told by its first half, and may begin with the last one of the block before.
        let constants = |seen: &Seen| {
            let firsts = seen.literals.bits(number);
            firsts | firsts << 1 | u64::from(constant)
        };
        let mut known = constants(&seen);
        let (mut starts, mut leaves_open) = halves.starts(known, entered);
        let mut ordered = halves.ordered;
        while let Some(bit) = ones(ordered & starts).next() {
            // Bit by bit: what is read may be that constants come next.
            let behind = u64::MAX << bit << 1;
            ordered &= behind;
            let [first, second] = pair(&block, bit);
            let at = address.wrapping_add(2 * u64::from(bit));
            if !seen.add(text, &Instruction { at, first, second }, &mut numbers) {
                continue;
            }
            let more = constants(&seen) & behind & !known;
            if more != 0 {
                known |= more;
                (starts, leaves_open) = halves.starts(known, entered);
            }
        }
        seen.add_narrow(address, &block, &halves, starts);
        constant = seen.literals.bits(number) >> 63 == 1;
        entered = leaves_open;
    }
    seen
}

impl Seen {
    /// An instruction of those that must be read in order; `second` is the half behind it, whether
    /// it is part of it or not. Tells whether it reads a constant.
    fn add(&mut self, text: &Code<'_>, one: &Instruction, numbers: &mut Numbers) -> bool {
        let (at, first, second) = (one.at, one.first, one.second);
        match first >> 8 {
            0x44 => self.starts.extend(numbers.relative(one)),
            0x47 => self.ends.extend(one.leaves().then_some(at)),
            0x48..=0x4f => return self.add_literal(text, one, numbers),
            _ if one.is_call() => self.starts.insert(thumb_target(at, first, second)),
            _ if one.leaves() => self.ends.push(at),
            0xf8 => return self.add_literal(text, one, numbers),
            0xf0..=0xf7 if second & 0x8000 == 0 => self.pointed_at.extend(numbers.absolute(one)),
            _ => self.inner.extend(one.branch()),
        }
        false
    }

    /// Instructions of a block whose order does not matter.
    fn add_narrow(&mut self, address: u64, block: &[u16; BLOCK + 1], halves: &Halves, starts: u64) {
        let place = |bit: u32| address.wrapping_add(2 * u64::from(bit));
        let places = |bits: u64| ones(bits & starts).map(|bit| (place(bit), pair(block, bit)[0]));
        for (at, first) in places(halves.conditional) {
            self.inner.insert(conditional_target(at, first));
        }
        for (at, first) in places(halves.compare) {
            self.inner.insert(compare_target(at, first));
        }
        self.ends.extend(places(halves.end).map(|(at, _)| at));
    }

    fn add_literal(&mut self, text: &Code<'_>, one: &Instruction, numbers: &mut Numbers) -> bool {
        let literal = one.literal();
        if let Some(place) = literal {
            self.literals.insert(place);
            numbers.load(one, text.word(place));
        }
        literal.is_some()
    }
}

/// A half of a block and the one behind it.
fn pair(block: &[u16; BLOCK + 1], bit: u32) -> [u16; 2] {
    let half = |index: usize| block.get(index).copied().unwrap_or(0);
    [half(bit as usize), half(bit as usize + 1)]
}

/// What registers hold.
#[derive(Default)]
struct Numbers {
    loaded: [Option<u32>; 16],
    lower: [u32; 16],
}

impl Numbers {
    /// `ldr rX, [pc, #…]`.
    fn load(&mut self, one: &Instruction, constant: Option<u32>) {
        let is_narrow = one.first >> 11 == 0b01001;
        let register = if is_narrow { one.first >> 8 & 7 } else { one.second >> 12 };
        if let Some(loaded) = self.loaded.get_mut(usize::from(register)) {
            *loaded = constant;
        }
    }

    /// The address of a function that position-independent code computes: `ldr rX, [pc, #…]` and
    /// `add rX, pc`. That of a Thumb function is odd.
    fn relative(&mut self, one: &Instruction) -> Option<u64> {
        if one.first & 0xff78 != 0x4478 {
            return None;
        }
        let register = usize::from(one.first >> 4 & 8 | one.first & 7);
        let distance = self.loaded.get_mut(register).and_then(Option::take)?;
        let address = one.at.wrapping_add(4).wrapping_add(u64::from(distance)) & 0xffff_ffff;
        (address & 1 == 1).then_some(address & !1)
    }

    /// What `movw` and `movt` put together.
    fn absolute(&mut self, one: &Instruction) -> Option<u32> {
        let lower = self.lower.get_mut(usize::from(one.second >> 8 & 15))?;
        match one.first & 0xfbf0 {
            0xf240 => {
                *lower = one.immediate();
                None
            }
            0xf2c0 => Some(*lower | one.immediate() << 16),
            _ => None,
        }
    }
}

/// The instructions from an address on.
fn instructions<'a>(
    text: &'a Code<'_>,
    literals: &'a Addresses,
    mut at: u64,
) -> impl Iterator<Item = Instruction> + 'a {
    std::iter::from_fn(move || {
        while literals.contains(at & !3) {
            at += 2;
        }
        let first = text.half(at)?;
        let one = Instruction { at, first, second: 0 };
        let second = if one.is_wide() { text.half(at.wrapping_add(2)).unwrap_or(0) } else { 0 };
        at = at.wrapping_add(one.size());
        Some(Instruction { second, ..one })
    })
}

/// Where a function ends and nothing branches to: a function may begin there; and those of them
/// behind which a prologue follows, so that one does begin.
fn find_behind_ends(text: &Code<'_>, seen: &Seen) -> (Addresses, Addresses) {
    let (mut begins, mut starts) = (Addresses::within(text), Addresses::within(text));
    for end in seen.ends.iter().copied() {
        let mut behind = instructions(text, &seen.literals, end).skip(1);
        let first = behind.find(|one| !one.is_padding());
        let Some(first) = first.filter(|first| !seen.inner.contains(first.at)) else { continue };
        begins.insert(first.at);
        if has_prologue(std::iter::once(first).chain(behind)) {
            starts.insert(first.at);
        }
    }
    (begins, starts)
}

/// Is it `bl` or `blx`?
const fn is_any_call(first: u16, second: u16) -> bool {
    first & 0xf800 == 0xf000 && second & 0xc000 == 0xc000
}

fn has_prologue(code: impl Iterator<Item = Instruction>) -> bool {
    for one in code.take(PROLOGUE) {
        if one.saves_return() {
            return true;
        }
        if one.leaves() || one.branch().is_some() {
            return false;
        }
    }
    false
}

/// Target of `b<cond>`.
fn conditional_target(at: u64, first: u16) -> u64 {
    at.wrapping_add(4).wrapping_add_signed(i64::from(first as u8 as i8) << 1)
}

/// Target of `cbz` and `cbnz`.
const fn compare_target(at: u64, first: u16) -> u64 {
    let distance = (first >> 9 & 1) << 6 | (first >> 3 & 0x1f) << 1;
    at.wrapping_add(4).wrapping_add(distance as u64)
}

/// Encodings of the Arm ARM, "Alphabetical list of instructions", T1 and T2.
impl Instruction {
    const fn is_wide(&self) -> bool {
        self.first >> 11 > 0b11100
    }

    /// In bytes.
    const fn size(&self) -> u64 {
        if self.is_wide() { 4 } else { 2 }
    }

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
            return Some(conditional_target(self.at, first));
        }
        if first & 0xf500 == 0xb100 {
            return Some(compare_target(self.at, first));
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

    /// `bl`; `blx` goes to ARM code.
    const fn is_call(&self) -> bool {
        self.first & 0xf800 == 0xf000 && self.second & 0xd000 == 0xd000
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
