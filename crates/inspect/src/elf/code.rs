// SPDX-License-Identifier: Apache-2.0
//! Reading machine code just far enough to see who calls whom: exact matches of call targets and
//! of canary loads, no disassembly. A match needs 26 or more equal bits, so chance plays no part.

use memchr::memmem;

use super::Elf;
use super::dynamic::{
    DT_JMPREL, DT_MIPS_GOTSYM, DT_MIPS_LOCAL_GOTNO, DT_PLTGOT, DT_PLTREL, DT_PLTRELSZ, DT_REL,
    DT_RELA, DT_RELASZ, DT_RELSZ,
};
use super::machine::{EM_386, EM_AARCH64, EM_ARM, EM_X86_64, is_mips};
use super::segment::PT_LOAD;
use super::symbol::Symbol;

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

    /// The part that a function takes up.
    pub(super) fn part(&self, address: u64, size: u64) -> Option<Self> {
        let start = usize::try_from(address.checked_sub(self.address)?).ok()?;
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        Some(Self { address, bytes: self.bytes.get(start..end)?, big: self.big })
    }

    /// 32-bit instructions with their addresses.
    pub(super) fn words(&self) -> impl Iterator<Item = (u64, u32)> {
        let big = self.big;
        let (words, _) = self.bytes.as_chunks::<4>();
        words.iter().enumerate().map(move |(n, raw)| {
            let word = if big { u32::from_be_bytes(*raw) } else { u32::from_le_bytes(*raw) };
            (self.address.wrapping_add(4 * n as u64), word)
        })
    }

    fn halves(&self) -> impl Iterator<Item = u16> {
        let big = self.big;
        let (halves, _) = self.bytes.as_chunks::<2>();
        halves
            .iter()
            .map(move |raw| if big { u16::from_be_bytes(*raw) } else { u16::from_le_bytes(*raw) })
    }
}

/// Does the code before a needle make it a canary load?
type Accept = fn(&[u8]) -> bool;

/// Where code loads or compares the stack canary of the x86 thread block (`%fs:0x28`,
/// `%gs:0x14`; System V psABI, GCC `TARGET_THREAD_SSP_OFFSET`). None on other machines and x32.
pub(super) fn find_canary_uses(elf: &Elf<'_>, code: &[Code<'_>]) -> Option<Vec<CanaryUse>> {
    let (needle, accept): (&[u8], Accept) = match elf.header.machine {
        EM_X86_64 if elf.file.is_wide() => (&[0x25, 0x28, 0, 0, 0], is_wide_canary_load),
        EM_386 => (&[0x14, 0, 0, 0], is_narrow_canary_load),
        _ => return None,
    };
    let mut found = Vec::new();
    for part in code {
        for at in memmem::find_iter(part.bytes, needle) {
            if accept(part.bytes.get(..at).unwrap_or_default()) {
                let opcode = at.checked_sub(2).and_then(|at| part.bytes.get(at));
                found.push(CanaryUse {
                    address: part.address.wrapping_add(at as u64),
                    compares: opcode.is_some_and(|opcode| COMPARING.contains(opcode)),
                });
            }
        }
    }
    Some(found)
}

/// An instruction that reads the canary.
#[derive(Debug, Clone, Copy)]
pub(super) struct CanaryUse {
    pub(super) address: u64,
    /// Does it compare, as GCC does before a function returns, or only load?
    pub(super) compares: bool,
}

/// Opcodes of sub, xor and cmp of a register with memory.
const COMPARING: [u8; 3] = [0x2b, 0x33, 0x3b];

/// `64 REX.W op modrm` before the SIB byte: mov, sub, xor or cmp with a register.
fn is_wide_canary_load(before: &[u8]) -> bool {
    matches!(before, [.., 0x64, 0x48 | 0x4c, 0x8b | 0x2b | 0x33 | 0x3b, modrm] if modrm & 0xc7 == 4)
}

/// `65 a1` or `65 op modrm` before the displacement.
fn is_narrow_canary_load(before: &[u8]) -> bool {
    matches!(before, [.., 0x65, 0xa1])
        || matches!(before, [.., 0x65, 0x8b | 0x2b | 0x33 | 0x3b, modrm] if modrm & 0xc7 == 5)
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
        EM_AARCH64 => targets.extend(find_stub(elf, code, symbol, find_aarch64_stub)),
        EM_ARM => targets.extend(find_stub(elf, code, symbol, find_arm_stub)),
        EM_X86_64 => {
            let slot = find_got_slot(elf, symbol.index);
            targets.extend(slot.iter().flat_map(|slot| find_x86_stubs(code, *slot)));
            calls.extend(slot.iter().flat_map(|slot| find_x86_operands(code, [0xff, 0x15], *slot)));
        }
        machine if is_mips(machine) => calls = find_mips_got_calls(elf, code, symbol),
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
        EM_AARCH64 => find_word_calls(part, targets, aarch64_call),
        EM_ARM => {
            let mut calls = find_word_calls(part, targets, arm_call);
            calls.extend(find_thumb_calls(part, targets));
            calls
        }
        EM_386 | EM_X86_64 => find_x86_calls(part, targets),
        machine if is_mips(machine) => find_word_calls(part, targets, mips_call),
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

/// `bl` (Arm ARM C6.2.35).
fn aarch64_call(at: u64, word: u32) -> Option<u64> {
    (word >> 26 == 0b10_0101).then(|| at.wrapping_add_signed(i64::from((word << 6) as i32 >> 4)))
}

/// `bl` in any condition, and `blx` to Thumb.
fn arm_call(at: u64, word: u32) -> Option<u64> {
    let distance = i64::from((word << 8) as i32 >> 6);
    let is_call = word >> 24 & 0x0f == 0x0b || word >> 25 == 0x7d;
    is_call.then(|| at.wrapping_add(8).wrapping_add_signed(distance) & 0xffff_ffff)
}

/// `jal` and `bal` (MIPS Architecture for Programmers, volume II).
fn mips_call(at: u64, word: u32) -> Option<u64> {
    if word >> 26 == 3 {
        return Some((at.wrapping_add(4) & !0x0fff_ffff) | u64::from(word & 0x03ff_ffff) << 2);
    }
    let distance = i64::from(word as u16 as i16) << 2;
    (word >> 16 == 0x0411).then(|| at.wrapping_add(4).wrapping_add_signed(distance))
}

/// Thumb-2 `bl` and `blx`: two halves (Arm ARM, encodings T1 and T2).
fn find_thumb_calls(part: &Code<'_>, targets: &[u64]) -> Vec<u64> {
    let mut calls = Vec::new();
    let mut first = 0;
    for (number, second) in part.halves().enumerate() {
        if first & 0xf800 == 0xf000 && second & 0xc000 == 0xc000 {
            let at = part.address.wrapping_add(2 * number as u64).wrapping_sub(2);
            let target = thumb_target(at, first, second);
            // A Thumb caller may enter through `bx pc; nop` in front of the stub.
            if targets.contains(&target) || targets.contains(&target.wrapping_add(4)) {
                calls.push(at);
            }
        }
        first = second;
    }
    calls
}

fn thumb_target(at: u64, first: u16, second: u16) -> u64 {
    let (first, second) = (u32::from(first), u32::from(second));
    let sign = first >> 10 & 1;
    let i1 = !(second >> 13 ^ sign) & 1;
    let i2 = !(second >> 11 ^ sign) & 1;
    let raw = sign << 24 | i1 << 23 | i2 << 22 | (first & 0x3ff) << 12 | (second & 0x7ff) << 1;
    let distance = i64::from((raw << 7) as i32 >> 7);
    let is_blx = second & 0x1000 == 0;
    let base = at.wrapping_add(4) & if is_blx { !3 } else { !0 };
    base.wrapping_add_signed(distance) & 0xffff_fffe
}

/// `call rel32`.
fn find_x86_calls(part: &Code<'_>, targets: &[u64]) -> Vec<u64> {
    let mut calls = Vec::new();
    for at in memchr::memchr_iter(0xe8, part.bytes) {
        let Some(&raw) = part.bytes.get(at + 1..).and_then(|rest| rest.first_chunk::<4>()) else {
            break;
        };
        let address = part.address.wrapping_add(at as u64);
        let distance = i64::from(i32::from_le_bytes(raw));
        if targets.contains(&address.wrapping_add(5).wrapping_add_signed(distance)) {
            calls.push(address);
        }
    }
    calls
}

/// Where a linkage table entry that jumps through `slot` may be entered: at its `jmp`, or at the
/// `endbr64` or `bnd` before it.
fn find_x86_stubs(code: &[Code<'_>], slot: u64) -> Vec<u64> {
    let jumps = find_x86_operands(code, [0xff, 0x25], slot);
    jumps.iter().flat_map(|jump| [0, 1, 4, 5].map(|before| jump.wrapping_sub(before))).collect()
}

/// Instructions of two bytes and a 4-byte operand that is `slot` relative to their end.
fn find_x86_operands(code: &[Code<'_>], opcode: [u8; 2], slot: u64) -> Vec<u64> {
    let mut found = Vec::new();
    for part in code {
        for at in memmem::find_iter(part.bytes, &opcode) {
            let Some(&raw) = part.bytes.get(at + 2..).and_then(|rest| rest.first_chunk::<4>())
            else {
                break;
            };
            let address = part.address.wrapping_add(at as u64);
            let distance = i64::from(i32::from_le_bytes(raw));
            if address.wrapping_add(6).wrapping_add_signed(distance) == slot {
                found.push(address);
            }
        }
    }
    found
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

/// `adrp x16, slot; ldr x17, [x16, slot]` (ELF for the Arm 64-bit Architecture, PLT). With
/// branch protection a `bti c` comes first.
fn find_aarch64_stub(part: &Code<'_>, slot: u64) -> Option<u64> {
    let mut before = 0;
    let mut page = None;
    for (at, word) in part.words() {
        if let Some((start, page)) = page
            && word & 0xffc0_03ff == 0xf940_0211
            && slot == u64::wrapping_add(page, u64::from(word >> 10 & 0xfff) * 8)
        {
            return Some(start);
        }
        page = None;
        if word & 0x9f00_001f == 0x9000_0010 {
            let raw = (word >> 29 & 3) | (word >> 5 & 0x7_ffff) << 2;
            let distance = i64::from((raw << 11) as i32 >> 11) << 12;
            let start = if before == 0xd503_245f { at.wrapping_sub(4) } else { at };
            page = Some((start, (at & !0xfff).wrapping_add_signed(distance)));
        }
        before = word;
    }
    None
}

/// `add ip, pc, #…; add ip, ip, #…; ldr pc, [ip, #…]!`, with two or three `add`s.
fn find_arm_stub(part: &Code<'_>, slot: u64) -> Option<u64> {
    let mut pending: Option<(u64, u32)> = None;
    for (at, word) in part.words() {
        pending = match (word & 0xffff_f000, pending) {
            (0xe28f_c000, _) => {
                Some((at, (at as u32).wrapping_add(8).wrapping_add(arm_immediate(word))))
            }
            (0xe28c_c000, Some((start, sum))) => {
                Some((start, sum.wrapping_add(arm_immediate(word))))
            }
            (0xe5bc_f000, Some((start, sum))) => {
                if u64::from(sum.wrapping_add(word & 0xfff)) == slot {
                    return Some(start);
                }
                None
            }
            _ => None,
        };
    }
    None
}

/// A rotated 8-bit immediate (Arm ARM, "Modified immediate constants").
fn arm_immediate(word: u32) -> u32 {
    (word & 0xff).rotate_right(2 * (word >> 8 & 0xf))
}

/// Calls of one of `targets` in a static MIPS program, whose global offset table the linker
/// filled in. Needs the symbol `_gp`.
pub(super) fn find_mips_table_calls(elf: &Elf<'_>, part: &Code<'_>, targets: &[u64]) -> Vec<u64> {
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
fn find_mips_got_calls(elf: &Elf<'_>, code: &[Code<'_>], symbol: &Symbol<'_>) -> Vec<u64> {
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
