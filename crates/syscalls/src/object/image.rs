// SPDX-License-Identifier: Apache-2.0
//! What the kernel maps: `PT_LOAD` segments, and reading memory through them.

use super::read::Reader;
use super::{Header, Machine};

/// A mapped part of the file.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// First address, with bias.
    pub address: u64,
    /// Bytes from the file.
    pub bytes: &'a [u8],
    /// Size in memory; what is beyond the bytes is zero.
    pub size: u64,
    /// `PF_X`.
    pub executable: bool,
    /// `PF_W`.
    pub writable: bool,
}

impl Segment<'_> {
    /// Address behind the last byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.address.saturating_add(self.size)
    }
}

/// All of memory that comes from one file.
#[derive(Debug, Clone)]
pub struct Image<'a> {
    /// In the order of their addresses.
    pub segments: Vec<Segment<'a>>,
    /// Made read-only after relocation (`PT_GNU_RELRO`): first address and end.
    pub read_only: Option<(u64, u64)>,
    /// Ranges of sections that hold instructions, in order; empty where the file does not say.
    pub(super) code: Vec<(u64, u64)>,
    /// What `gp` holds in a MIPS file without dynamic section (`ri_gp_value` of `PT_MIPS_REGINFO`).
    pub(super) global_pointer: Option<u64>,
    /// Begin of `.eh_frame_hdr` and its size.
    pub(super) unwind_header: Option<(u64, u64)>,
    /// Begin of `.ARM.exidx` and its size.
    pub(super) unwind_index: Option<(u64, u64)>,
    order: Reader<'a>,
}

impl<'a> Image<'a> {
    /// The segment that an address lies in.
    #[must_use]
    pub fn segment(&self, address: u64) -> Option<&Segment<'a>> {
        self.segments.iter().find(|s| s.address <= address && address < s.end())
    }

    /// Does the address lie in an executable segment, and where sections tell instructions from constants, among instructions?
    #[must_use]
    pub fn is_code(&self, address: u64) -> bool {
        self.segment(address).is_some_and(|segment| segment.executable)
            && (self.code.is_empty() || self.section_of(address).is_some())
    }

    /// The range of instructions that an address lies in.
    fn section_of(&self, address: u64) -> Option<(u64, u64)> {
        let after = self.code.partition_point(|(start, _)| *start <= address);
        let found = self.code.get(after.checked_sub(1)?)?;
        (address < found.1).then_some(*found)
    }

    /// Does the file tell instructions from constants?
    #[must_use]
    pub fn knows_code(&self) -> bool {
        !self.code.is_empty()
    }

    /// Where instructions begin and end.
    pub fn code_borders(&self) -> impl Iterator<Item = u64> {
        self.code.iter().flat_map(|(start, end)| [*start, *end])
    }

    /// Address behind the last byte of the code around an address.
    #[must_use]
    pub fn code_end(&self, address: u64) -> Option<u64> {
        let segment = self.segment(address)?;
        let end = segment.address.saturating_add(segment.bytes.len() as u64);
        Some(self.section_of(address).map_or(end, |(_, section)| section.min(end)))
    }

    /// Can the content of this address not change once the program runs?
    #[must_use]
    pub fn is_constant(&self, address: u64) -> bool {
        self.read_only.is_some_and(|(start, end)| start <= address && address < end)
            || self.segment(address).is_some_and(|segment| !segment.writable)
    }

    /// The bytes of the file from an address to the end of its segment.
    #[must_use]
    pub fn bytes_at(&self, address: u64) -> Option<&'a [u8]> {
        let segment = self.segment(address)?;
        let from = usize::try_from(address.checked_sub(segment.address)?).ok()?;
        segment.bytes.get(from..)
    }

    /// The bytes of the segment that an address lies in, and the offset of the address among them.
    #[must_use]
    pub fn code_at(&self, address: u64) -> Option<(&'a [u8], usize)> {
        let segment = self.segment(address)?;
        let offset = usize::try_from(address.checked_sub(segment.address)?).ok()?;
        (offset < segment.bytes.len()).then_some((segment.bytes, offset))
    }

    /// A number in memory as the file has it.
    #[must_use]
    pub fn number(&self, address: u64, bytes: u8) -> Option<u64> {
        self.reader(address)?.number(0, bytes)
    }

    /// An address in memory as the file has it.
    #[must_use]
    pub fn word(&self, address: u64) -> Option<u64> {
        self.reader(address)?.word(0)
    }

    /// Bytes of an address.
    #[must_use]
    pub fn word_size(&self) -> u64 {
        self.order.word_size()
    }

    pub(crate) fn reader(&self, address: u64) -> Option<Reader<'a>> {
        Some(self.order.over(self.bytes_at(address)?))
    }
}

/// Segments and what they say.
pub(super) struct Parts<'a> {
    pub(super) image: Image<'a>,
    pub(super) interpreter: Option<String>,
    /// Address and size of the dynamic section.
    pub(super) dynamic: Option<(u64, u64)>,
}

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const PT_GNU_EH_FRAME: u32 = 0x6474_e550;
const PT_GNU_RELRO: u32 = 0x6474_e552;
/// `PT_ARM_EXIDX`; on MIPS the same number is `PT_MIPS_RTPROC`.
const PT_ARM_EXIDX: u32 = 0x7000_0001;
const PT_MIPS_REGINFO: u32 = 0x7000_0000;
/// More program headers than any real file has.
const MOST_SEGMENTS: u64 = 1024;

struct ProgramHeader {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    file_size: u64,
    memory_size: u64,
}

/// gABI "Program Header".
fn parse_program_header(file: Reader<'_>, at: u64, bias: u64) -> Option<ProgramHeader> {
    let word = file.word_size();
    let first = if file.is_wide() { 8 } else { 4 };
    let flags_at = if file.is_wide() { 4 } else { 24 };
    Some(ProgramHeader {
        kind: file.int(at)?,
        flags: file.int(at.checked_add(flags_at)?)?,
        offset: file.word(at.checked_add(first)?)?,
        address: file.word(at.checked_add(first + word)?)?.wrapping_add(bias),
        file_size: file.word(at.checked_add(first + 3 * word)?)?,
        memory_size: file.word(at.checked_add(first + 4 * word)?)?,
    })
}

pub(super) fn parse_segments<'a>(
    file: Reader<'a>,
    header: &Header,
    bias: u64,
    problems: &mut Vec<String>,
) -> Parts<'a> {
    let image = Image {
        segments: Vec::new(),
        read_only: None,
        code: Vec::new(),
        global_pointer: None,
        unwind_header: None,
        unwind_index: None,
        order: file,
    };
    let mut parts = Parts { image, interpreter: None, dynamic: None };
    for number in 0..header.segment_count.min(MOST_SEGMENTS) {
        let at = header.segments_at.saturating_add(number.saturating_mul(header.segment_size));
        let Some(found) = parse_program_header(file, at, bias) else {
            problems.push(format!("program header {number} lies beyond the end of the file"));
            break;
        };
        take_segment(file, &found, &mut parts, problems);
    }
    parts.image.segments.sort_by_key(|segment| segment.address);
    parts
}

fn take_segment<'a>(
    file: Reader<'a>,
    found: &ProgramHeader,
    parts: &mut Parts<'a>,
    problems: &mut Vec<String>,
) {
    match found.kind {
        PT_LOAD => {
            let bytes = file.slice_up_to(found.offset, found.file_size.min(found.memory_size));
            if (bytes.len() as u64) < found.file_size.min(found.memory_size) {
                problems.push(format!("a segment at {:#x} is cut off by the end", found.offset));
            }
            parts.image.segments.push(Segment {
                address: found.address,
                bytes,
                size: found.memory_size,
                executable: found.flags & 1 != 0,
                writable: found.flags & 2 != 0,
            });
        }
        PT_DYNAMIC => parts.dynamic = Some((found.address, found.memory_size)),
        PT_INTERP => parts.interpreter = file.name(found.offset),
        PT_GNU_EH_FRAME => parts.image.unwind_header = Some((found.address, found.memory_size)),
        PT_ARM_EXIDX => parts.image.unwind_index = Some((found.address, found.memory_size)),
        // Elf32_RegInfo: masks of five register files, then the global pointer.
        PT_MIPS_REGINFO => {
            let value = found.offset.checked_add(20).and_then(|at| file.int(at));
            parts.image.global_pointer = value.filter(|value| *value != 0).map(u64::from);
        }
        PT_GNU_RELRO => {
            let end = found.address.saturating_add(found.memory_size);
            parts.image.read_only = Some((found.address, end));
        }
        _ => {}
    }
}

/// The fields of a section header that are used.
pub(super) struct Section {
    name: u32,
    address: u64,
    flags: u64,
    pub(super) kind: u32,
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) link: u32,
    pub(super) entry_size: u64,
}

impl Section {
    /// The name of another section, where this one holds the names.
    pub(super) fn names<'a>(&self, file: Reader<'a>, of: &Self) -> Option<&'a [u8]> {
        file.text(self.offset.checked_add(of.name.into())?, 64)
    }
}

/// gABI "Section Header". Nothing when the table is cut off: it is only a help.
pub(super) fn parse_sections(file: Reader<'_>, header: &Header) -> Vec<Section> {
    let word = file.word_size();
    let parse = |number: u64| {
        let at = header.sections_at.checked_add(number.checked_mul(header.section_size)?)?;
        Some(Section {
            name: file.int(at)?,
            address: file.word(at.checked_add(8 + word)?)?,
            kind: file.int(at.checked_add(4)?)?,
            flags: file.word(at.checked_add(8)?)?,
            offset: file.word(at.checked_add(8 + 2 * word)?)?,
            size: file.word(at.checked_add(8 + 3 * word)?)?,
            link: file.int(at.checked_add(8 + 4 * word)?)?,
            entry_size: file.word(at.checked_add(16 + 5 * word)?)?,
        })
    };
    if header.sections_at == 0 {
        return Vec::new();
    }
    (0..header.section_count).map_while(parse).collect()
}

/// Ranges of sections with instructions. They are believed where the entry lies in one and each lies in an executable segment.
pub(super) fn find_code(
    image: &Image<'_>,
    sections: &[Section],
    entry: Option<u64>,
    bias: u64,
) -> Vec<(u64, u64)> {
    const SHF_ALLOC: u64 = 2;
    const SHF_EXECINSTR: u64 = 4;
    const SHT_PROGBITS: u32 = 1;
    let wanted = SHF_ALLOC | SHF_EXECINSTR;
    let mut ranges: Vec<(u64, u64)> = sections
        .iter()
        .filter(|section| section.flags & wanted == wanted && section.kind == SHT_PROGBITS)
        .map(|section| {
            let start = section.address.wrapping_add(bias);
            (start, start.saturating_add(section.size))
        })
        .filter(|(start, end)| start < end)
        .collect();
    ranges.sort_unstable();
    let holds =
        |address: u64| ranges.iter().any(|(start, end)| *start <= address && address < *end);
    let executable =
        |(start, _): &(u64, u64)| image.segment(*start).is_some_and(|segment| segment.executable);
    let believed = ranges.iter().all(executable) && entry.is_none_or(|entry| holds(entry & !1));
    if believed { ranges } else { Vec::new() }
}

/// Without sections: linkers put `.init` before and `.fini` behind the instructions.
pub(super) fn guess_code(
    image: &Image<'_>,
    machine: Machine,
    entry: Option<u64>,
    init_and_fini: &[u64],
) -> Vec<(u64, u64)> {
    let &[init, fini] = init_and_fini else { return Vec::new() };
    let (init, fini) = (machine.without_mode(init), machine.without_mode(fini));
    let end = end_of_last(image, machine, fini);
    let together = image.segment(init).is_some_and(|segment| {
        segment.executable && segment.address <= fini && fini < segment.end()
    });
    let holds = entry.is_none_or(|entry| init <= entry && entry < end);
    if init < fini && together && holds { vec![(init, end)] } else { Vec::new() }
}

/// The end of `.fini`: behind its return.
fn end_of_last(image: &Image<'_>, machine: Machine, start: u64) -> u64 {
    /// What it holds at most.
    const MOST: u64 = 0x100;
    let words = (0..MOST / 4).map(|number| start.saturating_add(number * 4));
    let returns = |at: &u64| {
        image.number(*at, 4).is_some_and(|word| match machine {
            // jr $ra
            Machine::MipsO32 | Machine::MipsN32 | Machine::MipsN64 => word == 0x03e0_0008,
            // bx lr; ldm …, {…, pc}
            Machine::Arm => word == 0xe12f_ff1e || word & 0xfe10_8000 == 0xe810_8000,
            Machine::Aarch64 => word == 0xd65f_03c0,
            Machine::X86_64 | Machine::I386 => false,
        })
    };
    let slot = if matches!(machine, Machine::MipsO32 | Machine::MipsN32 | Machine::MipsN64) {
        8
    } else {
        4
    };
    let last = words.into_iter().find(returns);
    last.map_or_else(|| start.saturating_add(MOST), |last| last.saturating_add(slot))
}

/// Where `.eh_frame` lies.
pub(super) fn find_frames(
    file: Reader<'_>,
    header: &Header,
    sections: &[Section],
    bias: u64,
) -> Vec<(u64, u64)> {
    let names = usize::try_from(header.section_names).ok().and_then(|number| sections.get(number));
    let Some(names) = names else { return Vec::new() };
    let frames = sections.iter().filter(|section| names.names(file, section) == Some(b".eh_frame"));
    frames.map(|section| (section.address.wrapping_add(bias), section.size)).collect()
}
