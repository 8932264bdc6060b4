// SPDX-License-Identifier: Apache-2.0
//! FAT12, FAT16 and FAT32 with long names.
//!
//! A reader of our own: the crate `fatfs` wants a medium that it can write to, and copies what can
//! be shared.

use std::collections::HashSet;

use kakoi_model::{Confidence, ImagePath, Problem, ProblemCode};

use self::directory::{Entry, parse_directory};
use self::volume::{Volume, Width};
use super::names::{Children, name_all};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Node, Output, Refusal, Scope};

mod directory;
mod volume;

/// The format.
pub(super) struct Fat;

static DOC: FormatDoc = FormatDoc {
    name: "fat",
    title: "FAT12, FAT16 and FAT32 file systems",
    family: Family::FileSystem,
    scope: Scope::Anywhere,
    magics: &[Magic::at(510, b"\x55\xaa")],
    reads: "all three widths, long names, any sector and cluster size",
    limits: "times are not given, because FAT records them without time zone; short names in other \
             alphabets keep their bytes",
    references: &["Microsoft FAT32 File System Specification 1.03", "ECMA-107"],
};

/// Entries of a directory take 32 bytes, and there are at most 65536 (specification, section 6).
const MAX_DIRECTORY: usize = 2 << 20;

impl Format for Fat {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let volume = Volume::parse(input, start)?;
        let end = start.saturating_add(volume.size).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let volume = Volume::parse(input, claim.start)?;
        let version = match volume.width {
            Width::Fat12 => "12",
            Width::Fat16 => "16",
            Width::Fat32 => "32",
        };
        output.attribute("version", version);
        output.attribute("byte-order", "little");
        output.attribute("block-size", volume.cluster_size);
        if !volume.label.is_empty() && volume.label != b"NO NAME" {
            output.attribute("name", kakoi_model::escape(&volume.label));
        }
        if volume.size > claim.end - claim.start {
            let problem = Problem::new(ProblemCode::Truncated, claim.end as u64, "file system");
            output.problem(problem.because(format!("its size is {}", volume.size)));
        }
        let room = volume.size.saturating_mul(4);
        let mut reader = Reader { volume, entries: Vec::new(), room };
        let children = reader.read_directories(output)?;
        reader.yield_all(&children, output)
    }
}

struct Reader<'a> {
    volume: Volume<'a>,
    /// All entries; their index and 1 stand for an inode number, 0 is the root.
    entries: Vec<Entry>,
    /// Bytes that files may still have: those of a sound file system do not overlap.
    room: usize,
}

impl Reader<'_> {
    fn read_directories(&mut self, output: &mut Output<'_>) -> Result<Children, Problem> {
        let mut children = Children::new();
        let mut entered = HashSet::new();
        // Directories that share clusters must not cost without bound.
        let mut room = self.volume.size.min(self.volume.input.len()).saturating_mul(2);
        let mut stack = Vec::new();
        let root = self.root()?;
        self.take_entries(0, &root, &mut children, &mut stack);
        while let Some((number, cluster)) = stack.pop() {
            let start = self.volume.start as u64;
            if !entered.insert(cluster) {
                output.problem(Problem::new(ProblemCode::Cycle, start, "directory"));
                continue;
            }
            match self.directory(cluster) {
                Ok(content) if content.len() <= room => {
                    room -= content.len();
                    self.take_entries(number, &content, &mut children, &mut stack);
                }
                Ok(_) => {
                    output.problem(Problem::new(ProblemCode::SizeLimit, start, "directories"));
                    break;
                }
                Err(problem) => output.problem(problem),
            }
        }
        Ok(children)
    }

    /// Files what a directory lists, and the directories among it for later.
    fn take_entries(
        &mut self,
        directory: u64,
        content: &[u8],
        children: &mut Children,
        stack: &mut Vec<(u64, u32)>,
    ) {
        let mut names = Vec::new();
        for entry in parse_directory(content) {
            let number = self.entries.len() as u64 + 1;
            names.push((entry.name.clone(), number));
            if entry.is_directory {
                stack.push((number, entry.first_cluster));
            }
            self.entries.push(entry);
        }
        children.insert(directory, names);
    }

    fn root(&self) -> Result<Vec<u8>, Problem> {
        if self.volume.width == Width::Fat32 {
            return self.directory(self.volume.root_cluster);
        }
        let (offset, length) = self.volume.root;
        self.volume.input.bytes(offset, length, "root directory").map(<[u8]>::to_vec)
    }

    fn directory(&self, cluster: u32) -> Result<Vec<u8>, Problem> {
        let most = MAX_DIRECTORY.div_ceil(self.volume.cluster_size);
        self.volume.read(&self.volume.chain(cluster, most)?)
    }

    fn yield_all(&mut self, children: &Children, output: &mut Output<'_>) -> Result<(), Problem> {
        let (names, problems) = name_all(children, 0, self.volume.start);
        problems.into_iter().for_each(|problem| output.problem(problem));
        for named in names {
            let index = usize::try_from(named.inode).unwrap_or(0).saturating_sub(1);
            let Some(entry) = self.entries.get(index).cloned() else { continue };
            let meta = Meta::named(&named.path);
            let result = match entry.is_directory {
                true => output.node(meta, Node::Directory),
                false => self.yield_file(&entry, meta, output),
            };
            match result {
                Err(problem) if problem.code == ProblemCode::CountLimit => return Err(problem),
                Err(problem) => output.problem(problem.of_entry(&ImagePath::new(&named.path))),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn yield_file(
        &mut self,
        entry: &Entry,
        meta: Meta,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let volume = &self.volume;
        let size = entry.size as usize;
        let bad = |code| Problem::new(code, volume.start as u64, "file");
        if size == 0 {
            return output.file(meta, Vec::new());
        }
        let left = self.room.checked_sub(size);
        self.room = left.ok_or_else(|| bad(ProblemCode::SizeLimit).because("the files overlap"))?;
        let needed = size.div_ceil(volume.cluster_size);
        let chain = volume.chain(entry.first_cluster, needed)?;
        if chain.len() < needed {
            let detail = format!("{} of {needed} clusters", chain.len());
            return Err(bad(ProblemCode::BadValue).because(detail));
        }
        if let Some(at) = volume.contiguous(&chain) {
            let content = volume.input.share(at..at + size, "file")?;
            return output.shared_file(meta, content);
        }
        let mut content = volume.read(&chain)?;
        content.truncate(size);
        output.file(meta, content)
    }
}
