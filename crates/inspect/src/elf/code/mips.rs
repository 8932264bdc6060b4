// SPDX-License-Identifier: Apache-2.0
//! MIPS and MIPS16: direct calls, calls through the global offset table, linkage tables.

use super::Code;
use crate::elf::Elf;
use crate::elf::dynamic::{DT_MIPS_GOTSYM, DT_MIPS_LOCAL_GOTNO, DT_PLTGOT};
use crate::elf::machine::is_mips;
use crate::elf::symbol::Symbol;

/// `jal` and `bal` (MIPS Architecture for Programmers, volume II).
pub(in crate::elf) fn mips_call(at: u64, word: u32) -> Option<u64> {
    if word >> 26 == 3 {
        return Some((at.wrapping_add(4) & !0x0fff_ffff) | u64::from(word & 0x03ff_ffff) << 2);
    }
    let distance = i64::from(word as u16 as i16) << 2;
    (word >> 16 == 0x0411).then(|| at.wrapping_add(4).wrapping_add_signed(distance))
}

/// Calls of one of `targets` in a static MIPS program, whose global offset table the linker
/// filled in. Needs the symbol `_gp`.
pub(in crate::elf) fn find_mips_table_calls(
    elf: &Elf<'_>,
    part: &Code<'_>,
    targets: &[u64],
) -> Vec<u64> {
    let Some(gp) = elf.symbols.named(b"_gp").filter(|_| is_mips(elf.header.machine)) else {
        return Vec::new();
    };
    let opcode = if elf.file.is_wide() { 0xdf99 } else { 0x8f99 };
    let loads = part.words().filter(|(_, word)| word >> 16 == opcode);
    let called = loads.filter(|&(_, word)| {
        let slot = gp.value.wrapping_add_signed(i64::from(word as u16 as i16));
        let target = elf.segments.offset_of(slot).and_then(|at| elf.file.word(at));
        target.is_some_and(|target| targets.contains(&target))
    });
    called.map(|(at, _)| at).collect()
}

/// Loads of the call register from the global offset table entry of a symbol: the psABI orders
/// the table like the dynamic symbols from `DT_MIPS_GOTSYM` on, and `$gp` points 0x7ff0 beyond
/// its start. Programs whose table is larger than 64 KiB or split have loads that are not seen.
pub(super) fn find_mips_got_calls(
    elf: &Elf<'_>,
    code: &[Code<'_>],
    symbol: &Symbol<'_>,
) -> Vec<u64> {
    let dynamic = &elf.dynamic;
    let (Some(local), Some(first), true) =
        (dynamic.value(DT_MIPS_LOCAL_GOTNO), dynamic.value(DT_MIPS_GOTSYM), dynamic.has(DT_PLTGOT))
    else {
        return Vec::new();
    };
    let Some(number) = u64::from(symbol.index).checked_sub(first) else { return Vec::new() };
    let (size, opcode) = if elf.file.is_wide() { (8, 0xdf99) } else { (4, 0x8f99) };
    let offset = local.saturating_add(number).saturating_mul(size);
    let Ok(offset) = i16::try_from(i128::from(offset) - 0x7ff0) else { return Vec::new() };
    let load = opcode << 16 | u32::from(offset as u16);
    let words = code.iter().flat_map(Code::words);
    let mut calls: Vec<u64> = words.filter(|&(_, word)| word == load).map(|(at, _)| at).collect();
    if size == 4 {
        calls.extend(code.iter().flat_map(|part| find_mips16_loads(part, offset)));
    }
    calls
}

/// MIPS16 `lw` with an extended offset, from any base register: there `$gp` is copied first
/// (MIPS Architecture for Programmers, volume IV-a). No structure is so large that the offset
/// could be another's.
fn find_mips16_loads(part: &Code<'_>, offset: i16) -> Vec<u64> {
    let offset = offset as u16;
    let extend = 0xf000 | (offset & 0x07e0) | offset >> 11;
    let load = 0x9800 | (offset & 0x1f);
    let mut loads = Vec::new();
    let mut first = 0;
    for (number, second) in part.halves().enumerate() {
        if first == extend && second & 0xf81f == load {
            loads.push(part.address.wrapping_add(2 * number as u64).wrapping_sub(2));
        }
        first = second;
    }
    loads
}

/// Where a linkage table entry that jumps through `slot` begins (MIPS non-PIC ABI extension):
/// `lui $15, slot; lw $25, slot($15)`, or in MIPS16 a load of the word behind the entry.
pub(super) fn find_mips_stubs(code: &[Code<'_>], slot: u64) -> Vec<u64> {
    let mut stubs = Vec::new();
    for part in code {
        let (mut first, mut second, mut third) = (0, 0, 0);
        for (at, word) in part.words() {
            let high = u64::from(third & 0xffff) << 16;
            let target = high.wrapping_add_signed(i64::from(word as u16 as i16)) & 0xffff_ffff;
            if third >> 16 == 0x3c0f && word >> 16 == 0x8df9 && target == slot {
                stubs.push(at.wrapping_sub(4));
            }
            if u64::from(word) == slot && [first >> 16, first & 0xffff].contains(&MIPS16_ENTRY) {
                stubs.push(at.wrapping_sub(12));
            }
            (first, second, third) = (second, third, word);
        }
    }
    stubs
}

/// `lw $2, 12($pc)`: how the linkage table of MIPS16 begins.
const MIPS16_ENTRY: u32 = 0xb203;

/// MIPS16 `jal` and `jalx`: two halves, the upper bits of the target in odd order.
pub(super) fn find_mips16_calls(part: &Code<'_>, targets: &[u64]) -> Vec<u64> {
    let mut calls = Vec::new();
    let mut first = 0;
    for (number, second) in part.halves().enumerate() {
        if first & 0xf800 == 0x1800 {
            let at = part.address.wrapping_add(2 * number as u64).wrapping_sub(2);
            let upper = u64::from(first >> 5 & 0x1f) << 16 | u64::from(first & 0x1f) << 21;
            let target = (upper | u64::from(second)) << 2;
            let target = (at.wrapping_add(4) & !0x0fff_ffff) | target;
            if targets.contains(&target) {
                calls.push(at);
            }
        }
        first = second;
    }
    calls
}
