// SPDX-License-Identifier: Apache-2.0
//! Beginnings of functions in MIPS code: what is called, what is pointed at, and prologues behind
//! the end of another function.

use std::collections::BTreeSet;

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
pub(super) fn find_starts(elf: &Elf<'_>, text: &Code<'_>, ends: &[u64]) -> Option<Vec<u64>> {
    if elf.file.is_wide() || elf.header.flags & OTHER_LENGTHS != 0 {
        return None;
    }
    let words: Vec<(u64, u32)> = text.words().collect();
    let mut starts = find_known(elf, text);
    starts.extend(find_called(&words));
    starts.extend(find_pointer_loads(elf, &words));
    starts.extend(find_pointed_at(elf, &words));
    starts.retain(|&start| start & 3 == 0 && text.holds(start));
    let stubs = find_stubs(&words);
    starts.retain(|start| !stubs.contains(start));
    starts.extend(find_behind_ends(&words, ends));
    Some(starts)
}

/// Targets of `jal` and `bal`; `bal` to the instruction behind its delay slot only reads the
/// program counter.
fn find_called(words: &[(u64, u32)]) -> impl Iterator<Item = u64> {
    words.iter().filter_map(|&(at, word)| {
        mips_call(at, word).filter(|&target| target != at.wrapping_add(8))
    })
}

/// Position-independent functions begin by computing `$gp` from their own address: `lui $gp, …;
/// addiu $gp, $gp, …; addu $gp, $gp, $t9`, perhaps with other instructions between.
fn find_pointer_loads(elf: &Elf<'_>, words: &[(u64, u32)]) -> Vec<u64> {
    let Some(table) = elf.dynamic.value(DT_PLTGOT) else { return Vec::new() };
    let pointer = table.wrapping_add(0x7ff0);
    let mut found = Vec::new();
    let mut upper = None;
    for &(at, word) in words {
        match (word >> 16, upper) {
            (0x3c1c, _) => upper = Some((at, (word as i32) << 16)),
            (0x279c, Some((first, high))) => {
                let distance = i64::from(high.wrapping_add(i32::from(word as u16 as i16)));
                let start = pointer.wrapping_add_signed(-distance) & 0xffff_ffff;
                let is_near = start <= first && first - start <= 4 * PROLOGUE as u64;
                found.extend(is_near.then_some(start));
                upper = None;
            }
            _ => {}
        }
    }
    found
}

/// Entries of linkage tables: `lui $15, …; lw $25, …($15)`, and `lw $25, -32752($28); move $15,
/// $31` of lazy binding.
fn find_stubs(words: &[(u64, u32)]) -> BTreeSet<u64> {
    let stubs = words.windows(2).filter_map(|pair| match *pair {
        [(at, first), (_, second)] => {
            let is_table = first >> 16 == 0x3c0f && second >> 16 == 0x8df9;
            (is_table || first == 0x8f99_8010).then_some(at)
        }
        _ => None,
    });
    stubs.collect()
}

/// Addresses that the code puts together: a page from the global offset table, or an upper half,
/// and `addiu` of the lower half to the same register.
fn find_pointed_at(elf: &Elf<'_>, words: &[(u64, u32)]) -> Vec<u64> {
    let table = local_table(elf);
    let is_table = elf.dynamic.has(DT_PLTGOT);
    // Elsewhere an upper half that is written down is a number.
    let is_fixed = elf.header.kind == ET_EXEC;
    let mut uppers = [None::<u64>; 32];
    let mut found = Vec::new();
    for &(_, word) in words {
        let (from, to) = ((word >> 21 & 31) as usize, (word >> 16 & 31) as usize);
        let value = match word >> 26 {
            // Register to register: the result is not an upper half, whatever it is.
            0x00 => {
                forget(&mut uppers, (word >> 11 & 31) as usize);
                continue;
            }
            // Branches and stores change no register.
            0x01..=0x07 | 0x14..=0x17 | 0x28..=0x2f => continue,
            // lui
            0x0f => is_fixed.then_some(u64::from(word & 0xffff) << 16),
            // lw …($gp)
            0x23 if from == 28 && is_table => page_of(&table, word, is_fixed),
            // addiu
            0x09 => {
                let upper = uppers.get(from).copied().flatten();
                let low = i64::from(word as u16 as i16);
                found.extend(upper.map(|upper| upper.wrapping_add_signed(low) & 0xffff_ffff));
                None
            }
            _ => None,
        };
        if let Some(register) = uppers.get_mut(to) {
            *register = value;
        }
    }
    found
}

fn forget(uppers: &mut [Option<u64>; 32], number: usize) {
    if let Some(register) = uppers.get_mut(number) {
        *register = None;
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

/// Where a function ends, nothing branches to, and a prologue follows.
fn find_behind_ends(words: &[(u64, u32)], ends: &[u64]) -> Vec<u64> {
    let inner: BTreeSet<u64> = words.iter().filter_map(|&(at, word)| branch(at, word)).collect();
    let ends: BTreeSet<u64> = ends.iter().copied().collect();
    let mut found = Vec::new();
    let mut calls_end = false;
    for (number, &(at, word)) in words.iter().enumerate() {
        // On MIPS an end is the load of the handler's address; its call comes a little later.
        calls_end |= ends.contains(&at);
        let is_call = word & 0xfc1f_ffff == 0x0000_f809 || word >> 16 == 0x0411 || word >> 26 == 3;
        let is_end = leaves(word) || (calls_end && is_call);
        calls_end &= !is_call;
        let Some(behind) = words.get(number + 2..).filter(|_| is_end) else { continue };
        let Some(first) = behind.iter().position(|&(_, word)| word != 0) else { continue };
        let behind = behind.get(first..).unwrap_or_default();
        let start = behind.first().map(|&(at, _)| at);
        found.extend(start.filter(|start| !inner.contains(start) && has_prologue(behind)));
    }
    found
}

/// `jr`, `j`, `b`: what follows the delay slot is not reached from here.
fn leaves(word: u32) -> bool {
    word & 0xfc1f_ffff == 0x0000_0008 || word >> 26 == 2 || word >> 16 == 0x1000
}

/// Does it set up `$gp` or a frame before anything is called or left?
fn has_prologue(words: &[(u64, u32)]) -> bool {
    let window = words.get(..PROLOGUE).unwrap_or(words);
    for &(at, word) in window {
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
