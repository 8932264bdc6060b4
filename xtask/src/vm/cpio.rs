// SPDX-License-Identifier: Apache-2.0
//! Writes the archive that a kernel unpacks as its first root: cpio, "newc" (kernel:
//! Documentation/driver-api/early-userspace/buffer-format.rst). Everything belongs to root.

/// What is at a path.
#[derive(Debug, Clone)]
pub enum Entry {
    Directory(u32),
    File(u32, Vec<u8>),
    Link(String),
    /// A character device: mode, major, minor.
    Device(u32, u32, u32),
}

/// An archive in the making.
#[derive(Debug, Clone, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Adds what is at a path (without a leading slash). Folders must be added before what is in them.
    pub fn add(&mut self, path: &str, entry: &Entry) {
        let (mode, device, content) = match entry {
            Entry::Directory(mode) => (0o040_000 | mode, (0, 0), &[][..]),
            Entry::File(mode, content) => (0o100_000 | mode, (0, 0), content.as_slice()),
            Entry::Link(target) => (0o120_777, (0, 0), target.as_bytes()),
            Entry::Device(mode, major, minor) => (0o020_000 | mode, (*major, *minor), &[][..]),
        };
        self.entries += 1;
        self.write(path, self.entries, mode, device, content);
    }

    /// The finished archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.write("TRAILER!!!", 0, 0, (0, 0), &[]);
        self.bytes
    }

    fn write(&mut self, path: &str, inode: u32, mode: u32, device: (u32, u32), content: &[u8]) {
        let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let name = u32::try_from(path.len() + 1).unwrap_or(u32::MAX);
        let fields = [inode, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, name, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_thirteen_numbers_and_names_are_padded_to_four() {
        let mut archive = Archive::default();
        archive.add("a", &Entry::File(0o644, b"xyz".to_vec()));
        let bytes = archive.finish();
        assert_eq!(&bytes[..6], b"070701");
        assert_eq!(&bytes[14..22], b"000081A4");
        assert_eq!(&bytes[110..116], b"a\0xyz\0");
        assert_eq!(bytes.len() % 4, 0);
        assert!(bytes.windows(10).any(|window| window == b"TRAILER!!!"));
    }
}
