// SPDX-License-Identifier: Apache-2.0
//! The one bounds-checked door to the bytes of a content.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use kakoi_model::{Endian, Problem, ProblemCode};

/// Where byte strings stand that were searched for.
type Places = BTreeMap<&'static [u8], Arc<[usize]>>;

/// The bytes of one content. Offsets count from its first byte.
///
/// Each reader names the field that it reads, so that an input that ends early is reported as
/// "truncated at 0x40: inode table" and not as a failed read.
#[derive(Debug, Clone)]
pub struct Input {
    bytes: Bytes,
    places: Arc<Mutex<Places>>,
}

impl Input {
    /// Reads from these bytes.
    #[must_use]
    pub fn new(bytes: Bytes) -> Self {
        Self { bytes, places: Arc::default() }
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Is it empty?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// All bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes from `start` to the end; empty beyond the end.
    #[must_use]
    pub fn tail(&self, start: usize) -> &[u8] {
        self.bytes.get(start..).unwrap_or_default()
    }

    /// Everywhere that these bytes stand, in order. The content is searched once, however often
    /// this is called: formats that look for their end would else be quadratic on hostile input.
    #[must_use]
    pub fn places(&self, needle: &'static [u8]) -> Arc<[usize]> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let found = || memchr::memmem::find_iter(&self.bytes, needle).collect();
        Arc::clone(places.entry(needle).or_insert_with(found))
    }

    /// Shares a range without copying it.
    ///
    /// # Errors
    /// [`ProblemCode::Truncated`] when the range leaves the content.
    pub fn share(&self, range: Range<usize>, field: &'static str) -> Result<Bytes, Problem> {
        if range.start <= range.end && range.end <= self.bytes.len() {
            Ok(self.bytes.slice(range))
        } else {
            Err(self.truncated(range.start, field, range.end.saturating_sub(range.start)))
        }
    }

    /// `length` bytes at `offset`.
    ///
    /// # Errors
    /// [`ProblemCode::Truncated`] when they leave the content.
    pub fn bytes(
        &self,
        offset: usize,
        length: usize,
        field: &'static str,
    ) -> Result<&[u8], Problem> {
        offset
            .checked_add(length)
            .and_then(|end| self.bytes.get(offset..end))
            .ok_or_else(|| self.truncated(offset, field, length))
    }

    /// `N` bytes at `offset`.
    ///
    /// # Errors
    /// [`ProblemCode::Truncated`] when they leave the content.
    pub fn array<const N: usize>(
        &self,
        offset: usize,
        field: &'static str,
    ) -> Result<[u8; N], Problem> {
        let bytes = self.bytes(offset, N, field)?;
        bytes.try_into().map_err(|_| self.truncated(offset, field, N))
    }

    /// One byte.
    ///
    /// # Errors
    /// [`ProblemCode::Truncated`], as for all readers below.
    pub fn u8(&self, offset: usize, field: &'static str) -> Result<u8, Problem> {
        self.array::<1>(offset, field).map(|[byte]| byte)
    }

    /// A 16-bit number.
    ///
    /// # Errors
    /// [`ProblemCode::Truncated`].
    pub fn u16(&self, offset: usize, endian: Endian, field: &'static str) -> Result<u16, Problem> {
        let bytes = self.array(offset, field)?;
        Ok(match endian {
            Endian::Little => u16::from_le_bytes(bytes),
            Endian::Big => u16::from_be_bytes(bytes),
        })
    }

    /// A 32-bit number.
    ///
    /// # Errors
    /// [`ProblemCode::Truncated`].
    pub fn u32(&self, offset: usize, endian: Endian, field: &'static str) -> Result<u32, Problem> {
        let bytes = self.array(offset, field)?;
        Ok(match endian {
            Endian::Little => u32::from_le_bytes(bytes),
            Endian::Big => u32::from_be_bytes(bytes),
        })
    }

    /// A 64-bit number.
    ///
    /// # Errors
    /// [`ProblemCode::Truncated`].
    pub fn u64(&self, offset: usize, endian: Endian, field: &'static str) -> Result<u64, Problem> {
        let bytes = self.array(offset, field)?;
        Ok(match endian {
            Endian::Little => u64::from_le_bytes(bytes),
            Endian::Big => u64::from_be_bytes(bytes),
        })
    }

    /// A 32-bit number used as a size or offset in memory.
    ///
    /// # Errors
    /// [`ProblemCode::Truncated`].
    pub fn size32(
        &self,
        offset: usize,
        endian: Endian,
        field: &'static str,
    ) -> Result<usize, Problem> {
        self.u32(offset, endian, field).map(|value| usize::try_from(value).unwrap_or(usize::MAX))
    }

    /// A 64-bit number used as a size or offset in memory.
    ///
    /// # Errors
    /// [`ProblemCode::Truncated`].
    pub fn size64(
        &self,
        offset: usize,
        endian: Endian,
        field: &'static str,
    ) -> Result<usize, Problem> {
        self.u64(offset, endian, field).map(|value| usize::try_from(value).unwrap_or(usize::MAX))
    }

    /// The bytes of a fixed field up to its first NUL.
    ///
    /// # Errors
    /// [`ProblemCode::Truncated`].
    pub fn text(
        &self,
        offset: usize,
        length: usize,
        field: &'static str,
    ) -> Result<&[u8], Problem> {
        let bytes = self.bytes(offset, length, field)?;
        Ok(bytes.split(|&byte| byte == 0).next().unwrap_or_default())
    }

    fn truncated(&self, offset: usize, field: &'static str, length: usize) -> Problem {
        let detail = format!("needs {length} bytes, the content ends at 0x{:x}", self.bytes.len());
        Problem::new(ProblemCode::Truncated, offset as u64, field).because(detail)
    }
}
