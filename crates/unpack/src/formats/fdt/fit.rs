// SPDX-License-Identifier: Apache-2.0
//! FIT: a device tree whose node `/images` holds, or points to, kernels, trees and ramdisks.

use std::ops::Range;

use kakoi_model::{Confidence, Digest, ImagePath, Problem, ProblemCode};
use md5::{Digest as _, Md5};

use super::tree::{self, Node, Tree, printable_name};
use crate::formats::parts::{Part, yield_parts};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct Fit;

static DOC: FormatDoc = FormatDoc {
    name: "fit",
    title: "U-Boot FIT image",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"\xd0\x0d\xfe\xed")],
    reads: "images inside the tree and behind it (data-offset, data-position); CRC32, MD5 and SHA-256 are checked",
    limits: "SHA-1 and signatures are not checked; encrypted images are reported",
    references: &["U-Boot doc/usage/fit/source_file_format.rst"],
};

impl Format for Fit {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let end = tree::end(input, start)?;
        let tree = Tree::parse(input, start)?;
        let images = tree.child(tree.root(), "images").ok_or(Refusal("no images"))?;
        let ends = tree.children(images).filter_map(|image| data(image, start, end));
        let last = ends.map(|range| range.end).max().ok_or(Refusal("images without data"))?;
        let end = last.max(end).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let tree = Tree::parse(input, claim.start)?;
        let end = tree::end(input, claim.start)?;
        describe(&tree, output);
        let images = tree.child(tree.root(), "images");
        let mut parts = Vec::new();
        let mut external = end;
        for image in images.into_iter().flat_map(|images| tree.children(images)) {
            let Some(range) = data(image, claim.start, end) else { continue };
            check(&tree, image, input, &range, output);
            if range.start >= end {
                external = external.max(range.end);
            }
            parts.push(Part::new(printable_name(image.name), range));
        }
        // Between the images in the tree lies the tree, not something unnamed.
        let (inside, outside) = parts.into_iter().partition(|part| part.range.start < end);
        for part in <Vec<Part> as IntoIterator>::into_iter(inside) {
            output.part(part.name, part.range)?;
        }
        yield_parts(input, end..external.min(input.len()), outside, output)
    }
}

/// Where the content of an image lies. Offsets count from the end of the tree, positions from its
/// start.
fn data(image: &Node<'_>, start: usize, end: usize) -> Option<Range<usize>> {
    if let Some((value, at)) = image.place("data") {
        return Some(at..at + value.len());
    }
    let number = |key: &str| image.number(key).and_then(|value| usize::try_from(value).ok());
    let size = number("data-size")?;
    let base = start + (end - start).next_multiple_of(4);
    let from = match (number("data-position"), number("data-offset")) {
        (Some(position), _) => start.checked_add(position)?,
        (None, Some(offset)) => base.checked_add(offset)?,
        (None, None) => return None,
    };
    Some(from..from.checked_add(size)?)
}

fn describe(tree: &Tree<'_>, output: &mut Output<'_>) {
    if let Some(text) = tree.root().texts("description") {
        output.attribute("description", text);
    }
    if let Some(images) = tree.child(tree.root(), "images") {
        let images = tree.children(images).map(|image| {
            let known = ["type", "os", "arch", "compression"];
            let facts = known.iter().filter_map(|key| image.texts(key)).collect::<Vec<_>>();
            format!("{}: {}", printable_name(image.name), facts.join(", "))
        });
        output.attribute("images", images.collect::<Vec<_>>().join("; "));
    }
    if let Some(configurations) = tree.child(tree.root(), "configurations") {
        let names = tree.children(configurations).map(|node| printable_name(node.name));
        output.attribute("configurations", names.collect::<Vec<_>>().join(", "));
        if let Some(default) = configurations.texts("default") {
            output.attribute("default-configuration", default);
        }
    }
}

/// Reports hashes that do not match, and encryption.
fn check(
    tree: &Tree<'_>,
    image: &Node<'_>,
    input: &Input,
    range: &Range<usize>,
    output: &mut Output<'_>,
) {
    let path = ImagePath::new(image.name);
    let offset = range.start as u64;
    let Ok(bytes) = input.bytes(range.start, range.len(), "data") else { return };
    for node in tree.children(image) {
        if node.name.starts_with(b"cipher") {
            output.problem(Problem::new(ProblemCode::Encrypted, offset, "image").of_entry(&path));
        }
        let hash = node.name.starts_with(b"hash");
        let (Some(algorithm), Some(value)) = (node.texts("algo"), node.property("value")) else {
            continue;
        };
        if hash && is_hash(&algorithm, bytes, value) == Some(false) {
            let problem = Problem::new(ProblemCode::BadChecksum, offset, "image");
            output.problem(problem.of_entry(&path).because(algorithm));
        }
    }
}

/// None for algorithms that are not checked.
fn is_hash(algorithm: &str, bytes: &[u8], value: &[u8]) -> Option<bool> {
    match algorithm {
        "crc32" => Some(crc32fast::hash(bytes).to_be_bytes() == value),
        "md5" => Some(Md5::digest(bytes).as_slice() == value),
        "sha256" => Some(Digest::of(bytes).as_bytes() == value),
        _ => None,
    }
}
