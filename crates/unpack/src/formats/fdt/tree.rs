// SPDX-License-Identifier: Apache-2.0
//! The tree itself: nodes in a flat list, properties as slices of the content.

use std::collections::HashMap;

use kakoi_model::{Endian, Problem, ProblemCode, escape};

use crate::Input;

const BIG: Endian = Endian::Big;

/// Tokens of the structure block (section 5.4.1).
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;

/// Nodes of one tree: the largest of Linux have some thousands.
const MAX_NODES: usize = 1 << 16;

/// A node's properties: only their slices are kept.
pub(super) struct Node<'a> {
    pub(super) name: &'a [u8],
    index: usize,
    parent: Option<usize>,
    /// In the order of the tree, with the offset of the value.
    properties: Vec<(&'a [u8], &'a [u8], usize)>,
}

/// A tree that was read to its end.
pub(super) struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    children: HashMap<usize, Vec<usize>>,
}

/// One past the last byte of the tree, in the content.
pub(super) fn end(input: &Input, start: usize) -> Result<usize, Problem> {
    let size = input.size32(start + 4, BIG, "total size")?;
    let version = input.u32(start + 20, BIG, "version")?;
    let compatible = input.u32(start + 24, BIG, "compatible version")?;
    if input.u32(start, BIG, "magic")? != 0xd00d_feed
        || size < 0x38
        || !(16..=17).contains(&version)
        || compatible > version
        || !begins_with_node(input, start, size)?
    {
        return Err(Problem::new(ProblemCode::BadValue, start as u64, "device tree header"));
    }
    input.bytes(start, size, "device tree").map(|_| start + size)
}

/// Does the structure lie in the tree and begin with a root, whose name is empty?
fn begins_with_node(input: &Input, start: usize, size: usize) -> Result<bool, Problem> {
    let structure = input.size32(start + 8, BIG, "structure offset")?;
    let strings = input.size32(start + 12, BIG, "strings offset")?;
    let within = structure >= 0x28 && structure < size && strings >= 0x28 && strings <= size;
    Ok(within && input.bytes(start + structure, 8, "root")? == [0, 0, 0, 1, 0, 0, 0, 0].as_slice())
}

impl<'a> Tree<'a> {
    /// Reads all nodes.
    pub(super) fn parse(input: &'a Input, start: usize) -> Result<Self, Problem> {
        let end = end(input, start)?;
        let strings = start.saturating_add(input.size32(start + 12, BIG, "strings offset")?);
        let mut at = start.saturating_add(input.size32(start + 8, BIG, "structure offset")?);
        let bad =
            |at: usize, what: &'static str| Problem::new(ProblemCode::BadValue, at as u64, what);
        let mut nodes: Vec<Node<'a>> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        loop {
            if at >= end {
                return Err(bad(at, "end of the structure"));
            }
            let token = input.u32(at, BIG, "token")?;
            at += 4;
            match token {
                BEGIN_NODE if nodes.len() < MAX_NODES => {
                    let name = text(input, at, end)?;
                    let (index, parent) = (nodes.len(), open.last().copied());
                    if parent.is_none() && index > 0 {
                        return Err(bad(at, "second root"));
                    }
                    open.push(index);
                    nodes.push(Node { name, index, parent, properties: Vec::new() });
                    at += (name.len() + 1).next_multiple_of(4);
                }
                END_NODE => {
                    open.pop().ok_or_else(|| bad(at, "end of a node"))?;
                }
                PROPERTY => {
                    let length = input.size32(at, BIG, "length of a property")?;
                    let name = input.size32(at + 4, BIG, "name of a property")?;
                    let name = text(input, strings.saturating_add(name), end)?;
                    let value = input.bytes(at + 8, length, "property")?;
                    let node = open.last().and_then(|&index| nodes.get_mut(index));
                    node.ok_or_else(|| bad(at, "property"))?.properties.push((name, value, at + 8));
                    at += 8 + length.next_multiple_of(4);
                }
                NOP => {}
                END if open.is_empty() && !nodes.is_empty() => break,
                _ => return Err(bad(at - 4, "token")),
            }
        }
        let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
        for node in &nodes {
            if let Some(parent) = node.parent {
                children.entry(parent).or_default().push(node.index);
            }
        }
        Ok(Self { nodes, children })
    }

    pub(super) fn root(&self) -> &Node<'a> {
        &self.nodes[0]
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node<'a>> {
        self.nodes.iter()
    }

    pub(super) fn parent(&self, node: &Node<'a>) -> Option<&Node<'a>> {
        self.nodes.get(node.parent?)
    }

    pub(super) fn children(&self, node: &Node<'a>) -> impl Iterator<Item = &Node<'a>> {
        self.children
            .get(&node.index)
            .into_iter()
            .flatten()
            .filter_map(|&index| self.nodes.get(index))
    }

    pub(super) fn child(&self, node: &Node<'a>, name: &str) -> Option<&Node<'a>> {
        self.children(node).find(|child| child.name == name.as_bytes())
    }
}

impl<'a> Node<'a> {
    pub(super) fn property(&self, name: &str) -> Option<&'a [u8]> {
        self.place(name).map(|(value, _)| value)
    }

    /// The value and its offset in the content.
    pub(super) fn place(&self, name: &str) -> Option<(&'a [u8], usize)> {
        let found = self.properties.iter().find(|(key, ..)| *key == name.as_bytes());
        found.map(|&(_, value, at)| (value, at))
    }

    /// The strings of a property, joined by commas.
    pub(super) fn texts(&self, name: &str) -> Option<String> {
        let value = self.property(name)?;
        let texts = value.split(|&byte| byte == 0).filter(|text| !text.is_empty());
        Some(texts.map(escape).collect::<Vec<_>>().join(", "))
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.property(name).and_then(number)
    }
}

/// A number of one or two cells; none has no value.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    match *bytes {
        [] => Some(0),
        [a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d]).into()),
        [a, b, c, d, e, f, g, h] => Some(u64::from_be_bytes([a, b, c, d, e, f, g, h])),
        _ => None,
    }
}

pub(super) fn printable_name(name: &[u8]) -> String {
    escape(name)
}

/// Longest name: the specification allows 31, writers do not care.
const MAX_NAME: usize = 1024;

fn text(input: &Input, at: usize, end: usize) -> Result<&[u8], Problem> {
    let limit = end.saturating_sub(at).min(MAX_NAME);
    let bytes = input.bytes(at, limit, "name")?;
    let length = memchr::memchr(0, bytes);
    length
        .map(|length| &bytes[..length])
        .ok_or_else(|| Problem::new(ProblemCode::BadValue, at as u64, "name"))
}
