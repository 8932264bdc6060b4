// SPDX-License-Identifier: Apache-2.0
//! UBIFS, the file system on UBI volumes: nodes found through an index and a journal.
//!
//! Sources: `fs/ubifs/ubifs-media.h`, `replay.c` and `recovery.c` of Linux, and A. Hunter, "A Brief
//! Introduction to the Design of UBIFS" (2008).

use std::collections::{BTreeMap, HashMap};

use kakoi_model::Endian::Little;
use kakoi_model::{Confidence, ImagePath, Problem, ProblemCode};

use self::node::{BLOCK, ENCRYPTED, Inode, MAGIC, parse_data, parse_superblock};
use self::tree::{Tree, read_tree};
use super::names::{Children, name_all};
use super::unix::{FileType, check_file_size, decode_device};
use crate::codec::{Codec, decode_block};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Node, Output, Refusal, Scope};

mod node;
mod tree;

/// The format.
pub(super) struct Ubifs;

static DOC: FormatDoc = FormatDoc {
    name: "ubifs",
    title: "UBIFS file system",
    family: Family::FileSystem,
    scope: Scope::Anywhere,
    magics: &[Magic::new(MAGIC)],
    reads: "index and journal (also after power loss), lzo, zlib and zstd, extended attributes, \
            authenticated images without checking their hashes",
    limits: "encrypted files are left out; with a damaged index all nodes are taken, which can \
             bring back deleted files",
    references: &["Linux fs/ubifs/ubifs-media.h", "Linux fs/ubifs/replay.c"],
};

/// Number of the root directory.
const ROOT: u64 = 1;

/// Compressors by number.
const COMPRESSORS: [&str; 4] = ["none", "lzo", "zlib", "zstd"];

impl Format for Ubifs {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let superblock = parse_superblock(input, start)?;
        let size = superblock.block_size.saturating_mul(superblock.block_count);
        // Unmapped blocks at the end of a volume are not stored.
        let end = start.saturating_add(size).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Checksum })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let superblock = parse_superblock(input, claim.start)?;
        output.attribute("version", superblock.version);
        output.attribute("byte-order", "little");
        output.attribute("block-size", superblock.block_size);
        let name = COMPRESSORS.get(usize::from(superblock.compressor));
        output.attribute("compression", name.copied().unwrap_or("unknown"));
        output.attribute("flags", format_args!("0x{:x}", superblock.flags));
        let mut tree = read_tree(input, claim.start, &superblock);
        if tree.replayed > 0 {
            output.attribute("journal-nodes", tree.replayed);
        }
        std::mem::take(&mut tree.problems).into_iter().for_each(|it| output.problem(it));
        let size = claim.end - claim.start;
        Reader { input, start: claim.start, size, tree, first_names: HashMap::new() }
            .yield_all(output)
    }
}

struct Reader<'a> {
    input: &'a Input,
    start: usize,
    size: usize,
    tree: Tree,
    first_names: HashMap<u64, Vec<u8>>,
}

impl Reader<'_> {
    fn yield_all(mut self, output: &mut Output<'_>) -> Result<(), Problem> {
        let (names, problems) = name_all(&self.children(), ROOT, self.start);
        problems.into_iter().for_each(|problem| output.problem(problem));
        for named in names {
            let result = self.yield_entry(&named.path, named.inode, output);
            match result {
                Err(problem) if problem.code == ProblemCode::CountLimit => return Err(problem),
                Err(problem) => output.problem(problem.of_entry(&ImagePath::new(&named.path))),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn children(&self) -> Children {
        let mut children = Children::new();
        for ((parent, name), inode) in &self.tree.names {
            let entry = (name.clone(), u64::from(*inode));
            children.entry(u64::from(*parent)).or_default().push(entry);
        }
        for (number, inode) in &self.tree.inodes {
            if FileType::of_mode(inode.mode) == Some(FileType::Directory) {
                children.entry(u64::from(*number)).or_default();
            }
        }
        children
    }

    fn yield_entry(
        &mut self,
        path: &[u8],
        number: u64,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let bad = |subject| Problem::new(ProblemCode::BadValue, self.start as u64, subject);
        let key = u32::try_from(number).unwrap_or(u32::MAX);
        let inode = self.tree.inodes.get(&key).ok_or_else(|| bad("inode of the name"))?;
        let kind = FileType::of_mode(inode.mode).ok_or_else(|| bad("file type"))?;
        let meta = Meta {
            path: path.to_vec(),
            mode: Some(inode.mode),
            uid: Some(inode.uid),
            gid: Some(inode.gid),
            mtime: Some(inode.mtime),
            xattrs: self.xattrs(key),
        };
        if kind == FileType::Regular
            && let Some(first) = self.first_names.get(&number)
        {
            return output.hard_link(meta, first);
        }
        self.yield_inode(kind, inode, meta, output)?;
        self.first_names.insert(number, path.to_vec());
        Ok(())
    }

    fn yield_inode(
        &self,
        kind: FileType,
        inode: &Inode,
        meta: Meta,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let data = self.input.bytes(inode.data.start, inode.data.len(), "inode data")?;
        let is_content = matches!(kind, FileType::Regular | FileType::Symlink);
        if inode.flags & ENCRYPTED != 0 && is_content {
            return Err(Problem::new(ProblemCode::Encrypted, inode.data.start as u64, "file"));
        }
        match kind {
            FileType::Symlink => output.node(meta, Node::Symlink(data.to_vec())),
            FileType::Regular => output.file(meta, self.content(inode, output)?),
            _ => {
                let number = match kind {
                    FileType::CharDevice | FileType::BlockDevice => {
                        self.input.u32(inode.data.start, Little, "device number")?
                    }
                    _ => 0,
                };
                let node = kind.node(decode_device(number));
                node.map_or(Ok(()), |node| output.node(meta, node))
            }
        }
    }

    fn xattrs(&self, number: u32) -> BTreeMap<String, Vec<u8>> {
        let own = self.tree.xattrs.range((number, Vec::new())..);
        own.take_while(|(key, _)| key.0 == number)
            .filter_map(|((_, name), value)| {
                let data = &self.tree.inodes.get(value)?.data;
                let value = self.input.bytes(data.start, data.len(), "xattr").ok()?;
                Some((kakoi_model::escape(name), value.to_vec()))
            })
            .collect()
    }

    /// The blocks of a file one after another; those that are not stored are zeros.
    fn content(&self, inode: &Inode, output: &Output<'_>) -> Result<Vec<u8>, Problem> {
        let size = check_file_size(inode.size, self.size, output, inode.data.start)?;
        let mut content = Vec::with_capacity(size);
        let blocks = self.tree.blocks.range((inode.number, 0)..=(inode.number, u32::MAX));
        for (&(_, block), &node) in blocks {
            let start = block as usize * BLOCK;
            if start >= size {
                break;
            }
            content.resize(start, 0);
            let data = parse_data(self.input, node)?;
            let stored = self.input.bytes(data.stored.start, data.stored.len(), "block")?;
            let codec = match data.compressor {
                0 => None,
                1 => Some(Codec::Lzo),
                2 => Some(Codec::Deflate),
                3 => Some(Codec::Zstd),
                other => {
                    let problem =
                        Problem::new(ProblemCode::Unsupported, node.start as u64, "block");
                    return Err(problem.because(format!("compressor {other}")));
                }
            };
            match codec {
                None => content.extend_from_slice(stored.get(..data.size).unwrap_or(stored)),
                Some(codec) => {
                    decode_block(codec, stored, data.size, &mut content)
                        .map_err(|error| error.at(node.start, "block"))?;
                }
            }
        }
        content.resize(size, 0);
        Ok(content)
    }
}
