// SPDX-License-Identifier: Apache-2.0
//! The header: folders, and files with their names and attributes (7zFormat.txt).

use kakoi_model::Problem;

use super::coders::Coder;
use super::reader::Reader;

// Property numbers.
const END: u8 = 0x00;
const HEADER: u8 = 0x01;
const ARCHIVE_PROPERTIES: u8 = 0x02;
const MAIN_STREAMS: u8 = 0x04;
const FILES: u8 = 0x05;
const PACK_INFO: u8 = 0x06;
const UNPACK_INFO: u8 = 0x07;
const SUBSTREAMS: u8 = 0x08;
const SIZE: u8 = 0x09;
const CRC: u8 = 0x0a;
const FOLDER: u8 = 0x0b;
const UNPACK_SIZE: u8 = 0x0c;
const COUNTS: u8 = 0x0d;
const EMPTY_STREAM: u8 = 0x0e;
const EMPTY_FILE: u8 = 0x0f;
const NAMES: u8 = 0x11;
const MODIFIED: u8 = 0x14;
const ATTRIBUTES: u8 = 0x15;
const PACKED_HEADER: u8 = 0x17;

/// Files of one archive that are believed.
const MAX_FILES: usize = 1 << 20;

/// Coders of one folder.
const MAX_CODERS: usize = 8;

pub(super) enum Parsed {
    Archive(Archive),
    /// The header is the content of this folder.
    Packed(Vec<Folder>),
}

pub(super) struct Archive {
    pub(super) folders: Vec<Folder>,
    pub(super) entries: Vec<Entry>,
}

/// A stream that coders unpack.
#[derive(Default)]
pub(super) struct Folder {
    /// Coders, of which the last one reads the packed stream.
    pub(super) coders: Vec<Coder>,
    /// Where the packed stream lies, from the end of the start header.
    pub(super) offset: usize,
    pub(super) packed: usize,
    pub(super) size: usize,
    pub(super) crc: Option<u32>,
    /// Size and checksum of each file in it.
    pub(super) streams: Vec<(usize, Option<u32>)>,
    packed_streams: usize,
    /// The header lists them the other way round.
    is_packed_first: bool,
    /// The sizes of its files were given, even if there are none.
    is_divided: bool,
}

#[derive(Default, Clone)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) is_empty: bool,
    pub(super) is_directory: bool,
    pub(super) mode: Option<u32>,
    pub(super) mtime: Option<i64>,
}

pub(super) fn parse(bytes: &[u8], offset: usize) -> Result<Parsed, Problem> {
    let mut reader = Reader::new(bytes, offset);
    match reader.byte()? {
        PACKED_HEADER => parse_streams(&mut reader).map(Parsed::Packed),
        HEADER => parse_header(&mut reader).map(Parsed::Archive),
        _ => Err(reader.bad("header")),
    }
}

fn parse_header(reader: &mut Reader<'_>) -> Result<Archive, Problem> {
    let mut archive = Archive { folders: Vec::new(), entries: Vec::new() };
    loop {
        match reader.byte()? {
            END => return Ok(archive),
            ARCHIVE_PROPERTIES => {
                while reader.byte()? != END {
                    let length = reader.number()?;
                    reader.take(length)?;
                }
            }
            MAIN_STREAMS => archive.folders = parse_streams(reader)?,
            FILES => archive.entries = parse_files(reader)?,
            _ => return Err(reader.bad("property")),
        }
    }
}

fn parse_streams(reader: &mut Reader<'_>) -> Result<Vec<Folder>, Problem> {
    let (mut first, mut sizes) = (0, Vec::new());
    let mut folders: Vec<Folder> = Vec::new();
    loop {
        match reader.byte()? {
            END => break,
            PACK_INFO => (first, sizes) = parse_packed(reader)?,
            UNPACK_INFO => folders = parse_folders(reader)?,
            SUBSTREAMS => parse_substreams(reader, &mut folders)?,
            _ => return Err(reader.bad("stream property")),
        }
    }
    let mut sizes = sizes.into_iter();
    for folder in &mut folders {
        folder.offset = first;
        let packed: Vec<usize> = sizes.by_ref().take(folder.packed_streams).collect();
        folder.packed = packed.first().copied().unwrap_or(0);
        first = packed.iter().fold(first, |sum, &size| sum.saturating_add(size));
        if folder.streams.is_empty() && !folder.is_divided {
            folder.streams = vec![(folder.size, folder.crc)];
        }
    }
    Ok(folders)
}

/// Where the packed streams begin, and their sizes.
fn parse_packed(reader: &mut Reader<'_>) -> Result<(usize, Vec<usize>), Problem> {
    let first = reader.number()?;
    let count = reader.count()?;
    let mut sizes = Vec::new();
    loop {
        match reader.byte()? {
            END => return Ok((first, sizes)),
            SIZE => sizes = (0..count).map(|_| reader.number()).collect::<Result<_, _>>()?,
            CRC => drop(parse_sums(reader, count)?),
            _ => return Err(reader.bad("packed stream property")),
        }
    }
}

fn parse_sums(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Option<u32>>, Problem> {
    let known = reader.optional_bits(count)?;
    known.into_iter().map(|known| known.then(|| reader.u32()).transpose()).collect()
}

fn parse_folders(reader: &mut Reader<'_>) -> Result<Vec<Folder>, Problem> {
    if reader.byte()? != FOLDER {
        return Err(reader.bad("folders"));
    }
    let count = reader.count()?;
    if reader.byte()? != 0 {
        return Err(reader.bad("external folders"));
    }
    let mut folders = (0..count).map(|_| parse_folder(reader)).collect::<Result<Vec<_>, _>>()?;
    if reader.byte()? != UNPACK_SIZE {
        return Err(reader.bad("sizes of folders"));
    }
    for folder in &mut folders {
        let sizes = (0..folder.coders.len()).map(|_| reader.number());
        let sizes = sizes.collect::<Result<Vec<_>, _>>()?;
        // That of the coder whose output is the content.
        let outermost = if folder.is_packed_first { sizes.last() } else { sizes.first() };
        folder.size = outermost.copied().unwrap_or(0);
        if folder.is_packed_first {
            folder.coders.reverse();
        }
    }
    loop {
        match reader.byte()? {
            END => return Ok(folders),
            CRC => {
                let sums = parse_sums(reader, count)?;
                folders.iter_mut().zip(sums).for_each(|(folder, sum)| folder.crc = sum);
            }
            _ => return Err(reader.bad("folder property")),
        }
    }
}

/// Coders with one input and one output each; others are kept as unknown, so that the files of
/// other folders are read.
fn parse_folder(reader: &mut Reader<'_>) -> Result<Folder, Problem> {
    let count = reader.number()?;
    if count == 0 || count > MAX_CODERS {
        return Err(reader.bad("number of coders"));
    }
    let mut folder = Folder::default();
    let (mut inputs, mut outputs) = (0, 0);
    for _ in 0..count {
        let flags = reader.byte()?;
        let id = reader.take(usize::from(flags & 0x0f))?.to_vec();
        let (mut ins, mut outs) = (1, 1);
        if flags & 0x10 != 0 {
            (ins, outs) = (reader.number()?.min(64), reader.number()?.min(64));
        }
        let mut properties = Vec::new();
        if flags & 0x20 != 0 {
            let length = reader.number()?;
            properties = reader.take(length)?.to_vec();
        }
        folder.coders.push(Coder { id, properties, is_simple: ins == 1 && outs == 1 });
        (inputs, outputs) = (inputs + ins, outputs + outs);
    }
    let bonds = outputs.saturating_sub(1);
    let (mut is_chain, mut is_reversed) = (true, bonds > 0);
    for index in 0..bonds {
        let (input, output) = (reader.number()?, reader.number()?);
        is_chain &= input == index && output == index + 1;
        is_reversed &= input == index + 1 && output == index;
    }
    folder.is_packed_first = is_reversed;
    folder.packed_streams = inputs.saturating_sub(bonds);
    if folder.packed_streams > 1 {
        for _ in 0..folder.packed_streams {
            reader.number()?;
        }
    }
    if !is_chain && !is_reversed {
        folder.coders.iter_mut().for_each(|coder| coder.is_simple = false);
    }
    Ok(folder)
}

fn parse_substreams(reader: &mut Reader<'_>, folders: &mut [Folder]) -> Result<(), Problem> {
    let mut counts = vec![1; folders.len()];
    let mut kind = reader.byte()?;
    if kind == COUNTS {
        for count in &mut counts {
            *count = reader.number()?;
        }
        kind = reader.byte()?;
    }
    if counts.iter().fold(0_usize, |sum, &count| sum.saturating_add(count)) > MAX_FILES {
        return Err(reader.bad("number of files"));
    }
    for (folder, &count) in folders.iter_mut().zip(&counts) {
        folder.is_divided = true;
        let mut left = folder.size;
        for index in 0..count {
            // The last size is what is left.
            let size = if index + 1 == count {
                left
            } else if kind == SIZE {
                reader.number()?
            } else {
                return Err(reader.bad("sizes of files"));
            };
            left = left.checked_sub(size).ok_or_else(|| reader.bad("size of a file"))?;
            let crc = folder.crc.filter(|_| count == 1);
            folder.streams.push((size, crc));
        }
    }
    if kind == SIZE {
        kind = reader.byte()?;
    }
    loop {
        match kind {
            END => return Ok(()),
            CRC => {
                let unknown = folders.iter_mut().flat_map(|folder| &mut folder.streams);
                let unknown: Vec<_> = unknown.filter(|(_, crc)| crc.is_none()).collect();
                let sums = parse_sums(reader, unknown.len())?;
                unknown.into_iter().zip(sums).for_each(|(stream, sum)| stream.1 = sum);
            }
            _ => return Err(reader.bad("file property")),
        }
        kind = reader.byte()?;
    }
}

fn parse_files(reader: &mut Reader<'_>) -> Result<Vec<Entry>, Problem> {
    let count = reader.count()?;
    if count > MAX_FILES {
        return Err(reader.bad("number of files"));
    }
    let mut entries = vec![Entry::default(); count];
    loop {
        let kind = reader.byte()?;
        if kind == END {
            return Ok(entries);
        }
        let length = reader.number()?;
        let body = &mut Reader::new(reader.take(length)?, 0);
        match kind {
            EMPTY_STREAM => {
                let empty = body.bits(count)?;
                for (entry, empty) in entries.iter_mut().zip(empty) {
                    (entry.is_empty, entry.is_directory) = (empty, empty);
                }
            }
            EMPTY_FILE => {
                let empty: Vec<&mut Entry> =
                    entries.iter_mut().filter(|entry| entry.is_empty).collect();
                let files = body.bits(empty.len())?;
                empty.into_iter().zip(files).for_each(|(entry, file)| entry.is_directory = !file);
            }
            NAMES => parse_names(body, &mut entries)?,
            MODIFIED => {
                let known = body.optional_bits(count)?;
                body.byte()?;
                for (entry, _) in entries.iter_mut().zip(known).filter(|(_, known)| *known) {
                    // 100 ns since 1601.
                    let seconds = i64::try_from(body.u64()? / 10_000_000).unwrap_or(i64::MAX);
                    entry.mtime = Some(seconds - 11_644_473_600);
                }
            }
            ATTRIBUTES => {
                let known = body.optional_bits(count)?;
                body.byte()?;
                for (entry, _) in entries.iter_mut().zip(known).filter(|(_, known)| *known) {
                    // With bit 15 the high half is st_mode (p7zip's extension).
                    let attributes = body.u32()?;
                    entry.mode = (attributes & 0x8000 != 0).then_some(attributes >> 16);
                }
            }
            _ => {}
        }
    }
}

/// UTF-16, each ended by a zero.
fn parse_names(reader: &mut Reader<'_>, entries: &mut [Entry]) -> Result<(), Problem> {
    if reader.byte()? != 0 {
        return Err(reader.bad("external names"));
    }
    for entry in entries {
        let mut units = Vec::new();
        loop {
            let unit = u16::from_le_bytes([reader.byte()?, reader.byte()?]);
            if unit == 0 {
                break;
            }
            units.push(unit);
        }
        entry.name = String::from_utf16_lossy(&units).into_bytes();
    }
    Ok(())
}
