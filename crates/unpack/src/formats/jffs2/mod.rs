// SPDX-License-Identifier: Apache-2.0
//! JFFS2, the journalling flash file system of Linux: a log of nodes without a superblock.
//!
//! Sources: `include/uapi/linux/jffs2.h`, `fs/jffs2/scan.c` and `readinode.c` of Linux, and
//! D. Woodhouse, "JFFS: The Journalling Flash File System" (2001).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kakoi_model::{Confidence, Endian, ImagePath, Problem, ProblemCode};

use self::file::{assemble_file, name_compressor};
use self::node::{Dirent, Inode, Kind, parse_dirent, parse_inode, parse_node};
use self::scan::{Nodes, find_nodes};
use super::names::{Children, name_all};
use super::unix::{FileType, decode_device, decode_old_device};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Node, Output, Refusal, Scope};

mod file;
mod node;
mod rubin;
mod scan;

/// The format.
pub(super) struct Jffs2;

static DOC: FormatDoc = FormatDoc {
    name: "jffs2",
    title: "JFFS2 file system",
    family: Family::FileSystem,
    scope: Scope::Anywhere,
    magics: &[
        Magic::new(b"\x85\x19\x01\xe0"),
        Magic::new(b"\x85\x19\x02\xe0"),
        Magic::new(b"\x85\x19\x08\xe0"),
        Magic::new(b"\x85\x19\x03\x20"),
        Magic::new(b"\x85\x19\x01\xc0"),
        Magic::new(b"\x85\x19\x02\xc0"),
        Magic::new(b"\x85\x19\x03\x00"),
        Magic::new(b"\x19\x85\x00\x03"),
        Magic::new(b"\x19\x85\xe0\x01"),
        Magic::new(b"\x19\x85\xe0\x02"),
        Magic::new(b"\x19\x85\xe0\x08"),
        Magic::new(b"\x19\x85\x20\x03"),
        Magic::new(b"\x19\x85\xc0\x01"),
        Magic::new(b"\x19\x85\xc0\x02"),
    ],
    reads: "both byte orders; dirents, inodes, cleanmarkers, padding, summaries, extended \
            attributes; none, zero, rtime, rubinmips, dynrubin, zlib, lzo and lzma; the newest \
            version of everything",
    limits: "a file with a damaged stretch that no other version covers is left out; two file \
             systems that touch are told apart only by numbers that they both use",
    references: &["Linux include/uapi/linux/jffs2.h", "Linux fs/jffs2/"],
};

/// The number of the root directory, which no dirent names.
const ROOT: u32 = 1;

impl Format for Jffs2 {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let endian = byte_order(input, start)?;
        let first = parse_node(input, start, endian).ok_or(Refusal("no header checksum"))?;
        match first.kind {
            Kind::Dirent => parse_dirent(input, first, endian).map(|_| ())?,
            Kind::Inode => parse_inode(input, first, endian).map(|_| ())?,
            _ => {}
        }
        // One node is no file system: a second follows, or flash that was erased and marked.
        let next = first.next();
        let erased = first.kind == Kind::Cleanmarker
            && input.tail(next).iter().take(16).all(|&byte| byte == 0xff);
        let follows = parse_node(input, next, endian).is_some();
        if !follows && !erased {
            return Err(Refusal("one node alone"));
        }
        Ok(Claim { start, end: input.len(), confidence: Confidence::Checksum })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let endian = byte_order(input, claim.start).unwrap_or(Endian::Little);
        let mut nodes = find_nodes(input, claim.start, endian);
        output.ends_at(nodes.end);
        output.attribute("byte-order", if endian == Endian::Little { "little" } else { "big" });
        if let Some(size) = nodes.erase_block {
            output.attribute("block-size", size);
        }
        let compressors: BTreeSet<&str> =
            nodes.inodes.iter().filter_map(|node| name_compressor(node.compressor)).collect();
        if !compressors.is_empty() {
            output.attribute("compression", Vec::from_iter(compressors).join(","));
        }
        std::mem::take(&mut nodes.problems).into_iter().for_each(|it| output.problem(it));
        Reader::new(input, claim.start, endian, nodes).yield_all(output)
    }
}

fn byte_order(input: &Input, start: usize) -> Result<Endian, Refusal> {
    match input.array(start, "magic")? {
        [0x85, 0x19] => Ok(Endian::Little),
        [0x19, 0x85] => Ok(Endian::Big),
        _ => Err(Refusal("not the magic")),
    }
}

struct Reader<'a> {
    input: &'a Input,
    start: usize,
    size: usize,
    endian: Endian,
    children: Children,
    /// Nodes of each inode by rising version.
    inodes: HashMap<u32, Vec<Inode>>,
    xattrs: HashMap<u32, BTreeMap<String, Vec<u8>>>,
    first_names: HashMap<u32, Vec<u8>>,
}

impl<'a> Reader<'a> {
    fn new(input: &'a Input, start: usize, endian: Endian, nodes: Nodes) -> Self {
        let xattrs = newest_xattrs(input, &nodes);
        let children = newest_names(input, nodes.dirents);
        let mut inodes: HashMap<u32, Vec<Inode>> = HashMap::new();
        for node in nodes.inodes {
            inodes.entry(node.number).or_default().push(node);
        }
        // Stable: of two copies of one version, the later on the medium counts.
        inodes.values_mut().for_each(|nodes| nodes.sort_by_key(|node| node.version));
        let size = nodes.end.saturating_sub(start);
        let first_names = HashMap::new();
        Self { input, start, size, endian, children, inodes, xattrs, first_names }
    }

    fn yield_all(mut self, output: &mut Output<'_>) -> Result<(), Problem> {
        let mut children = std::mem::take(&mut self.children);
        self.add_empty_directories(&mut children);
        let (names, problems) = name_all(&children, u64::from(ROOT), self.start);
        problems.into_iter().for_each(|problem| output.problem(problem));
        self.report_orphans(&children, &names, output);
        for named in names {
            let inode = u32::try_from(named.inode).unwrap_or(0);
            self.yield_entry(&named.path, inode, output)?;
        }
        Ok(())
    }

    fn add_empty_directories(&self, children: &mut Children) {
        for (number, nodes) in &self.inodes {
            let mode = nodes.last().map_or(0, |node| node.mode);
            if FileType::of_mode(mode) == Some(FileType::Directory) {
                children.entry(u64::from(*number)).or_default();
            }
        }
    }

    /// Directories with entries whose own name was not found.
    fn report_orphans(
        &self,
        children: &Children,
        names: &[super::names::Named],
        output: &mut Output<'_>,
    ) {
        let reached: BTreeSet<u64> = names.iter().map(|named| named.inode).collect();
        for (directory, entries) in children {
            if *directory != u64::from(ROOT) && !entries.is_empty() && !reached.contains(directory)
            {
                let problem =
                    Problem::new(ProblemCode::BadValue, self.start as u64, "parent directory");
                let detail =
                    format!("directory {directory} of {} entries has no name", entries.len());
                output.problem(problem.because(detail));
            }
        }
    }

    fn yield_entry(
        &mut self,
        path: &[u8],
        number: u32,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let nodes = self.inodes.get(&number).map(Vec::as_slice).unwrap_or_default();
        let Some(last) = nodes.last() else {
            let problem = Problem::new(ProblemCode::BadValue, self.start as u64, "inode");
            output.problem(problem.because("the name has none").of_entry(&ImagePath::new(path)));
            return Ok(());
        };
        let meta = Meta {
            path: path.to_vec(),
            mode: Some(last.mode),
            uid: Some(u32::from(last.uid)),
            gid: Some(u32::from(last.gid)),
            mtime: Some(i64::from(last.mtime)),
            xattrs: self.xattrs.get(&number).cloned().unwrap_or_default(),
        };
        let Some(kind) = FileType::of_mode(last.mode) else {
            let problem = Problem::new(ProblemCode::BadValue, last.data.start as u64, "mode");
            let detail = format!("0{:o}", last.mode);
            output.problem(problem.because(detail).of_entry(&ImagePath::new(path)));
            return Ok(());
        };
        if let Some(first) = self.first_names.get(&number).filter(|_| kind == FileType::Regular) {
            return output.hard_link(meta, first);
        }
        match self.yield_node(kind, nodes, meta, output) {
            Ok(()) => {
                self.first_names.insert(number, path.to_vec());
            }
            Err(problem) if problem.code == ProblemCode::CountLimit => return Err(problem),
            Err(problem) => output.problem(problem.of_entry(&ImagePath::new(path))),
        }
        Ok(())
    }

    fn yield_node(
        &self,
        kind: FileType,
        nodes: &[Inode],
        meta: Meta,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        if matches!(kind, FileType::Directory | FileType::Fifo | FileType::Socket) {
            return kind.node((0, 0)).map_or(Ok(()), |node| output.node(meta, node));
        }
        let assembled = match kind {
            // Links and devices do not record the size of what they hold.
            FileType::Regular => assemble_file(self.input, nodes, self.size, output)?,
            _ => assemble_file(self.input, &with_whole_data(nodes), self.size, output)?,
        };
        let path = ImagePath::new(&meta.path);
        assembled.replaced.into_iter().for_each(|it| output.problem(it.of_entry(&path)));
        if let Some(problem) = assembled.missing {
            return Err(problem);
        }
        match kind {
            FileType::Regular => output.file(meta, assembled.content),
            FileType::Symlink => output.node(meta, Node::Symlink(assembled.content)),
            _ => {
                let device = self.device(&assembled.content);
                kind.node(device).map_or(Ok(()), |node| output.node(meta, node))
            }
        }
    }

    /// Two bytes in the old encoding or four in the new one, in the file system's byte order.
    fn device(&self, content: &[u8]) -> (u32, u32) {
        let content = Input::new(content.to_vec().into());
        match content.u32(0, self.endian, "device") {
            Ok(number) => decode_device(number),
            Err(_) => {
                let number = content.u16(0, self.endian, "device").unwrap_or(0);
                decode_old_device(u32::from(number))
            }
        }
    }
}

/// Only the newest node, as long as its data.
fn with_whole_data(nodes: &[Inode]) -> Vec<Inode> {
    let newest = nodes.iter().rev().find(|node| node.length > 0).cloned();
    newest.map(|node| Inode { size: node.length, offset: 0, ..node }).into_iter().collect()
}

/// For each name in each directory the newest dirent; none where that deletes the name.
fn newest_names(input: &Input, dirents: Vec<Dirent>) -> Children {
    let mut newest: BTreeMap<(u32, &[u8]), &Dirent> = BTreeMap::new();
    for dirent in &dirents {
        let name = input.bytes(dirent.name.start, dirent.name.len(), "name").unwrap_or_default();
        let known = newest.entry((dirent.parent, name)).or_insert(dirent);
        if dirent.version >= known.version {
            *known = dirent;
        }
    }
    let mut children = Children::new();
    for ((parent, name), dirent) in newest {
        if dirent.inode != 0 {
            let entry = (name.to_vec(), u64::from(dirent.inode));
            children.entry(u64::from(parent)).or_default().push(entry);
        }
    }
    children
}

/// Extended attributes by inode.
fn newest_xattrs(input: &Input, nodes: &Nodes) -> HashMap<u32, BTreeMap<String, Vec<u8>>> {
    let mut attributes = HashMap::new();
    for xattr in &nodes.xattrs {
        let known = attributes.entry(xattr.id).or_insert(xattr);
        if xattr.version >= known.version {
            *known = xattr;
        }
    }
    let mut references: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    for xref in &nodes.xrefs {
        let sequence = references.entry((xref.inode, xref.xattr)).or_insert(xref.sequence);
        *sequence = (*sequence).max(xref.sequence);
    }
    let mut found: HashMap<u32, BTreeMap<String, Vec<u8>>> = HashMap::new();
    for ((inode, id), sequence) in references {
        let Some(xattr) = attributes.get(&id).filter(|_| sequence % 2 == 0) else { continue };
        let value = input.bytes(xattr.value.start, xattr.value.len(), "xattr").unwrap_or_default();
        found.entry(inode).or_default().insert(xattr.name.clone(), value.to_vec());
    }
    found
}
