// SPDX-License-Identifier: Apache-2.0
//! ext2, ext3 and ext4.
//!
//! A reader of our own: the crate `ext4-view` gives neither device numbers nor extended
//! attributes, and copies what can be shared. Source: Linux Documentation/filesystems/ext4.

use std::collections::{BTreeMap, HashMap, HashSet};

use kakoi_model::Endian::Little;
use kakoi_model::{Confidence, ImagePath, Problem, ProblemCode};

use self::blocks::find_runs;
use self::volume::{Inode, MAGIC, Superblock, Volume, feature, flag};
use self::xattr::read_xattrs;
use super::names::{Children, name_all};
use super::unix::{FileType, check_file_size, decode_device, decode_old_device};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Node, Output, Refusal, Scope};

mod blocks;
mod journal;
mod volume;
mod xattr;

/// The format.
pub(super) struct Ext;

static DOC: FormatDoc = FormatDoc {
    name: "ext",
    title: "ext2, ext3 and ext4 file systems",
    family: Family::FileSystem,
    scope: Scope::Anywhere,
    // The magic has two bytes; the state behind it (clean, errors, orphans) makes it four.
    magics: &[
        Magic::at(MAGIC, b"\x53\xef\x00\x00"),
        Magic::at(MAGIC, b"\x53\xef\x01\x00"),
        Magic::at(MAGIC, b"\x53\xef\x02\x00"),
        Magic::at(MAGIC, b"\x53\xef\x03\x00"),
        Magic::at(MAGIC, b"\x53\xef\x04\x00"),
        Magic::at(MAGIC, b"\x53\xef\x05\x00"),
    ],
    reads: "block maps and extents, 64-bit, meta groups, inline data, extended attributes, \
            journals that were not replayed",
    limits: "compressed and encrypted files and external journals are not read; checksums of \
             metadata are not compared",
    references: &["Linux Documentation/filesystems/ext4"],
};

/// Number of the root directory.
const ROOT: u32 = 2;

impl Format for Ext {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let superblock = Superblock::parse(input, start)?;
        let size = usize::try_from(superblock.size()).unwrap_or(usize::MAX);
        let volume = Volume { input, start, superblock, replayed: HashMap::new() };
        let root = volume.inode(ROOT)?;
        if FileType::of_mode(root.mode) != Some(FileType::Directory) {
            return Err(Refusal("the root is no directory"));
        }
        let end = start.saturating_add(size).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let superblock = Superblock::parse(input, claim.start)?;
        describe(&superblock, output);
        if superblock.size() > (claim.end - claim.start) as u64 {
            let problem = Problem::new(ProblemCode::Truncated, claim.end as u64, "file system");
            output.problem(problem.because(format!("its size is {}", superblock.size())));
        }
        let mut volume = Volume { input, start: claim.start, superblock, replayed: HashMap::new() };
        if volume.superblock.incompat & feature::RECOVER != 0 {
            match journal::read_journal(&volume) {
                Ok(replayed) => {
                    output.attribute("journal-blocks", replayed.len());
                    volume.replayed = replayed;
                }
                Err(problem) => output.problem(problem),
            }
        }
        let size = claim.end - claim.start;
        let room = size as u64;
        Reader { volume, size, room: room.saturating_mul(4), first_names: HashMap::new() }
            .yield_all(output)
    }
}

fn describe(superblock: &Superblock, output: &mut Output<'_>) {
    let is_4 = superblock.incompat & (feature::EXTENTS | feature::BITS_64) != 0;
    let has_journal = superblock.compat & feature::COMPAT_JOURNAL != 0;
    let version = if is_4 {
        4
    } else if has_journal {
        3
    } else {
        2
    };
    output.attribute("version", version);
    output.attribute("byte-order", "little");
    output.attribute("block-size", superblock.block_size);
    if !superblock.label.is_empty() {
        output.attribute("name", kakoi_model::escape(&superblock.label));
    }
}

struct Reader<'a> {
    volume: Volume<'a>,
    size: usize,
    /// Bytes that files may still have that share the blocks: a sound file system's do not overlap.
    room: u64,
    first_names: HashMap<u64, Vec<u8>>,
}

impl Reader<'_> {
    fn yield_all(mut self, output: &mut Output<'_>) -> Result<(), Problem> {
        let children = self.read_directories(output)?;
        let (names, problems) = name_all(&children, u64::from(ROOT), self.volume.start);
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

    /// All directories that can be reached from the root; each is read once.
    fn read_directories(&self, output: &mut Output<'_>) -> Result<Children, Problem> {
        let mut children = Children::new();
        let mut known = HashSet::from([ROOT]);
        let mut room = self.room;
        let mut stack = vec![ROOT];
        while let Some(number) = stack.pop() {
            let entries = self.volume.inode(number).and_then(|inode| {
                // Directories that share blocks or consist of holes must not cost without bound.
                room = room.checked_sub(inode.size).ok_or_else(|| {
                    let place = inode.place as u64;
                    Problem::new(ProblemCode::SizeLimit, place, "directories")
                })?;
                let content = self.content(&inode, output)?;
                Ok(self.parse_directory(&inode, &content, output))
            });
            let entries = match entries {
                Ok(entries) => entries,
                Err(problem) if number == ROOT => return Err(problem),
                Err(problem) => {
                    output.problem(problem);
                    Vec::new()
                }
            };
            for &(_, child) in &entries {
                if self.is_directory(child) && known.insert(child) {
                    stack.push(child);
                }
            }
            let entries = entries.into_iter().map(|(name, child)| (name, u64::from(child)));
            children.insert(u64::from(number), entries.collect());
        }
        Ok(children)
    }

    fn is_directory(&self, number: u32) -> bool {
        let mode = self.volume.inode(number).map_or(0, |inode| inode.mode);
        FileType::of_mode(mode) == Some(FileType::Directory)
    }

    /// Entries, block by block. Nodes of the hash tree look like empty entries.
    fn parse_directory(
        &self,
        inode: &Inode,
        content: &[u8],
        output: &mut Output<'_>,
    ) -> Vec<(Vec<u8>, u32)> {
        let mut entries = Vec::new();
        // An inline directory begins with its parent's number instead of `.` and `..`.
        let is_inline = inode.has(flag::INLINE_DATA);
        let content = if is_inline { content.get(4..).unwrap_or_default() } else { content };
        for (index, block) in content.chunks(self.volume.superblock.block_size).enumerate() {
            let typed = self.volume.superblock.incompat & feature::FILE_TYPE != 0;
            if parse_entries(block, typed, &mut entries).is_none() {
                let problem =
                    Problem::new(ProblemCode::BadValue, inode.place as u64, "directory block");
                output.problem(problem.because(format!("block {index}")));
            }
        }
        entries
    }

    fn yield_entry(
        &mut self,
        path: &[u8],
        number: u64,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let inode = self.volume.inode(u32::try_from(number).unwrap_or(0))?;
        let bad = || Problem::new(ProblemCode::BadValue, inode.place as u64, "mode");
        let kind = FileType::of_mode(inode.mode).ok_or_else(bad)?;
        let mut xattrs: BTreeMap<String, Vec<u8>> = read_xattrs(&self.volume, &inode);
        xattrs.remove("system.data");
        let meta = Meta {
            path: path.to_vec(),
            mode: Some(inode.mode),
            uid: Some(inode.uid),
            gid: Some(inode.gid),
            mtime: Some(inode.mtime),
            xattrs,
        };
        let is_shared = kind == FileType::Regular && inode.links > 1;
        if let Some(first) = self.first_names.get(&number).filter(|_| is_shared) {
            return output.hard_link(meta, first);
        }
        match kind {
            FileType::Regular => self.yield_file(&inode, meta, output)?,
            FileType::Symlink => output.node(meta, Node::Symlink(self.target(&inode, output)?))?,
            _ => {
                let node = kind.node(device(&inode));
                node.map_or(Ok(()), |node| output.node(meta, node))?;
            }
        }
        if is_shared {
            self.first_names.insert(number, path.to_vec());
        }
        Ok(())
    }

    fn yield_file(
        &mut self,
        inode: &Inode,
        meta: Meta,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        if let Some(place) = self.contiguous(inode)? {
            let limit = || Problem::new(ProblemCode::SizeLimit, inode.place as u64, "file");
            let left = self.room.checked_sub(inode.size);
            self.room = left.ok_or_else(|| limit().because("the files overlap"))?;
            let size = usize::try_from(inode.size).unwrap_or(usize::MAX);
            let content = self.volume.input.share(place..place.saturating_add(size), "file")?;
            return output.shared_file(meta, content);
        }
        let content = self.content(inode, output)?;
        output.file(meta, content)
    }

    /// The place of a file that lies in one piece.
    fn contiguous(&self, inode: &Inode) -> Result<Option<usize>, Problem> {
        check_readable(inode)?;
        if inode.has(flag::INLINE_DATA) || inode.size > self.size as u64 {
            return Ok(None);
        }
        let blocks = inode.size.div_ceil(self.volume.superblock.block_size as u64);
        let runs = find_runs(&self.volume, inode, blocks)?;
        let [run] = runs[..] else { return Ok(None) };
        let mut numbers = run.physical..run.physical.saturating_add(run.count);
        let is_replayed = !self.volume.replayed.is_empty()
            && numbers.any(|block| self.volume.replayed.contains_key(&block));
        if run.logical != 0 || run.count != blocks || is_replayed {
            return Ok(None);
        }
        self.volume.place(run.physical).map(Some)
    }

    fn content(&self, inode: &Inode, output: &Output<'_>) -> Result<Vec<u8>, Problem> {
        check_readable(inode)?;
        if inode.has(flag::INLINE_DATA) {
            return Ok(self.inline_content(inode));
        }
        let volume = &self.volume;
        let block_size = volume.superblock.block_size;
        let size = check_file_size(inode.size, self.size, output, inode.place)?;
        let mut content = Vec::with_capacity(size);
        for run in find_runs(volume, inode, size.div_ceil(block_size) as u64)? {
            content.resize((run.logical as usize).saturating_mul(block_size), 0);
            for block in run.physical..run.physical.saturating_add(run.count) {
                content.extend_from_slice(volume.block(block)?);
            }
        }
        content.resize(size, 0);
        Ok(content)
    }

    /// The first bytes lie where the block map would, the rest in an extended attribute.
    fn inline_content(&self, inode: &Inode) -> Vec<u8> {
        let mut content = inode.map.to_vec();
        content.extend(read_xattrs(&self.volume, inode).remove("system.data").unwrap_or_default());
        content.truncate(usize::try_from(inode.size).unwrap_or(usize::MAX));
        content
    }

    fn target(&self, inode: &Inode, output: &Output<'_>) -> Result<Vec<u8>, Problem> {
        let short = usize::try_from(inode.size).ok().and_then(|size| inode.map.get(..size));
        if let Some(target) = short
            && target.len() < inode.map.len()
            && !inode.has(flag::EXTENTS | flag::INLINE_DATA)
            && !inode.has(flag::ENCRYPTED)
        {
            return Ok(target.to_vec());
        }
        let mut target = self.content(inode, output)?;
        target.truncate(MAX_TARGET);
        Ok(target)
    }
}

/// `PATH_MAX` of Linux.
const MAX_TARGET: usize = 4096;

fn check_readable(inode: &Inode) -> Result<(), Problem> {
    let code = if inode.has(flag::ENCRYPTED) {
        ProblemCode::Encrypted
    } else if inode.has(flag::COMPRESSED) {
        ProblemCode::Unsupported
    } else {
        return Ok(());
    };
    Err(Problem::new(code, inode.place as u64, "content"))
}

/// The old encoding in the first number of the map, or the new one in the second.
fn device(inode: &Inode) -> (u32, u32) {
    match inode.map_entry(0) {
        0 => decode_device(inode.map_entry(1)),
        number => decode_old_device(number),
    }
}

/// Entries of one block; none when a length is wrong, with those before it taken.
fn parse_entries(block: &[u8], typed: bool, entries: &mut Vec<(Vec<u8>, u32)>) -> Option<()> {
    let input = Input::new(bytes::Bytes::copy_from_slice(block));
    let mut at = 0;
    while at + 8 <= block.len() {
        let inode = input.u32(at, Little, "entry").ok()?;
        let length = usize::from(input.u16(at + 4, Little, "entry").ok()?);
        // 64 KiB do not fit the field.
        let length = if matches!(length, 0 | 0xffff) && at == 0 { block.len() } else { length };
        let name_length = match typed {
            true => usize::from(input.u8(at + 6, "name length").ok()?),
            false => usize::from(input.u16(at + 6, Little, "name length").ok()?),
        };
        if length < 8 || at + length > block.len() || (inode != 0 && 8 + name_length > length) {
            return None;
        }
        let name = input.bytes(at + 8, name_length, "name");
        if inode != 0
            && let Ok(name) = name
            && !matches!(name, b"." | b"..")
        {
            entries.push((name.to_vec(), inode));
        }
        at += length;
    }
    Some(())
}
