// SPDX-License-Identifier: Apache-2.0
//! Contents by digest: in memory, and beyond a limit in a file that the caller provides.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use kakoi_model::Digest;

/// Room outside the heap, such as an unlinked file. Reserved extents never overlap.
pub trait Spill: Send + Sync {
    /// Sets aside `length` bytes and returns where they begin.
    fn reserve(&self, length: u64) -> u64;

    /// Writes into a reserved extent.
    ///
    /// # Errors
    /// What the operating system says.
    fn write_at(&self, offset: u64, content: &[u8]) -> io::Result<()>;

    /// The bytes of a written extent.
    ///
    /// # Errors
    /// What the operating system says.
    fn map(&self, offset: u64, length: usize) -> io::Result<Bytes>;
}

/// Hears of every content once, when it is put in. A content of a container that is given up later is told too.
pub type Listener = Box<dyn Fn(Digest, &Bytes) + Send + Sync>;

/// Contents by digest. Adding one that is known costs its hash and nothing else.
pub struct Store {
    contents: Mutex<HashMap<Digest, Bytes>>,
    spill: Option<Box<dyn Spill>>,
    listener: Option<Listener>,
    resident: AtomicUsize,
    resident_limit: usize,
}

impl Store {
    /// A store that keeps everything on the heap.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::build(None, usize::MAX)
    }

    /// A store that keeps at most about `resident_limit` bytes on the heap and the rest in `spill`.
    #[must_use]
    pub fn with_spill(spill: Box<dyn Spill>, resident_limit: usize) -> Self {
        Self::build(Some(spill), resident_limit)
    }

    fn build(spill: Option<Box<dyn Spill>>, resident_limit: usize) -> Self {
        let contents = Mutex::new(HashMap::new());
        Self { contents, spill, listener: None, resident: AtomicUsize::new(0), resident_limit }
    }

    /// The same store, that tells of contents as they come.
    #[must_use]
    pub fn telling(self, listener: Listener) -> Self {
        Self { listener: Some(listener), ..self }
    }

    /// The bytes of a content that was put in.
    #[must_use]
    pub fn read(&self, digest: &Digest) -> Option<Bytes> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    /// Keeps bytes that lie within a content that is already kept.
    pub fn put_shared(&self, content: Bytes) -> Digest {
        let digest = Digest::of(&content);
        self.insert(digest, content);
        digest
    }

    /// Keeps bytes of their own.
    ///
    /// # Errors
    /// What the spill says when it cannot take them.
    pub fn put_owned(&self, content: Vec<u8>) -> io::Result<Digest> {
        let digest = Digest::of(&content);
        self.put_hashed(digest, content)?;
        Ok(digest)
    }

    /// The same, with the digest of the bytes.
    pub(crate) fn put_hashed(&self, digest: Digest, content: Vec<u8>) -> io::Result<()> {
        if self.read(&digest).is_none() {
            let content = self.settle(content)?;
            self.insert(digest, content);
        }
        Ok(())
    }

    /// Counts bytes that were collected outside of [`Store::put_owned`] against the heap limit.
    pub(crate) fn count_resident(&self, bytes: usize) {
        self.resident.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn spill(&self) -> Option<&dyn Spill> {
        self.spill.as_deref()
    }

    fn insert(&self, digest: Digest, content: Bytes) {
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Vacant(place) = contents.entry(digest) {
            let content = place.insert(content);
            if let Some(listener) = &self.listener {
                listener(digest, content);
            }
        }
    }

    /// On the heap while there is room, else in the spill.
    fn settle(&self, mut content: Vec<u8>) -> io::Result<Bytes> {
        let resident = self.resident.fetch_add(content.len(), Ordering::Relaxed);
        let Some(spill) = self.spill() else { return Ok(content.into()) };
        if resident.saturating_add(content.len()) <= self.resident_limit {
            content.shrink_to_fit();
            return Ok(content.into());
        }
        self.resident.fetch_sub(content.len(), Ordering::Relaxed);
        let offset = spill.reserve(content.len() as u64);
        spill.write_at(offset, &content)?;
        spill.map(offset, content.len())
    }
}
