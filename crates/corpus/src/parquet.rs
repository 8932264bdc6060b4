// SPDX-License-Identifier: Apache-2.0
//! Writes Parquet (<https://parquet.apache.org/docs/file-format/>): flat tables of nullable integers, numbers and texts, one
//! data page per column and row group, plain encoding, Zstandard. Every reader knows these parts.
//!
//! Why not the crates `parquet` and `arrow`: with what they bring they take longer to build than the rest of kakoi, for the
//! few parts of the format that flat tables need.

use std::io::{self, Write};

use crate::sql::Cell;

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    Real,
    Text,
}

impl Kind {
    /// Number of the physical type (parquet.thrift, `enum Type`).
    const fn number(self) -> i64 {
        match self {
            Self::Integer => 2,
            Self::Real => 5,
            Self::Text => 6,
        }
    }
}

/// Number of Zstandard among the codecs.
const ZSTD: i64 = 6;
/// Numbers of two encodings.
const PLAIN: i64 = 0;
const RLE: i64 = 3;
const LEVEL: i32 = 3;

/// A file being written.
pub(crate) struct Writer<W> {
    out: W,
    at: u64,
    columns: Vec<(String, Kind)>,
    groups: Vec<Group>,
}

struct Group {
    rows: u64,
    chunks: Vec<Chunk>,
}

struct Chunk {
    at: u64,
    plain: u64,
    packed: u64,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(mut out: W, names: Vec<String>, kinds: Vec<Kind>) -> io::Result<Self> {
        out.write_all(b"PAR1")?;
        // Two columns of one name would be one to a reader.
        let mut columns: Vec<(String, Kind)> = Vec::new();
        for (name, kind) in names.into_iter().zip(kinds) {
            let taken = columns.iter().filter(|(known, _)| *known == name).count();
            let name = if taken == 0 { name } else { format!("{name}_{}", columns.len()) };
            columns.push((name, kind));
        }
        Ok(Self { out, at: 4, columns, groups: Vec::new() })
    }

    pub(crate) fn write_group(&mut self, rows: &[Vec<Cell>]) -> io::Result<()> {
        let mut chunks = Vec::new();
        for (number, (_, kind)) in self.columns.iter().enumerate() {
            let cells = rows.iter().map(|row| row.get(number).unwrap_or(&Cell::Null));
            let page = page(cells, *kind);
            let packed = zstd::bulk::compress(&page, LEVEL)?;
            let header = page_header(rows.len(), page.len(), packed.len());
            self.out.write_all(&header)?;
            self.out.write_all(&packed)?;
            let header = header.len() as u64;
            let (plain, packed) = (header + page.len() as u64, header + packed.len() as u64);
            chunks.push(Chunk { at: self.at, plain, packed });
            self.at += packed;
        }
        self.groups.push(Group { rows: rows.len() as u64, chunks });
        Ok(())
    }

    /// Writes the footer; gives what was written to, and the number of rows.
    pub(crate) fn finish(mut self) -> io::Result<(W, u64)> {
        let rows = self.groups.iter().map(|group| group.rows).sum();
        let footer = self.footer(rows);
        self.out.write_all(&footer)?;
        self.out.write_all(&(footer.len() as u32).to_le_bytes())?;
        self.out.write_all(b"PAR1")?;
        Ok((self.out, rows))
    }

    fn footer(&self, rows: u64) -> Vec<u8> {
        let mut meta = Thrift::default();
        meta.int(1, 1, I32);
        meta.list(2, STRUCT, self.columns.len() + 1);
        let mut root = Thrift::default();
        root.text(4, "schema");
        root.int(5, self.columns.len() as i64, I32);
        meta.element(root);
        for (name, kind) in &self.columns {
            let mut column = Thrift::default();
            column.int(1, kind.number(), I32);
            column.int(3, 1, I32); // optional
            column.text(4, name);
            if *kind == Kind::Text {
                column.int(6, 0, I32); // UTF8
            }
            meta.element(column);
        }
        meta.int(3, rows.cast_signed(), I64);
        meta.list(4, STRUCT, self.groups.len());
        for group in &self.groups {
            meta.element(self.group(group));
        }
        meta.text(6, concat!("kakoi ", env!("CARGO_PKG_VERSION")));
        meta.finish()
    }

    fn group(&self, group: &Group) -> Thrift {
        let mut it = Thrift::default();
        it.list(1, STRUCT, group.chunks.len());
        for (chunk, (name, kind)) in group.chunks.iter().zip(&self.columns) {
            let mut meta = Thrift::default();
            meta.int(1, kind.number(), I32);
            meta.list(2, I32, 2);
            meta.bare(PLAIN);
            meta.bare(RLE);
            meta.list(3, BINARY, 1);
            meta.bare_text(name);
            meta.int(4, ZSTD, I32);
            meta.int(5, group.rows.cast_signed(), I64);
            meta.int(6, chunk.plain.cast_signed(), I64);
            meta.int(7, chunk.packed.cast_signed(), I64);
            meta.int(9, chunk.at.cast_signed(), I64);
            let mut column = Thrift::default();
            column.int(2, chunk.at.cast_signed(), I64);
            column.inner(3, meta);
            it.element(column);
        }
        let plain: u64 = group.chunks.iter().map(|chunk| chunk.plain).sum();
        it.int(2, plain.cast_signed(), I64);
        it.int(3, group.rows.cast_signed(), I64);
        it
    }
}

/// Which values are there, then the values.
fn page<'a>(cells: impl Iterator<Item = &'a Cell>, kind: Kind) -> Vec<u8> {
    let (mut levels, mut values) = (Levels::default(), Vec::new());
    for cell in cells {
        match (cell, kind) {
            (Cell::Null, _) => {
                levels.push(0);
                continue;
            }
            (Cell::Integer(value), Kind::Integer) => values.extend(value.to_le_bytes()),
            (Cell::Real(value), Kind::Real) => values.extend(value.to_le_bytes()),
            (Cell::Integer(value), Kind::Real) => values.extend((*value as f64).to_le_bytes()),
            (other, Kind::Text) => {
                let text = other.to_string();
                values.extend((text.len() as u32).to_le_bytes());
                values.extend(text.as_bytes());
            }
            _ => {
                levels.push(0);
                continue;
            }
        }
        levels.push(1);
    }
    let levels = levels.finish();
    let mut page = (levels.len() as u32).to_le_bytes().to_vec();
    page.extend(levels);
    page.extend(values);
    page
}

/// Definition levels of width one, as runs.
#[derive(Default)]
struct Levels {
    bytes: Vec<u8>,
    level: u8,
    run: u64,
}

impl Levels {
    fn push(&mut self, level: u8) {
        if level != self.level {
            self.flush();
            self.level = level;
        }
        self.run += 1;
    }

    fn flush(&mut self) {
        if self.run > 0 {
            push_varint(&mut self.bytes, self.run << 1);
            self.bytes.push(self.level);
            self.run = 0;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.flush();
        self.bytes
    }
}

fn page_header(values: usize, plain: usize, packed: usize) -> Vec<u8> {
    let mut data = Thrift::default();
    data.int(1, values as i64, I32);
    data.int(2, PLAIN, I32);
    data.int(3, RLE, I32);
    data.int(4, RLE, I32);
    let mut header = Thrift::default();
    header.int(1, 0, I32); // data page
    header.int(2, plain as i64, I32);
    header.int(3, packed as i64, I32);
    header.inner(5, data);
    header.finish()
}

const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// A structure in Thrift's compact protocol (thrift-compact-protocol.md of Apache Thrift). Fields come in rising order.
#[derive(Default)]
struct Thrift {
    bytes: Vec<u8>,
    last: u8,
}

impl Thrift {
    fn field(&mut self, number: u8, kind: u8) {
        self.bytes.push((number - self.last) << 4 | kind);
        self.last = number;
    }

    fn int(&mut self, number: u8, value: i64, kind: u8) {
        self.field(number, kind);
        self.bare(value);
    }

    fn text(&mut self, number: u8, text: &str) {
        self.field(number, BINARY);
        self.bare_text(text);
    }

    fn list(&mut self, number: u8, kind: u8, length: usize) {
        self.field(number, LIST);
        match u8::try_from(length) {
            Ok(short) if short < 15 => self.bytes.push(short << 4 | kind),
            _ => {
                self.bytes.push(0xf0 | kind);
                push_varint(&mut self.bytes, length as u64);
            }
        }
    }

    fn inner(&mut self, number: u8, inner: Self) {
        self.field(number, STRUCT);
        self.element(inner);
    }

    fn element(&mut self, inner: Self) {
        self.bytes.extend(inner.finish());
    }

    fn bare(&mut self, value: i64) {
        push_varint(&mut self.bytes, ((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    fn bare_text(&mut self, text: &str) {
        push_varint(&mut self.bytes, text.len() as u64);
        self.bytes.extend(text.as_bytes());
    }

    fn finish(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value as u8) | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_runs_and_numbers_are_zigzag() {
        let mut levels = Levels::default();
        [1, 1, 1, 0, 1].into_iter().for_each(|level| levels.push(level));
        assert_eq!(levels.finish(), [6, 1, 2, 0, 2, 1]);
        let mut thrift = Thrift::default();
        thrift.int(1, -1, I32);
        thrift.int(3, 300, I64);
        assert_eq!(thrift.finish(), [0x15, 1, 0x26, 0xd8, 0x04, 0]);
    }

    #[test]
    fn a_file_begins_and_ends_as_the_format_wants() {
        let columns = vec!["a".to_owned(), "b".to_owned()];
        let mut writer = Writer::new(Vec::new(), columns, vec![Kind::Integer, Kind::Text]).unwrap();
        let rows = [
            vec![Cell::Integer(7), Cell::Text("x".into())],
            vec![Cell::Null, Cell::Text("y".into())],
        ];
        writer.write_group(&rows).unwrap();
        let (bytes, count) = writer.finish().unwrap();
        assert_eq!(count, 2);
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
        let at = bytes.len() - 8;
        let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!(&bytes[at - length..at - length + 2], [0x15, 2], "version 1 comes first");
    }
}
