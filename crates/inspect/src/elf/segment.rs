// SPDX-License-Identifier: Apache-2.0
//! Program headers (gABI "Program Header"): what the kernel and the dynamic linker go by, so what
//! kakoi goes by first.

use kakoi_model::Evidence;

use super::header::Header;
use super::read::Reader;

pub(super) const PT_LOAD: u32 = 1;
pub(super) const PT_DYNAMIC: u32 = 2;
pub(super) const PT_INTERP: u32 = 3;
pub(super) const PT_NOTE: u32 = 4;
pub(super) const PT_GNU_EH_FRAME: u32 = 0x6474_e550;
pub(super) const PT_GNU_STACK: u32 = 0x6474_e551;
pub(super) const PT_GNU_RELRO: u32 = 0x6474_e552;
pub(super) const PT_GNU_PROPERTY: u32 = 0x6474_e553;
pub(super) const PT_MIPS_ABIFLAGS: u32 = 0x7000_0003;

const PF_X: u32 = 1;
const PF_W: u32 = 2;

/// `e_phnum` when the count did not fit; the count is then in section 0.
const PN_XNUM: u16 = 0xffff;
/// More program headers than any linker writes; beyond it the count is damage.
const MOST_SEGMENTS: u16 = 512;

/// One program header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) index: u16,
    /// Where the header itself lies in the file.
    pub(super) header_at: u64,
    pub(super) kind: u32,
    pub(super) flags: u32,
    pub(super) offset: u64,
    pub(super) address: u64,
    pub(super) file_size: u64,
    pub(super) memory_size: u64,
    pub(super) align: u64,
}

impl Segment {
    pub(super) fn is_executable(&self) -> bool {
        self.flags & PF_X != 0
    }

    pub(super) fn is_writable(&self) -> bool {
        self.flags & PF_W != 0
    }

    /// `RWX` in the letters of readelf.
    pub(super) fn permissions(&self) -> String {
        [(4, 'R'), (PF_W, 'W'), (PF_X, 'E')]
            .iter()
            .filter(|(bit, _)| self.flags & bit != 0)
            .map(|(_, letter)| letter)
            .collect()
    }

    /// Evidence that points at the program header.
    pub(super) fn evidence(&self, name: &str) -> Evidence {
        let what = format!("{name} {}, program header {}", self.permissions(), self.index);
        Evidence::at(what, self.header_at)
    }

    /// Does this address lie in it, as far as the file backs it?
    pub(super) fn offset_of(&self, address: u64) -> Option<u64> {
        let within = address.checked_sub(self.address)?;
        if within >= self.file_size { None } else { self.offset.checked_add(within) }
    }
}

/// The program header table.
#[derive(Debug, Default)]
pub(super) struct Segments {
    pub(super) list: Vec<Segment>,
    /// Was every header of the table read, and is the table believable? Only then does a header
    /// that is not there mean anything.
    pub(super) intact: bool,
    /// Do all loaded bytes lie in the file? False when the file was cut off.
    pub(super) loaded_whole: bool,
    file_length: u64,
}

impl Segments {
    pub(super) fn parse(file: Reader<'_>, header: &Header, damage: &mut Vec<String>) -> Self {
        let size = if file.is_wide() { 56 } else { 32 };
        let count = header.segment_count;
        let mut intact = true;
        if count == PN_XNUM || count > MOST_SEGMENTS {
            damage.push(format!("e_phnum {count} is not believable"));
            return Self::default();
        }
        if count > 0 && u64::from(header.segment_size) != size {
            damage.push(format!("e_phentsize is {}, not {size}", header.segment_size));
            intact = false;
        }
        let mut list = Vec::with_capacity(usize::from(count));
        for index in 0..count {
            let at = header.segments_at.saturating_add(u64::from(index) * size);
            let Some(segment) = parse_segment(file, at, index) else {
                damage.push(format!("program header {index} lies beyond the end of the file"));
                intact = false;
                break;
            };
            list.push(segment);
        }
        let mut segments = Self { list, intact, loaded_whole: true, file_length: file.len() };
        segments.check_loads(file, header, damage);
        segments
    }

    fn check_loads(&mut self, file: Reader<'_>, header: &Header, damage: &mut Vec<String>) {
        for load in self.list.iter().filter(|segment| segment.kind == PT_LOAD) {
            let end = load.offset.checked_add(load.file_size);
            if end.is_none_or(|end| end > file.len()) {
                damage.push(format!(
                    "segment {} ends at 0x{:x}, the file at 0x{:x}",
                    load.index,
                    load.offset.saturating_add(load.file_size),
                    file.len()
                ));
                self.loaded_whole = false;
            }
        }
        let linked = matches!(header.kind, super::header::ET_EXEC | super::header::ET_DYN);
        if linked && self.of_kind(PT_LOAD).next().is_none() {
            damage.push("no PT_LOAD segment".to_owned());
            self.intact = false;
            self.loaded_whole = false;
        }
    }

    /// Keeps what the headers say and drops what they point at.
    pub(super) fn forget_loads(&mut self) {
        self.loaded_whole = false;
        for segment in &mut self.list {
            segment.offset = u64::MAX;
        }
    }

    pub(super) fn of_kind(&self, kind: u32) -> impl Iterator<Item = &Segment> {
        self.list.iter().filter(move |segment| segment.kind == kind)
    }

    pub(super) fn first(&self, kind: u32) -> Option<&Segment> {
        self.of_kind(kind).next()
    }

    /// File offset of an address, through the loaded segments; it lies within the file.
    pub(super) fn offset_of(&self, address: u64) -> Option<u64> {
        let offset = self.of_kind(PT_LOAD).find_map(|segment| segment.offset_of(address))?;
        (offset < self.file_length).then_some(offset)
    }

    /// Where the last loaded byte lies in the file, one past it.
    pub(super) fn end_of_loads(&self) -> u64 {
        let ends = self.of_kind(PT_LOAD).map(|load| load.offset.saturating_add(load.file_size));
        ends.max().unwrap_or(0)
    }
}

fn parse_segment(file: Reader<'_>, at: u64, index: u16) -> Option<Segment> {
    let word = file.word_size();
    // The flags moved between the classes, for alignment.
    let (flags_at, first) = if file.is_wide() { (4, 8) } else { (24, 4) };
    let align_at = if file.is_wide() { 48 } else { 28 };
    let field = |number: u64| file.word(at.checked_add(first + number * word)?);
    Some(Segment {
        index,
        header_at: at,
        kind: file.int(at)?,
        flags: file.int(at.checked_add(flags_at)?)?,
        offset: field(0)?,
        address: field(1)?,
        file_size: field(3)?,
        memory_size: field(4)?,
        align: file.word(at.checked_add(align_at)?)?,
    })
}
