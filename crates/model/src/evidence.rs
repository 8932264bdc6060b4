// SPDX-License-Identifier: Apache-2.0
//! Where a fact can be seen again.

use serde::{Deserialize, Serialize};

use crate::{ContainerId, Digest, ImagePath};

/// One place of one file in one container of the image.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileRef {
    /// The container that lists the file.
    pub container: ContainerId,
    /// Its path there.
    pub path: ImagePath,
}

/// What was seen, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Evidence {
    /// What was seen, as a short phrase: `PT_GNU_RELRO`, `symbol __stack_chk_fail`.
    pub what: String,
    /// The file, where the fact is not about one file anyway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileRef>,
    /// The content, where the file is known by content only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Byte offset in that file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Line in that file, from 1, for text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The bytes or the line itself, escaped and cut to a readable length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

impl Evidence {
    /// Evidence that needs no place of its own.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    /// The same, seen at a byte offset.
    pub fn at(what: impl Into<String>, offset: u64) -> Self {
        Self { offset: Some(offset), ..Self::new(what) }
    }

    /// The same, with the bytes that were seen (escaped, at most 160 bytes).
    #[must_use]
    pub fn with_excerpt(mut self, raw: &[u8]) -> Self {
        self.excerpt = Some(crate::escape(&raw[..raw.len().min(160)]));
        self
    }

    /// The same, in this file.
    #[must_use]
    pub fn in_file(mut self, file: FileRef) -> Self {
        self.file = Some(file);
        self
    }

    /// The same, on this line (from 1).
    #[must_use]
    pub fn on_line(mut self, line: usize) -> Self {
        self.line = u32::try_from(line).ok();
        self
    }
}
