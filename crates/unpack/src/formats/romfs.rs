// SPDX-License-Identifier: Apache-2.0
//! romfs: linked lists of file headers, contents as they are.

use std::collections::HashSet;

use kakoi_model::{Confidence, Endian, ImagePath, Problem, ProblemCode};

use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Node, Output, Refusal, Scope};

/// The format.
pub(super) struct Romfs;

static DOC: FormatDoc = FormatDoc {
    name: "romfs",
    title: "romfs file system",
    family: Family::FileSystem,
    scope: Scope::Anywhere,
    magics: &[Magic::new(MAGIC)],
    reads: "all entries; checksums of the volume and of each header; modes as Linux shows them, of \
            which the format records only whether a file is executable",
    limits: "none known",
    references: &["Linux Documentation/filesystems/romfs.rst", "Linux fs/romfs/super.c"],
};

const MAGIC: &[u8] = b"-rom1fs-";

/// Headers, names and contents start at multiples of this.
const ALIGNMENT: usize = 16;

/// Fixed part of the header of the volume and of files; a name follows.
const HEADER: usize = 16;

/// The volume's checksum covers this many bytes.
const CHECKED: usize = 512;

/// Longest name that is read: the format sets no limit, Linux reads 128.
const NAME: usize = 256;

/// Longest path that is followed (PATH_MAX of Linux).
const PATH_MAX: usize = 4096;

impl Format for Romfs {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        if input.bytes(start, MAGIC.len(), "magic")? != MAGIC {
            return Err(Refusal("no magic"));
        }
        let size = input.size32(start + 8, Endian::Big, "size")?;
        if size < 2 * HEADER {
            return Err(Refusal("smaller than its header"));
        }
        let end = start.saturating_add(size).min(input.len());
        let checked = input.bytes(start, size.min(CHECKED), "volume header")?;
        let confidence = match sum(checked) {
            0 => Confidence::Checksum,
            _ => Confidence::Magic,
        };
        Ok(Claim { start, end, confidence })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let size = input.size32(claim.start + 8, Endian::Big, "size")?;
        if claim.start.saturating_add(size) > input.len() {
            let at = input.len() as u64;
            let problem = Problem::new(ProblemCode::Truncated, at, "file system");
            output.problem(problem.because(format!("{size} bytes from 0x{:x}", claim.start)));
        }
        if claim.confidence != Confidence::Checksum {
            let problem = Problem::new(ProblemCode::BadChecksum, claim.start as u64, "volume");
            output.problem(problem);
        }
        let name = read_name(input, claim.start + HEADER)?;
        output.attribute("name", String::from_utf8_lossy(name));
        output.attribute("byte-order", "big");
        let root = HEADER + padded(name.len());
        let mut reader = Reader {
            input,
            start: claim.start,
            end: claim.end,
            lists: HashSet::new(),
            stack: Vec::new(),
            links: Vec::new(),
        };
        reader.tree(root, output)
    }
}

/// The words of a header add up to 0.
fn sum(bytes: &[u8]) -> u32 {
    let words = bytes
        .chunks_exact(4)
        .map(|word| word.iter().fold(0_u32, |number, &byte| number << 8 | u32::from(byte)));
    words.fold(0, u32::wrapping_add)
}

/// Length of a name with its NUL and padding.
fn padded(length: usize) -> usize {
    (length + 1).next_multiple_of(ALIGNMENT)
}

fn read_name(input: &Input, at: usize) -> Result<&[u8], Problem> {
    let tail = input.tail(at);
    let name = tail.split(|&byte| byte == 0).next().unwrap_or_default();
    if name.len() < tail.len() && name.len() <= NAME {
        return Ok(name);
    }
    Err(Problem::new(ProblemCode::BadValue, at as u64, "file name").because("does not end"))
}

/// The header of a file.
struct Header {
    next: usize,
    kind: u32,
    executable: bool,
    info: u32,
    content: usize,
    size: usize,
    name: Vec<u8>,
}

struct Reader<'a> {
    input: &'a Input,
    start: usize,
    end: usize,
    /// Headers that were read: each belongs to one directory.
    lists: HashSet<usize>,
    stack: Vec<(Vec<u8>, usize)>,
    links: Vec<(Vec<u8>, usize)>,
}

impl Reader<'_> {
    fn tree(&mut self, root: usize, output: &mut Output<'_>) -> Result<(), Problem> {
        let header = self.header(root, output)?;
        output.node(meta(Vec::new(), &header), Node::Directory)?;
        // Linux takes the first header for the root directory; it says where its list starts.
        let list = if header.kind == 1 { header.info as usize } else { root };
        self.stack.push((Vec::new(), list));
        let mut paths = Vec::new();
        while let Some((path, at)) = self.stack.pop() {
            self.directory(&path, at, &mut paths, output)?;
        }
        for (path, target) in std::mem::take(&mut self.links) {
            self.hard_link(path, target, &paths, output)?;
        }
        Ok(())
    }

    fn directory(
        &mut self,
        path: &[u8],
        mut at: usize,
        paths: &mut Vec<(usize, Vec<u8>)>,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        while at != 0 {
            let place = self.start.saturating_add(at) as u64;
            if !self.lists.insert(at) {
                let problem = Problem::new(ProblemCode::Cycle, place, "file header");
                output.problem(problem.of_entry(&ImagePath::new(path)));
                return Ok(());
            }
            let header = match self.header(at, output) {
                Ok(header) => header,
                Err(problem) => {
                    output.problem(problem.of_entry(&ImagePath::new(path)));
                    return Ok(());
                }
            };
            if header.name != b"." && header.name != b".." {
                let separator: &[u8] = if path.is_empty() { b"" } else { b"/" };
                let child = [path, separator, &header.name].concat();
                paths.push((at, child.clone()));
                self.entry(&header, child, output)?;
            }
            at = header.next;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        header: &Header,
        path: Vec<u8>,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let at = self.start.saturating_add(header.content);
        let content = at..at.saturating_add(header.size);
        let meta = meta(path, header);
        let (major, minor) = (header.info >> 16, header.info & 0xffff);
        let node = match header.kind {
            0 => {
                self.links.push((meta.path, header.info as usize));
                return Ok(());
            }
            1 => {
                if meta.path.len() > PATH_MAX {
                    output.problem(Problem::new(ProblemCode::DepthLimit, at as u64, "directory"));
                } else {
                    self.stack.push((meta.path.clone(), header.info as usize));
                }
                Node::Directory
            }
            2 | 3 if content.end > self.end => {
                let problem = Problem::new(ProblemCode::Truncated, at as u64, "file");
                output.problem(problem.of_entry(&ImagePath::new(&meta.path)));
                return Ok(());
            }
            2 => return output.shared_file(meta, self.input.share(content, "file")?),
            3 => Node::Symlink(self.input.bytes(at, header.size, "link target")?.to_vec()),
            4 => Node::BlockDevice(major, minor),
            5 => Node::CharDevice(major, minor),
            6 => Node::Socket,
            _ => Node::Fifo,
        };
        output.node(meta, node)
    }

    /// A second name; one of a directory (`.` and `..` are such) was left out before.
    fn hard_link(
        &self,
        path: Vec<u8>,
        target: usize,
        paths: &[(usize, Vec<u8>)],
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let name = ImagePath::new(&path);
        let Some((_, first)) = paths.iter().find(|(at, _)| *at == target) else {
            let at = self.start.saturating_add(target) as u64;
            let problem = Problem::new(ProblemCode::BadValue, at, "hard link target");
            output.problem(problem.of_entry(&name));
            return Ok(());
        };
        let meta = Meta { mode: self.target_mode(target), ..Meta::named(path) };
        if let Err(problem) = output.hard_link(meta, first) {
            output.problem(problem.of_entry(&name));
        }
        Ok(())
    }

    fn target_mode(&self, target: usize) -> Option<u32> {
        self.parse(target).ok().map(|(header, _)| mode(&header))
    }

    fn header(&self, at: usize, output: &mut Output<'_>) -> Result<Header, Problem> {
        let (header, whole) = self.parse(at)?;
        if !whole {
            let place = self.start.saturating_add(at) as u64;
            let problem = Problem::new(ProblemCode::BadChecksum, place, "file header");
            output.problem(problem.of_entry(&ImagePath::new(&header.name)));
        }
        Ok(header)
    }

    /// The header, and whether its checksum is right.
    fn parse(&self, at: usize) -> Result<(Header, bool), Problem> {
        let place = self.start.saturating_add(at);
        if place >= self.end {
            return Err(Problem::new(ProblemCode::BadValue, place as u64, "file header"));
        }
        let next = self.input.size32(place, Endian::Big, "next header")?;
        let info = self.input.u32(place + 4, Endian::Big, "info")?;
        let size = self.input.size32(place + 8, Endian::Big, "size")?;
        let name = read_name(self.input, place + HEADER)?;
        let content = at + HEADER + padded(name.len());
        let length = HEADER + padded(name.len());
        let whole = sum(self.input.bytes(place, length, "file header")?) == 0;
        let header = Header {
            next: next & !(ALIGNMENT - 1),
            kind: (next & 7) as u32,
            executable: next & 8 != 0,
            info,
            content,
            size,
            name: name.to_vec(),
        };
        Ok((header, whole))
    }
}

fn meta(path: Vec<u8>, header: &Header) -> Meta {
    Meta { mode: Some(mode(header)), ..Meta::named(path) }
}

/// `romfs_modemap` of Linux.
fn mode(header: &Header) -> u32 {
    let mode = match header.kind {
        3 => 0o777,
        4 | 5 => 0o600,
        _ => 0o644,
    };
    if header.executable { mode | 0o111 } else { mode }
}
