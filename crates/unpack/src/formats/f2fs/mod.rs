// SPDX-License-Identifier: Apache-2.0
//! F2FS, the file system of Android's and cameras' flash storage.

use std::collections::HashSet;

use kakoi_model::{Confidence, ImagePath, Problem, ProblemCode};

use super::names::{Children, name_all};
use super::unix::{FileType, decode_device, decode_old_device};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Node, Output, Refusal, Scope};

mod inode;
mod volume;

use inode::Inode;
use volume::Volume;

/// The format.
pub(super) struct F2fs;

static DOC: FormatDoc = FormatDoc {
    name: "f2fs",
    title: "F2FS file system",
    family: Family::FileSystem,
    scope: Scope::Aligned(512),
    magics: &[Magic::at(0x400, b"\x10\x20\xf5\xf2")],
    reads: "the newer of the two checkpoints whose checksum holds; inline data and directories, all \
            levels of nodes, holes, devices; the journal of node addresses",
    limits: "compressed and encrypted files are reported; extended attributes are not given; what \
             was written after the checkpoint (roll-forward) is not recovered; blocks of 4 KiB only",
    references: &[
        "Linux include/linux/f2fs_fs.h (facts only)",
        "Linux Documentation/filesystems/f2fs.rst",
    ],
};

/// The block that everything counts in.
const BLOCK: usize = 4096;

impl Format for F2fs {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let volume = Volume::read(input, start)?;
        let size = volume.blocks.saturating_mul(BLOCK);
        let end = start.saturating_add(size).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Checksum })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let volume = Volume::read(input, claim.start)?;
        output.attribute("version", format_args!("{}.{}", volume.version.0, volume.version.1));
        output.attribute("label", &volume.label);
        let size = volume.blocks.saturating_mul(BLOCK);
        if claim.start.saturating_add(size) > input.len() {
            let problem = Problem::new(ProblemCode::Truncated, input.len() as u64, "file system");
            output.problem(problem.because(format!("{size} bytes from 0x{:x}", claim.start)));
        }
        let children = directories(&volume, output);
        let root = u64::from(volume.root);
        let (names, problems) = name_all(&children, root, claim.start);
        problems.into_iter().for_each(|problem| output.problem(problem));
        output.node(meta(&volume.inode(volume.root)?, Vec::new()), Node::Directory)?;
        for named in names {
            let path = ImagePath::new(&named.path);
            let number = u32::try_from(named.inode).unwrap_or(u32::MAX);
            let result =
                volume.inode(number).and_then(|inode| entry(&volume, &inode, named.path, output));
            match result {
                Err(problem) if problem.code == ProblemCode::CountLimit => return Err(problem),
                Err(problem) => output.problem(problem.of_entry(&path)),
                Ok(()) => {}
            }
        }
        Ok(())
    }
}

/// The entries of every directory that can be reached.
fn directories(volume: &Volume<'_>, output: &mut Output<'_>) -> Children {
    let mut children = Children::new();
    let mut waiting = vec![volume.root];
    let mut seen = HashSet::from([volume.root]);
    // Holes cost nothing in the image: all directories together are not larger than it.
    let mut room = volume.input.len();
    while let Some(number) = waiting.pop() {
        let list = volume.inode(number).and_then(|inode| inode.names(volume, room));
        let list = match list {
            Ok((list, used)) => {
                room = room.saturating_sub(used);
                list
            }
            Err(problem) => {
                output.problem(problem);
                continue;
            }
        };
        for (_, child, is_directory) in &list {
            if *is_directory && seen.insert(*child) {
                waiting.push(*child);
            }
        }
        let list = list.into_iter().map(|(name, child, _)| (name, u64::from(child))).collect();
        children.insert(u64::from(number), list);
    }
    children
}

fn meta(inode: &Inode<'_>, path: Vec<u8>) -> Meta {
    Meta {
        mode: Some(inode.mode),
        uid: Some(inode.uid),
        gid: Some(inode.gid),
        mtime: Some(inode.mtime),
        ..Meta::named(path)
    }
}

fn entry(
    volume: &Volume<'_>,
    inode: &Inode<'_>,
    path: Vec<u8>,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    let meta = meta(inode, path);
    let Some(kind) = FileType::of_mode(inode.mode) else {
        return Err(Problem::new(ProblemCode::BadValue, inode.at as u64, "file type"));
    };
    match kind {
        FileType::Regular => {
            let size =
                super::unix::check_file_size(inode.size, volume.input.len(), output, inode.at)?;
            match inode.content(volume, size) {
                Ok(content) => output.file(meta, content),
                Err(problem) => output.spend(size).and(Err(problem)),
            }
        }
        FileType::Symlink => {
            let size = usize::try_from(inode.size).unwrap_or(usize::MAX).min(BLOCK);
            output.node(meta, Node::Symlink(inode.content(volume, size)?))
        }
        kind => {
            let device = match inode.device() {
                (0, new) => decode_device(new),
                (old, _) => decode_old_device(old),
            };
            kind.node(device).map_or(Ok(()), |node| output.node(meta, node))
        }
    }
}
