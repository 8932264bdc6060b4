// SPDX-License-Identifier: Apache-2.0
//! Third-party components: package databases, version strings, symbols, file names.
//!
//! What is recognised is data: `rules/components.toml`. [`find_marks`] looks at one content and
//! knows nothing but its bytes; [`find_components`] joins marks with paths, library names, package
//! databases and kernels into one component per name and version.
//!
//! Left out: packages of language ecosystems (pip, npm, LuaRocks), the content of RPM databases
//! (their presence is told), and programs that are statically linked and name themselves nowhere.

mod claim;
mod identity;
mod marks;
mod merge;
mod package;
mod release;
mod rules;
mod scan;

use std::collections::HashMap;

use kakoi_model::{Component, Digest, ElfFacts, File, KernelFacts, OfContent};
use serde::{Deserialize, Serialize};

use crate::{Contents, Root};

/// Something in one content that names a component. What it means is decided in
/// [`find_components`], with the path at hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Name of the rule in `rules/components.toml`.
    pub rule: String,
    /// Version that the mark tells, if it does.
    pub version: Option<String>,
    /// Byte offset in the content.
    pub offset: u64,
    /// The bytes that matched, cut to a readable length.
    pub excerpt: String,
    /// Number of the text in the rule, from 0: earlier ones are more reliable.
    pub pattern: usize,
}

/// Marks in one content: one pass over the bytes for all rules, ordered by offset, at most one per
/// text and version. Total on any bytes.
pub fn find_marks(content: &[u8]) -> Vec<Mark> {
    marks::find(content)
}

/// The components of an image, ordered by name and version. A package database decides on the
/// version of what it owns; what the files themselves say is added to its evidence.
pub fn find_components(
    files: &[File],
    roots: &[Root<'_>],
    elves: &HashMap<Digest, ElfFacts>,
    marks: &HashMap<Digest, Vec<Mark>>,
    kernels: &[OfContent<KernelFacts>],
    contents: &dyn Contents,
) -> Vec<Component> {
    let mut inventory = merge::Inventory::default();
    for root in roots {
        let release = release::find(root);
        let distribution = release.first().map(release::Release::label);
        for package in package::find(root) {
            inventory.add_package(root.container(), package, distribution.as_deref());
        }
        release.into_iter().for_each(|release| inventory.add_release(release));
    }
    for claim in claim::find(files, elves, marks, contents) {
        inventory.add_claim(claim);
    }
    for kernel in kernels {
        inventory.add_kernel(kernel, files);
    }
    inventory.into_components(files)
}

/// Number of programs and libraries that the rules know.
pub fn rule_count() -> usize {
    rules::SHIPPED.rules.len()
}

#[cfg(test)]
mod tests;
