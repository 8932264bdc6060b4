// SPDX-License-Identifier: Apache-2.0
//! What an image is made of: contents, the containers in them, and the files that those list.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Digest, ImagePath};

/// Number of a container in one scan, in the order of discovery (depth first, by offset).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContainerId(pub u32);

/// A part of a content that a format opened: an archive, a file system, a header with parts, a
/// compressed stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its number.
    pub id: ContainerId,
    /// The file that it was found in; none for the image itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<crate::FileRef>,
    /// The content that it was found in.
    pub blob: Digest,
    /// First byte in that content.
    pub offset: u64,
    /// Bytes from the first to the last.
    pub size: u64,
    /// Name of the format in the catalogue, such as `squashfs`.
    pub format: String,
    /// How it was recognised.
    pub confidence: Confidence,
    /// Was everything in it read?
    pub state: OpenState,
    /// Facts of the header: `compression`, `byte-order`, `version`, `load-address` and so on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Number of entries that it lists.
    pub entries: u64,
    /// Does it look like the root of a running Linux system?
    pub root: bool,
}

/// What the recognition of a container rests on, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Only the magic number.
    Magic,
    /// The structure is consistent: sizes, offsets, counts.
    Structure,
    /// A checksum over the header or the content matches.
    Checksum,
}

/// How much of a container could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenState {
    /// All of it.
    Full,
    /// Some; the problems tell what is missing.
    Partial,
    /// Nothing; the problems tell why.
    Failed,
}

/// What a stretch of a content is. The regions of a content cover it without gap or overlap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// The content.
    pub blob: Digest,
    /// First byte.
    pub offset: u64,
    /// Length in bytes.
    pub size: u64,
    /// What it is.
    #[serde(flatten)]
    pub what: RegionKind,
}

/// Kinds of regions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "region", rename_all = "kebab-case")]
pub enum RegionKind {
    /// A container.
    Container {
        /// Its number.
        id: ContainerId,
    },
    /// One byte repeated.
    Padding {
        /// That byte.
        byte: u8,
    },
    /// Recognised, but nothing to open: text, code, a picture, a raw kernel.
    Data {
        /// Name of the kind.
        kind: String,
    },
    /// Not recognised.
    Unknown {
        /// Shannon entropy in bits per byte, 0 to 8: near 8 is compressed or encrypted.
        entropy: f64,
    },
}

impl Eq for RegionKind {}

/// One entry of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The container that lists it.
    pub container: ContainerId,
    /// Its path there.
    pub path: ImagePath,
    /// What it is.
    #[serde(flatten)]
    pub kind: FileKind,
    /// Permission bits with set-user-ID, set-group-ID and sticky (mask 0o7777), where the
    /// container records them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Owner, where the container records it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Group, where the container records it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// Modification time in seconds since 1970-01-01 UTC, where the container records it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtime: Option<i64>,
    /// Extended attributes, by full name, values escaped (see [`crate::escape`]).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub xattrs: BTreeMap<String, String>,
}

/// What an entry is. Hard links are regular files with equal content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FileKind {
    /// A file with content.
    Regular {
        /// Its content.
        digest: Digest,
        /// Its length in bytes.
        size: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink {
        /// Its target as written (escaped).
        target: String,
    },
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl File {
    /// The content of a regular file.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        match self.kind {
            FileKind::Regular { digest, .. } => Some(digest),
            _ => None,
        }
    }

    /// Length in bytes of a regular file; 0 for everything else.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self.kind {
            FileKind::Regular { size, .. } => size,
            _ => 0,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> crate::FileRef {
        crate::FileRef { container: self.container, path: self.path.clone() }
    }
}
