// SPDX-License-Identifier: Apache-2.0
//! Read-only file mappings as shared bytes.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::ptr::NonNull;

use bytes::Bytes;

/// Maps `length` bytes of a file from `offset`. The offset need not be a multiple of the page size.
///
/// The bytes stay what they are only while nobody changes the file. An image that is truncated by
/// another process while it is read ends the worker (`SIGBUS`), which the parent reports.
///
/// # Errors
/// When the range leaves the file, or the kernel refuses.
pub fn map_file(file: &File, offset: u64, length: usize) -> io::Result<Bytes> {
    if length == 0 {
        return Ok(Bytes::new());
    }
    // Seeking needs no more rights than a confined worker has; asking for metadata would.
    let available = (&mut &*file).seek(SeekFrom::End(0))?;
    if offset.checked_add(length as u64).is_none_or(|end| end > available) {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the range leaves the file"));
    }
    let skip = usize::try_from(offset % PAGE).map_err(io::Error::other)?;
    let mapping = Mapping::new(file, offset - skip as u64, skip + length)?;
    Ok(Bytes::from_owner(mapping).slice(skip..))
}

/// Largest page size of the machines that kakoi runs on (AArch64 has up to 64 KiB).
const PAGE: u64 = 64 << 10;

struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

impl Mapping {
    fn new(file: &File, offset: u64, length: usize) -> io::Result<Self> {
        let offset = libc::off_t::try_from(offset).map_err(io::Error::other)?;
        // SAFETY: a new private read-only mapping is asked for, at an address of the kernel's
        // choice; no memory of this process is touched.
        // JUSTIFICATION: a mapping lets the kernel drop pages of large images instead of holding
        // them on the heap; memmap2's is the same call, and its SAFETY is the same.
        #[allow(unsafe_code)]
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ,
                libc::MAP_PRIVATE,
                file.as_raw_fd(),
                offset,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("null mapping"))?;
        Ok(Self { start, length })
    }
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the mapping is `length` readable bytes until it is dropped.
        // JUSTIFICATION: there is no other way to look at mapped memory.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts(self.start.as_ptr(), self.length)
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `start` and `length` are those of the mapping, and no reference outlives it.
        // JUSTIFICATION: mappings are not freed by anything else.
        #[allow(unsafe_code)]
        unsafe {
            libc::munmap(self.start.as_ptr().cast(), self.length);
        }
    }
}

// SAFETY: the mapping is read-only memory that belongs to this value alone.
// JUSTIFICATION: contents are read by all threads of a worker.
#[allow(unsafe_code)]
unsafe impl Send for Mapping {}

// SAFETY: as above; shared references only read.
// JUSTIFICATION: as above.
#[allow(unsafe_code)]
unsafe impl Sync for Mapping {}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_range_at_any_offset_is_what_the_file_holds() {
        let mut file = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
        file.write_all(&content).unwrap();
        let bytes = map_file(&file, 70_001, 100_000).unwrap();
        assert_eq!(&bytes[..], &content[70_001..170_001]);
        assert_eq!(map_file(&file, 5, 0).unwrap().len(), 0);
    }

    #[test]
    fn a_range_beyond_the_end_is_refused_and_not_a_bus_error() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"short").unwrap();
        assert!(map_file(&file, 0, 6).is_err());
        assert!(map_file(&file, u64::MAX, 2).is_err());
    }
}
