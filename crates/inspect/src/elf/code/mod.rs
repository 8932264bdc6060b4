// SPDX-License-Identifier: Apache-2.0
//! Reading machine code just far enough to see who calls whom: exact matches of call targets and
//! of canary loads, no disassembly. A match needs 26 or more equal bits, so chance plays no part.

mod arm;
mod mips;
mod x86;

use super::Elf;
use super::dynamic::{
    DT_FINI, DT_INIT, DT_JMPREL, DT_PLTREL, DT_PLTRELSZ, DT_REL, DT_RELA, DT_RELASZ, DT_RELSZ,
};
use super::machine::{EM_386, EM_AARCH64, EM_ARM, EM_X86_64, is_mips};
use super::segment::PT_LOAD;
use super::symbol::Symbol;
use crate::bits::BLOCK;

pub(super) use arm::{arm_call, thumb_target};
pub(super) use mips::{find_mips_table_calls, mips_call};
pub(super) use x86::{CanaryUse, find_canary_uses};

/// `EF_ARM_BE8`: big-endian data, little-endian code.
const EF_ARM_BE8: u32 = 0x0080_0000;

/// Bytes that are loaded as code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Code<'a> {
    pub(super) address: u64,
    pub(super) bytes: &'a [u8],
    big: bool,
}

impl<'a> Code<'a> {
    /// Every executable segment, as far as the file holds it.
    pub(super) fn of(elf: &Elf<'a>) -> Vec<Self> {
        let be8 = elf.header.machine == EM_ARM && elf.header.flags & EF_ARM_BE8 != 0;
        let big = elf.file.is_big() && !be8;
        let loads = elf.segments.of_kind(PT_LOAD).filter(|segment| segment.is_executable());
        loads
            .map(|segment| Self {
                address: segment.address,
                bytes: elf.file.slice_up_to(segment.offset, segment.file_size),
                big,
            })
            .collect()
    }

    /// The instructions alone, where the file tells: linkers put them between `DT_INIT` and
    /// `DT_FINI`, and before and behind them headers, tables and constants into the same segment.
    pub(super) fn text(elf: &Elf<'a>) -> Option<Self> {
        let [first, last] = [DT_INIT, DT_FINI].map(|tag| elf.dynamic.value(tag));
        let (first, last) = (first? & !1, last? & !1);
        let entry = elf.header.entry;
        let has_entry = entry == 0 || (first..=last).contains(&entry);
        let size = last.checked_sub(first).filter(|_| has_entry)?;
        Self::of(elf).iter().find_map(|part| part.part(first, size))
    }

    /// Little-endian code that is part of no file.
    #[cfg(test)]
    pub(super) const fn little(address: u64, bytes: &'a [u8]) -> Self {
        Self { address, bytes, big: false }
    }

    /// The 32-bit word at an address.
    pub(super) fn word(&self, address: u64) -> Option<u32> {
        let start = usize::try_from(address.checked_sub(self.address)?).ok()?;
        let raw = *self.bytes.get(start..)?.first_chunk::<4>()?;
        Some(if self.big { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
    }

    /// The 16-bit half at an address.
    pub(super) fn half(&self, address: u64) -> Option<u16> {
        let start = usize::try_from(address.checked_sub(self.address)?).ok()?;
        let raw = *self.bytes.get(start..)?.first_chunk::<2>()?;
        Some(if self.big { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) })
    }

    /// The halves from an offset on, and the one behind them; behind the end they are 0.
    pub(super) fn block(&self, from: usize) -> [u16; BLOCK + 1] {
        let mut block = [0; BLOCK + 1];
        let (halves, _) = self.bytes.get(from..).unwrap_or_default().as_chunks::<2>();
        let places = block.iter_mut().zip(halves);
        if self.big {
            places.for_each(|(place, half)| *place = u16::from_be_bytes(*half));
        } else {
            places.for_each(|(place, half)| *place = u16::from_le_bytes(*half));
        }
        block
    }

    /// A half as its two bytes in the file are read by this machine.
    fn as_stored(&self, half: u16) -> u16 {
        if self.big { half.to_be() } else { half.to_le() }
    }

    /// One past its last address.
    pub(super) fn end(&self) -> u64 {
        self.address.wrapping_add(self.bytes.len() as u64)
    }

    pub(super) fn holds(&self, address: u64) -> bool {
        (self.address..self.end()).contains(&address)
    }

    /// The part that a function takes up.
    pub(super) fn part(&self, address: u64, size: u64) -> Option<Self> {
        let start = usize::try_from(address.checked_sub(self.address)?).ok()?;
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        Some(Self { address, bytes: self.bytes.get(start..end)?, big: self.big })
    }

    /// 32-bit instructions with their addresses.
    pub(super) fn words(&self) -> impl Iterator<Item = (u64, u32)> {
        // The order of bytes is decided once, not for each word.
        let swapped = self.big != cfg!(target_endian = "big");
        let (words, _) = self.bytes.as_chunks::<4>();
        words.iter().enumerate().map(move |(n, raw)| {
            let word = u32::from_ne_bytes(*raw);
            let word = if swapped { word.swap_bytes() } else { word };
            (self.address.wrapping_add(4 * n as u64), word)
        })
    }

    pub(super) fn halves(&self) -> impl Iterator<Item = u16> {
        let swapped = self.big != cfg!(target_endian = "big");
        let (halves, _) = self.bytes.as_chunks::<2>();
        halves.iter().map(move |raw| {
            let half = u16::from_ne_bytes(*raw);
            if swapped { half.swap_bytes() } else { half }
        })
    }
}

/// Addresses of instructions that call the imported (or exported) function `symbol`. None where
/// kakoi cannot follow calls of this machine.
pub(super) fn find_calls_of(
    elf: &Elf<'_>,
    code: &[Code<'_>],
    symbol: &Symbol<'_>,
) -> Option<Vec<u64>> {
    let mut targets = Vec::new();
    let mut calls = Vec::new();
    if !symbol.is_undefined() || symbol.value != 0 {
        targets.push(symbol.value & !1);
    }
    match elf.header.machine {
        EM_AARCH64 => targets.extend(find_stub(elf, code, symbol, arm::find_aarch64_stub)),
        EM_ARM => targets.extend(find_stub(elf, code, symbol, arm::find_arm_stub)),
        EM_X86_64 => {
            let slot = find_got_slot(elf, symbol.index);
            targets.extend(slot.iter().flat_map(|slot| x86::find_x86_stubs(code, *slot)));
            calls.extend(
                slot.iter().flat_map(|slot| x86::find_x86_operands(code, [0xff, 0x15], *slot)),
            );
        }
        machine if is_mips(machine) => {
            calls = mips::find_mips_got_calls(elf, code, symbol);
            let slot = find_got_slot(elf, symbol.index);
            targets.extend(slot.iter().flat_map(|slot| mips::find_mips_stubs(code, *slot)));
        }
        _ => return None,
    }
    calls.extend(code.iter().flat_map(|part| find_calls(elf.header.machine, part, &targets)));
    Some(calls)
}

/// Addresses of direct calls in `part` that go to one of `targets`.
pub(super) fn find_calls(machine: u16, part: &Code<'_>, targets: &[u64]) -> Vec<u64> {
    if targets.is_empty() {
        return Vec::new();
    }
    match machine {
        EM_AARCH64 => find_distance_calls(part, targets, arm::AARCH64_FIELD, arm::aarch64_call),
        EM_ARM => {
            let mut calls = find_distance_calls(part, targets, arm::ARM_FIELD, arm::arm_call);
            calls.extend(arm::find_thumb_calls(part, targets));
            calls
        }
        EM_386 | EM_X86_64 => x86::find_x86_calls(part, targets),
        machine if is_mips(machine) => {
            let mut calls = find_word_calls(part, targets, mips::mips_call);
            calls.extend(mips::find_mips16_calls(part, targets));
            calls
        }
        _ => Vec::new(),
    }
}

/// Calls in 32-bit instructions, of which `target` tells where they go.
fn find_word_calls(
    part: &Code<'_>,
    targets: &[u64],
    target: impl Fn(u64, u32) -> Option<u64>,
) -> Vec<u64> {
    let calls = part
        .words()
        .filter(|&(at, word)| target(at, word).is_some_and(|target| targets.contains(&target)));
    calls.map(|(at, _)| at).collect()
}

/// Where an instruction holds the distance to its target in words.
#[derive(Debug, Clone, Copy)]
struct Field {
    mask: u32,
    /// The distance counts from so many bytes behind the instruction.
    ahead: u64,
}

/// Words that are compared together.
const GROUP: usize = 32;

/// As [`find_word_calls`], where the distance stands in the low bits: which words hold the right one
/// is told for a group of words at once, and seldom is there any.
fn find_distance_calls(
    part: &Code<'_>,
    targets: &[u64],
    field: Field,
    target: impl Fn(u64, u32) -> Option<u64>,
) -> Vec<u64> {
    let swapped = part.big != cfg!(target_endian = "big");
    let (words, _) = part.bytes.as_chunks::<4>();
    let mut calls = Vec::new();
    for (number, group) in words.chunks(GROUP).enumerate() {
        let start = part.address.wrapping_add((4 * GROUP * number) as u64);
        let read = |raw: &[u8; 4]| {
            let word = u32::from_ne_bytes(*raw);
            if swapped { word.swap_bytes() } else { word }
        };
        for wanted in targets {
            let distance = (wanted.wrapping_sub(start.wrapping_add(field.ahead)) >> 2) as u32;
            let any = (0_u32..).zip(group).fold(false, |any, (place, raw)| {
                any | ((read(raw) ^ distance.wrapping_sub(place)) & field.mask == 0)
            });
            if !any {
                continue;
            }
            let places = (0_u64..).map(|place| start.wrapping_add(4 * place));
            let found =
                places.zip(group).filter(|(at, raw)| target(*at, read(raw)) == Some(*wanted));
            calls.extend(found.map(|(at, _)| at));
        }
    }
    calls
}

/// The address of the linkage table entry of an imported function.
fn find_stub(
    elf: &Elf<'_>,
    code: &[Code<'_>],
    symbol: &Symbol<'_>,
    find: fn(&Code<'_>, u64) -> Option<u64>,
) -> Option<u64> {
    let slot = find_got_slot(elf, symbol.index)?;
    code.iter().find_map(|part| find(part, slot))
}

/// The slot of the global offset table that is relocated against dynamic symbol `number`.
fn find_got_slot(elf: &Elf<'_>, number: u32) -> Option<u64> {
    let dynamic = &elf.dynamic;
    let plt_has_addends = dynamic.value(DT_PLTREL) == Some(DT_RELA);
    let tables = [
        (DT_JMPREL, DT_PLTRELSZ, plt_has_addends),
        (DT_RELA, DT_RELASZ, true),
        (DT_REL, DT_RELSZ, false),
    ];
    tables.iter().find_map(|&(table, size, has_addends)| {
        let at = elf.segments.offset_of(dynamic.value(table)?)?;
        let words = if has_addends { 3 } else { 2 };
        let entry = words * elf.file.word_size();
        let count = dynamic.value(size)?.min(elf.file.len()) / entry;
        let shift = if elf.file.is_wide() { 32 } else { 8 };
        (0..count).find_map(|n| {
            let at = at + n * entry;
            let info = elf.file.word(at + elf.file.word_size())?;
            if info >> shift == u64::from(number) { elf.file.word(at) } else { None }
        })
    })
}
