// SPDX-License-Identifier: Apache-2.0
//! Flattened device trees: plain ones that describe a board, and FIT images.

use kakoi_model::{Confidence, Problem};

use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

mod fit;
mod tree;

pub(super) use fit::Fit;
use tree::{Node, Tree};

/// A plain device tree.
pub(super) struct Dtb;

static DOC: FormatDoc = FormatDoc {
    name: "dtb",
    title: "flattened device tree",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"\xd0\x0d\xfe\xed")],
    reads: "model, compatible, boot arguments, flash partitions, as attributes; no entries",
    limits: "versions before 16; sizes and addresses of more than 64 bits",
    references: &["Devicetree Specification 0.4, section 5"],
};

/// Partitions that are listed.
const MAX_PARTITIONS: usize = 64;

impl Format for Dtb {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let end = tree::end(input, start)?;
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        // What was read of a damaged tree is taken, so that the rest is searched, but no byte twice.
        let tree = Tree::parse(input, claim.start).inspect_err(|problem| {
            output.ends_at(usize::try_from(problem.offset).unwrap_or(claim.end));
        })?;
        let root = tree.root();
        for key in ["model", "compatible"] {
            if let Some(value) = root.texts(key) {
                output.attribute(key, value);
            }
        }
        if let Some(arguments) = tree.child(root, "chosen").and_then(|node| node.texts("bootargs"))
        {
            output.attribute("bootargs", arguments);
        }
        let partitions = partitions(&tree);
        if !partitions.is_empty() {
            output.attribute("partitions", partitions.join("; "));
        }
        Ok(())
    }
}

/// `label@offset+size` of every node that has a label and lies in a table of partitions.
fn partitions(tree: &Tree<'_>) -> Vec<String> {
    let listed = tree.nodes().filter_map(|node| {
        let parent = tree.parent(node)?;
        let table = parent.name.starts_with(b"partitions")
            || parent.texts("compatible").is_some_and(|text| text.contains("fixed-partitions"))
            || node.name.starts_with(b"partition@");
        let (offset, size) = region(tree, parent, node.property("reg").filter(|_| table)?)?;
        let label = node.texts("label").unwrap_or_else(|| tree::printable_name(node.name));
        Some(format!("{label}@{offset:#x}+{size:#x}"))
    });
    listed.take(MAX_PARTITIONS).collect()
}

/// Offset and size, each of as many cells as the parent says.
fn region(tree: &Tree<'_>, parent: &Node<'_>, reg: &[u8]) -> Option<(u64, u64)> {
    let cells = |key: &str| {
        let value = parent.number(key).or_else(|| tree.parent(parent)?.number(key));
        value.unwrap_or(1)
    };
    let (first, second) = (cells("#address-cells"), cells("#size-cells"));
    let length =
        |cells: u64| usize::try_from(cells).ok().filter(|&cells| cells <= 2).map(|c| c * 4);
    let (offset, rest) = reg.split_at_checked(length(first)?)?;
    Some((tree::number(offset)?, tree::number(rest.get(..length(second)?)?)?))
}
