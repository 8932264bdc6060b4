// SPDX-License-Identifier: Apache-2.0
//! btrfs, on one device.

use std::collections::{BTreeMap, HashMap};

use kakoi_model::{Confidence, Endian, ImagePath, Problem, ProblemCode};

use super::names::{Children, Named, name_all};
use super::parts::printable;
use super::unix::{FileType, check_file_size};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Node, Output, Refusal, Scope};

mod content;
mod tree;

use tree::{Item, Volume};

/// The format.
pub(super) struct Btrfs;

static DOC: FormatDoc = FormatDoc {
    name: "btrfs",
    title: "btrfs file system",
    family: Family::FileSystem,
    scope: Scope::Aligned(512),
    magics: &[Magic::at(SUPER + 64, b"_BHRfS_M")],
    reads: "one device (single and DUP): all subvolumes, each where it is mounted in its parent; \
            inline and regular extents, holes; zlib, lzo, zstd; extended attributes",
    limits: "volumes of several devices; the log tree, which a crash leaves; checksums are not \
             compared, nor are the superblock's copies used",
    references: &[
        "btrfs documentation, On-disk Format; Linux include/uapi/linux/btrfs_tree.h (facts only)",
    ],
};

const LITTLE: Endian = Endian::Little;

/// Where the superblock lies.
const SUPER: usize = 0x1_0000;

/// Types of items.
const INODE_ITEM: u8 = 1;
const XATTR_ITEM: u8 = 24;
const DIR_INDEX: u8 = 96;
const EXTENT_DATA: u8 = 108;
const ROOT_ITEM: u8 = 132;

/// The tree of files that is mounted first, and the first object in each tree of files.
const FS_TREE: u64 = 5;
const FIRST_OBJECT: u64 = 256;

/// An object: its tree and its number there.
type Object = (u64, u64);

impl Format for Btrfs {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let at = start.saturating_add(SUPER);
        let sector = input.u32(at + 144, LITTLE, "sector size")?;
        let node = input.u32(at + 148, LITTLE, "node size")?;
        let total = input.size64(at + 112, LITTLE, "size")?;
        let itself = input.u64(at + 48, LITTLE, "place of the superblock")?;
        if !sector.is_power_of_two()
            || !node.is_power_of_two()
            || !(4096..=65536).contains(&node)
            || itself != SUPER as u64
            || total < SUPER + 4096
        {
            return Err(Refusal("superblock"));
        }
        let end = start.saturating_add(total).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let at = claim.start.saturating_add(SUPER);
        output.attribute("label", printable(input.bytes(at + 299, 256, "label")?));
        let size = input.size64(at + 112, LITTLE, "size")?;
        output.attribute("size", size);
        if claim.start.saturating_add(size) > input.len() {
            let problem = Problem::new(ProblemCode::Truncated, input.len() as u64, "file system");
            output.problem(problem.because(format!("{size} bytes from 0x{:x}", claim.start)));
        }
        let mut volume = Volume::read(input, claim.start)?;
        let roots = read_roots(&mut volume)?;
        let mut files = Files::default();
        for (&tree, &root) in &roots {
            volume.walk(root, |item| files.add(tree, item))?;
        }
        std::mem::take(&mut volume.problems).into_iter().for_each(|it| output.problem(it));
        Lister { volume: &volume, files: &files }.list(claim.start, output)
    }
}

/// Logical address of the root of each tree of files.
fn read_roots(volume: &mut Volume<'_>) -> Result<BTreeMap<u64, u64>, Problem> {
    let mut roots = BTreeMap::new();
    let is_files = |tree: u64| tree == FS_TREE || (FIRST_OBJECT..=u64::MAX - 255).contains(&tree);
    volume.walk(volume.root, |item| {
        if item.kind == ROOT_ITEM && is_files(item.object) {
            roots.insert(item.object, item.u64(176));
        }
    })?;
    Ok(roots)
}

/// What the trees of files hold, by object.
#[derive(Default)]
struct Files<'a> {
    inodes: HashMap<Object, Item<'a>>,
    extents: HashMap<Object, Vec<Item<'a>>>,
    xattrs: HashMap<Object, BTreeMap<String, Vec<u8>>>,
    /// Numbers of objects in `children`, and what they stand for.
    numbers: HashMap<Object, u64>,
    objects: Vec<Object>,
    children: Children,
}

impl<'a> Files<'a> {
    fn number(&mut self, object: Object) -> u64 {
        let next = self.objects.len() as u64;
        let number = *self.numbers.entry(object).or_insert(next);
        if number == next {
            self.objects.push(object);
        }
        number
    }

    fn add(&mut self, tree: u64, item: Item<'a>) {
        let object = (tree, item.object);
        match item.kind {
            INODE_ITEM => {
                if FileType::of_mode(item.u32(52)) == Some(FileType::Directory) {
                    let number = self.number(object);
                    self.children.entry(number).or_default();
                }
                self.inodes.insert(object, item);
            }
            EXTENT_DATA => self.extents.entry(object).or_default().push(item),
            XATTR_ITEM => {
                let (name, value) = (item.name(), item.value());
                let name = String::from_utf8_lossy(name).into_owned();
                self.xattrs.entry(object).or_default().insert(name, value.to_vec());
            }
            DIR_INDEX => {
                // A subvolume is named by its tree; its root directory is the first object there.
                let child = match item.u8(8) {
                    ROOT_ITEM => (item.u64(0), FIRST_OBJECT),
                    _ => (tree, item.u64(0)),
                };
                let (number, child) = (self.number(object), self.number(child));
                self.children.entry(number).or_default().push((item.name().to_vec(), child));
            }
            _ => {}
        }
    }
}

struct Lister<'a> {
    volume: &'a Volume<'a>,
    files: &'a Files<'a>,
}

impl Lister<'_> {
    fn list(&self, start: usize, output: &mut Output<'_>) -> Result<(), Problem> {
        let root = (FS_TREE, FIRST_OBJECT);
        let missing = || Problem::new(ProblemCode::BadValue, start as u64, "root directory");
        let number = *self.files.numbers.get(&root).ok_or_else(missing)?;
        let (names, problems) = name_all(&self.files.children, number, start);
        problems.into_iter().for_each(|problem| output.problem(problem));
        let inode = self.files.inodes.get(&root).ok_or_else(missing)?;
        output.node(self.meta(root, inode, Vec::new()), Node::Directory)?;
        for named in names {
            let path = ImagePath::new(&named.path);
            match self.entry(start, named, output) {
                Err(problem) if problem.code == ProblemCode::CountLimit => return Err(problem),
                Err(problem) => output.problem(problem.of_entry(&path)),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn meta(&self, object: Object, inode: &Item<'_>, path: Vec<u8>) -> Meta {
        Meta {
            mode: Some(inode.u32(52)),
            uid: Some(inode.u32(44)),
            gid: Some(inode.u32(48)),
            mtime: Some(inode.u64(136).cast_signed()),
            xattrs: self.files.xattrs.get(&object).cloned().unwrap_or_default(),
            ..Meta::named(path)
        }
    }

    fn entry(&self, start: usize, named: Named, output: &mut Output<'_>) -> Result<(), Problem> {
        let bad = |field| Problem::new(ProblemCode::BadValue, start as u64, field);
        let index = usize::try_from(named.inode).unwrap_or(usize::MAX);
        let object = *self.files.objects.get(index).ok_or_else(|| bad("object"))?;
        let inode = self.files.inodes.get(&object).ok_or_else(|| bad("inode"))?;
        let meta = self.meta(object, inode, named.path);
        let kind = FileType::of_mode(inode.u32(52)).ok_or_else(|| bad("file type"))?;
        let extents = self.files.extents.get(&object).map(Vec::as_slice).unwrap_or_default();
        let size = check_file_size(inode.u64(16), self.volume.input.len(), output, start);
        match kind {
            FileType::Regular => {
                let size = size?;
                match content::read(self.volume, extents, size) {
                    Ok(content) => output.file(meta, content),
                    Err(problem) => output.spend(size).and(Err(problem)),
                }
            }
            FileType::Symlink => {
                let content = content::read(self.volume, extents, size?.min(4096))?;
                output.node(meta, Node::Symlink(content))
            }
            kind => {
                // The kernel's own form: twenty bits of minor number.
                let device = inode.u64(56);
                let device = ((device >> 20) as u32 & 0xfff, device as u32 & 0xf_ffff);
                kind.node(device).map_or(Ok(()), |node| output.node(meta, node))
            }
        }
    }
}
