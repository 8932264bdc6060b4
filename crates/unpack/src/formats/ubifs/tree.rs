// SPDX-License-Identifier: Apache-2.0
//! The newest state of a UBIFS: what the index names, and over it what the journal has since.
//!
//! A commit writes the index; later changes are only in the journal, whose blocks the log names.
//! They are replayed in the order of their sequence numbers. When the index is damaged all nodes
//! of the main area are replayed instead; that can bring back what was deleted long ago.

use std::collections::{BTreeMap, HashSet};

use kakoi_model::Endian::Little;
use kakoi_model::{Problem, ProblemCode};

use super::node::{
    BLOCK, Inode, LOG_BLOCK, MAGIC, Master, Node, Superblock, kind, parse_branches, parse_data,
    parse_dirent, parse_inode, parse_master, parse_node,
};
use crate::Input;

/// All that is current.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) inodes: BTreeMap<u32, Inode>,
    pub(super) blocks: BTreeMap<(u32, u32), Node>,
    pub(super) names: BTreeMap<(u32, Vec<u8>), u32>,
    pub(super) xattrs: BTreeMap<(u32, Vec<u8>), u32>,
    pub(super) problems: Vec<Problem>,
    /// Nodes that the journal added.
    pub(super) replayed: usize,
}

/// Reads the tree of the file system at `start`.
pub(super) fn read_tree(input: &Input, start: usize, superblock: &Superblock) -> Tree {
    let area = Area { input, start, superblock };
    let mut tree = Tree::default();
    let result = area.find_master().and_then(|master| {
        area.walk_index(master, &mut tree)?;
        Ok(area.find_journal(master))
    });
    let nodes = result.unwrap_or_else(|problem| {
        let detail = format!("{problem}; all nodes were taken instead");
        let problem = Problem::new(problem.code, problem.offset, "index").because(detail);
        tree = Tree { problems: vec![problem], ..Tree::default() };
        let blocks = superblock.first_main_block()..superblock.block_count;
        blocks.flat_map(|block| area.scan_block(block, 0)).collect()
    });
    tree.replay(input, nodes);
    tree
}

/// The blocks of the file system.
struct Area<'a> {
    input: &'a Input,
    start: usize,
    superblock: &'a Superblock,
}

impl Area<'_> {
    /// A place within the file system as an offset in the content.
    fn place(&self, block: usize, offset: usize) -> Result<usize, Problem> {
        let size = self.superblock.block_size;
        if block < self.superblock.block_count && offset < size {
            return Ok(self.start + block * size + offset);
        }
        let problem = Problem::new(ProblemCode::BadValue, self.start as u64, "address of a node");
        Err(problem.because(format!("block {block}, offset {offset}")))
    }

    /// The newest master node; blocks 1 and 2 hold copies of each.
    fn find_master(&self) -> Result<Master, Problem> {
        let nodes = (1..LOG_BLOCK).flat_map(|block| self.scan_block(block, 0));
        let newest =
            nodes.filter(|node| node.kind == kind::MASTER).max_by_key(|node| node.sequence);
        let none = || Problem::new(ProblemCode::BadValue, self.start as u64, "master node");
        parse_master(self.input, newest.ok_or_else(none)?)
    }

    /// All nodes of a block from `offset` on. They are aligned to 8 bytes; behind the last one
    /// the block is erased or holds what power loss cut off.
    fn scan_block(&self, block: usize, offset: usize) -> Vec<Node> {
        let mut nodes = Vec::new();
        let Ok(mut at) = self.place(block, offset) else { return nodes };
        let end = (self.start + (block + 1) * self.superblock.block_size).min(self.input.len());
        while at + 8 <= end {
            match parse_node(self.input, at) {
                Ok(node) if node.end() <= end => {
                    at = self.skip(node, end);
                    nodes.push(node);
                }
                _ => {
                    let window = self.input.as_slice().get(at + 8..end).unwrap_or_default();
                    let found = memchr::memmem::find_iter(window, MAGIC)
                        .map(|found| at + 8 + found)
                        .find(|next| (next - self.start).is_multiple_of(8));
                    let Some(next) = found else { break };
                    at = next;
                }
            }
        }
        nodes
    }

    /// Where the node after this one may begin: a padding node says how much follows it.
    fn skip(&self, node: Node, end: usize) -> usize {
        let padding = match node.kind {
            kind::PADDING => self.input.size32(node.start + 24, Little, "padding").unwrap_or(0),
            _ => 0,
        };
        let next = node.start + node.length.saturating_add(padding).min(end).next_multiple_of(8);
        next.min(end)
    }

    /// Takes all leaves of the index. Levels must fall, and each node is entered once.
    fn walk_index(&self, master: Master, tree: &mut Tree) -> Result<(), Problem> {
        let mut entered = HashSet::new();
        let root = self.place(master.root_block, master.root_offset)?;
        let mut stack = vec![(root, u32::from(u16::MAX) + 1)];
        while let Some((at, above)) = stack.pop() {
            let node = parse_node(self.input, at)?;
            if node.kind != kind::INDEX {
                return Err(Problem::new(ProblemCode::BadValue, at as u64, "index node"));
            }
            let (level, branches) = parse_branches(self.input, node)?;
            if !entered.insert(at) || u32::from(level) >= above {
                return Err(Problem::new(ProblemCode::Cycle, at as u64, "index node"));
            }
            for &(block, offset) in branches.iter().rev() {
                let place = self.place(block, offset)?;
                if level > 0 {
                    stack.push((place, u32::from(level)));
                } else if entered.insert(place) {
                    self.take_leaf(place, tree);
                }
            }
        }
        Ok(())
    }

    fn take_leaf(&self, place: usize, tree: &mut Tree) {
        let taken = parse_node(self.input, place).and_then(|node| tree.apply(self.input, node));
        if let Err(problem) = taken {
            tree.problems.push(problem);
        }
    }

    /// The nodes of the journal: of all blocks that the log names since the last commit.
    fn find_journal(&self, master: Master) -> Vec<Node> {
        let mut buds: BTreeMap<usize, usize> = BTreeMap::new();
        let count = self.superblock.log_blocks;
        let first = master.log_block.saturating_sub(LOG_BLOCK);
        let mut sequence = 0;
        for index in 0..count {
            let block = LOG_BLOCK + (first.saturating_add(index)) % count;
            let nodes = self.scan_block(block, 0);
            let Some(head) = nodes.first() else { break };
            if index == 0 && head.kind == kind::COMMIT_START {
                sequence = head.sequence;
            } else if head.sequence < sequence {
                break;
            }
            let references = nodes.iter().filter(|node| node.kind == kind::REFERENCE);
            for node in references.filter(|node| node.sequence >= sequence) {
                let field = |offset: usize| self.input.size32(node.start + offset, Little, "log");
                if let (Ok(block), Ok(offset)) = (field(24), field(28)) {
                    let bud = buds.entry(block).or_insert(offset);
                    *bud = offset.min(*bud);
                }
            }
        }
        let nodes = buds.into_iter().flat_map(|(block, offset)| self.scan_block(block, offset));
        nodes.filter(|node| node.sequence >= sequence).collect()
    }
}

impl Tree {
    fn replay(&mut self, input: &Input, mut nodes: Vec<Node>) {
        nodes.sort_by_key(|node| node.sequence);
        self.replayed = nodes.len();
        for node in nodes {
            if let Err(problem) = self.apply(input, node) {
                self.problems.push(problem);
            }
            if node.kind == kind::DATA {
                self.extend_file(input, node);
            }
        }
    }

    /// A file was written to and power was lost before its new size was: the data tell it.
    fn extend_file(&mut self, input: &Input, node: Node) {
        let Ok(data) = parse_data(input, node) else { return };
        let end = u64::from(data.block) * BLOCK as u64 + data.size as u64;
        if let Some(inode) = self.inodes.get_mut(&data.inode) {
            inode.size = inode.size.max(end);
        }
    }

    fn apply(&mut self, input: &Input, node: Node) -> Result<(), Problem> {
        match node.kind {
            kind::INODE => {
                let inode = parse_inode(input, node)?;
                if inode.links == 0 {
                    self.delete(inode.number);
                } else {
                    self.inodes.insert(inode.number, inode);
                }
            }
            kind::DATA => {
                let data = parse_data(input, node)?;
                self.blocks.insert((data.inode, data.block), node);
            }
            kind::DIRENT | kind::XATTR => {
                let dirent = parse_dirent(input, node)?;
                let name = input.bytes(dirent.name.start, dirent.name.len(), "name")?.to_vec();
                let names =
                    if node.kind == kind::XATTR { &mut self.xattrs } else { &mut self.names };
                if dirent.inode == 0 {
                    names.remove(&(dirent.parent, name));
                } else {
                    names.insert((dirent.parent, name), dirent.inode);
                }
            }
            kind::TRUNCATION => {
                let inode = input.u32(node.start + 24, Little, "truncation")?;
                self.truncate(inode, input.u64(node.start + 48, Little, "new size")?);
            }
            _ => {}
        }
        Ok(())
    }

    fn delete(&mut self, inode: u32) {
        self.inodes.remove(&inode);
        self.remove_blocks(inode, 0);
        let xattrs = self.xattrs.range((inode, Vec::new())..);
        let own: Vec<_> =
            xattrs.take_while(|(key, _)| key.0 == inode).map(|(key, _)| key.clone()).collect();
        own.iter().for_each(|key| {
            self.xattrs.remove(key);
        });
    }

    fn truncate(&mut self, inode: u32, size: u64) {
        let blocks = u32::try_from(size.div_ceil(BLOCK as u64)).unwrap_or(u32::MAX);
        self.remove_blocks(inode, blocks);
        if let Some(inode) = self.inodes.get_mut(&inode) {
            inode.size = size;
        }
    }

    fn remove_blocks(&mut self, inode: u32, from: u32) {
        let keys: Vec<_> =
            self.blocks.range((inode, from)..=(inode, u32::MAX)).map(|(key, _)| *key).collect();
        keys.iter().for_each(|key| {
            self.blocks.remove(key);
        });
    }
}
