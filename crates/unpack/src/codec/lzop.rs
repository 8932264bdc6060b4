// SPDX-License-Identifier: Apache-2.0
//! The file format of lzop 1.x: a header, then blocks with checksums. The kernel's build writes it
//! too. Layout: lzop 1.04, `lzop.c` (facts only).

use std::io::Write;

use super::{CodecError, CodecFailure, lz4};

/// The nine magic bytes.
pub(crate) const MAGIC: &[u8] = b"\x89LZO\0\r\n\x1a\n";

const ADLER_OUTPUT: u32 = 0x1;
const ADLER_INPUT: u32 = 0x2;
const EXTRA_FIELD: u32 = 0x40;
const CRC_OUTPUT: u32 = 0x100;
const CRC_INPUT: u32 = 0x200;
const FILTER: u32 = 0x800;

/// Largest block: lzop refuses more.
const MAX_BLOCK: usize = 64 << 20;

/// What the header says.
pub(crate) struct Header {
    flags: u32,
    /// Where the blocks begin.
    pub(crate) length: usize,
    /// File name, perhaps empty.
    pub(crate) name: Vec<u8>,
}

/// Reads the header at the start of `input` and checks its checksum.
pub(crate) fn parse_header(input: &[u8]) -> Option<Header> {
    let mut reader = Reader { input, at: MAGIC.len() };
    let version = reader.u16()?;
    reader.u16()?;
    let modern = version >= 0x940;
    if modern {
        reader.u16()?;
    }
    let method = reader.u8()?;
    if modern {
        reader.u8()?;
    }
    let flags = reader.u32()?;
    if flags & FILTER != 0 {
        reader.u32()?;
    }
    reader.take(if modern { 12 } else { 8 })?;
    let length = reader.u8()?;
    let name = reader.take(length.into())?.to_vec();
    let covered = input.get(MAGIC.len()..reader.at)?;
    let sum = reader.u32()?;
    let valid =
        sum == if flags & 0x1000 != 0 { crc32fast::hash(covered) } else { adler32(covered) };
    if flags & EXTRA_FIELD != 0 {
        let length = usize::try_from(reader.u32()?).ok()?;
        reader.take(length.checked_add(4)?)?;
    }
    (input.starts_with(MAGIC) && valid && matches!(method, 1..=3) && input.len() > reader.at)
        .then_some(Header { flags, length: reader.at, name })
}

pub(super) fn decode(input: &[u8], output: &mut dyn Write) -> Result<usize, CodecError> {
    let header = parse_header(input).ok_or_else(|| CodecError::corrupt("lzop header"))?;
    let mut reader = Reader { input, at: header.length };
    let mut decoded = Vec::new();
    loop {
        let start = reader.at;
        match block(&mut reader, header.flags, &mut decoded) {
            Ok(true) => output.write_all(&decoded)?,
            Ok(false) => return Ok(reader.at),
            Err(error) => return Err(error.after(start)),
        }
    }
}

/// One block; false at the end mark.
fn block(reader: &mut Reader<'_>, flags: u32, decoded: &mut Vec<u8>) -> Result<bool, CodecError> {
    let short = || CodecError::new(CodecFailure::Truncated, "lzop block");
    let length = reader.size().ok_or_else(short)?;
    if length == 0 {
        return Ok(false);
    }
    let packed = reader.size().ok_or_else(short)?;
    if length > MAX_BLOCK || packed > length {
        return Err(CodecError::corrupt("block size"));
    }
    let has = |flag: u32| flags & flag != 0;
    let adler = if has(ADLER_OUTPUT) { Some(reader.u32().ok_or_else(short)?) } else { None };
    let crc = if has(CRC_OUTPUT) { Some(reader.u32().ok_or_else(short)?) } else { None };
    // Checksums of the input are left out where it is stored as is.
    let more =
        if packed < length { has(ADLER_INPUT) as usize + has(CRC_INPUT) as usize } else { 0 };
    reader.take(more * 4).ok_or_else(short)?;
    let bytes = reader.take(packed).ok_or_else(short)?;
    decoded.clear();
    if packed == length {
        decoded.extend_from_slice(bytes);
    } else {
        lz4::lzo(bytes, length, decoded)?;
    }
    let sound = decoded.len() == length
        && adler.is_none_or(|sum| sum == adler32(decoded))
        && crc.is_none_or(|sum| sum == crc32fast::hash(decoded));
    if sound { Ok(true) } else { Err(CodecError::corrupt("length or checksum of a block")) }
}

/// RFC 1950, section 9. 5552 is the most bytes before the sums could overflow.
pub(crate) fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    for chunk in bytes.chunks(5552) {
        for &byte in chunk {
            a += u32::from(byte);
            b += a;
        }
        a %= 65_521;
        b %= 65_521;
    }
    b << 16 | a
}

/// Big-endian fields in a row.
struct Reader<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let bytes = self.input.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn size(&mut self) -> Option<usize> {
        usize::try_from(self.u32()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adler32_of_a_known_text() {
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }
}
