// SPDX-License-Identifier: Apache-2.0
//! Something that could not be read: data about the input, not a failure of the program.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ContainerId, Digest, ImagePath};

/// A place in the input that could not be read, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Stable reason code; the catalogue is [`ProblemCode`].
    pub code: ProblemCode,
    /// The content in which `offset` counts, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<Digest>,
    /// The container that was being read, once it has a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerId>,
    /// Byte offset in that content.
    pub offset: u64,
    /// The entry that is affected, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<ImagePath>,
    /// The field or step that failed: `inode table`, `block 7`.
    pub subject: Cow<'static, str>,
    /// What is wrong with it, as a sentence part.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Problem {
    /// A problem at a byte offset of the content being read.
    pub fn new(code: ProblemCode, offset: u64, subject: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            blob: None,
            container: None,
            offset,
            path: None,
            subject: subject.into(),
            detail: String::new(),
        }
    }

    /// The same, with what is wrong.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The same, said of one entry.
    #[must_use]
    pub fn of_entry(mut self, path: &ImagePath) -> Self {
        self.path = Some(path.clone());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at 0x{:x}: {}", self.code.as_str(), self.offset, self.subject)?;
        if let Some(path) = &self.path {
            write!(f, " of {path}")?;
        }
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

impl std::error::Error for Problem {}

macro_rules! problem_codes {
    ($($variant:ident = $text:literal: $meaning:literal,)*) => {
        /// Reason codes of what could not be read.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum ProblemCode { $(#[doc = $meaning] $variant,)* }

        impl ProblemCode {
            /// Every code, in the order of the catalogue.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// One sentence for the catalogue.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

problem_codes! {
    Truncated = "truncated": "The input ends before the structure does.",
    BadValue = "bad-value": "A field holds a value that the format does not allow.",
    BadChecksum = "bad-checksum": "A checksum does not match the bytes that it covers.",
    BadStream = "bad-stream": "Compressed data does not decompress.",
    Unsupported = "unsupported": "The format allows this variant, kakoi does not read it.",
    Encrypted = "encrypted": "The content is encrypted; no key is tried.",
    Cycle = "cycle": "A structure refers back to itself.",
    PathEscape = "path-escape": "A name or link tries to leave its container; it was kept beneath it.",
    DuplicateName = "duplicate-name": "Two entries have one path; the later one counts, as when unpacking.",
    SizeLimit = "size-limit": "More output than the limit allows; the rest was left out.",
    CountLimit = "count-limit": "More entries than the limit allows; the rest was left out.",
    DepthLimit = "depth-limit": "Containers are nested deeper than the limit.",
    TimeLimit = "time-limit": "The worker used more processor time than the limit on this content.",
    WorkerDied = "worker-died": "The confined worker died on this content, which was then left out.",
    Unreadable = "unreadable": "The operating system did not let kakoi read the input.",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_codes_are_those_of_the_serialised_form() {
        for code in ProblemCode::ALL {
            let json = serde_json::to_string(code).unwrap_or_default();
            assert_eq!(json, format!("\"{}\"", code.as_str()));
        }
    }
}
