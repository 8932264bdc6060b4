// SPDX-License-Identifier: Apache-2.0
//! Beginnings of functions in ARM code: what is called, what is pointed at, and prologues behind
//! the end of another function. Thumb code is told apart first.

use super::addresses::Addresses;
use super::known::find_known;
use super::thumb;
use crate::elf::Elf;
use crate::elf::code::{Code, arm_call};
use crate::elf::header::ET_EXEC;

/// How far a prologue may lie behind the first instruction of its function, in instructions.
const PROLOGUE: usize = 6;

/// Bytes that are looked at together, and how often, to tell ARM code from Thumb code.
const PAGE: usize = 4096;
const SAMPLE: usize = 16;

/// None where ARM and Thumb code are mixed.
pub(super) fn find_starts(elf: &Elf<'_>, text: &Code<'_>, ends: &[u64]) -> Option<Addresses> {
    let (mut calls, mut thumb_calls) = (0, 0);
    for part in sample(text) {
        calls += part.words().filter(|&(at, word)| is_call(text, at, word)).count();
        thumb_calls += thumb::count_calls(text, &part);
    }
    let mut starts = if calls * 10 < thumb_calls {
        thumb::find_starts(elf, text, ends)
    } else if thumb_calls * 10 < calls {
        find_in_words(elf, text, ends)
    } else {
        return None;
    };
    starts.extend(find_known(elf, text).iter().map(|start| start & !1));
    Some(starts)
}

/// Pages that are spread evenly over the text: which instruction set it is shows in a few.
fn sample<'a>(text: &Code<'a>) -> impl Iterator<Item = Code<'a>> {
    let pages = text.bytes.len().div_ceil(PAGE);
    let step = pages.div_ceil(SAMPLE).max(1);
    let parts = (0..text.bytes.len()).step_by(PAGE * step);
    parts.filter_map(|from| {
        let size = text.bytes.len().saturating_sub(from).min(PAGE);
        text.part(text.address.wrapping_add(from as u64), size as u64)
    })
}

/// What one pass over the code shows.
struct Seen {
    /// Constants; they lie behind the instructions that read them.
    literals: Addresses,
    stubs: Addresses,
    /// Targets of branches within functions.
    inner: Addresses,
    starts: Addresses,
    /// Instructions behind which the code is not reached from them.
    ends: Vec<u64>,
    /// Numbers that may be addresses of functions.
    pointed_at: Vec<u32>,
}

fn find_in_words(elf: &Elf<'_>, text: &Code<'_>, ends: &[u64]) -> Addresses {
    let mut seen = look(text);
    let is_code = |end: &&u64| text.holds(**end) && !seen.literals.contains(**end);
    seen.ends.extend(ends.iter().filter(is_code));
    let (begins, mut starts) = find_behind_ends(text, &seen);
    starts.extend(seen.starts.iter());
    // A program that is not position-independent has addresses of functions as literals; but a
    // literal may be any number, so it must be where a function can begin.
    if elf.header.kind == ET_EXEC {
        let pointed_at = seen.pointed_at.iter().map(|number| u64::from(*number));
        let read = seen.literals.iter().filter_map(|at| text.word(at)).map(u64::from);
        starts.extend(pointed_at.chain(read).filter(|address| begins.contains(*address)));
    }
    for stub in seen.stubs.iter() {
        starts.remove(stub);
    }
    starts
}

fn look(text: &Code<'_>) -> Seen {
    let empty = || Addresses::within(text);
    let mut seen = Seen {
        literals: empty(),
        stubs: empty(),
        inner: empty(),
        starts: empty(),
        ends: Vec::new(),
        pointed_at: Vec::new(),
    };
    let mut absolute = Absolute::default();
    let mut relative = [None::<u32>; 16];
    for (at, word) in text.words() {
        if seen.literals.contains(at) {
            continue;
        }
        if leaves(word) {
            seen.ends.push(at);
        }
        if word >> 24 == 0xeb {
            let target = arm_call(at, word).filter(|target| target & 3 == 0);
            seen.starts.extend(target);
        } else if let Some(place) = literal(at, word) {
            seen.literals.insert(place);
            if let Some(register) = relative.get_mut((word >> 12 & 15) as usize) {
                *register = text.word(place);
            }
        } else if is_stub(word) {
            seen.stubs.insert(at);
        } else if word & 0xffff_0ff0 == 0xe08f_0000 {
            // Position-independent code: `ldr rX, [pc, #…]` and `add rX, pc, rX`.
            let distance = relative.get_mut((word & 15) as usize).and_then(Option::take);
            let target = |distance| at.wrapping_add(8).wrapping_add(distance) & 0xffff_ffff;
            let target = distance.map(|distance| target(u64::from(distance)));
            seen.starts.extend(target.filter(|target| target & 3 == 0));
        } else {
            seen.inner.extend(branch(at, word));
            seen.pointed_at.extend(absolute.follow(word));
        }
    }
    seen
}

/// Numbers that `movw` and `movt` put together.
#[derive(Default)]
struct Absolute([u32; 16]);

impl Absolute {
    fn follow(&mut self, word: u32) -> Option<u32> {
        let immediate = word >> 4 & 0xf000 | word & 0xfff;
        let lower = self.0.get_mut((word >> 12 & 15) as usize)?;
        match word & 0x0ff0_0000 {
            0x0300_0000 => {
                *lower = immediate;
                None
            }
            0x0340_0000 => Some(immediate << 16 | *lower),
            _ => None,
        }
    }
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

/// Where a function ends and nothing branches to: a function may begin there; and those of them
/// behind which a prologue follows, so that one does begin.
fn find_behind_ends(text: &Code<'_>, seen: &Seen) -> (Addresses, Addresses) {
    let (mut begins, mut starts) = (Addresses::within(text), Addresses::within(text));
    for end in seen.ends.iter().copied() {
        let mut behind = code_behind(text, seen, end);
        let first = behind.find(|(_, word)| !is_padding(*word));
        let Some(first) = first.filter(|(at, _)| !seen.inner.contains(*at)) else { continue };
        begins.insert(first.0);
        if has_prologue(std::iter::once(first).chain(behind)) {
            starts.insert(first.0);
        }
    }
    (begins, starts)
}

fn code_behind<'a>(
    text: &'a Code<'_>,
    seen: &'a Seen,
    at: u64,
) -> impl Iterator<Item = (u64, u32)> + 'a {
    let behind = (at.saturating_add(4)..).step_by(4).map_while(|at| Some((at, text.word(at)?)));
    behind.filter(|(at, _)| !seen.literals.contains(*at))
}

fn is_padding(word: u32) -> bool {
    matches!(word, 0 | 0xe320_f000 | 0xe1a0_0000)
}

fn has_prologue(code: impl Iterator<Item = (u64, u32)>) -> bool {
    for (at, word) in code.take(PROLOGUE) {
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
