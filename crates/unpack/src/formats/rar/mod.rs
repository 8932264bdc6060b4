// SPDX-License-Identifier: Apache-2.0
//! RAR archives, of both generations: every entry is listed, stored ones are read.

use kakoi_model::{Confidence, ImagePath, Problem, ProblemCode};

use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Node, Output, Refusal, Scope};

mod v4;
mod v5;

/// The format.
pub(super) struct Rar;

static DOC: FormatDoc = FormatDoc {
    name: "rar",
    title: "RAR archive",
    family: Family::Archive,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"Rar!\x1a\x07\x00"), Magic::new(b"Rar!\x1a\x07\x01\x00")],
    reads: "headers of RAR 1.5 to 5; folders, links and stored entries; checksums of headers and contents are checked",
    limits: "compressed entries: each is named as unsupported; parts of a volume other than whole entries; encrypted ones are reported",
    references: &["RARLAB, RAR 5.0 archive format", "RARLAB, technote.txt of RAR 3.9 (facts only)"],
};

/// What a block header says, in either generation.
enum Block {
    /// The archive's own header.
    Archive(Archive),
    /// An entry; what follows it begins at `next`.
    Entry(Box<Entry>),
    /// A block that holds no entry: comments, recovery records, quick open.
    Other,
    /// The end mark.
    End,
}

#[derive(Default)]
struct Archive {
    /// One part of several.
    volume: bool,
    /// Headers are encrypted too: nothing behind this one can be read.
    sealed: bool,
}

struct Entry {
    name: Vec<u8>,
    /// `st_mode`, where the archive was made on Unix.
    mode: Option<u32>,
    /// Seconds since 1970, where the time is recorded so.
    mtime: Option<i64>,
    what: What,
    /// Bytes of the content; none when the archive does not say.
    size: Option<u64>,
    /// CRC-32 of the content.
    checksum: Option<u32>,
    /// Compression method; 0 is stored.
    method: u8,
    encrypted: bool,
    /// Continues in, or from, another volume.
    split: bool,
}

enum What {
    File,
    Directory,
    /// The target; of old archives it is the content.
    Symlink(Option<Vec<u8>>),
    HardLink(Vec<u8>),
}

/// A block and where it lies.
struct Placed {
    block: Block,
    /// Where the data of an entry begins; its end is `next`.
    data: usize,
    /// Where the next block begins.
    next: usize,
}

type Parse = fn(&Input, usize) -> Result<Placed, Problem>;

impl Format for Rar {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let (parse, first) = generation(input, start);
        match parse(input, first)?.block {
            Block::End | Block::Entry(_) => Err(Refusal("no archive header")),
            _ => Ok(Claim { start, end: input.len(), confidence: Confidence::Checksum }),
        }
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let (parse, mut at) = generation(input, claim.start);
        output.attribute("version", if at == claim.start + V5_MAGIC { 5 } else { 4 });
        while at < input.len() {
            let placed = parse(input, at).inspect_err(|_| output.ends_at(at))?;
            match placed.block {
                Block::End => {
                    at = placed.next;
                    break;
                }
                Block::Archive(Archive { sealed: true, .. }) => {
                    return Err(Problem::new(ProblemCode::Encrypted, at as u64, "headers"));
                }
                Block::Archive(archive) if archive.volume => output.attribute("volume", true),
                Block::Archive(_) | Block::Other => {}
                Block::Entry(entry) => read(input, &entry, placed.data..placed.next, output)?,
            }
            at = placed.next;
        }
        output.ends_at(at.min(input.len()));
        Ok(())
    }
}

const V5_MAGIC: usize = 8;

/// How headers are read, and where the first begins.
fn generation(input: &Input, start: usize) -> (Parse, usize) {
    if input.tail(start).get(6) == Some(&1) {
        (v5::block, start + V5_MAGIC)
    } else {
        (v4::block, start + 7)
    }
}

/// Puts out one entry; what is wrong with it alone is noted and does not end the archive.
fn read(
    input: &Input,
    entry: &Entry,
    data: std::ops::Range<usize>,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    let at = data.start;
    match put(input, entry, data, output) {
        Err(problem) if problem.code == ProblemCode::CountLimit => return Err(problem),
        Err(problem) => output.problem(problem.of_entry(&ImagePath::new(&entry.name))),
        Ok(()) if entry.split => {
            let problem = Problem::new(ProblemCode::Unsupported, at as u64, "entry");
            let problem = problem.because("it continues in another volume");
            output.problem(problem.of_entry(&ImagePath::new(&entry.name)));
        }
        Ok(()) => {}
    }
    Ok(())
}

fn put(
    input: &Input,
    entry: &Entry,
    data: std::ops::Range<usize>,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    let meta = || Meta {
        path: entry.name.clone(),
        mode: entry.mode,
        mtime: entry.mtime,
        ..Meta::default()
    };
    match &entry.what {
        What::Directory => return output.node(meta(), Node::Directory),
        What::Symlink(Some(target)) => return output.node(meta(), Node::Symlink(target.clone())),
        What::HardLink(target) => return output.hard_link(meta(), target),
        What::Symlink(None) | What::File => {}
    }
    let content = stored(input, entry, data, output.content_limit())?;
    match (&entry.what, content) {
        (_, None) => Ok(()),
        (What::Symlink(_), Some(target)) => output.node(meta(), Node::Symlink(target.to_vec())),
        (_, Some(content)) => output.shared_file(meta(), content),
    }
}

/// The content of an entry that is stored; none when only a part of it is here.
fn stored(
    input: &Input,
    entry: &Entry,
    data: std::ops::Range<usize>,
    limit: usize,
) -> Result<Option<bytes::Bytes>, Problem> {
    let problem = |code| Problem::new(code, data.start as u64, "entry");
    if entry.encrypted {
        return Err(problem(ProblemCode::Encrypted));
    }
    if entry.split {
        return Ok(None);
    }
    if entry.method != 0 {
        let detail = format!("compression method {}", entry.method);
        return Err(problem(ProblemCode::Unsupported).because(detail));
    }
    if data.len() > limit {
        let detail = format!("{} bytes", data.len());
        return Err(problem(ProblemCode::SizeLimit).because(detail));
    }
    let content = input.share(data.clone(), "content")?;
    let sized = entry.size.is_none_or(|size| size == content.len() as u64);
    if !sized || entry.checksum.is_some_and(|sum| sum != crc32fast::hash(&content)) {
        return Err(problem(ProblemCode::BadChecksum));
    }
    Ok(Some(content))
}
