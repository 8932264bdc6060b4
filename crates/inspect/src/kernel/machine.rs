// SPDX-License-Identifier: Apache-2.0
//! What processor a kernel is for: headers first, then the module magic that it carries, then which
//! architecture's usual instructions the bytes hold.

use kakoi_model::{Endian, Evidence};
use memchr::memmem;

use super::kallsyms::Width;
use super::words::Words;

/// What is known of the processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Machine {
    /// In the words of `ElfFacts::machine`.
    pub(super) name: &'static str,
    pub(super) width: Width,
    pub(super) evidence: Evidence,
}

/// The processor, if the bytes tell.
pub(super) fn find_machine(content: &[u8]) -> Option<Machine> {
    from_elf(content).or_else(|| from_image_header(content)).or_else(|| from_code(content))
}

fn machine(name: &'static str, wide: bool, what: &str, offset: usize) -> Machine {
    let width = if wide { Width::Bits64 } else { Width::Bits32 };
    Machine { name, width, evidence: Evidence::at(what, offset as u64) }
}

/// An x86 boot image: `XLF_KERNEL_64` of its header tells which one.
pub(super) fn boot_image(wide: bool) -> Machine {
    machine(if wide { "x86-64" } else { "i386" }, wide, "x86 boot header", 0x202)
}

/// `e_machine` (System V gABI).
fn from_elf(content: &[u8]) -> Option<Machine> {
    if content.get(..4)? != b"\x7fELF" {
        return None;
    }
    let wide = content.get(4)? == &2;
    let endian = if content.get(5)? == &2 { Endian::Big } else { Endian::Little };
    let code = Words { bytes: content, endian }.u16(18)?;
    let name = match code {
        3 => "i386",
        8 => "mips",
        20 => "powerpc",
        21 => "powerpc64",
        22 => "s390",
        40 => "arm",
        42 => "sh",
        62 => "x86-64",
        183 => "aarch64",
        243 => "riscv",
        258 => "loongarch",
        _ => return None,
    };
    Some(machine(name, wide, "ELF e_machine", 18))
}

/// Documentation/arch/arm64/booting.rst and arch/riscv/boot-image-header.rst.
fn from_image_header(content: &[u8]) -> Option<Machine> {
    if content.get(0x38..0x3c)? == b"ARM\x64" {
        return Some(machine("aarch64", true, "magic of an arm64 Image", 0x38));
    }
    let riscv = content.get(0x38..0x3c)? == b"RSC\x05";
    riscv.then(|| machine("riscv", true, "magic of a RISC-V Image", 0x38))
}

/// Words that a return or a stack frame leaves in the code of one architecture: mask, value.
struct Idiom {
    name: &'static str,
    wide: bool,
    endian: Endian,
    words: &'static [(u32, u32)],
}

const IDIOMS: &[Idiom] = &[
    // jr ra; addiu sp,sp,-n; sw ra,n(sp)
    Idiom { name: "mips", wide: false, endian: Endian::Big, words: MIPS32 },
    Idiom { name: "mips", wide: false, endian: Endian::Little, words: MIPS32 },
    Idiom { name: "mips", wide: true, endian: Endian::Big, words: MIPS64 },
    Idiom { name: "mips", wide: true, endian: Endian::Little, words: MIPS64 },
    // bx lr; push {…, lr}; pop {…, pc}; ldm fp, {…, pc}; sub fp, ip, #4
    Idiom { name: "arm", wide: false, endian: Endian::Little, words: ARM },
    Idiom { name: "arm", wide: false, endian: Endian::Big, words: ARM },
    // ret; stp x29, x30, [sp, #-n]!
    Idiom { name: "aarch64", wide: true, endian: Endian::Little, words: AARCH64 },
    // blr; mflr r0; mtlr r0; stwu r1 or stdu r1
    Idiom { name: "powerpc", wide: false, endian: Endian::Big, words: PPC32 },
    Idiom { name: "powerpc64", wide: true, endian: Endian::Big, words: PPC64 },
    Idiom { name: "powerpc64", wide: true, endian: Endian::Little, words: PPC64 },
];
const MIPS32: &[(u32, u32)] =
    &[(u32::MAX, 0x03e0_0008), (0xffff_8000, 0x27bd_8000), (0xffff_0000, 0xafbf_0000)];
const MIPS64: &[(u32, u32)] =
    &[(u32::MAX, 0x03e0_0008), (0xffff_8000, 0x67bd_8000), (0xffff_0000, 0xffbf_0000)];
const ARM: &[(u32, u32)] = &[
    (u32::MAX, 0xe12f_ff1e),
    (u32::MAX, 0xe1a0_f00e),
    (0xffff_4000, 0xe92d_4000),
    (0xffff_8000, 0xe8bd_8000),
    (0xffff_8000, 0xe89d_8000),
    (u32::MAX, 0xe24c_b004),
];
const AARCH64: &[(u32, u32)] = &[(u32::MAX, 0xd65f_03c0), (0xffc0_7fff, 0xa980_7bfd)];
const PPC32: &[(u32, u32)] =
    &[(u32::MAX, 0x4e80_0020), (u32::MAX, 0x7c08_02a6), (0xffff_0000, 0x9421_0000)];
const PPC64: &[(u32, u32)] =
    &[(u32::MAX, 0x4e80_0020), (u32::MAX, 0x7c08_02a6), (0xffff_0000, 0xf821_0000)];
/// A kernel has thousands of functions; this many idioms are not there by chance.
const MIN_IDIOMS: usize = 500;

/// A kernel's code comes first; this much of it holds thousands of functions.
const CODE_SAMPLE: usize = 2 << 20;

fn from_code(content: &[u8]) -> Option<Machine> {
    let content = content.get(..CODE_SAMPLE).unwrap_or(content);
    let mut counts: Vec<(usize, &Idiom)> =
        IDIOMS.iter().map(|idiom| (count(content, idiom), idiom)).collect();
    counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let (best, idiom) = *counts.first()?;
    let other =
        counts.iter().find(|(_, other)| other.name != idiom.name).map_or(0, |(count, _)| *count);
    if best < MIN_IDIOMS || best < other.saturating_mul(4) {
        return from_x86_code(content);
    }
    let what = format!("{best} instructions that enter or leave functions");
    Some(machine(idiom.name, idiom.wide, &what, 0))
}

/// Half a megabyte somewhere in the text tells as much as all of it.
fn count(content: &[u8], idiom: &Idiom) -> usize {
    let sample = content.get(..content.len().min(4 << 20)).unwrap_or_default();
    let mut total = [0_usize; 8];
    for raw in sample.chunks_exact(4) {
        let raw: [u8; 4] = raw.try_into().unwrap_or_default();
        let word = match idiom.endian {
            Endian::Little => u32::from_le_bytes(raw),
            Endian::Big => u32::from_be_bytes(raw),
        };
        for (slot, (mask, value)) in total.iter_mut().zip(idiom.words) {
            *slot += usize::from(word & mask == *value);
        }
    }
    // Every idiom must occur, or one constant that happens to be common would decide.
    let kinds = total.iter().filter(|count| **count > 20).count();
    if kinds >= 2 { total.iter().sum() } else { 0 }
}

/// push rbp; mov rbp, rsp (64 bits) or push ebp; mov ebp, esp.
fn from_x86_code(content: &[u8]) -> Option<Machine> {
    let sample = content.get(..content.len().min(4 << 20))?;
    let wide = memmem::find_iter(sample, b"\x55\x48\x89\xe5").take(MIN_IDIOMS).count();
    let narrow = memmem::find_iter(sample, b"\x55\x89\xe5").take(MIN_IDIOMS).count();
    match (wide >= MIN_IDIOMS, narrow >= MIN_IDIOMS) {
        (true, false) => Some(machine("x86-64", true, "entries of functions", 0)),
        (false, true) => Some(machine("i386", false, "entries of functions", 0)),
        _ => None,
    }
}
