// SPDX-License-Identifier: Apache-2.0
//! Beginnings of functions in ARM code: what is called, what is pointed at, and prologues behind
//! the end of another function. Thumb code is told apart first.

use std::collections::{BTreeMap, BTreeSet};

use super::known::find_known;
use super::thumb;
use crate::elf::Elf;
use crate::elf::code::{Code, arm_call};
use crate::elf::header::ET_EXEC;

/// How far a prologue may lie behind the first instruction of its function, in instructions.
const PROLOGUE: usize = 6;

/// None where ARM and Thumb code are mixed.
pub(super) fn find_starts(elf: &Elf<'_>, text: &Code<'_>, ends: &[u64]) -> Option<Vec<u64>> {
    let words: Vec<(u64, u32)> = text.words().collect();
    let known = find_known(elf, text);
    let calls = words.iter().filter(|&&(at, word)| is_call(text, at, word)).count();
    let thumb_calls = thumb::count_calls(text);
    let mut starts = if calls * 10 < thumb_calls {
        thumb::find_starts(elf, text, ends)
    } else if thumb_calls * 10 < calls {
        find_in_words(elf, text, &words, ends)
    } else {
        return None;
    };
    starts.extend(known.iter().map(|start| start & !1));
    Some(starts)
}

fn find_in_words(elf: &Elf<'_>, text: &Code<'_>, words: &[(u64, u32)], ends: &[u64]) -> Vec<u64> {
    // Constants lie behind the instructions that read them.
    let mut literals = BTreeSet::new();
    let mut code = Vec::new();
    for &(at, word) in words {
        if !literals.contains(&at) {
            literals.extend(literal(at, word));
            code.push((at, word));
        }
    }
    let stubs: BTreeSet<u64> =
        code.iter().filter(|(_, w)| is_stub(*w)).map(|(at, _)| *at).collect();
    let called = code.iter().filter(|&&(at, word)| is_call(text, at, word));
    let called = called.filter_map(|&(at, word)| arm_call(at, word));
    let pointed_at = words.iter().filter(|(at, _)| literals.contains(at));
    let pointed_at = pointed_at.map(|(_, word)| u64::from(*word)).chain(find_absolute(&code));
    let mut starts: Vec<u64> = called.collect();
    // A program that is not position-independent has addresses of functions as literals; but a
    // literal may be any number, so it must be where a function can begin.
    let begins = find_behind_ends(&code, ends);
    let is_fixed = elf.header.kind == ET_EXEC;
    starts.extend(pointed_at.filter(|address| is_fixed && begins.contains_key(address)));
    starts.extend(begins.iter().filter(|(_, saves)| **saves).map(|(start, _)| *start));
    starts.extend(find_relative(&code, words));
    starts.retain(|start| start & 3 == 0 && text.holds(*start) && !stubs.contains(start));
    starts
}

/// `bl` to somewhere in the text.
fn is_call(text: &Code<'_>, at: u64, word: u32) -> bool {
    word >> 24 == 0xeb && arm_call(at, word).is_some_and(|target| text.holds(target))
}

/// Entries of the linkage table: `add ip, pc, #…`.
fn is_stub(word: u32) -> bool {
    word & 0xffff_f000 == 0xe28f_c000
}

/// The constant that `ldr rX, [pc, #…]` reads.
fn literal(at: u64, word: u32) -> Option<u64> {
    let distance = i64::from(word & 0xfff);
    let base = at.wrapping_add(8);
    match word & 0x0fff_0000 {
        0x059f_0000 => Some(base.wrapping_add_signed(distance)),
        0x051f_0000 => Some(base.wrapping_add_signed(-distance)),
        _ => None,
    }
}

/// Numbers that `movw` and `movt` put together.
fn find_absolute(code: &[(u64, u32)]) -> Vec<u64> {
    let immediate = |word: u32| word >> 4 & 0xf000 | word & 0xfff;
    let mut lower = [0_u32; 16];
    let mut found = Vec::new();
    for &(_, word) in code {
        let Some(register) = lower.get_mut((word >> 12 & 15) as usize) else { continue };
        match word & 0x0ff0_0000 {
            0x0300_0000 => *register = immediate(word),
            0x0340_0000 => found.push(u64::from(immediate(word) << 16 | *register)),
            _ => {}
        }
    }
    found
}

/// Addresses that position-independent code computes: `ldr rX, [pc, #…]` and `add rX, pc, rX`.
fn find_relative(code: &[(u64, u32)], words: &[(u64, u32)]) -> Vec<u64> {
    let mut loaded = [None::<u32>; 16];
    let mut found = Vec::new();
    for &(at, word) in code {
        if let Some(place) = literal(at, word) {
            let number = words.binary_search_by_key(&place, |(at, _)| *at).ok();
            let value = number.and_then(|number| words.get(number)).map(|(_, word)| *word);
            if let Some(register) = loaded.get_mut((word >> 12 & 15) as usize) {
                *register = value;
            }
        } else if word & 0xffff_0ff0 == 0xe08f_0000 {
            let distance = loaded.get_mut((word & 15) as usize).and_then(Option::take);
            let base = at.wrapping_add(8);
            found.extend(distance.map(|distance| base.wrapping_add(u64::from(distance))));
        }
    }
    found.iter().map(|address| address & 0xffff_ffff).collect()
}

/// Where a function ends and nothing branches to: a function may begin there. The value says
/// whether a prologue follows, so that one does begin.
fn find_behind_ends(code: &[(u64, u32)], ends: &[u64]) -> BTreeMap<u64, bool> {
    let inner: BTreeSet<u64> = code.iter().filter_map(|&(at, word)| branch(at, word)).collect();
    let ends: BTreeSet<u64> = ends.iter().copied().collect();
    let mut found = BTreeMap::new();
    for (number, &(at, word)) in code.iter().enumerate() {
        let is_end = leaves(word) || ends.contains(&at);
        let Some(behind) = code.get(number + 1..).filter(|_| is_end) else { continue };
        let Some(first) = behind.iter().position(|(_, word)| !is_padding(*word)) else { continue };
        let behind = behind.get(first..).unwrap_or_default();
        let start = behind.first().map(|&(at, _)| at).filter(|start| !inner.contains(start));
        found.extend(start.map(|start| (start, has_prologue(behind))));
    }
    found
}

fn is_padding(word: u32) -> bool {
    matches!(word, 0 | 0xe320_f000 | 0xe1a0_0000)
}

fn has_prologue(code: &[(u64, u32)]) -> bool {
    let window = code.get(..PROLOGUE).unwrap_or(code);
    for &(at, word) in window {
        if saves_return(word) {
            return true;
        }
        if leaves(word) || branch(at, word).is_some() {
            return false;
        }
    }
    false
}

/// `push {…, lr}` and `str lr, [sp, #-4]!`.
fn saves_return(word: u32) -> bool {
    word & 0xffff_4000 == 0xe92d_4000 || word == 0xe52d_e004
}

/// What follows is not reached from here: `bx`, `mov pc, lr`, `ldr pc, …`, `ldm …, {…, pc}`, `b`.
fn leaves(word: u32) -> bool {
    word & 0xffff_fff0 == 0xe12f_ff10
        || word == 0xe1a0_f00e
        || word & 0xfe50_f000 == 0xe410_f000
        || word & 0xfe10_8000 == 0xe810_8000
        || word >> 24 == 0xea
        || word & 0xfff0_00f0 == 0xe7f0_00f0
}

/// Target of a conditional branch, or of any branch that goes a short way.
fn branch(at: u64, word: u32) -> Option<u64> {
    let is_branch = word >> 24 & 0x0f == 0x0a && word >> 28 != 0xf;
    let distance = i64::from((word << 8) as i32 >> 6);
    let target = at.wrapping_add(8).wrapping_add_signed(distance) & 0xffff_ffff;
    (is_branch && word >> 28 != 0xe).then_some(target)
}
