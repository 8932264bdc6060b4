// SPDX-License-Identifier: Apache-2.0
//! Writes the archive that a kernel unpacks as its first root: cpio, "newc" (kernel:
//! Documentation/driver-api/early-userspace/buffer-format.rst). Everything belongs to root.

use std::io::{self, Write};

/// An archive in the making. Folders must be added before what is in them.
#[derive(Debug)]
pub struct Archive<W: Write> {
    to: W,
    entries: u32,
    length: u64,
}

impl<W: Write> Archive<W> {
    /// An empty one.
    pub fn new(to: W) -> Self {
        Self { to, entries: 0, length: 0 }
    }

    /// Adds a folder; paths have no leading slash.
    ///
    /// # Errors
    /// Of these five: what writing says, or a path or content of 4 GiB.
    pub fn folder(&mut self, path: &str, mode: u32) -> io::Result<()> {
        self.entry(path, 0o040_000 | mode, (0, 0), &[])
    }

    /// Adds a regular file.
    ///
    /// # Errors
    /// See [`Archive::folder`].
    pub fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        self.entry(path, 0o100_000 | mode, (0, 0), content)
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// See [`Archive::folder`].
    pub fn link(&mut self, path: &str, target: &str) -> io::Result<()> {
        self.entry(path, 0o120_777, (0, 0), target.as_bytes())
    }

    /// Adds a character device.
    ///
    /// # Errors
    /// See [`Archive::folder`].
    pub fn device(&mut self, path: &str, mode: u32, numbers: (u32, u32)) -> io::Result<()> {
        self.entry(path, 0o020_000 | mode, numbers, &[])
    }

    /// Ends it.
    ///
    /// # Errors
    /// See [`Archive::folder`].
    pub fn finish(mut self) -> io::Result<W> {
        self.entry("TRAILER!!!", 0, (0, 0), &[])?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn entry(
        &mut self,
        path: &str,
        mode: u32,
        device: (u32, u32),
        content: &[u8],
    ) -> io::Result<()> {
        self.entries += 1;
        let number = |length: usize| {
            u32::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))
        };
        let (size, name) = (number(content.len())?, number(path.len() + 1)?);
        let fields = [self.entries, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, name, 0];
        self.put(b"070701")?;
        for field in fields {
            self.put(format!("{field:08X}").as_bytes())?;
        }
        self.put(path.as_bytes())?;
        self.put(&[0])?;
        self.pad()?;
        self.put(content)?;
        self.pad()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length += bytes.len() as u64;
        self.to.write_all(bytes)
    }

    fn pad(&mut self) -> io::Result<()> {
        let wanted = self.length.next_multiple_of(4) - self.length;
        self.put(&[0; 4][..usize::try_from(wanted).unwrap_or(0)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_thirteen_numbers_and_names_are_padded_to_four() {
        let mut archive = Archive::new(Vec::new());
        archive.file("a", 0o644, b"xyz").unwrap();
        let bytes = archive.finish().unwrap();
        assert_eq!(&bytes[..6], b"070701");
        assert_eq!(&bytes[14..22], b"000081A4");
        assert_eq!(&bytes[110..116], b"a\0xyz\0");
        assert_eq!(bytes.len() % 4, 0);
        assert!(bytes.windows(10).any(|window| window == b"TRAILER!!!"));
    }
}
