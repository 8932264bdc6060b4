// SPDX-License-Identifier: Apache-2.0
//! Which contents are being read, in a file that outlives the worker.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use kakoi_model::{Digest, Journal};

/// Threads beyond this share the last slot.
const SLOTS: u64 = 256;

/// `digest[32] sequence[8] active[8]`.
const SLOT: usize = 48;

/// `contents begun[8] bytes begun[8]`.
const HEADER: u64 = 16;

/// The worker's side.
pub struct Writer {
    file: File,
    contents: AtomicU64,
    bytes: AtomicU64,
}

impl Writer {
    /// Writes to this file.
    pub fn new(file: File) -> Self {
        Self { file, contents: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    fn write(&self, offset: u64, bytes: &[u8]) {
        // Without a journal a death costs more than one file; parsing goes on.
        let _ = self.file.write_all_at(bytes, offset);
    }
}

impl Journal for Writer {
    fn begin(&self, content: &Digest, size: u64) -> u64 {
        let thread = rayon::current_thread_index().unwrap_or(0) as u64;
        let slot = thread.min(SLOTS - 1);
        let sequence = self.contents.fetch_add(1, Ordering::Relaxed) + 1;
        let bytes = self.bytes.fetch_add(size, Ordering::Relaxed) + size;
        let mut record = [0; SLOT];
        record[..32].copy_from_slice(content.as_bytes());
        record[32..40].copy_from_slice(&sequence.to_le_bytes());
        record[40] = 1;
        self.write(HEADER + slot * SLOT as u64, &record);
        let mut header = [0; HEADER as usize];
        header[..8].copy_from_slice(&sequence.to_le_bytes());
        header[8..].copy_from_slice(&bytes.to_le_bytes());
        self.write(0, &header);
        slot
    }

    fn end(&self, slot: u64) {
        self.write(HEADER + slot * SLOT as u64 + 40, &[0; 8]);
    }
}

/// One content that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Active {
    /// The content.
    pub content: Digest,
    /// Rises with each content, so that a stalled one is told from the next of equal digest.
    pub sequence: u64,
}

/// What the journal says now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Contents begun.
    pub contents: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Contents not ended.
    pub active: Vec<Active>,
}

/// Reads the journal: the parent's side.
pub fn read(file: &File) -> io::Result<Snapshot> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length.min(HEADER as usize + SLOTS as usize * SLOT)];
    file.read_exact_at(&mut bytes, 0)?;
    let Some((header, slots)) = bytes.split_at_checked(HEADER as usize) else {
        return Ok(Snapshot::default());
    };
    let active = slots.chunks_exact(SLOT).filter(|slot| slot[40] == 1).filter_map(|slot| {
        let content = Digest::from_bytes(slot[..32].try_into().ok()?);
        Some(Active { content, sequence: number(&slot[32..40]) })
    });
    Ok(Snapshot {
        contents: number(&header[..8]),
        bytes: number(&header[8..]),
        active: active.collect(),
    })
}

fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_that_have_ended_are_no_suspects() {
        let file = tempfile::tempfile().unwrap();
        let writer = Writer::new(file.try_clone().unwrap());
        let content = Digest::of(b"x");
        let slot = writer.begin(&content, 1);
        let snapshot = read(&file).unwrap();
        assert_eq!(snapshot.active, [Active { content, sequence: 1 }]);
        writer.end(slot);
        let snapshot = read(&file).unwrap();
        assert_eq!((snapshot.contents, snapshot.bytes, snapshot.active), (1, 1, vec![]));
    }
}
