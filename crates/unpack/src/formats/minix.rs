// SPDX-License-Identifier: Apache-2.0
//! minix file systems, versions 1 to 3.

use std::collections::HashSet;

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use super::names::{Children, name_all};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Node, Output, Refusal, Scope};

/// The format.
pub(super) struct Minix;

static DOC: FormatDoc = FormatDoc {
    name: "minix",
    title: "minix file system",
    family: Family::FileSystem,
    scope: Scope::Aligned(512),
    magics: &[
        Magic::at(0x410, b"\x7f\x13"),
        Magic::at(0x410, b"\x8f\x13"),
        Magic::at(0x410, b"\x68\x24"),
        Magic::at(0x410, b"\x78\x24"),
        Magic::at(0x418, b"\x5a\x4d"),
        Magic::at(0x410, b"\x13\x7f"),
        Magic::at(0x410, b"\x13\x8f"),
        Magic::at(0x410, b"\x24\x68"),
        Magic::at(0x410, b"\x24\x78"),
        Magic::at(0x418, b"\x4d\x5a"),
    ],
    reads: "versions 1, 2 and 3, both byte orders, names of 14, 30 and 60 bytes, holes, devices",
    limits: "the format has no checksum",
    references: &["Linux include/uapi/linux/minix_fs.h", "Linux fs/minix/"],
};

/// The superblock lies behind the boot block.
const SUPER: usize = 1024;

const ROOT: u64 = 1;

/// Where things lie, and how wide they are.
struct Volume<'a> {
    input: &'a Input,
    start: usize,
    endian: Endian,
    version: u8,
    block: usize,
    inodes: usize,
    /// First byte of the inode table.
    table: usize,
    blocks: usize,
    first_data: usize,
    name: usize,
}

struct Inode {
    mode: u32,
    links: u32,
    uid: u32,
    gid: u32,
    size: usize,
    mtime: u32,
    zones: Vec<u32>,
}

impl<'a> Volume<'a> {
    fn read(input: &'a Input, start: usize) -> Result<Self, Problem> {
        let at = start.saturating_add(SUPER);
        let bad = |field| Problem::new(ProblemCode::BadValue, at as u64, field);
        let (endian, version, name) = kind(input, at).ok_or_else(|| bad("magic"))?;
        let u16 = |offset: usize, field| input.u16(at + offset, endian, field).map(usize::from);
        let u32 = |offset: usize, field| input.size32(at + offset, endian, field);
        let (inodes, inode_maps, zone_maps, first_data, zone_shift, blocks, block);
        if version == 3 {
            inodes = u32(0, "inodes")?;
            (inode_maps, zone_maps) = (u16(6, "inode map")?, u16(8, "zone map")?);
            (first_data, zone_shift) = (u16(10, "first data zone")?, u16(12, "zone size")?);
            (blocks, block) = (u32(20, "zones")?, u16(28, "block size")?);
        } else {
            inodes = u16(0, "inodes")?;
            (inode_maps, zone_maps) = (u16(4, "inode map")?, u16(6, "zone map")?);
            (first_data, zone_shift) = (u16(8, "first data zone")?, u16(10, "zone size")?);
            blocks = if version == 2 { u32(20, "zones")? } else { u16(2, "zones")? };
            block = 1024;
        }
        let inode_size = if version == 1 { 32 } else { 64 };
        let before = 2 + inode_maps + zone_maps;
        let tables = before + inodes.div_ceil(block.max(1) / inode_size).max(1);
        // Maps have a bit for each inode and zone; the data begins right behind the inodes.
        let maps = inode_maps.saturating_mul(block * 8) > inodes
            && zone_maps.saturating_mul(block * 8) >= blocks.saturating_sub(first_data);
        if !matches!(block, 1024 | 2048 | 4096 | 8192 | 16384 | 32768)
            || zone_shift != 0
            || inodes == 0
            || !maps
            || first_data < tables
            || first_data > tables + 8
            || blocks <= first_data
        {
            return Err(bad("superblock"));
        }
        let table = start.saturating_add(before * block);
        Ok(Self { input, start, endian, version, block, inodes, table, blocks, first_data, name })
    }

    fn inode(&self, number: u64) -> Result<Inode, Problem> {
        let size = if self.version == 1 { 32 } else { 64 };
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        if !(1..=self.inodes).contains(&index) {
            return Err(Problem::new(ProblemCode::BadValue, self.table as u64, "inode number"));
        }
        let at = self.table + (index - 1) * size;
        let u8 = |offset: usize| self.input.u8(at + offset, "inode").map(u32::from);
        let u16 = |offset: usize| self.input.u16(at + offset, self.endian, "inode").map(u32::from);
        let u32 = |offset: usize| self.input.u32(at + offset, self.endian, "inode");
        let to_size = |size| usize::try_from(size).unwrap_or(usize::MAX);
        if self.version == 1 {
            let zones = (0..9).map(|zone| u16(14 + zone * 2)).collect::<Result<_, _>>()?;
            return Ok(Inode {
                mode: u16(0)?,
                links: u8(13)?,
                uid: u16(2)?,
                gid: u8(12)?,
                size: to_size(u32(4)?),
                mtime: u32(8)?,
                zones,
            });
        }
        let zones = (0..10).map(|zone| u32(24 + zone * 4)).collect::<Result<_, _>>()?;
        Ok(Inode {
            mode: u16(0)?,
            links: u16(2)?,
            uid: u16(4)?,
            gid: u16(6)?,
            size: to_size(u32(8)?),
            mtime: u32(16)?,
            zones,
        })
    }

    fn block(&self, number: u32) -> Result<&'a [u8], Problem> {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        if !(self.first_data..self.blocks).contains(&number) {
            return Err(Problem::new(ProblemCode::BadValue, self.start as u64, "zone number"));
        }
        let at = self.start.saturating_add(number.saturating_mul(self.block));
        self.input.bytes(at, self.block, "zone")
    }

    /// The content: seven zones, then those of one, two and three levels of indirection.
    fn content(&self, inode: &Inode, limit: usize) -> Result<Vec<u8>, Problem> {
        let volume = self.blocks.saturating_mul(self.block);
        // Holes let a file be larger than its volume, but not without end.
        if inode.size > limit || inode.size > volume.saturating_mul(64) {
            let problem = Problem::new(ProblemCode::SizeLimit, self.start as u64, "file");
            return Err(problem.because(format!("{} bytes", inode.size)));
        }
        let mut content = Vec::new();
        for (index, &zone) in inode.zones.iter().enumerate() {
            self.append(zone, index.saturating_sub(6), inode.size, &mut content)?;
        }
        content.resize(inode.size.min(content.len()), 0);
        if content.len() < inode.size {
            return Err(Problem::new(ProblemCode::BadValue, self.start as u64, "file size"));
        }
        Ok(content)
    }

    /// Appends what a zone of this level stands for, up to `size`. A hole stands for zeros.
    fn append(
        &self,
        zone: u32,
        level: usize,
        size: usize,
        content: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        let width = if self.version == 1 { 2 } else { 4 };
        let fan = self.block / width;
        if content.len() >= size {
            return Ok(());
        }
        if zone == 0 {
            let span = (0..level).fold(self.block, |span, _| span.saturating_mul(fan));
            content.resize(content.len().saturating_add(span).min(size), 0);
            return Ok(());
        }
        let block = self.block(zone)?;
        if level == 0 {
            content.extend_from_slice(block.get(..size - content.len()).unwrap_or(block));
            return Ok(());
        }
        for entry in block.chunks_exact(width) {
            let number = entry.iter().enumerate().fold(0, |number, (index, &byte)| {
                let shift = if self.endian == Endian::Little { index } else { width - 1 - index };
                number | u32::from(byte) << (8 * shift)
            });
            self.append(number, level - 1, size, content)?;
        }
        Ok(())
    }
}

/// Byte order, version and length of names by the magic. Version 3 keeps it elsewhere.
fn kind(input: &Input, at: usize) -> Option<(Endian, u8, usize)> {
    [Endian::Little, Endian::Big].into_iter().find_map(|endian| {
        if input.u16(at + 0x18, endian, "magic").ok()? == 0x4d5a {
            return Some((endian, 3, 60));
        }
        let (version, name) = match input.u16(at + 0x10, endian, "magic").ok()? {
            0x137f => (1, 14),
            0x138f => (1, 30),
            0x2468 => (2, 14),
            0x2478 => (2, 30),
            _ => return None,
        };
        Some((endian, version, name))
    })
}

impl Format for Minix {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let volume = Volume::read(input, start)?;
        let root = volume.inode(ROOT)?;
        let first = volume.block(root.zones[0])?;
        // The root directory begins with itself.
        if root.mode >> 12 != 4 || root.links < 2 || !begins_with_itself(&volume, first) {
            return Err(Refusal("root directory"));
        }
        let end = start.saturating_add(volume.blocks.saturating_mul(volume.block));
        Ok(Claim { start, end: end.min(input.len()), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let volume = Volume::read(input, claim.start)?;
        output.attribute("version", volume.version);
        let order = if volume.endian == Endian::Little { "little" } else { "big" };
        output.attribute("byte-order", order);
        let size = volume.blocks.saturating_mul(volume.block);
        if claim.start.saturating_add(size) > input.len() {
            let problem = Problem::new(ProblemCode::Truncated, input.len() as u64, "file system");
            output.problem(problem.because(format!("{size} bytes from 0x{:x}", claim.start)));
        }
        let children = directories(&volume, output);
        let (names, problems) = name_all(&children, ROOT, claim.start);
        problems.into_iter().for_each(|problem| output.problem(problem));
        let mut listed = HashSet::new();
        let root = volume.inode(ROOT)?;
        output.node(meta(&root, Vec::new()), Node::Directory)?;
        for named in names {
            let path = kakoi_model::ImagePath::new(&named.path);
            let result = volume.inode(named.inode).and_then(|inode| {
                if inode.mode >> 12 != 4 && !listed.insert(named.inode) {
                    // One content under several names: charged each time, never read again.
                    return again(&volume, named.inode, &inode, named.path, output);
                }
                entry(&volume, &inode, named.path, output)
            });
            match result {
                Err(problem) if problem.code == ProblemCode::CountLimit => return Err(problem),
                Err(problem) => output.problem(problem.of_entry(&path)),
                Ok(()) => {}
            }
        }
        Ok(())
    }
}

/// An inode that was listed before, under a further name.
fn again(
    volume: &Volume<'_>,
    number: u64,
    inode: &Inode,
    path: Vec<u8>,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    if inode.links < 2 {
        let problem = Problem::new(ProblemCode::BadValue, volume.start as u64, "number of links");
        return Err(problem.because(format!("inode {number} has one name")));
    }
    entry(volume, inode, path, output)
}

fn begins_with_itself(volume: &Volume<'_>, first: &[u8]) -> bool {
    let width = if volume.version == 3 { 4 } else { 2 };
    let number = first.get(..width).unwrap_or_default();
    let name = first.get(width..width + volume.name).unwrap_or_default();
    number.iter().map(|&byte| u32::from(byte)).sum::<u32>() == 1 && name.starts_with(b".\0")
}

/// The entries of every directory that can be reached.
fn directories(volume: &Volume<'_>, output: &mut Output<'_>) -> Children {
    let mut children = Children::new();
    let mut waiting = vec![ROOT];
    let mut seen = HashSet::from([ROOT]);
    // Holes cost nothing in the image: all directories together are not larger than it.
    let mut room = volume.input.len();
    while let Some(number) = waiting.pop() {
        let list = volume
            .inode(number)
            .and_then(|inode| volume.content(&inode, room.min(output.content_limit())));
        room = room.saturating_sub(list.as_ref().map_or(0, Vec::len));
        let list = match list {
            Ok(list) => entries(volume, &list),
            Err(problem) => {
                output.problem(problem);
                continue;
            }
        };
        for (_, child) in &list {
            let directory = volume.inode(*child).is_ok_and(|inode| inode.mode >> 12 == 4);
            if directory && seen.insert(*child) {
                waiting.push(*child);
            }
        }
        children.insert(number, list);
    }
    children
}

fn entries(volume: &Volume<'_>, list: &[u8]) -> Vec<(Vec<u8>, u64)> {
    let width = if volume.version == 3 { 4 } else { 2 };
    let names = list.chunks_exact(width + volume.name).filter_map(|entry| {
        let (number, name) = entry.split_at(width);
        let number = number.iter().enumerate().fold(0_u64, |sum, (index, &byte)| {
            let shift = if volume.endian == Endian::Little { index } else { width - 1 - index };
            sum | u64::from(byte) << (8 * shift)
        });
        let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
        let listed = number != 0 && name != b"." && name != b"..";
        listed.then(|| (name.to_vec(), number))
    });
    names.collect()
}

fn meta(inode: &Inode, path: Vec<u8>) -> Meta {
    Meta {
        mode: Some(inode.mode),
        uid: Some(inode.uid),
        gid: Some(inode.gid),
        mtime: Some(i64::from(inode.mtime)),
        ..Meta::named(path)
    }
}

fn entry(
    volume: &Volume<'_>,
    inode: &Inode,
    path: Vec<u8>,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    let meta = meta(inode, path);
    let device = inode.zones.first().copied().unwrap_or(0);
    let (major, minor) = (device >> 8 & 0xff, device & 0xff);
    let node = match inode.mode >> 12 {
        1 => Node::Fifo,
        2 => Node::CharDevice(major, minor),
        4 => Node::Directory,
        6 => Node::BlockDevice(major, minor),
        8 => return output.file(meta, volume.content(inode, output.content_limit())?),
        10 => Node::Symlink(volume.content(inode, volume.block)?),
        12 => Node::Socket,
        kind => {
            let problem = Problem::new(ProblemCode::BadValue, volume.table as u64, "file type");
            return Err(problem.because(format!("{kind}")));
        }
    };
    output.node(meta, node)
}
