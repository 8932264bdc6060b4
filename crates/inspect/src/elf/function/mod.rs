// SPDX-License-Identifier: Apache-2.0
//! Where functions begin: the sorted table of `PT_GNU_EH_FRAME`, which survives stripping, or
//! else the symbol table, or else unwind entries without a table, or else, on 32-bit ARM and MIPS,
//! what the code itself shows.

mod addresses;
mod arm;
mod halves;
mod known;
mod mips;
mod thumb;
mod unwind;

use super::Elf;
use super::code::Code;
use super::machine::{EM_386, EM_AARCH64, EM_ARM, EM_X86_64, is_mips};
use super::segment::PT_GNU_EH_FRAME;

/// More functions than any program has; a larger count is damage.
const MOST_FUNCTIONS: u32 = 1 << 20;

/// Start addresses of functions, ascending and distinct.
#[derive(Debug)]
pub(super) struct Functions {
    pub(super) starts: Vec<u64>,
    /// Do they come from the code alone? Then a few functions may be missing or too many.
    pub(super) estimated: bool,
}

/// Code in which many functions show, if there are many; in bytes.
const FEW_PAGES: u64 = 0x1_0000;

/// None when the file does not tell. `ends` are calls that never return, if any are known.
pub(super) fn find_functions(elf: &Elf<'_>, code: &[Code<'_>], ends: &[u64]) -> Option<Functions> {
    if let Some(starts) = find_told(elf, code) {
        return Some(Functions { starts, estimated: false });
    }
    let starts = find_by_code(elf, &text(elf)?, ends)?;
    (!starts.is_empty()).then_some(Functions { starts, estimated: true })
}

/// Whether there are `least` functions; cheaper than counting all of them.
pub(super) fn has_functions(elf: &Elf<'_>, code: &[Code<'_>], least: usize) -> bool {
    if let Some(starts) = find_told(elf, code) {
        return starts.len() >= least;
    }
    let Some(text) = text(elf) else { return false };
    let beginning = text.part(text.address, FEW_PAGES);
    [beginning, Some(text)]
        .into_iter()
        .flatten()
        .any(|text| find_by_code(elf, &text, &[]).is_some_and(|starts| starts.len() >= least))
}

/// What tables of the file say.
fn find_told(elf: &Elf<'_>, code: &[Code<'_>]) -> Option<Vec<u64>> {
    let unwound = matches!(elf.header.machine, EM_386 | EM_X86_64 | EM_AARCH64);
    let told = if unwound { find_by_unwind_table(elf, code) } else { None };
    let told = told.or_else(|| find_by_symbols(elf));
    told.or_else(|| if unwound { find_by_unwind_entries(elf, code) } else { None })
}

/// None where the text has no certain beginning and end.
fn text<'a>(elf: &Elf<'a>) -> Option<Code<'a>> {
    if elf.segments.loaded_whole { Code::text(elf) } else { None }
}

/// Linear in the size of the code. None where instruction sets are mixed.
fn find_by_code(elf: &Elf<'_>, text: &Code<'_>, ends: &[u64]) -> Option<Vec<u64>> {
    let starts = match elf.header.machine {
        EM_ARM => arm::find_starts(elf, text, ends)?,
        machine if is_mips(machine) => mips::find_starts(elf, text, ends)?,
        _ => return None,
    };
    Some(starts.iter().collect())
}

/// How many functions hold at least one of `sites`.
pub(super) fn count_functions_with(functions: &[u64], sites: &[u64]) -> u32 {
    let mut numbers: Vec<usize> = sites
        .iter()
        .map(|site| functions.partition_point(|start| start <= site))
        .filter(|&number| number > 0)
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    u32::try_from(numbers.len()).unwrap_or(u32::MAX)
}

/// The binary search table (LSB, "The .eh_frame_hdr section"), in the one encoding that linkers
/// write: addresses relative to the header, 4 bytes, sorted.
fn find_by_unwind_table(elf: &Elf<'_>, code: &[Code<'_>]) -> Option<Vec<u64>> {
    let segment = elf.segments.first(PT_GNU_EH_FRAME)?;
    let at = segment.offset;
    let head = elf.file.slice(at, 4)?;
    if head.first() != Some(&1) || head.get(2..4) != Some(&[0x03, 0x3b]) {
        return None;
    }
    let count = elf.file.int(at + 8)?.min(MOST_FUNCTIONS);
    elf.file.slice(at + 12, u64::from(count) * 8)?;
    let mut starts = Vec::with_capacity(count as usize);
    for number in 0..u64::from(count) {
        let distance = elf.file.int(at + 12 + number * 8)? as i32;
        let start = segment.address.wrapping_add_signed(i64::from(distance));
        if !is_linkage_table(code, start) {
            starts.push(start);
        }
    }
    starts.sort_unstable();
    starts.dedup();
    (!starts.is_empty()).then_some(starts)
}

/// The entries themselves, where the linker made no table of them (`musl-gcc`).
fn find_by_unwind_entries(elf: &Elf<'_>, code: &[Code<'_>]) -> Option<Vec<u64>> {
    let section = elf.sections.named(b".eh_frame")?;
    let mut starts = unwind::find_starts(elf, section)?;
    starts.retain(|&start| !is_linkage_table(code, start));
    starts.sort_unstable();
    starts.dedup();
    (!starts.is_empty()).then_some(starts)
}

/// Linkage tables have unwind entries of their own but are not functions: they begin with
/// `push [rip+…]` or `jmp [rip+…]`, perhaps after `endbr`.
fn is_linkage_table(code: &[Code<'_>], start: u64) -> bool {
    let first = code.iter().find_map(|part| part.part(start, 8)).map(|part| part.bytes);
    match first {
        Some([0xff, 0x35 | 0x25 | 0xb3 | 0xa3, ..]) => true,
        Some([0xf3, 0x0f, 0x1e, 0xfa | 0xfb, rest @ ..]) => {
            matches!(rest, [0xff, 0x25 | 0xa3, ..] | [0xf2, 0xff, 0x25, ..] | [0x68, ..])
        }
        _ => false,
    }
}

/// Sized function symbols; those of the start files have no size.
fn find_by_symbols(elf: &Elf<'_>) -> Option<Vec<u64>> {
    let defined = elf
        .symbols
        .list
        .iter()
        .filter(|symbol| symbol.is_function() && !symbol.is_undefined() && symbol.size > 0);
    let mut starts: Vec<u64> = defined.map(|symbol| symbol.value & !1).collect();
    starts.sort_unstable();
    starts.dedup();
    (elf.symbols.whole && !starts.is_empty()).then_some(starts)
}
