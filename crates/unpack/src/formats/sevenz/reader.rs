// SPDX-License-Identifier: Apache-2.0
//! The numbers and bit vectors of a 7z header.

use kakoi_model::{Problem, ProblemCode};

/// Reads a header from its start. Offsets of problems are those of the header in the content.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, at: 0, offset }
    }

    pub(super) fn bad(&self, subject: &'static str) -> Problem {
        Problem::new(ProblemCode::BadValue, self.offset as u64, subject)
            .because(format!("at byte {} of the header", self.at))
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Problem> {
        let end = self.at.checked_add(length);
        let bytes = end.and_then(|end| self.bytes.get(self.at..end));
        let bytes = bytes
            .ok_or_else(|| Problem::new(ProblemCode::Truncated, self.offset as u64, "header"))?;
        self.at += length;
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Problem> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(super) fn u32(&mut self) -> Result<u32, Problem> {
        let bytes = self.take(4)?;
        Ok(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte)))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Problem> {
        let bytes = self.take(8)?;
        Ok(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    /// As many bytes follow the first as it has leading ones; the rest of it are the high bits.
    pub(super) fn number(&mut self) -> Result<usize, Problem> {
        let first = self.byte()?;
        let more = first.leading_ones();
        let low = self.take(more as usize)?;
        let low = low.iter().rev().fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
        let high = u64::from(first) & (0x7f_u64 >> more.min(7));
        let high = if more >= 7 { 0 } else { high << (8 * more) };
        usize::try_from(high | low).map_err(|_| self.bad("number"))
    }

    /// A count of things of which each takes at least one bit of the header.
    pub(super) fn count(&mut self) -> Result<usize, Problem> {
        let count = self.number()?;
        if count > self.bytes.len().saturating_mul(8) {
            return Err(self.bad("count"));
        }
        Ok(count)
    }

    /// One bit each, the highest first.
    pub(super) fn bits(&mut self, count: usize) -> Result<Vec<bool>, Problem> {
        let bytes = self.take(count.div_ceil(8))?;
        Ok((0..count).map(|index| bytes[index / 8] & (0x80 >> (index % 8)) != 0).collect())
    }

    /// A flag that stands for all ones, or bits.
    pub(super) fn optional_bits(&mut self, count: usize) -> Result<Vec<bool>, Problem> {
        if self.byte()? != 0 { Ok(vec![true; count]) } else { self.bits(count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_length_in_the_leading_ones() {
        let number = |bytes: &[u8]| Reader::new(bytes, 0).number().unwrap();
        assert_eq!(number(&[0x7f]), 127);
        assert_eq!(number(&[0x81, 0x02]), 0x102);
        assert_eq!(number(&[0xc1, 0x02, 0x03]), 0x1_0302);
        assert_eq!(number(&[0xff, 1, 0, 0, 0, 0, 0, 0, 0]), 1);
    }
}
