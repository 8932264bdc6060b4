// SPDX-License-Identifier: Apache-2.0
//! What a format has to say of itself, and the trait behind which every format lives.

use kakoi_model::{Confidence, Problem};

use crate::{Input, Output};

/// One container or file system format.
pub trait Format: Sync {
    /// Its entry in the generated catalogue.
    fn doc(&self) -> &'static FormatDoc;

    /// Does one start at `start`? Cheap: header fields, sizes, checksums of headers; no
    /// decompression of more than a few bytes.
    ///
    /// # Errors
    /// [`Refusal`] when it is something else. A *damaged* one of this format is claimed all the
    /// same, if its header leaves no doubt; [`Format::open`] then reports the damage.
    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal>;

    /// Opens a claimed one: yields its entries to `output`, with problems of single entries, and
    /// goes on after them where it can.
    ///
    /// # Errors
    /// The problem that ended the reading. What was yielded before it stays.
    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem>;
}

/// A stretch of a content that a format takes for its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// First byte.
    pub start: usize,
    /// One past the last byte. Streams whose end shows only on decoding claim all that is left
    /// and correct it with [`Output::ends_at`].
    pub end: usize,
    /// What the recognition rests on.
    pub confidence: Confidence,
}

/// Not this format. The reason is for the developer who debugs a format, not for users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub &'static str);

impl From<Problem> for Refusal {
    fn from(_: Problem) -> Self {
        Self("header leaves the content")
    }
}

/// Where a format is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Only at the first byte of a content: formats whose magic is weak, or that make sense only
    /// as a whole file.
    Start,
    /// Anywhere, at multiples of this many bytes.
    Aligned(usize),
    /// Anywhere.
    Anywhere,
}

/// Bytes that announce a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Magic {
    /// The bytes.
    pub bytes: &'static [u8],
    /// Where they lie, counted from the start of the container.
    pub offset: usize,
}

impl Magic {
    /// A magic at the very start.
    #[must_use]
    pub const fn new(bytes: &'static [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// A magic further in.
    #[must_use]
    pub const fn at(offset: usize, bytes: &'static [u8]) -> Self {
        Self { bytes, offset }
    }
}

/// Families of formats, for the catalogue and for the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Lists files with metadata.
    FileSystem,
    /// Lists files for transport.
    Archive,
    /// One stream in another form.
    Compression,
    /// A vendor's or boot loader's header around parts.
    Header,
    /// Divides a medium into parts.
    Partition,
    /// A kernel in its bootable form.
    Kernel,
}

/// Catalogue entry of a format. A format without magics is tried at the start of every content.
#[derive(Debug)]
pub struct FormatDoc {
    /// Stable name, kebab-case: the value of `format` in facts.
    pub name: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// Family.
    pub family: Family,
    /// Where it is looked for.
    pub scope: Scope,
    /// Bytes that announce it.
    pub magics: &'static [Magic],
    /// What is read: versions, byte orders, compressors.
    pub reads: &'static str,
    /// What is not read, and what can go wrong.
    pub limits: &'static str,
    /// Public descriptions that it was written from.
    pub references: &'static [&'static str],
}
