// SPDX-License-Identifier: Apache-2.0
//! Headers of RAR 5: fields of variable length, seven bits in a byte, little end first (RARLAB, RAR
//! 5.0 archive format).

use kakoi_model::{Problem, ProblemCode};

use super::{Archive, Block, Entry, Placed, What};
use crate::Input;

/// Longest header (the format's own limit).
const MAX_HEADER: u64 = 2 << 20;

/// The block whose header begins at `at`.
pub(super) fn block(input: &Input, at: usize) -> Result<Placed, Problem> {
    let bad = |field: &'static str| Problem::new(ProblemCode::BadValue, at as u64, field);
    let sum = input.u32(at, kakoi_model::Endian::Little, "header checksum")?;
    let mut size = Fields { rest: input.tail(at + 4) };
    let before = size.rest.len();
    let length = size.number().filter(|&size| (1..=MAX_HEADER).contains(&size));
    let length = usize::try_from(length.ok_or_else(|| bad("header size"))?).unwrap_or(usize::MAX);
    let prefix = before - size.rest.len();
    let data = at + 4 + prefix + length;
    if crc32fast::hash(input.bytes(at + 4, prefix + length, "header")?) != sum {
        return Err(Problem::new(ProblemCode::BadChecksum, at as u64, "header"));
    }
    let mut fields = Fields { rest: size.rest.get(..length).unwrap_or_default() };
    let common = Common::read(&mut fields).ok_or_else(|| bad("header"))?;
    let block = match common.kind {
        1 => Block::Archive(Archive {
            volume: fields.number().is_some_and(|flags| flags & 1 != 0),
            sealed: false,
        }),
        2 => {
            let entry = entry(&mut fields, &common).ok_or_else(|| bad("file header"))?;
            Block::Entry(Box::new(entry))
        }
        4 => Block::Archive(Archive { volume: false, sealed: true }),
        5 => Block::End,
        _ => Block::Other,
    };
    let size = usize::try_from(common.data).unwrap_or(usize::MAX);
    Ok(Placed { block, data, next: data.saturating_add(size) })
}

/// Fields that all headers begin with.
struct Common {
    kind: u64,
    flags: u64,
    /// Bytes of the extra area at the end of the header.
    extra: usize,
    /// Bytes behind the header.
    data: u64,
}

impl Common {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (kind, flags) = (fields.number()?, fields.number()?);
        let extra = if flags & 1 != 0 { fields.number()? } else { 0 };
        let data = if flags & 2 != 0 { fields.number()? } else { 0 };
        Some(Self { kind, flags, extra: usize::try_from(extra).ok()?, data })
    }
}

/// `HOST_OS` of Unix.
const UNIX: u64 = 1;

fn entry(fields: &mut Fields<'_>, common: &Common) -> Option<Entry> {
    let flags = fields.number()?;
    let size = fields.number()?;
    let attributes = fields.number()?;
    let mtime = if flags & 2 != 0 { Some(fields.word()?.into()) } else { None };
    let checksum = if flags & 4 != 0 { Some(fields.word()?) } else { None };
    let compression = fields.number()?;
    let host = fields.number()?;
    let name = fields.counted()?.to_vec();
    let records = fields.rest.get(fields.rest.len().checked_sub(common.extra)?..)?;
    let extra = Extra::read(records);
    let file = if flags & 1 != 0 { What::Directory } else { What::File };
    Some(Entry {
        name,
        mode: (host == UNIX).then(|| u32::try_from(attributes).ok()).flatten(),
        mtime,
        what: extra.link.unwrap_or(file),
        size: (flags & 8 == 0).then_some(size),
        checksum: checksum.filter(|_| !extra.encrypted),
        method: u8::try_from(compression >> 7 & 7).ok()?,
        encrypted: extra.encrypted,
        split: common.flags & 0x18 != 0,
    })
}

/// What the extra area of a file header tells.
#[derive(Default)]
struct Extra {
    encrypted: bool,
    link: Option<What>,
}

impl Extra {
    fn read(records: &[u8]) -> Self {
        let mut extra = Self::default();
        let mut fields = Fields { rest: records };
        while let Some(record) = fields.counted() {
            let mut fields = Fields { rest: record };
            match fields.number() {
                Some(1) => extra.encrypted = true,
                Some(5) => extra.link = link(&mut fields),
                _ => {}
            }
        }
        extra
    }
}

/// Redirection record: type, flags, name.
fn link(fields: &mut Fields<'_>) -> Option<What> {
    let (kind, _flags) = (fields.number()?, fields.number()?);
    let target = fields.counted()?.to_vec();
    match kind {
        1..=3 => Some(What::Symlink(Some(target))),
        // A copy of another entry has its content, as a hard link does.
        4 | 5 => Some(What::HardLink(target)),
        _ => None,
    }
}

/// Fields in a row.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// At most ten bytes; the last has its top bit clear.
    fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for (index, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(index).ok()?)?;
            if byte & 0x80 == 0 {
                self.rest = self.rest.get(index + 1..)?;
                return Some(value);
            }
        }
        None
    }

    fn word(&mut self) -> Option<u32> {
        let (word, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        Some(u32::from_le_bytes(*word))
    }

    /// A number, and as many bytes.
    fn counted(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::Fields;

    #[test]
    fn numbers_end_at_a_byte_without_its_top_bit() {
        for (bytes, value, left) in [
            (&[0x05, 9][..], Some(5), 1),
            (&[0x80, 0x01][..], Some(128), 0),
            (&[0xff, 0xff, 0x03][..], Some(0xffff), 0),
            (&[0x80; 12][..], None, 12),
            (&[0x80][..], None, 1),
        ] {
            let mut fields = Fields { rest: bytes };
            assert_eq!((fields.number(), fields.rest.len()), (value, left), "{bytes:?}");
        }
    }
}
