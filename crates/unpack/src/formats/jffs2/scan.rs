// SPDX-License-Identifier: Apache-2.0
//! Finds the nodes of one file system, and where it ends.
//!
//! JFFS2 has no header that tells its size. Nodes follow each other, aligned to four bytes; the
//! rest of an erase block may be erased (0xff) or hold a node that power loss cut off. The file
//! system ends where within an erase block's length no node follows any more, or where nodes of
//! another file system begin: a second one in the next partition numbers its nodes anew, so that
//! two different names in one directory, or two different stretches of one file, have one version,
//! or that one file has two types.

use std::collections::HashMap;
use std::ops::Range;

use kakoi_model::{Endian, Problem, ProblemCode};

use super::node::{
    Dirent, Inode, Kind, MAGIC, Node, Xattr, Xref, checksum, parse_dirent, parse_inode, parse_node,
    parse_xattr, parse_xref,
};
use crate::Input;

/// All nodes of one file system.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    pub(super) dirents: Vec<Dirent>,
    pub(super) inodes: Vec<Inode>,
    pub(super) xattrs: Vec<Xattr>,
    pub(super) xrefs: Vec<Xref>,
    pub(super) problems: Vec<Problem>,
    /// Distance of cleanmarkers, where there are several.
    pub(super) erase_block: Option<usize>,
    pub(super) end: usize,
}

/// Largest erase block of flash that JFFS2 is used on; as far as this it is looked for more
/// nodes behind something that is none.
const MAX_GARBAGE: usize = 128 << 10;

/// The smallest erase block.
const MIN_ERASE_BLOCK: usize = 4 << 10;

/// Reads all nodes from `start` on.
pub(super) fn find_nodes(input: &Input, start: usize, endian: Endian) -> Nodes {
    let mut scan = Scan { input, endian, start, boundary: start, nodes: Nodes::default() };
    let mut known = HashMap::new();
    let mut markers = Markers::default();
    let mut at = start;
    let mut end = start;
    while let Some(next) = scan.skip_gap(at) {
        if next > at || (next - start).is_multiple_of(MIN_ERASE_BLOCK) {
            scan.boundary = next;
        }
        let Some(node) = parse_node(input, next, endian) else { break };
        if node.kind == Kind::Cleanmarker {
            markers.add(node.start - start);
            scan.boundary = node.start;
        }
        if scan.belongs_to_another(node, &mut known) {
            scan.cut();
            end = scan.boundary;
            break;
        }
        scan.take(node);
        at = node.next();
        end = at.min(input.len());
    }
    let mut nodes = scan.nodes;
    nodes.erase_block = markers.distance();
    nodes.end = end_of_block(input, start, end, nodes.erase_block);
    nodes
}

/// Includes the erased rest of the last erase block, where its size is known.
fn end_of_block(input: &Input, start: usize, end: usize, erase_block: Option<usize>) -> usize {
    let Some(size) = erase_block else { return end };
    let block_end = start.saturating_add((end - start).next_multiple_of(size)).min(input.len());
    let rest = input.as_slice().get(end..block_end).unwrap_or_default();
    if rest.iter().all(|&byte| byte == 0xff) { block_end } else { end }
}

/// Offsets of cleanmarkers: one stands at the start of each erase block.
#[derive(Default)]
struct Markers {
    first: Option<usize>,
    distance: usize,
}

impl Markers {
    fn add(&mut self, offset: usize) {
        let first = *self.first.get_or_insert(offset);
        let (mut a, mut b) = (self.distance, offset - first);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        self.distance = a;
    }

    fn distance(&self) -> Option<usize> {
        (self.distance >= MIN_ERASE_BLOCK).then_some(self.distance)
    }
}

/// What never changes in one file system: the name that a version gives in a directory, the
/// stretch that it gives in a file, and the type of a file.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Identity {
    Name(u32, u32),
    Stretch(u32, u32),
    Type(u32),
}

struct Scan<'a> {
    input: &'a Input,
    endian: Endian,
    start: usize,
    /// Where the erase block, or the nodes behind a gap, began.
    boundary: usize,
    nodes: Nodes,
}

impl Scan<'_> {
    /// The next node at or after `at`: over any length of erased flash, and over a little garbage.
    fn skip_gap(&mut self, at: usize) -> Option<usize> {
        let at = self.skip_erased(at)?;
        if parse_node(self.input, at, self.endian).is_some() {
            return Some(at);
        }
        let magic = match self.endian {
            Endian::Little => MAGIC.to_le_bytes(),
            Endian::Big => MAGIC.to_be_bytes(),
        };
        let window = self.input.tail(at);
        let window = window.get(..MAX_GARBAGE).unwrap_or(window);
        let next = memchr::memmem::find_iter(window, &magic)
            .map(|found| at + found)
            .filter(|next| (next - self.start).is_multiple_of(4))
            .find(|&next| parse_node(self.input, next, self.endian).is_some())?;
        let problem = Problem::new(ProblemCode::BadValue, at as u64, "node header");
        let detail = format!("{} bytes that are no node were passed over", next - at);
        self.nodes.problems.push(problem.because(detail));
        Some(next)
    }

    fn skip_erased(&self, at: usize) -> Option<usize> {
        let erased = self.input.tail(at).iter().take_while(|&&byte| byte == 0xff).count();
        let next = at + erased;
        let aligned = self.start + (next - self.start) / 4 * 4;
        (next < self.input.len()).then_some(aligned.max(at))
    }

    /// Was the same thing seen before the boundary, and different?
    fn belongs_to_another(&self, node: Node, known: &mut HashMap<Identity, (usize, u32)>) -> bool {
        let mut differs = false;
        for (identity, value) in self.identities(node) {
            let (start, first) = *known.entry(identity).or_insert((node.start, value));
            differs |= start < self.boundary && first != value;
        }
        differs
    }

    /// What the node fixes for good. Of stretches that power loss damaged the version may be given
    /// again.
    fn identities(&self, node: Node) -> Vec<(Identity, u32)> {
        let bytes = |range: Range<usize>| {
            self.input.bytes(range.start, range.len(), "node").unwrap_or_default()
        };
        let mut identities = Vec::new();
        if node.kind == Kind::Dirent
            && let Ok(dirent) = parse_dirent(self.input, node, self.endian)
        {
            let identity = Identity::Name(dirent.parent, dirent.version);
            identities.push((identity, checksum(bytes(dirent.name))));
        }
        if node.kind == Kind::Inode
            && let Ok(inode) = parse_inode(self.input, node, self.endian)
        {
            identities.push((Identity::Type(inode.number), inode.mode & 0o170_000));
            if checksum(bytes(inode.data)) == inode.data_checksum {
                let identity = Identity::Stretch(inode.number, inode.version);
                // All fields behind the header, with the checksum of the data.
                identities.push((identity, checksum(bytes(node.start + 12..node.start + 68))));
            }
        }
        identities
    }

    /// Forgets what was taken since the boundary.
    fn cut(&mut self) {
        let boundary = self.boundary;
        self.nodes.dirents.retain(|dirent| dirent.name.start < boundary);
        self.nodes.inodes.retain(|inode| inode.data.start < boundary);
        self.nodes.xattrs.retain(|xattr| xattr.value.start < boundary);
        self.nodes.xrefs.retain(|xref| xref.start < boundary);
        self.nodes.problems.retain(|problem| problem.offset < boundary as u64);
    }

    fn take(&mut self, node: Node) {
        let (input, endian, nodes) = (self.input, self.endian, &mut self.nodes);
        let result = match node.kind {
            Kind::Dirent => parse_dirent(input, node, endian).map(|it| nodes.dirents.push(it)),
            Kind::Inode => parse_inode(input, node, endian).map(|it| nodes.inodes.push(it)),
            Kind::Xattr => parse_xattr(input, node, endian).map(|it| nodes.xattrs.push(it)),
            Kind::Xref => parse_xref(input, node, endian).map(|it| nodes.xrefs.push(it)),
            Kind::Cleanmarker | Kind::Passed => Ok(()),
        };
        if let Err(problem) = result {
            nodes.problems.push(problem);
        }
    }
}
