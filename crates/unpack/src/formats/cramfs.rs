// SPDX-License-Identifier: Apache-2.0
//! cramfs: small files in pages of 4 KiB, zlib, metadata in bit fields of either byte order.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use kakoi_model::{Confidence, Endian, ImagePath, Problem, ProblemCode};

use crate::codec::{Codec, decode_block};
use crate::formats::fields::Fields;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Node, Output, Refusal, Scope};

/// The format.
pub(super) struct Cramfs;

static DOC: FormatDoc = FormatDoc {
    name: "cramfs",
    title: "cramfs file system",
    family: Family::FileSystem,
    scope: Scope::Anywhere,
    magics: &[
        Magic::new(b"\x45\x3d\xcd\x28"),
        Magic::new(b"\x28\xcd\x3d\x45"),
        Magic::at(PAD, b"\x45\x3d\xcd\x28"),
        Magic::at(PAD, b"\x28\xcd\x3d\x45"),
    ],
    reads: "both byte orders, with or without 512 bytes of boot code in front, holes, devices, \
            extended block pointers (blocks stored as they are or elsewhere); the checksum is \
            verified",
    limits: "pages of 4 KiB only",
    references: &["Linux include/uapi/linux/cramfs_fs.h", "Linux fs/cramfs/inode.c"],
};

/// Boot code that may stand in front.
const PAD: usize = 512;

const MAGIC: u32 = 0x28cd_3d45;
const SIGNATURE: &[u8] = b"Compressed ROMFS";

/// Size of the superblock with the root inode, and where that inode lies in it.
const SUPERBLOCK: usize = 76;
const ROOT: usize = 64;
const INODE: usize = 12;

/// Offset of the checksum in the superblock.
const CRC: usize = 32;

const PAGE: usize = 4096;

/// Flags: with checksum; root anywhere; extended block pointers.
const FSID_VERSION_2: u32 = 0x1;
const SHIFTED_ROOT_OFFSET: u32 = 0x400;
const EXT_BLOCK_POINTERS: u32 = 0x800;

/// Bits of extended block pointers: the block is stored as it is; the pointer, in units of 4 bytes,
/// is its start and not its end.
const UNCOMPRESSED: u32 = 1 << 31;
const DIRECT: u32 = 1 << 30;

/// Longest path that is followed (PATH_MAX of Linux).
const PATH_MAX: usize = 4096;

impl Format for Cramfs {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let superblock = Superblock::parse(input, start)?;
        let end = start.saturating_add(superblock.size);
        let whole = end <= input.len();
        let confidence = if whole { Confidence::Structure } else { Confidence::Magic };
        Ok(Claim { start, end: end.min(input.len()), confidence })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let superblock = Superblock::parse(input, claim.start).map_err(|refusal| {
            Problem::new(ProblemCode::BadValue, claim.start as u64, "superblock").because(refusal.0)
        })?;
        superblock.state(output);
        superblock.check_length(input, output);
        let mut reader = Reader {
            input,
            superblock: &superblock,
            end: claim.end,
            seen: HashSet::new(),
            contents: HashMap::new(),
            stack: Vec::new(),
        };
        reader.tree(output)
    }
}

/// What the superblock says.
struct Superblock {
    /// Where offsets count from.
    start: usize,
    /// Where the superblock itself lies.
    at: usize,
    endian: Endian,
    size: usize,
    flags: u32,
    root: Inode,
    name: Vec<u8>,
}

/// An inode: 12 bytes, its name follows.
struct Inode {
    mode: u32,
    uid: u32,
    gid: u32,
    size: usize,
    name: usize,
    offset: usize,
}

impl Superblock {
    fn parse(input: &Input, start: usize) -> Result<Self, Refusal> {
        let plain = Self::parse_at(input, start, start);
        plain.or_else(|_| Self::parse_at(input, start, start.saturating_add(PAD)))
    }

    fn parse_at(input: &Input, start: usize, at: usize) -> Result<Self, Refusal> {
        let endian = match input.u32(at, Endian::Little, "magic")? {
            MAGIC => Endian::Little,
            magic if magic.swap_bytes() == MAGIC => Endian::Big,
            _ => return Err(Refusal("no magic")),
        };
        if input.bytes(at + 16, SIGNATURE.len(), "signature")? != SIGNATURE {
            return Err(Refusal("no signature"));
        }
        let root = Inode::parse(input.bytes(at + ROOT, INODE, "root inode")?, endian);
        let flags = input.u32(at + 8, endian, "flags")?;
        let before = at - start + SUPERBLOCK;
        let shifted = flags & SHIFTED_ROOT_OFFSET != 0 && at == start;
        let placed = root.offset == before || (root.offset == 0 && root.size == 0);
        if root.mode & 0o170_000 != 0o040_000 || !(placed || shifted) {
            return Err(Refusal("no root directory"));
        }
        let size = input.size32(at + 4, endian, "size")?;
        if size < before {
            return Err(Refusal("smaller than its superblock"));
        }
        let name = input.text(at + 48, 16, "name")?.to_vec();
        Ok(Self { start, at, endian, size, flags, root, name })
    }

    fn state(&self, output: &mut Output<'_>) {
        output.attribute("version", if self.flags & FSID_VERSION_2 == 0 { 1 } else { 2 });
        let order = match self.endian {
            Endian::Little => "little",
            Endian::Big => "big",
        };
        output.attribute("byte-order", order);
        output.attribute("compression", "zlib");
        output.attribute("block-size", PAGE);
        if !self.name.is_empty() {
            output.attribute("name", String::from_utf8_lossy(&self.name));
        }
    }

    /// Reports a file system that is cut, or whose bytes are not those that the checksum covers.
    fn check_length(&self, input: &Input, output: &mut Output<'_>) {
        let end = self.start.saturating_add(self.size);
        let Some(bytes) = input.as_slice().get(self.at..end) else {
            let detail = format!("ends at 0x{end:x}, the content at 0x{:x}", input.len());
            let problem = Problem::new(ProblemCode::Truncated, input.len() as u64, "file system");
            output.problem(problem.because(detail));
            return;
        };
        // Boot code in front is not covered; the field itself counts as 0.
        let Ok(stored) = input.u32(self.at + CRC, self.endian, "checksum") else { return };
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&bytes[..CRC]);
        hasher.update(&[0; 4]);
        hasher.update(&bytes[CRC + 4..]);
        let actual = hasher.finalize();
        if self.flags & FSID_VERSION_2 != 0 && actual != stored {
            let at = (self.at + CRC) as u64;
            let detail = format!("0x{stored:08x}, the bytes give 0x{actual:08x}");
            output.problem(Problem::new(ProblemCode::BadChecksum, at, "crc").because(detail));
        }
    }
}

impl Inode {
    fn parse(bytes: &[u8], endian: Endian) -> Self {
        let mut fields = Fields::new(bytes, endian);
        let (mode, uid) = (fields.take32(16), fields.take32(16));
        let (size, gid) = (fields.size(24), fields.take32(8));
        let (name, offset) = (fields.size(6) * 4, fields.size(26) * 4);
        Self { mode, uid, gid, size, name, offset }
    }

    fn meta(&self, path: Vec<u8>) -> Meta {
        let (mode, uid, gid) = (Some(self.mode), Some(self.uid), Some(self.gid));
        Meta { path, mode, uid, gid, ..Meta::default() }
    }
}

struct Reader<'a> {
    input: &'a Input,
    superblock: &'a Superblock,
    end: usize,
    /// Directories that were entered, by offset.
    seen: HashSet<usize>,
    /// Files that were read: the writer lets equal contents share their blocks.
    contents: HashMap<(usize, usize), Vec<u8>>,
    stack: Vec<(Vec<u8>, usize, usize)>,
}

impl Reader<'_> {
    fn tree(&mut self, output: &mut Output<'_>) -> Result<(), Problem> {
        let root = &self.superblock.root;
        output.node(root.meta(Vec::new()), Node::Directory)?;
        self.stack.push((Vec::new(), root.offset, root.size));
        while let Some((path, offset, size)) = self.stack.pop() {
            self.directory(&path, offset, size, output)?;
        }
        Ok(())
    }

    fn directory(
        &mut self,
        path: &[u8],
        offset: usize,
        size: usize,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let mut at = self.superblock.start.saturating_add(offset);
        let end = at.saturating_add(size);
        while at < end {
            let (inode, name) = match self.inode(at) {
                Ok(found) => found,
                Err(problem) => {
                    output.problem(problem.of_entry(&ImagePath::new(path)));
                    break;
                }
            };
            at += INODE + inode.name;
            let separator: &[u8] = if path.is_empty() { b"" } else { b"/" };
            let child = [path, separator, &name].concat();
            let result = self.entry(&inode, child.clone(), output);
            if let Err(problem) = result {
                if problem.code == ProblemCode::CountLimit {
                    return Err(problem);
                }
                output.problem(problem.of_entry(&ImagePath::new(&child)));
            }
        }
        Ok(())
    }

    fn inode(&self, at: usize) -> Result<(Inode, Vec<u8>), Problem> {
        let endian = self.superblock.endian;
        let inode = Inode::parse(self.input.bytes(at, INODE, "inode")?, endian);
        let name = self.input.text(at + INODE, inode.name, "file name")?;
        if name.is_empty() {
            return Err(Problem::new(ProblemCode::BadValue, at as u64, "file name"));
        }
        Ok((inode, name.to_vec()))
    }

    fn entry(
        &mut self,
        inode: &Inode,
        path: Vec<u8>,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let meta = inode.meta(path);
        // Devices keep their number, 8 bits each, in the size.
        let device = ((inode.size >> 8) as u32, (inode.size & 0xff) as u32);
        let node = match inode.mode & 0o170_000 {
            0o040_000 => {
                self.enter(inode, &meta.path)?;
                Node::Directory
            }
            0o100_000 => return self.file(inode, meta, output),
            0o120_000 => Node::Symlink(self.content(inode, PATH_MAX)?),
            0o020_000 => Node::CharDevice(device.0, device.1),
            0o060_000 => Node::BlockDevice(device.0, device.1),
            0o010_000 => Node::Fifo,
            0o140_000 => Node::Socket,
            kind => {
                let at = self.superblock.start.saturating_add(inode.offset);
                let problem = Problem::new(ProblemCode::BadValue, at as u64, "inode type");
                return Err(problem.because(format!("{kind:o}")));
            }
        };
        output.node(meta, node)
    }

    fn enter(&mut self, inode: &Inode, path: &[u8]) -> Result<(), Problem> {
        let at = self.superblock.start.saturating_add(inode.offset) as u64;
        if path.len() > PATH_MAX {
            return Err(Problem::new(ProblemCode::DepthLimit, at, "directory"));
        }
        let root = inode.offset == self.superblock.root.offset;
        if inode.size > 0 && (root || !self.seen.insert(inode.offset)) {
            return Err(Problem::new(ProblemCode::Cycle, at, "directory"));
        }
        self.stack.push((path.to_vec(), inode.offset, inode.size));
        Ok(())
    }

    fn file(&mut self, inode: &Inode, meta: Meta, output: &mut Output<'_>) -> Result<(), Problem> {
        let key = (inode.offset, inode.size);
        if let Some(first) = self.contents.get(&key) {
            return output.hard_link(meta, first);
        }
        let content = self.content(inode, output.content_limit())?;
        let path = meta.path.clone();
        output.file(meta, content)?;
        self.contents.insert(key, path);
        Ok(())
    }

    /// Pages, each described by a pointer to its end; one that ends where it starts is a hole.
    fn content(&self, inode: &Inode, limit: usize) -> Result<Vec<u8>, Problem> {
        let count = inode.size.div_ceil(PAGE);
        let pointers = self.superblock.start.saturating_add(inode.offset);
        let list = self.input.bytes(pointers, count * 4, "block pointers")?;
        if inode.size > limit {
            let problem = Problem::new(ProblemCode::SizeLimit, pointers as u64, "file");
            return Err(problem.because(format!("{} bytes", inode.size)));
        }
        let mut fields = Fields::new(list, self.superblock.endian);
        let mut content = Vec::with_capacity(inode.size);
        let mut next = inode.offset + count * 4;
        while content.len() < inode.size {
            let expected = PAGE.min(inode.size - content.len());
            let (block, compressed) = self.block(fields.take32(32), next, expected)?;
            next = block.end;
            let place = self.superblock.start.saturating_add(block.start);
            if block.is_empty() {
                content.resize(content.len() + expected, 0);
                continue;
            }
            if place.saturating_add(block.len()) > self.end {
                return Err(Problem::new(ProblemCode::Truncated, place as u64, "block"));
            }
            let bytes = self.input.bytes(place, block.len(), "block")?;
            page(bytes, compressed, expected, place, &mut content)?;
        }
        Ok(content)
    }

    /// Where a block lies, counted from the start of the file system, and whether it is compressed.
    fn block(
        &self,
        pointer: u32,
        next: usize,
        expected: usize,
    ) -> Result<(Range<usize>, bool), Problem> {
        let up_to = |end: usize| {
            let at = self.superblock.start.saturating_add(next) as u64;
            let problem = || Problem::new(ProblemCode::BadValue, at, "block pointer");
            if end < next { Err(problem()) } else { Ok(next..end) }
        };
        if self.superblock.flags & EXT_BLOCK_POINTERS == 0 {
            return Ok((up_to(pointer as usize)?, true));
        }
        let compressed = pointer & UNCOMPRESSED == 0;
        let place = (pointer & !(UNCOMPRESSED | DIRECT)) as usize;
        if pointer & DIRECT == 0 {
            return Ok((up_to(place)?, compressed));
        }
        let start = place * 4;
        if !compressed {
            return Ok((start..start + expected, false));
        }
        let at = self.superblock.start.saturating_add(start);
        let length = self.input.u16(at, self.superblock.endian, "block length")?;
        Ok((start + 2..start + 2 + usize::from(length), true))
    }
}

/// Appends one page of `expected` bytes.
fn page(
    bytes: &[u8],
    compressed: bool,
    expected: usize,
    at: usize,
    content: &mut Vec<u8>,
) -> Result<(), Problem> {
    let length = if compressed {
        let result = decode_block(Codec::Zlib, bytes, expected, content);
        result.map_err(|error| error.at(at, "block"))?
    } else {
        let stored = &bytes[..bytes.len().min(expected)];
        content.extend_from_slice(stored);
        stored.len()
    };
    if length == expected {
        return Ok(());
    }
    let problem = Problem::new(ProblemCode::BadValue, at as u64, "block");
    Err(problem.because(format!("{length} bytes instead of {expected}")))
}
