// SPDX-License-Identifier: Apache-2.0
//! Goes through the tree.

use std::collections::{HashMap, HashSet};

use kakoi_model::{ImagePath, Problem, ProblemCode};

use crate::{Input, Meta, Node, Output};

use super::Superblock;
use super::content::{Content, Contents};
use super::inode::Inode;
use super::xattr::read_xattrs;

/// Longest path that is followed, and longest link target (PATH_MAX of Linux).
const PATH_MAX: usize = 4096;

/// Length of `struct erofs_dirent`.
const DIRENT: usize = 12;

/// Largest directory that is read.
const DIRECTORY_LIMIT: usize = 64 << 20;

/// Yields the whole tree.
///
/// # Errors
/// When the root cannot be read, or a limit of the scan is reached.
pub(super) fn read_tree(
    input: &Input,
    superblock: &Superblock,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    let root = Inode::parse(input, superblock, superblock.root)?;
    if root.mode & 0o170_000 != 0o040_000 {
        let at = superblock.inode(superblock.root) as u64;
        return Err(Problem::new(ProblemCode::BadValue, at, "root inode").because("no directory"));
    }
    let mut walk = Walk {
        input,
        superblock,
        contents: Contents::new(input, superblock),
        seen: HashSet::from([superblock.root]),
        files: HashMap::new(),
        stack: vec![(Vec::new(), root.clone())],
    };
    let meta = walk.meta(Vec::new(), &root, output);
    output.node(meta, Node::Directory)?;
    while let Some((path, inode)) = walk.stack.pop() {
        walk.directory(&path, &inode, output)?;
    }
    Ok(())
}

struct Walk<'a> {
    input: &'a Input,
    superblock: &'a Superblock,
    contents: Contents<'a>,
    /// Directories that were entered: each has one name.
    seen: HashSet<u64>,
    /// Files that were read, with their first name.
    files: HashMap<u64, Vec<u8>>,
    stack: Vec<(Vec<u8>, Inode)>,
}

impl Walk<'_> {
    fn directory(
        &mut self,
        path: &[u8],
        inode: &Inode,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let limit = output.content_limit().min(DIRECTORY_LIMIT);
        let bytes = match self.contents.bytes(inode, limit) {
            Ok(bytes) => bytes,
            Err(problem) => {
                output.problem(problem.of_entry(&ImagePath::new(path)));
                return Ok(());
            }
        };
        for block in bytes.chunks(self.superblock.block_size()) {
            for (name, number) in names(block) {
                if name == b"." || name == b".." {
                    continue;
                }
                let separator: &[u8] = if path.is_empty() { b"" } else { b"/" };
                let child = [path, separator, name].concat();
                if let Err(problem) = self.entry(child.clone(), number, output) {
                    if problem.code == ProblemCode::CountLimit {
                        return Err(problem);
                    }
                    output.problem(problem.of_entry(&ImagePath::new(&child)));
                }
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        path: Vec<u8>,
        number: u64,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let inode = Inode::parse(self.input, self.superblock, number)?;
        let meta = self.meta(path, &inode, output);
        let (major, minor) = inode.device();
        let node = match inode.mode & 0o170_000 {
            0o040_000 => {
                self.enter(&meta.path, number, inode)?;
                Node::Directory
            }
            0o100_000 => return self.file(meta, number, &inode, output),
            0o120_000 => Node::Symlink(self.contents.bytes(&inode, PATH_MAX)?),
            0o020_000 => Node::CharDevice(major, minor),
            0o060_000 => Node::BlockDevice(major, minor),
            0o010_000 => Node::Fifo,
            0o140_000 => Node::Socket,
            kind => {
                let at = self.superblock.inode(number) as u64;
                let problem = Problem::new(ProblemCode::BadValue, at, "inode type");
                return Err(problem.because(format!("{kind:o}")));
            }
        };
        output.node(meta, node)
    }

    fn enter(&mut self, path: &[u8], number: u64, inode: Inode) -> Result<(), Problem> {
        let at = self.superblock.inode(number) as u64;
        if path.len() > PATH_MAX {
            return Err(Problem::new(ProblemCode::DepthLimit, at, "directory"));
        }
        if !self.seen.insert(number) {
            return Err(Problem::new(ProblemCode::Cycle, at, "directory"));
        }
        self.stack.push((path.to_vec(), inode));
        Ok(())
    }

    fn file(
        &mut self,
        meta: Meta,
        number: u64,
        inode: &Inode,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        if let Some(first) = self.files.get(&number) {
            return output.hard_link(meta, first);
        }
        let path = meta.path.clone();
        match self.contents.read(inode, output.content_limit())? {
            Content::Stored(range) => {
                output.shared_file(meta, self.input.share(range, "content")?)?;
            }
            Content::Decoded(content) => output.file(meta, content)?,
        }
        self.files.insert(number, path);
        Ok(())
    }

    fn meta(&self, path: Vec<u8>, inode: &Inode, output: &mut Output<'_>) -> Meta {
        let xattrs = read_xattrs(self.input, self.superblock, inode).unwrap_or_else(|problem| {
            output.problem(problem.of_entry(&ImagePath::new(&path)));
            Default::default()
        });
        Meta {
            path,
            mode: Some(inode.mode),
            uid: Some(inode.uid),
            gid: Some(inode.gid),
            mtime: i64::try_from(inode.mtime).ok(),
            xattrs,
        }
    }
}

/// The names of one block of a directory, with the numbers of their inodes. The first name starts
/// where the entries end.
fn names(block: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    let number = |at: usize, length: usize| {
        let bytes = block.get(at..at + length).unwrap_or_default();
        bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
    };
    let start = move |index: usize| number(index * DIRENT + 8, 2) as usize;
    let count = start(0).min(block.len()) / DIRENT;
    (0..count).filter_map(move |index| {
        let end = if index + 1 < count { start(index + 1) } else { block.len() };
        let name = block.get(start(index)..end)?;
        let name = name.split(|&byte| byte == 0).next().filter(|name| !name.is_empty())?;
        Some((name, number(index * DIRENT, 8)))
    })
}
