// SPDX-License-Identifier: Apache-2.0
//! Machine, calling convention and architecture revision: `e_machine`, `e_flags`, and where they
//! are there `PT_MIPS_ABIFLAGS` and `.ARM.attributes`.

use super::header::Header;
use super::read::Reader;
use super::section::Sections;
use super::segment::{PT_MIPS_ABIFLAGS, Segments};

pub(super) const EM_386: u16 = 3;
pub(super) const EM_MIPS: u16 = 8;
const EM_MIPS_RS3_LE: u16 = 10;
pub(super) const EM_PPC: u16 = 20;
pub(super) const EM_PPC64: u16 = 21;
pub(super) const EM_ARM: u16 = 40;
pub(super) const EM_X86_64: u16 = 62;
pub(super) const EM_AARCH64: u16 = 183;
pub(super) const EM_RISCV: u16 = 243;

const MACHINES: &[(u16, &str)] = &[
    (2, "sparc"),
    (EM_386, "i386"),
    (4, "m68k"),
    (EM_MIPS, "mips"),
    (EM_MIPS_RS3_LE, "mips"),
    (15, "parisc"),
    (18, "sparc"),
    (EM_PPC, "powerpc"),
    (EM_PPC64, "powerpc64"),
    (22, "s390"),
    (EM_ARM, "arm"),
    (42, "sh"),
    (43, "sparc64"),
    (45, "arc"),
    (50, "ia64"),
    (EM_X86_64, "x86-64"),
    (76, "cris"),
    (83, "avr"),
    (88, "m32r"),
    (92, "openrisc"),
    (93, "arc-compact"),
    (94, "xtensa"),
    (106, "blackfin"),
    (113, "nios2"),
    (140, "c6000"),
    (164, "hexagon"),
    (167, "nds32"),
    (EM_AARCH64, "aarch64"),
    (188, "tilepro"),
    (189, "microblaze"),
    (191, "tilegx"),
    (195, "arc-compact2"),
    (EM_RISCV, "riscv"),
    (247, "bpf"),
    (252, "csky"),
    (258, "loongarch"),
    (0x9026, "alpha"),
];

/// The word of [`kakoi_model::ElfFacts::machine`].
pub(super) fn machine_name(machine: u16) -> String {
    let known = MACHINES.iter().find(|(code, _)| *code == machine);
    known.map_or_else(|| format!("machine-{machine}"), |(_, name)| (*name).to_owned())
}

pub(super) fn is_mips(machine: u16) -> bool {
    matches!(machine, EM_MIPS | EM_MIPS_RS3_LE)
}

/// Calling convention and architecture revision.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) abi: Option<String>,
    pub(super) isa: Option<String>,
}

/// What the file says about itself; `interpreter` tells hard float where old linkers did not.
pub(super) fn parse_variant(
    file: Reader<'_>,
    header: &Header,
    segments: &Segments,
    sections: &Sections<'_>,
    interpreter: Option<&str>,
) -> Variant {
    match header.machine {
        machine if is_mips(machine) => mips(file, header, segments),
        EM_ARM => arm(file, header, sections, interpreter),
        EM_X86_64 if !file.is_wide() => Variant { abi: Some("x32".to_owned()), isa: None },
        EM_PPC64 => Variant {
            abi: match header.flags & 3 {
                1 => Some("elfv1".to_owned()),
                2 => Some("elfv2".to_owned()),
                _ => None,
            },
            isa: None,
        },
        EM_RISCV => riscv(file, header),
        _ => Variant::default(),
    }
}

/// `EF_MIPS_*` of binutils include/elf/mips.h, and the structure of `.MIPS.abiflags`
/// (MIPS O32 ABI, FR0 and FR1 interlinking).
fn mips(file: Reader<'_>, header: &Header, segments: &Segments) -> Variant {
    let flags = header.flags;
    let abi = match (file.is_wide(), flags & 0x20 != 0, flags & 0xf000) {
        (true, _, _) => "n64",
        (false, true, _) => "n32",
        (false, false, 0x2000) => "o64",
        (false, false, 0x3000) => "eabi32",
        (false, false, 0x4000) => "eabi64",
        _ => "o32",
    };
    let extra = segments.first(PT_MIPS_ABIFLAGS).map(|segment| segment.offset);
    let soft = extra.and_then(|at| file.byte(at.checked_add(7)?)) == Some(3);
    let level = match flags >> 28 {
        0 => "mips1",
        1 => "mips2",
        2 => "mips3",
        3 => "mips4",
        4 => "mips5",
        5 => "mips32",
        6 => "mips64",
        7 => "mips32r2",
        8 => "mips64r2",
        9 => "mips32r6",
        10 => "mips64r6",
        _ => "mips",
    };
    // The flags cannot say releases 3 and 5; the extra structure can.
    let release = extra.and_then(|at| file.byte(at.checked_add(3)?));
    let isa = match (level, release) {
        ("mips32r2" | "mips64r2", Some(release @ (3 | 5))) => format!("{}r{release}", &level[..6]),
        _ => level.to_owned(),
    };
    let suffix = if soft { "-soft-float" } else { "" };
    Variant { abi: Some(format!("{abi}{suffix}")), isa: Some(isa) }
}

/// `EF_ARM_*` (ELF for the Arm Architecture) and the build attributes (addenda to the ABI).
fn arm(
    file: Reader<'_>,
    header: &Header,
    sections: &Sections<'_>,
    interpreter: Option<&str>,
) -> Variant {
    let attributes = sections.content(file, b".ARM.attributes").unwrap_or_default();
    let attributes = parse_arm_attributes(attributes).unwrap_or_default();
    let hard = header.flags & 0x400 != 0
        || attributes.vfp_arguments == Some(1)
        || interpreter.is_some_and(|name| name.contains("armhf"));
    let abi = match header.flags >> 24 {
        0 => "oabi".to_owned(),
        version if hard => format!("eabi{version}-hard-float"),
        version => format!("eabi{version}"),
    };
    const ARCHITECTURES: [&str; 23] = [
        "armv3",
        "armv4",
        "armv4t",
        "armv5t",
        "armv5te",
        "armv5tej",
        "armv6",
        "armv6kz",
        "armv6t2",
        "armv6k",
        "armv7",
        "armv6-m",
        "armv6s-m",
        "armv7e-m",
        "armv8-a",
        "armv8-r",
        "armv8-m.base",
        "armv8-m.main",
        "",
        "",
        "",
        "armv8.1-m.main",
        "armv9-a",
    ];
    let isa = attributes.architecture.and_then(|number| ARCHITECTURES.get(usize::from(number)));
    let isa = isa.filter(|name| !name.is_empty()).map(|name| (*name).to_owned());
    Variant { abi: Some(abi), isa }
}

#[derive(Debug, Default)]
struct ArmAttributes {
    architecture: Option<u8>,
    vfp_arguments: Option<u8>,
}

/// Reads the file-scope attributes of the `aeabi` subsection. Values are ULEB128, except a few
/// tags that are strings.
fn parse_arm_attributes(raw: &[u8]) -> Option<ArmAttributes> {
    let mut found = ArmAttributes::default();
    let vendor = raw.get(5..)?;
    let body = vendor.get(memchr::memchr(0, vendor)? + 1..)?;
    // Tag_File and the length of its subsubsection, both skipped.
    let mut rest = body.get(5..)?;
    while let Some((tag, after)) = uleb128(rest) {
        // Tag_CPU_raw_name, Tag_CPU_name, Tag_compatibility and odd tags above 32 are strings.
        if matches!(tag, 4 | 5) || (tag > 32 && tag % 2 == 1) {
            rest = after.get(memchr::memchr(0, after)? + 1..)?;
            continue;
        }
        let Some((value, after)) = uleb128(after) else { break };
        match tag {
            6 => found.architecture = u8::try_from(value).ok(),
            28 => found.vfp_arguments = u8::try_from(value).ok(),
            _ => {}
        }
        rest = after;
    }
    Some(found)
}

fn uleb128(raw: &[u8]) -> Option<(u32, &[u8])> {
    let length = raw.iter().take(4).position(|byte| byte & 0x80 == 0)? + 1;
    let digits = raw.get(..length)?;
    let value = digits.iter().rev().fold(0, |sum, byte| sum << 7 | u32::from(byte & 0x7f));
    Some((value, raw.get(length..)?))
}

/// `EF_RISCV_FLOAT_ABI` (RISC-V ELF psABI).
fn riscv(file: Reader<'_>, header: &Header) -> Variant {
    let base = if file.is_wide() { "lp64" } else { "ilp32" };
    let float = ["", "f", "d", "q"].get((header.flags >> 1 & 3) as usize).unwrap_or(&"");
    Variant { abi: Some(format!("{base}{float}")), isa: None }
}
