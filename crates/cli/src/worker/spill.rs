// SPDX-License-Identifier: Apache-2.0
//! Room for contents outside the heap: an unlinked file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use kakoi_unpack::Spill;

/// Extents start at multiples of this, so that mappings do not overlap by more than a page.
const ALIGNMENT: u64 = 64 << 10;

/// A file without a name. It is sparse: reserved room that is not written takes none.
pub struct SpillFile {
    file: File,
    next: AtomicU64,
}

impl SpillFile {
    /// Makes one in the folder for temporary files.
    pub fn create() -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile()?, next: AtomicU64::new(0) })
    }
}

impl Spill for SpillFile {
    fn reserve(&self, length: u64) -> u64 {
        let room = length.next_multiple_of(ALIGNMENT);
        self.next.fetch_add(room, Ordering::Relaxed)
    }

    fn write_at(&self, offset: u64, content: &[u8]) -> io::Result<()> {
        self.file.write_all_at(content, offset)
    }

    fn map(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        kakoi_kernel::map_file(&self.file, offset, length)
    }
}
