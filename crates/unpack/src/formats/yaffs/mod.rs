// SPDX-License-Identifier: Apache-2.0
//! YAFFS, versions 1 and 2: a log on NAND flash, as dumps with the spare areas.
//!
//! Sources: C. Manning, "How YAFFS Works" (2010), and the headers `yaffs_guts.h` and
//! `yaffs_packedtags2.h`. The page size is not recorded; it is found by trying.

use std::collections::{BTreeMap, HashMap};

use kakoi_model::{Confidence, Endian, ImagePath, Problem, ProblemCode};

use self::chunk::{Geometry, Header, ObjectType, TagLayout, parse_header};
use self::objects::{Object, Objects, read_objects};
use super::names::{Children, name_all};
use super::unix::{FileType, check_file_size, decode_device};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Node, Output, Refusal, Scope};

mod chunk;
mod objects;

/// The format.
pub(super) struct Yaffs;

static DOC: FormatDoc = FormatDoc {
    name: "yaffs",
    title: "YAFFS1 and YAFFS2 file systems",
    family: Family::FileSystem,
    scope: Scope::Anywhere,
    // An object header of each type in the root directory, and the unused checksum of the name.
    magics: &[
        Magic::new(b"\x01\0\0\0\x01\0\0\0\xff\xff"),
        Magic::new(b"\x02\0\0\0\x01\0\0\0\xff\xff"),
        Magic::new(b"\x03\0\0\0\x01\0\0\0\xff\xff"),
        Magic::new(b"\x05\0\0\0\x01\0\0\0\xff\xff"),
        Magic::new(b"\0\0\0\x01\0\0\0\x01\xff\xff"),
        Magic::new(b"\0\0\0\x02\0\0\0\x01\xff\xff"),
        Magic::new(b"\0\0\0\x03\0\0\0\x01\xff\xff"),
        Magic::new(b"\0\0\0\x05\0\0\0\x01\xff\xff"),
    ],
    reads: "YAFFS2 in both byte orders with pages of 512 bytes to 16 KiB, YAFFS1 in little-endian; \
            deleted, renamed, shrunk and hard-linked objects",
    limits: "the first chunk must be the header of an object in the root directory; ECC, in-band \
             tags, checkpoints and spare areas in a controller's own order are not read",
    references: &["C. Manning, How YAFFS Works", "YAFFS yaffs_guts.h, yaffs_packedtags2.h"],
};

/// Objects that are always there.
const ROOT: u32 = 1;
const LOST_AND_FOUND: u32 = 2;

/// How many chunks are looked at to find the page size.
const SAMPLE: usize = 32;

impl Format for Yaffs {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        find_geometry(input, start).ok_or(Refusal("no page size explains the chunks"))?;
        Ok(Claim { start, end: input.len(), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let bad = || Problem::new(ProblemCode::BadValue, claim.start as u64, "page size");
        let geometry = find_geometry(input, claim.start).ok_or_else(bad)?;
        let little = geometry.endian == Endian::Little;
        output.attribute("version", if geometry.tags == TagLayout::One { 1 } else { 2 });
        output.attribute("byte-order", if little { "little" } else { "big" });
        output.attribute("block-size", geometry.page);
        output.attribute("spare-size", geometry.spare);
        let mut objects = read_objects(input, claim.start, geometry);
        output.ends_at(objects.end);
        std::mem::take(&mut objects.problems).into_iter().for_each(|it| output.problem(it));
        let first_names = HashMap::new();
        Reader { input, start: claim.start, geometry, objects, first_names }.yield_all(output)
    }
}

/// The page size, byte order and place of the tags under which the most chunks make sense.
fn find_geometry(input: &Input, start: usize) -> Option<Geometry> {
    let endian =
        if input.u8(start, "object type").ok()? == 0 { Endian::Big } else { Endian::Little };
    parse_header(input, start, endian)?;
    // Of equals the first counts: the smallest page. A multiple of it explains fewer chunks.
    let sound = Geometry::candidates(endian)
        .filter_map(|geometry| Some((count_chunks(input, start, geometry)?, geometry)));
    Vec::from_iter(sound)
        .into_iter()
        .rev()
        .max_by_key(|(count, _)| *count)
        .map(|(_, geometry)| geometry)
}

/// How many chunks in a row make sense; none if less than two, but for an image of one chunk.
fn count_chunks(input: &Input, start: usize, geometry: Geometry) -> Option<usize> {
    let first = geometry.parse_tags(input, start)?;
    if first.chunk != 0 {
        return None;
    }
    let is_sound = |at: usize| {
        let Some(tags) = geometry.parse_tags(input, at) else { return false };
        tags.chunk != 0 || parse_header(input, at, geometry.endian).is_some()
    };
    let places = (0..SAMPLE).map(|index| start + index * geometry.chunk());
    let count = places.take_while(|&at| is_sound(at)).count();
    let next = start + count * geometry.chunk();
    let is_whole = next == input.len() || geometry.is_erased(input, next);
    (count >= 2 || (count == 1 && is_whole)).then_some(count)
}

struct Reader<'a> {
    input: &'a Input,
    start: usize,
    geometry: Geometry,
    objects: Objects,
    first_names: HashMap<u64, Vec<u8>>,
}

impl Reader<'_> {
    fn yield_all(mut self, output: &mut Output<'_>) -> Result<(), Problem> {
        let (names, problems) = name_all(&self.children(), u64::from(ROOT), self.start);
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

    /// Names by directory. Deleted objects lie in directories that nothing names.
    fn children(&self) -> Children {
        let mut children = Children::new();
        for (&number, object) in &self.objects.objects {
            let Some(header) = object.header.as_ref().filter(|_| number != ROOT) else { continue };
            let inode = match header.kind {
                ObjectType::HardLink => header.equivalent,
                _ => number,
            };
            let entry = (header.name.clone(), u64::from(inode));
            children.entry(u64::from(header.parent)).or_default().push(entry);
            if header.kind == ObjectType::Directory {
                children.entry(u64::from(number)).or_default();
            }
        }
        let lost = u64::from(LOST_AND_FOUND);
        let is_named = self.objects.objects.contains_key(&LOST_AND_FOUND);
        if children.contains_key(&lost) && !is_named {
            let root = children.entry(u64::from(ROOT)).or_default();
            root.push((b"lost+found".to_vec(), lost));
        }
        children
    }

    fn yield_entry(
        &mut self,
        path: &[u8],
        number: u64,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        if number == u64::from(LOST_AND_FOUND) {
            return output.node(Meta::named(path), Node::Directory);
        }
        let key = u32::try_from(number).unwrap_or(0);
        let bad = || Problem::new(ProblemCode::BadValue, self.start as u64, "object of the name");
        let object = self.objects.objects.get(&key).ok_or_else(bad)?;
        let header = object.header.as_ref().ok_or_else(bad)?;
        let meta = Meta {
            path: path.to_vec(),
            mode: Some(header.mode),
            uid: Some(header.uid),
            gid: Some(header.gid),
            mtime: Some(i64::from(header.mtime)),
            xattrs: BTreeMap::new(),
        };
        if header.kind == ObjectType::File
            && let Some(first) = self.first_names.get(&number)
        {
            return output.hard_link(meta, first);
        }
        self.yield_object(object, header, meta, output)?;
        self.first_names.insert(number, path.to_vec());
        Ok(())
    }

    fn yield_object(
        &self,
        object: &Object,
        header: &Header,
        meta: Meta,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let bad = |subject| Problem::new(ProblemCode::BadValue, self.start as u64, subject);
        match header.kind {
            ObjectType::File => self.yield_file(object, meta, output),
            ObjectType::Symlink => output.node(meta, Node::Symlink(header.alias.clone())),
            ObjectType::Directory => output.node(meta, Node::Directory),
            ObjectType::HardLink => Err(bad("hard link to a hard link")),
            ObjectType::Special => {
                let kind = FileType::of_mode(header.mode);
                let node = kind.and_then(|kind| kind.node(decode_device(header.device)));
                output.node(meta, node.ok_or_else(|| bad("mode of a special object"))?)
            }
        }
    }

    fn yield_file(
        &self,
        object: &Object,
        meta: Meta,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let container = self.objects.end - self.start;
        let page = self.geometry.page;
        let size = check_file_size(object.size, container, output, self.start)?;
        self.check_whole(object, size)?;
        if let (Some((at, _)), true) = (object.chunks.get(&1), size <= page) {
            return output.shared_file(meta, self.input.share(*at..at + size, "chunk")?);
        }
        let mut content = Vec::with_capacity(size);
        for (&number, &(at, tags)) in &object.chunks {
            let start = (number as usize - 1).saturating_mul(page);
            if start >= size {
                break;
            }
            content.resize(start, 0);
            content.extend_from_slice(self.input.bytes(at, tags.length.min(page), "chunk")?);
        }
        content.resize(size, 0);
        output.file(meta, content)
    }

    /// The file that was written last and lacks its end was cut off with the image.
    fn check_whole(&self, object: &Object, size: usize) -> Result<(), Problem> {
        let chunks = object.chunks.len().saturating_mul(self.geometry.page);
        let last = object.chunks.values().next_back().map_or(0, |(at, _)| *at);
        let is_last = last == self.objects.last_chunk || object.chunks.is_empty();
        if is_last && chunks < size && self.objects.end + self.geometry.chunk() > self.input.len() {
            let problem = Problem::new(ProblemCode::Truncated, last as u64, "file");
            return Err(problem.because(format!("{chunks} of {size} bytes are there")));
        }
        Ok(())
    }
}
