// SPDX-License-Identifier: Apache-2.0
//! x86: canaries of the thread, direct calls, linkage tables.

use memchr::memmem;

use super::Code;
use crate::elf::Elf;
use crate::elf::machine::{EM_386, EM_X86_64};

/// Does the code before a needle make it a canary load?
type Accept = fn(&[u8]) -> bool;

/// Where code loads or compares the stack canary of the x86 thread block (`%fs:0x28`,
/// `%gs:0x14`; System V psABI, GCC `TARGET_THREAD_SSP_OFFSET`). None on other machines and x32.
pub(in crate::elf) fn find_canary_uses(elf: &Elf<'_>, code: &[Code<'_>]) -> Option<Vec<CanaryUse>> {
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
pub(in crate::elf) struct CanaryUse {
    pub(in crate::elf) address: u64,
    /// Does it compare, as GCC does before a function returns, or only load?
    pub(in crate::elf) compares: bool,
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

/// `call rel32`.
pub(super) fn find_x86_calls(part: &Code<'_>, targets: &[u64]) -> Vec<u64> {
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
pub(super) fn find_x86_stubs(code: &[Code<'_>], slot: u64) -> Vec<u64> {
    let jumps = find_x86_operands(code, [0xff, 0x25], slot);
    jumps.iter().flat_map(|jump| [0, 1, 4, 5].map(|before| jump.wrapping_sub(before))).collect()
}

/// Instructions of two bytes and a 4-byte operand that is `slot` relative to their end.
pub(super) fn find_x86_operands(code: &[Code<'_>], opcode: [u8; 2], slot: u64) -> Vec<u64> {
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
