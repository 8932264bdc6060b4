// SPDX-License-Identifier: Apache-2.0
//! Names that come out of an image. They are bytes of an attacker's choosing.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A path inside a container, as bytes, without a leading slash and without `.`, `..` or empty
/// parts. The root directory is the empty path.
///
/// Holding one proves only that joining it to a directory names something beneath that directory
/// *if no part of it is a symbolic link there*. Rendering escapes control characters, backslashes
/// and bytes that are not UTF-8 as `\xNN`, reversibly.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ImagePath(Vec<u8>);

impl ImagePath {
    /// Makes a path from raw bytes. `..` climbs, but never above the root; the flag tells whether
    /// the raw name was absolute or tried to climb out.
    #[must_use]
    pub fn from_raw(raw: &[u8]) -> (Self, Escape) {
        let mut escape = if raw.first() == Some(&b'/') { Escape::Absolute } else { Escape::None };
        let mut parts: Vec<&[u8]> = Vec::new();
        for part in raw.split(|&byte| byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." if parts.pop().is_none() => escape = Escape::Climbs,
                b".." => {}
                name => parts.push(name),
            }
        }
        (Self(parts.join(&b'/')), escape)
    }

    /// Makes a path from raw bytes when it does not matter how they were written.
    #[must_use]
    pub fn new(raw: impl AsRef<[u8]>) -> Self {
        Self::from_raw(raw.as_ref()).0
    }

    /// The root directory of a container.
    #[must_use]
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// Raw bytes, parts divided by `/`.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Is this the root directory?
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The last part; empty for the root.
    #[must_use]
    pub fn file_name(&self) -> &[u8] {
        self.0.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
    }

    /// The directory that holds it; none for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let cut = self.0.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        Some(Self(self.0[..cut].to_vec()))
    }

    /// `name` (any relative or absolute raw name) seen from this directory, kept beneath the root.
    #[must_use]
    pub fn join(&self, name: impl AsRef<[u8]>) -> Self {
        let name = name.as_ref();
        if name.first() == Some(&b'/') {
            return Self::new(name);
        }
        let mut raw = self.0.clone();
        raw.push(b'/');
        raw.extend_from_slice(name);
        Self::new(raw)
    }

    /// The parts from the root down.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|&byte| byte == b'/').filter(|part| !part.is_empty())
    }

    /// Is it `directory` itself or something beneath it?
    #[must_use]
    pub fn is_within(&self, directory: &Self) -> bool {
        directory.is_root()
            || self.0 == directory.0
            || (self.0.starts_with(&directory.0) && self.0.get(directory.0.len()) == Some(&b'/'))
    }

    /// Rendered, with the leading slash that people expect inside a root file system.
    #[must_use]
    pub fn absolute(&self) -> String {
        format!("/{self}")
    }
}

/// How a raw name tried to leave its container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// It did not.
    None,
    /// It began with a slash.
    Absolute,
    /// It held more `..` than directories.
    Climbs,
}

/// Renders bytes of an attacker's choosing on one line, reversibly: see [`unescape`].
#[must_use]
pub fn escape(raw: &[u8]) -> String {
    let mut text = String::with_capacity(raw.len());
    for chunk in raw.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() || character == '\\' || is_invisible(character) {
                let mut buffer = [0; 4];
                character
                    .encode_utf8(&mut buffer)
                    .bytes()
                    .for_each(|byte| push_hex(&mut text, byte));
            } else {
                text.push(character);
            }
        }
        chunk.invalid().iter().for_each(|&byte| push_hex(&mut text, byte));
    }
    text
}

/// Undoes [`escape`]. Text that `escape` cannot have written is taken as it stands.
#[must_use]
pub fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut raw = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let code = bytes.get(at + 2..at + 4).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = code.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, bytes.get(at + 1), code) {
            (b'\\', Some(b'x'), Some(code)) => {
                raw.push(code);
                at += 4;
            }
            _ => {
                raw.push(byte);
                at += 1;
            }
        }
    }
    raw
}

/// Characters that reorder or hide text around them (Unicode TR 36, bidirectional and zero-width).
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn push_hex(text: &mut String, byte: u8) {
    text.push_str(&format!("\\x{byte:02x}"));
}

impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(&self.0))
    }
}

impl fmt::Debug for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl From<&str> for ImagePath {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl Serialize for ImagePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ImagePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(unescape(&String::deserialize(deserializer)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn climbing_names_stay_beneath_the_root_and_are_told() {
        let (path, escape) = ImagePath::from_raw(b"../../etc/./passwd");
        assert_eq!(path.to_string(), "etc/passwd");
        assert_eq!(escape, Escape::Climbs);
        assert_eq!(ImagePath::from_raw(b"/etc//passwd").1, Escape::Absolute);
        assert_eq!(ImagePath::from_raw(b"a/../b").1, Escape::None);
    }

    #[test]
    fn escaping_is_reversible_for_any_bytes() {
        for raw in
            [&b"plain"[..], b"\x1b[31m\n", b"\\x41", b"\xff\xfe", "ルータ\u{202e}".as_bytes()]
        {
            assert_eq!(unescape(&escape(raw)), raw);
            assert!(!escape(raw).chars().any(char::is_control));
        }
    }

    #[test]
    fn joining_follows_links_like_a_kernel_in_a_chroot() {
        let bin = ImagePath::from("/usr/bin");
        assert_eq!(bin.join("../sbin/init"), ImagePath::from("/usr/sbin/init"));
        assert_eq!(bin.join("/bin/busybox"), ImagePath::from("/bin/busybox"));
        assert_eq!(bin.join("../../../.."), ImagePath::root());
    }
}
