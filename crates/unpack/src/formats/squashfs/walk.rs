// SPDX-License-Identifier: Apache-2.0
//! Goes through the tree, then has the contents read.

use std::collections::{HashMap, HashSet};

use kakoi_model::{ImagePath, Problem, ProblemCode};

use crate::{Input, Meta, Node, Output};

use super::attributes::{read_owner, read_xattrs};
use super::directory::read_names;
use super::files::{File, Files};
use super::inode::{Inode, Inodes, Kind};
use super::metadata::{Metadata, Place};
use super::superblock::{Superblock, Table};

/// Longest path that is followed (PATH_MAX of Linux).
const PATH_MAX: usize = 4096;

/// Bytes of extended attributes of one file system.
const XATTR_LIMIT: usize = 64 << 20;

/// Yields the whole tree. `end` is one past the file system's last byte in the content.
///
/// # Errors
/// When the root cannot be read, or a limit of the scan is reached.
pub(super) fn read_tree(
    input: &Input,
    superblock: &Superblock,
    end: usize,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    let mut walk = Walk {
        input,
        superblock,
        metadata: Metadata::new(input, superblock, end),
        inodes: Inodes::new(superblock),
        owners: HashMap::new(),
        xattr_bytes: 0,
        seen: HashSet::new(),
        stack: Vec::new(),
        files: Vec::new(),
    };
    let result = walk.tree(output);
    let files = std::mem::take(&mut walk.files);
    let result = result.and_then(|()| {
        Files { input, superblock, end, metadata: &mut walk.metadata }.read(files, output)
    });
    if let Some(method) = walk.metadata.decoder.method() {
        output.attribute("compression", method.name());
        if let Some(header) = method.header() {
            output.attribute("lzma-header", header);
        }
    }
    result
}

struct Walk<'a> {
    input: &'a Input,
    superblock: &'a Superblock,
    metadata: Metadata<'a>,
    inodes: Inodes<'a>,
    owners: HashMap<(usize, u32), u32>,
    xattr_bytes: usize,
    /// Directories that were entered: each has one name.
    seen: HashSet<Place>,
    stack: Vec<(Vec<u8>, Place, usize)>,
    files: Vec<File>,
}

impl Walk<'_> {
    fn tree(&mut self, output: &mut Output<'_>) -> Result<(), Problem> {
        let root = self.inodes.place(self.superblock.root);
        let inode = self.inodes.read(&mut self.metadata, root)?;
        let Kind::Directory(..) = inode.kind else {
            let at = self.superblock.start.saturating_add(root.block) as u64;
            return Err(
                Problem::new(ProblemCode::BadValue, at, "root inode").because("no directory")
            );
        };
        self.seen.insert(root);
        self.entry(Vec::new(), inode, output)?;
        while let Some((path, place, length)) = self.stack.pop() {
            self.directory(&path, place, length, output)?;
        }
        Ok(())
    }

    fn directory(
        &mut self,
        path: &[u8],
        place: Place,
        length: usize,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let mut names = Vec::new();
        let listing = read_names(self.superblock, &mut self.metadata, place, length, &mut names);
        if let Err(problem) = listing {
            output.problem(problem.of_entry(&ImagePath::new(path)));
        }
        for name in names {
            let mut child = path.to_vec();
            if !child.is_empty() {
                child.push(b'/');
            }
            child.extend_from_slice(&name.name);
            if let Some(inode) = self.child(&child, name.inode, output) {
                self.entry(child, inode, output)?;
            }
        }
        Ok(())
    }

    /// The inode behind a name; a problem is reported and costs this name only.
    fn child(&mut self, path: &[u8], place: Place, output: &mut Output<'_>) -> Option<Inode> {
        let at = self.superblock.start.saturating_add(place.block) as u64;
        let result = self.inodes.read(&mut self.metadata, place).and_then(|inode| {
            if !matches!(inode.kind, Kind::Directory(..)) {
                return Ok(inode);
            }
            if path.len() > PATH_MAX {
                return Err(Problem::new(ProblemCode::DepthLimit, at, "directory"));
            }
            if !self.seen.insert(place) {
                return Err(Problem::new(ProblemCode::Cycle, at, "directory"));
            }
            Ok(inode)
        });
        result.map_err(|problem| output.problem(problem.of_entry(&ImagePath::new(path)))).ok()
    }

    fn entry(
        &mut self,
        path: Vec<u8>,
        inode: Inode,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let meta = self.meta(path, &inode, output);
        let node = match inode.kind {
            Kind::Directory(place, length) => {
                self.stack.push((meta.path.clone(), place, length));
                Node::Directory
            }
            Kind::File(data) => {
                self.files.push((data, meta));
                return Ok(());
            }
            Kind::Symlink(target) => Node::Symlink(target),
            Kind::BlockDevice(device) => {
                let (major, minor) = self.device(device);
                Node::BlockDevice(major, minor)
            }
            Kind::CharDevice(device) => {
                let (major, minor) = self.device(device);
                Node::CharDevice(major, minor)
            }
            Kind::Fifo => Node::Fifo,
            Kind::Socket => Node::Socket,
        };
        output.node(meta, node)
    }

    /// `new_decode_dev` of Linux for version 4; before, 8 bits each.
    fn device(&self, device: u32) -> (u32, u32) {
        match self.superblock.major {
            4 => ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xf_ff00)),
            _ => (device >> 8, device & 0xff),
        }
    }

    fn meta(&mut self, path: Vec<u8>, inode: &Inode, output: &mut Output<'_>) -> Meta {
        let uid = self.owner(self.superblock.uids, inode.uid, output);
        let gid = match inode.gid {
            Some(number) => self.owner(self.superblock.gids, number, output),
            None => uid,
        };
        let mut meta = Meta {
            path,
            mode: Some(inode.mode),
            uid,
            gid,
            mtime: inode.mtime.map(i64::from),
            ..Meta::default()
        };
        if let Some(number) = inode.xattr {
            self.xattrs(&mut meta, number, output);
        }
        meta
    }

    fn owner(&mut self, table: Table, number: u32, output: &mut Output<'_>) -> Option<u32> {
        if let Some(&owner) = self.owners.get(&(table.start, number)) {
            return Some(owner);
        }
        match read_owner(self.input, self.superblock, &mut self.metadata, table, number) {
            Ok(owner) => {
                self.owners.insert((table.start, number), owner);
                Some(owner)
            }
            Err(problem) => {
                output.problem(problem);
                None
            }
        }
    }

    fn xattrs(&mut self, meta: &mut Meta, number: u32, output: &mut Output<'_>) {
        let result = if self.xattr_bytes > XATTR_LIMIT {
            let at = self.superblock.start as u64;
            Err(Problem::new(ProblemCode::SizeLimit, at, "xattr"))
        } else {
            read_xattrs(self.input, self.superblock, &mut self.metadata, number)
        };
        match result {
            Ok(xattrs) => {
                self.xattr_bytes += xattrs.values().map(|value| value.len() + 64).sum::<usize>();
                meta.xattrs = xattrs;
            }
            Err(problem) => output.problem(problem.of_entry(&ImagePath::new(&meta.path))),
        }
    }
}
