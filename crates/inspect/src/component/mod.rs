// SPDX-License-Identifier: Apache-2.0
//! Third-party components: package databases, version strings, symbols, file names.

use std::collections::HashMap;

use kakoi_model::{Component, Digest, ElfFacts, File, KernelFacts, OfContent};

use crate::{Contents, Root};

/// Something in one content that names a component. What it means is decided in
/// [`find_components`], with the path at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Name of the rule in `rules/components.toml`.
    pub rule: String,
    /// Version that the mark tells, if it does.
    pub version: Option<String>,
    /// Byte offset in the content.
    pub offset: u64,
    /// The bytes that matched, cut to a readable length.
    pub excerpt: String,
}

/// Marks in one content: one pass over the bytes for all rules.
pub fn find_marks(_content: &[u8]) -> Vec<Mark> {
    Vec::new()
}

/// The components of an image.
pub fn find_components(
    _files: &[File],
    _roots: &[Root<'_>],
    _elves: &HashMap<Digest, ElfFacts>,
    _marks: &HashMap<Digest, Vec<Mark>>,
    _kernels: &[OfContent<KernelFacts>],
    _contents: &dyn Contents,
) -> Vec<Component> {
    Vec::new()
}
