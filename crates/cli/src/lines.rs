// SPDX-License-Identifier: Apache-2.0
//! Lines of an input of any size, each bounded.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Context;

use crate::exit::BadInput;

/// Lines of a file or of standard input (`-`).
pub struct Lines {
    reader: BufReader<Box<dyn Read>>,
    buffer: Vec<u8>,
    longest: usize,
    number: u64,
}

/// One line: its number from 1, and at most so many bytes of it as were asked for, and one more.
pub struct Line<'l> {
    pub number: u64,
    pub bytes: &'l [u8],
}

impl Lines {
    /// Opens the input; of each line at most `longest` bytes and one more are kept.
    pub fn open(path: &Path, longest: usize) -> anyhow::Result<Self> {
        let reader: Box<dyn Read> = if path == Path::new("-") {
            Box::new(io::stdin())
        } else {
            let file = File::open(path).map_err(|error| BadInput(error.to_string()));
            Box::new(file.with_context(|| format!("cannot open {}", path.display()))?)
        };
        let reader = BufReader::with_capacity(256 * 1024, reader);
        Ok(Self { reader, buffer: Vec::new(), longest, number: 0 })
    }

    /// The next line, with its line end if it has one and was not cut.
    pub fn next(&mut self) -> anyhow::Result<Option<Line<'_>>> {
        self.buffer.clear();
        let limit = self.longest as u64 + 1;
        let read = (&mut self.reader).take(limit).read_until(b'\n', &mut self.buffer);
        let read = read.map_err(|error| BadInput(error.to_string())).context("cannot read")?;
        if read == 0 {
            return Ok(None);
        }
        if read as u64 == limit && self.buffer.last() != Some(&b'\n') {
            self.skip_line()?;
        }
        self.number += 1;
        Ok(Some(Line { number: self.number, bytes: &self.buffer }))
    }

    fn skip_line(&mut self) -> anyhow::Result<()> {
        loop {
            let available = self.reader.fill_buf()?;
            let end = available.iter().position(|&byte| byte == b'\n');
            let (length, done) = match end {
                Some(at) => (at + 1, true),
                None => (available.len(), available.is_empty()),
            };
            self.reader.consume(length);
            if done {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_and_the_next_ones_are_whole() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [b"ab\n".as_slice(), &[b'x'; 1000], b"\ncd"].concat()).unwrap();
        let mut lines = Lines::open(file.path(), 10).unwrap();
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push((line.number, line.bytes.to_vec()));
        }
        assert_eq!(found, [(1, b"ab\n".to_vec()), (2, vec![b'x'; 11]), (3, b"cd".to_vec())]);
    }
}
