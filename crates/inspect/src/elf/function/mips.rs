// SPDX-License-Identifier: Apache-2.0
//! Beginnings of functions in MIPS code: what is called, what is pointed at, and prologues behind
//! the end of another function.

use super::addresses::Addresses;
use super::known::{find_known, local_table};
use crate::elf::Elf;
use crate::elf::code::{Code, mips_call};
use crate::elf::dynamic::DT_PLTGOT;
use crate::elf::header::ET_EXEC;

/// `EF_MIPS_ARCH_ASE_M16` and `EF_MIPS_MICROMIPS`: instructions of other lengths.
const OTHER_LENGTHS: u32 = 0x0600_0000;
/// How far a prologue may lie behind the first instruction of its function, in instructions.
const PROLOGUE: usize = 8;

/// None for 64-bit files and for MIPS16 and microMIPS code.
pub(super) fn find_starts(elf: &Elf<'_>, text: &Code<'_>, ends: &[u64]) -> Option<Addresses> {
    if elf.file.is_wide() || elf.header.flags & OTHER_LENGTHS != 0 {
        return None;
    }
    let empty = || Addresses::within(text);
    let (mut starts, mut inner, mut stubs) = (empty(), empty(), empty());
    starts.extend(find_known(elf, text).into_iter().filter(|start| start & 3 == 0));
    let mut pointers = PointerLoads::of(elf);
    let mut numbers = Numbers::of(elf);
    let mut before = (0, 0);
    for (at, word) in text.words() {
        if is_stub(before.1, word) {
            stubs.insert(before.0);
        }
        inner.extend(branch(at, word));
        // `bal` to the instruction behind its delay slot only reads the program counter.
        let called = mips_call(at, word).filter(|&target| target != at.wrapping_add(8));
        let shown = [called, pointers.follow(at, word), numbers.follow(word)];
        starts.extend(shown.into_iter().flatten().filter(|start| start & 3 == 0));
        before = (at, word);
    }
    stubs.iter().for_each(|stub| starts.remove(stub));
    find_behind_ends(text, &inner, ends, &mut starts);
    Some(starts)
}

/// Position-independent functions begin by computing `$gp` from their own address: `lui $gp, …;
/// addiu $gp, $gp, …; addu $gp, $gp, $t9`, perhaps with other instructions between.
struct PointerLoads {
    pointer: Option<u64>,
    upper: Option<(u64, i32)>,
}

impl PointerLoads {
    fn of(elf: &Elf<'_>) -> Self {
        let table = elf.dynamic.value(DT_PLTGOT);
        Self { pointer: table.map(|table| table.wrapping_add(0x7ff0)), upper: None }
    }

    fn follow(&mut self, at: u64, word: u32) -> Option<u64> {
        match (word >> 16, self.upper) {
            (0x3c1c, _) => self.upper = Some((at, (word as i32) << 16)),
            (0x279c, Some((first, high))) => {
                self.upper = None;
                let distance = i64::from(high.wrapping_add(i32::from(word as u16 as i16)));
                let start = self.pointer?.wrapping_add_signed(-distance) & 0xffff_ffff;
                let is_near = start <= first && first - start <= 4 * PROLOGUE as u64;
                return is_near.then_some(start);
            }
            _ => {}
        }
        None
    }
}

/// Entries of linkage tables: `lui $15, …; lw $25, …($15)`, and `lw $25, -32752($28); move $15,
/// $31` of lazy binding.
fn is_stub(first: u32, second: u32) -> bool {
    (first >> 16 == 0x3c0f && second >> 16 == 0x8df9) || first == 0x8f99_8010
}

/// Addresses that the code puts together: a page from the global offset table, or an upper half,
/// and `addiu` of the lower half to the same register.
struct Numbers {
    table: Vec<u64>,
    has_table: bool,
    /// Elsewhere an upper half that is written down is a number.
    is_fixed: bool,
    uppers: [Option<u64>; 32],
}

impl Numbers {
    fn of(elf: &Elf<'_>) -> Self {
        Self {
            table: local_table(elf),
            has_table: elf.dynamic.has(DT_PLTGOT),
            is_fixed: elf.header.kind == ET_EXEC,
            uppers: [None; 32],
        }
    }

    fn follow(&mut self, word: u32) -> Option<u64> {
        let (from, to) = ((word >> 21 & 31) as usize, (word >> 16 & 31) as usize);
        let mut found = None;
        let value = match word >> 26 {
            // Register to register: the result is not an upper half, whatever it is.
            0x00 => {
                *self.uppers.get_mut((word >> 11 & 31) as usize)? = None;
                return None;
            }
            // Branches and stores change no register.
            0x01..=0x07 | 0x14..=0x17 | 0x28..=0x2f => return None,
            // lui
            0x0f => self.is_fixed.then_some(u64::from(word & 0xffff) << 16),
            // lw …($gp)
            0x23 if from == 28 && self.has_table => page_of(&self.table, word, self.is_fixed),
            // addiu
            0x09 => {
                let upper = self.uppers.get(from).copied().flatten();
                let low = i64::from(word as u16 as i16);
                found = upper.map(|upper| upper.wrapping_add_signed(low) & 0xffff_ffff);
                None
            }
            _ => None,
        };
        *self.uppers.get_mut(to)? = value;
        found
    }
}

/// A page entry of the global offset table; `$gp` points 0x7ff0 beyond its start. Page 0 is one
/// only where the program has no fixed address; the first two entries are the linker's own.
fn page_of(table: &[u64], load: u32, is_fixed: bool) -> Option<u64> {
    let offset = i64::from(load as u16 as i16).checked_add(0x7ff0)?;
    let number = usize::try_from(offset / 4).ok()?;
    let entry = table.get(number).copied()?;
    (number > 1 && entry & 0xffff == 0 && (entry != 0 || !is_fixed)).then_some(entry)
}

/// Adds where a function ends, nothing branches to, and a prologue follows.
fn find_behind_ends(text: &Code<'_>, inner: &Addresses, ends: &[u64], starts: &mut Addresses) {
    let mut is_end = Addresses::within(text);
    is_end.extend(ends.iter().copied());
    let mut calls_end = false;
    for (at, word) in text.words() {
        // On MIPS an end is the load of the handler's address; its call comes a little later.
        calls_end |= is_end.contains(at);
        let is_call = word & 0xfc1f_ffff == 0x0000_f809 || word >> 16 == 0x0411 || word >> 26 == 3;
        let ends_here = leaves(word) || (calls_end && is_call);
        calls_end &= !is_call;
        if !ends_here {
            continue;
        }
        let behind = (at.saturating_add(8)..).step_by(4).map_while(|at| Some((at, text.word(at)?)));
        let mut behind = behind.skip_while(|(_, word)| *word == 0);
        let first = behind.next().filter(|(start, _)| !inner.contains(*start));
        let Some(first) = first else { continue };
        if has_prologue(std::iter::once(first).chain(behind)) {
            starts.insert(first.0);
        }
    }
}

/// `jr`, `j`, `b`: what follows the delay slot is not reached from here.
fn leaves(word: u32) -> bool {
    word & 0xfc1f_ffff == 0x0000_0008 || word >> 26 == 2 || word >> 16 == 0x1000
}

/// Does it set up `$gp` or a frame before anything is called or left?
fn has_prologue(words: impl Iterator<Item = (u64, u32)>) -> bool {
    for (at, word) in words.take(PROLOGUE) {
        if word >> 16 == 0x3c1c || (word >> 16 == 0x27bd && word & 0x8000 != 0) {
            return true;
        }
        if leaves(word) || branch(at, word).is_some() {
            return false;
        }
    }
    false
}

/// Target of a branch within a function (MIPS Architecture for Programmers, volume II).
fn branch(at: u64, word: u32) -> Option<u64> {
    let is_branch = match word >> 26 {
        4..=7 | 20..=23 => true,
        1 => matches!(word >> 16 & 31, 0..=3),
        0x11 => word >> 21 & 31 == 8,
        _ => false,
    };
    let distance = i64::from(word as u16 as i16) << 2;
    is_branch.then(|| at.wrapping_add(4).wrapping_add_signed(distance))
}
