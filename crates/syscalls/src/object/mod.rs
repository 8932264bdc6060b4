// SPDX-License-Identifier: Apache-2.0
//! ELF files as the loader sees them: segments, dynamic section, symbols with versions, relocations.
//!
//! Section headers are used only where nothing else tells (symbol tables of unstripped files,
//! relocations of static ones); a file without them is read just as well. All addresses are those
//! of the file plus [`Object::bias`], so that in position-independent files no small number can be
//! taken for an address. What is broken is left out and said in [`Object::problems`].
//!
//! Sources: System V ABI (gABI) chapters 4 and 5, the processor supplements, LSB 5 §10.7 (versions).

mod dynamic;
mod image;
pub(crate) mod read;
mod relocation;
mod symbol;
mod unwind;

pub use dynamic::Dynamic;
pub use image::{Image, Segment};
pub use relocation::{Relocated, Relocation};
pub use symbol::{Export, Import, Symbol, SymbolKind};
pub use unwind::Extent;

use read::Reader;

/// Instruction sets that the analysis knows.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum Machine {
    /// x86-64 (`EM_X86_64`, 64-bit class).
    X86_64,
    /// i386.
    I386,
    /// `AArch64`.
    Aarch64,
    /// 32-bit ARM; Thumb is told per function.
    Arm,
    /// MIPS with the o32 ABI.
    MipsO32,
    /// MIPS with the n64 ABI.
    MipsN64,
    /// MIPS with the n32 ABI.
    MipsN32,
}

impl Machine {
    /// Has it a second encoding of instructions, which bit 0 of code addresses tells?
    #[must_use]
    pub const fn has_modes(self) -> bool {
        matches!(self, Self::Arm | Self::MipsO32 | Self::MipsN32 | Self::MipsN64)
    }

    /// An address of code without the bit that tells the encoding.
    #[must_use]
    pub const fn without_mode(self, address: u64) -> u64 {
        if self.has_modes() { address & !1 } else { address }
    }
}

/// Why a file cannot be analysed at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It does not begin with `\x7fELF`.
    NotElf,
    /// It ends within its ELF header or program headers.
    Truncated,
    /// `e_machine` (with class) that no decoder is for.
    Machine(u16),
    /// It is no executable and no shared library (`e_type`).
    Kind(u16),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotElf => f.write_str("not an ELF file"),
            Self::Truncated => f.write_str("the file ends within its headers"),
            Self::Machine(number) => write!(f, "no decoder for ELF machine {number}"),
            Self::Kind(number) => {
                write!(f, "neither executable nor shared library (type {number})")
            }
        }
    }
}

impl std::error::Error for Unreadable {}

/// One ELF file, read.
#[derive(Debug)]
pub struct Object<'a> {
    /// Instruction set and ABI.
    pub machine: Machine,
    /// `e_flags`.
    pub flags: u32,
    /// Most significant byte first.
    pub big: bool,
    /// Addresses of 8 bytes.
    pub wide: bool,
    /// Added to every address of the file.
    pub bias: u64,
    /// Position-independent (`ET_DYN`): every address in data has a relocation.
    pub independent: bool,
    /// `e_entry`, when there is one.
    pub entry: Option<u64>,
    /// `PT_INTERP`.
    pub interpreter: Option<String>,
    /// What is mapped.
    pub image: Image<'a>,
    /// The dynamic section.
    pub dynamic: Dynamic,
    /// Defined and undefined dynamic symbols, then those of `.symtab`.
    pub symbols: Vec<Symbol>,
    /// What the loader writes into memory.
    pub relocations: Vec<Relocation>,
    /// Sections named `.eh_frame`, by address and size, for files without a header of them.
    frames: Vec<(u64, u64)>,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// Bias of position-independent files: above every plausible number, below half of the space.
const BIAS_WIDE: u64 = 0x10_0000_0000;
const BIAS_NARROW: u64 = 0x4000_0000;

struct Header {
    machine: Machine,
    flags: u32,
    kind: u16,
    entry: u64,
    segments_at: u64,
    segment_size: u64,
    segment_count: u64,
    sections_at: u64,
    section_size: u64,
    section_count: u64,
    section_names: u64,
}

impl<'a> Object<'a> {
    /// Reads a file.
    ///
    /// # Errors
    /// When nothing of it can be analysed; damage in parts is in [`Object::problems`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let file = identify(bytes)?;
        let header = parse_header(file)?;
        let independent = header.kind == ET_DYN;
        let bias = if file.is_wide() { BIAS_WIDE } else { BIAS_NARROW };
        let bias = if independent { bias } else { 0 };
        let mut problems = Vec::new();
        let mut parts = image::parse_segments(file, &header, bias, &mut problems);
        let dynamic = dynamic::parse_dynamic(&parts, bias, &mut problems);
        // Without a dynamic linker it depends on the libc whether somebody takes the right to write away.
        parts.image.read_only = parts.image.read_only.filter(|_| dynamic.present);
        let sections = image::parse_sections(file, &header);
        let mut symbols = symbol::parse_dynamic_symbols(&parts.image, &dynamic, bias);
        let dynamic_count = symbols.len();
        symbol::parse_static_symbols(file, &sections, bias, header.machine, &mut symbols);
        let entry = (header.entry != 0).then(|| header.entry.wrapping_add(bias));
        parts.image.code = image::find_code(&parts.image, &sections, entry, bias);
        if parts.image.code.is_empty() {
            parts.image.code =
                image::guess_code(&parts.image, header.machine, entry, &dynamic.init_and_fini());
        }
        let mut object = Self {
            flags: header.flags,
            machine: header.machine,
            big: file.is_big(),
            wide: file.is_wide(),
            bias,
            independent,
            entry,
            interpreter: parts.interpreter,
            image: parts.image,
            dynamic,
            symbols,
            relocations: Vec::new(),
            frames: image::find_frames(file, &header, &sections, bias),
            problems,
        };
        relocation::parse_relocations(&mut object, file, &sections, dynamic_count);
        Ok(object)
    }

    /// An address as the file and its disassembly show it.
    #[must_use]
    pub fn shown(&self, address: u64) -> u64 {
        address.wrapping_sub(self.bias)
    }

    /// An address of code without the bit that tells the other encoding (Thumb: ELF for the Arm Architecture, §5.5.3; MIPS16);
    /// x86 has functions at odd addresses.
    #[must_use]
    pub fn without_mode(&self, address: u64) -> u64 {
        self.machine.without_mode(address)
    }

    /// What `gp` holds in MIPS code of this file.
    #[must_use]
    pub fn global_pointer(&self) -> Option<u64> {
        self.dynamic.global_pointer().or(self.image.global_pointer)
    }

    /// Where functions begin and end by unwind tables (`.eh_frame`, `.ARM.exidx`).
    #[must_use]
    pub fn extents(&self) -> Vec<Extent> {
        unwind::find_extents(self)
    }
}

/// The bytes of a section, by its name.
#[must_use]
pub fn section_bytes<'a>(bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let file = identify(bytes).ok()?;
    let header = parse_header(file).ok()?;
    let sections = image::parse_sections(file, &header);
    let names = sections.get(usize::try_from(header.section_names).ok()?)?;
    let found =
        sections.iter().find(|section| names.names(file, section) == Some(name.as_bytes()))?;
    (found.kind != SHT_NOBITS).then(|| file.slice_up_to(found.offset, found.size))
}

const SHT_NOBITS: u32 = 8;
const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;

fn identify(bytes: &[u8]) -> Result<Reader<'_>, Unreadable> {
    if bytes.get(..4) != Some(b"\x7fELF") {
        return Err(Unreadable::NotElf);
    }
    let class = bytes.get(4).copied().ok_or(Unreadable::Truncated)?;
    let order = bytes.get(5).copied().ok_or(Unreadable::Truncated)?;
    Ok(Reader::new(bytes, order == 2, class == 2))
}

fn parse_header(file: Reader<'_>) -> Result<Header, Unreadable> {
    parse_header_fields(file).ok_or(Unreadable::Truncated)?
}

/// gABI "ELF Header".
fn parse_header_fields(file: Reader<'_>) -> Option<Result<Header, Unreadable>> {
    let kind = file.half(16)?;
    let number = file.half(18)?;
    let word = file.word_size();
    let flags_at = 24 + 3 * word;
    let flags = file.int(flags_at)?;
    let Some(machine) = machine_of(number, flags, file.is_wide()) else {
        return Some(Err(Unreadable::Machine(number)));
    };
    if !matches!(kind, ET_EXEC | ET_DYN) {
        return Some(Err(Unreadable::Kind(kind)));
    }
    Some(Ok(Header {
        machine,
        flags,
        kind,
        entry: file.word(24)?,
        segments_at: file.word(24 + word)?,
        sections_at: file.word(24 + 2 * word).unwrap_or(0),
        segment_size: u64::from(file.half(flags_at + 6)?),
        segment_count: u64::from(file.half(flags_at + 8)?),
        section_size: u64::from(file.half(flags_at + 10).unwrap_or(0)),
        section_count: u64::from(file.half(flags_at + 12).unwrap_or(0)),
        section_names: u64::from(file.half(flags_at + 14).unwrap_or(0)),
    }))
}

fn machine_of(number: u16, flags: u32, wide: bool) -> Option<Machine> {
    const EF_MIPS_ABI2: u32 = 0x20;
    Some(match (number, wide) {
        (62, true) => Machine::X86_64,
        (3, false) => Machine::I386,
        (183, true) => Machine::Aarch64,
        (40, false) => Machine::Arm,
        (8, true) => Machine::MipsN64,
        (8, false) if flags & EF_MIPS_ABI2 != 0 => Machine::MipsN32,
        (8, false) => Machine::MipsO32,
        _ => return None,
    })
}
