// SPDX-License-Identifier: Apache-2.0
//! The program's own `main`: in a static file the one function that surely is not the C library's.

use crate::elf::Elf;
use crate::elf::code::{Code, find_calls, find_canary_uses, find_mips_table_calls};
use crate::elf::machine::EM_X86_64;
use crate::elf::symbol::Symbol;

/// How far into the start code the address of `main` is looked for, in bytes.
const START_CODE: u64 = 128;
/// How far into a function without known end its prologue is looked at, in bytes.
const PROLOGUE: u64 = 64;

/// Does `main` load the stack canary, or call one of `targets`? False means only that it was not
/// seen.
pub(super) fn main_is_protected(elf: &Elf<'_>, targets: &[u64]) -> bool {
    let code = Code::of(elf);
    if let Some(main) = elf.symbols.named(b"main").and_then(|main| body(&code, main)) {
        return loads_canary(elf, main) || calls(elf, &main, targets);
    }
    let prologue = find_stripped_main(elf, &code);
    prologue.is_some_and(|prologue| loads_canary(elf, prologue))
}

/// Does `main` call one of `targets`? Only known with symbols.
pub(super) fn main_calls(elf: &Elf<'_>, targets: &[u64]) -> bool {
    let code = Code::of(elf);
    let main = elf.symbols.named(b"main").and_then(|main| body(&code, main));
    main.is_some_and(|main| calls(elf, &main, targets))
}

fn calls(elf: &Elf<'_>, part: &Code<'_>, targets: &[u64]) -> bool {
    !find_calls(elf.header.machine, part, targets).is_empty()
        || !find_mips_table_calls(elf, part, targets).is_empty()
}

fn body<'a>(code: &[Code<'a>], symbol: &Symbol<'_>) -> Option<Code<'a>> {
    code.iter().find_map(|part| part.part(symbol.value & !1, symbol.size))
}

fn loads_canary(elf: &Elf<'_>, part: Code<'_>) -> bool {
    find_canary_uses(elf, &[part]).is_some_and(|uses| !uses.is_empty())
}

/// On x86-64 the start code hands `main` over in `%rdi`: `mov $main, %rdi` or
/// `lea main(%rip), %rdi`. Its prologue ends, as far as is sure without disassembling, at the
/// first byte that could be a return, a jump or padding.
fn find_stripped_main<'a>(elf: &Elf<'_>, code: &[Code<'a>]) -> Option<Code<'a>> {
    if elf.header.machine != EM_X86_64 || !elf.file.is_wide() {
        return None;
    }
    let start = code.iter().find_map(|part| part.part(elf.header.entry, START_CODE))?;
    let main = (0..start.bytes.len()).find_map(|at| {
        let instruction = start.bytes.get(at..)?.first_chunk::<7>()?;
        let operand = i32::from_le_bytes(*instruction.last_chunk::<4>()?);
        let main = match instruction {
            [0x48, 0xc7, 0xc7, ..] => u64::from(operand as u32),
            [0x48, 0x8d, 0x3d, ..] => {
                start.address.wrapping_add(at as u64 + 7).wrapping_add_signed(i64::from(operand))
            }
            _ => return None,
        };
        code.iter().find_map(|part| part.part(main, PROLOGUE))
    })?;
    let end = main.bytes.iter().position(|byte| matches!(byte, 0xc3 | 0xe9 | 0xeb | 0xcc | 0xff));
    main.part(main.address, end.unwrap_or(main.bytes.len()) as u64)
}
