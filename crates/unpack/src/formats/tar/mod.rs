// SPDX-License-Identifier: Apache-2.0
//! tar: ustar, GNU, pax and the seventh edition's, all by one reader. Contents are shared, not
//! copied, but for sparse files.

use kakoi_model::{Confidence, ImagePath, Problem, ProblemCode};

use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Node, Output, Refusal, Scope};

mod header;
mod pax;
mod sparse;

use header::Header;
use pax::Extended;

/// ustar, GNU and pax.
pub(super) struct Tar;

/// Without magic.
pub(super) struct TarV7;

static TAR: FormatDoc = FormatDoc {
    name: "tar",
    title: "tar archive",
    family: Family::Archive,
    scope: Scope::Anywhere,
    magics: &[Magic::at(257, b"ustar")],
    reads: "ustar, GNU (long names, sparse, large numbers), pax (all keys with a meaning, xattrs, sparse)",
    limits: "volumes of a multi-volume archive are not joined",
    references: &["POSIX.1-2017 pax", "GNU tar manual, Standard and Sparse Formats"],
};

static V7: FormatDoc = FormatDoc {
    name: "tar-v7",
    title: "tar archive, seventh edition",
    family: Family::Archive,
    scope: Scope::Start,
    magics: &[],
    reads: "files, directories, links",
    limits: "recognised by its checksum, at the start of a content only",
    references: &["Unix seventh edition, tar(5)"],
};

/// Size of a header, and unit of contents.
const BLOCK: usize = 512;

/// Writers pad to a multiple of this.
const RECORD: usize = 20 * BLOCK;

/// Long names and pax records beyond this size are not believed.
const MAX_EXTENSION: usize = 1 << 20;

impl Format for Tar {
    fn doc(&self) -> &'static FormatDoc {
        &TAR
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        if input.bytes(start + 257, 5, "magic")? != b"ustar" {
            return Err(Refusal("no magic"));
        }
        identify(input, start)
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        Reader::new(input, claim.start).run(output)
    }
}

impl Format for TarV7 {
    fn doc(&self) -> &'static FormatDoc {
        &V7
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let block = input.bytes(start, BLOCK, "header")?;
        // Zeros where later dialects have magic, owner and prefix. (GNU's writer fills the device.)
        let later = block[257..329].iter().chain(&block[345..]);
        if later.into_iter().any(|&byte| byte != 0) || block[100..156].iter().all(|&byte| byte == 0)
        {
            return Err(Refusal("fields of another dialect"));
        }
        identify(input, start)
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        Reader::new(input, claim.start).run(output)
    }
}

fn identify(input: &Input, start: usize) -> Result<Claim, Refusal> {
    let header = Header::parse(input, start)?.ok_or(Refusal("checksum of the header"))?;
    if header.name.is_empty() {
        return Err(Refusal("no name"));
    }
    Ok(Claim { start, end: input.len(), confidence: Confidence::Checksum })
}

struct Reader<'a> {
    input: &'a Input,
    start: usize,
    at: usize,
    /// What the headers before the next entry say of it.
    next: Extended,
    /// What a global pax header says of all that follow.
    global: Extended,
}

impl<'a> Reader<'a> {
    fn new(input: &'a Input, start: usize) -> Self {
        let (next, global) = (Extended::default(), Extended::default());
        Self { input, start, at: start, next, global }
    }

    fn run(mut self, output: &mut Output<'_>) -> Result<(), Problem> {
        loop {
            if self.at >= self.input.len() {
                // Writers that leave out the end mark are common enough.
                output.ends_at(self.at);
                return Ok(());
            }
            if let Some(end) = self.end_mark() {
                output.ends_at(end);
                return Ok(());
            }
            let Some(header) = Header::parse(self.input, self.at)? else {
                output.ends_at(self.at);
                let problem = Problem::new(ProblemCode::BadChecksum, self.at as u64, "header");
                return Err(problem.because("the archive is read up to here"));
            };
            self.entry(&header, output)?;
        }
    }

    /// A block of zeros ends the archive; so do the zeros after it, to the end of the record.
    fn end_mark(&self) -> Option<usize> {
        let block = self.input.tail(self.at).get(..BLOCK).unwrap_or(self.input.tail(self.at));
        if block.iter().any(|&byte| byte != 0) {
            return None;
        }
        let length = (self.at - self.start + 1).next_multiple_of(RECORD);
        let record = self.start.saturating_add(length).min(self.input.len());
        let zeros = self.input.tail(self.at).iter().take_while(|&&byte| byte == 0).count();
        Some(record.min(self.at + zeros / BLOCK * BLOCK).max(self.at + block.len()))
    }

    fn entry(&mut self, header: &Header, output: &mut Output<'_>) -> Result<(), Problem> {
        let content = self.at + BLOCK;
        let extension = matches!(header.kind, b'L' | b'K' | b'x' | b'X' | b'g');
        let size = match (extension, self.next.size.or(self.global.size)) {
            (false, Some(size)) => size,
            _ => header.size,
        };
        // Links and nodes have no content, whatever the field says; that of hard links in old
        // archives is the size of the target.
        let stored = if matches!(header.kind, b'1'..=b'6') { 0 } else { size };
        let (mut from, mut map) = (content, None);
        if header.kind == b'S' {
            let gnu = sparse::parse_gnu(self.input, self.at)?;
            from = gnu.1;
            map = Some(gnu.0);
        }
        let to = from.saturating_add(stored);
        if to > self.input.len() {
            output.ends_at(self.input.len());
            let problem = Problem::new(ProblemCode::Truncated, self.at as u64, "content");
            let path = ImagePath::new(self.next.path.as_deref().unwrap_or(&header.name));
            return Err(problem
                .of_entry(&path)
                .because(format!("{stored} bytes leave the archive")));
        }
        self.at = to.checked_next_multiple_of(BLOCK).unwrap_or(usize::MAX);
        if extension {
            return self.extension(header.kind, from..to, output);
        }
        let extended = std::mem::take(&mut self.next);
        let extended = extended.over(&self.global);
        let meta = meta(header, &extended);
        let path = ImagePath::new(&meta.path);
        let link = extended.link.as_deref().unwrap_or(&header.link);
        let result = match header.kind {
            b'1' => output.hard_link(meta, link),
            b'2' => output.node(meta, Node::Symlink(link.to_vec())),
            b'3' => output.node(meta, Node::CharDevice(header.device.0, header.device.1)),
            b'4' => output.node(meta, Node::BlockDevice(header.device.0, header.device.1)),
            b'5' => output.node(meta, Node::Directory),
            b'6' => output.node(meta, Node::Fifo),
            // A directory as the seventh edition writes it.
            0 if header.name.ends_with(b"/") => output.node(meta, Node::Directory),
            _ => self.file(meta, from..to, map, &extended, output),
        };
        skip_entry(result, &path, output)
    }

    fn file(
        &self,
        meta: Meta,
        range: std::ops::Range<usize>,
        map: Option<sparse::Map>,
        extended: &Extended,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let (map, from) = match map {
            Some(map) => (Some(map), range.start),
            None => sparse::parse_pax(self.input, range.clone(), extended)?,
        };
        let Some(map) = map else {
            return output.shared_file(meta, self.input.share(range, "content")?);
        };
        let content = map.expand(self.input, from..range.end, output.content_limit())?;
        output.file(meta, content)
    }

    fn extension(
        &mut self,
        kind: u8,
        range: std::ops::Range<usize>,
        output: &mut Output<'_>,
    ) -> Result<(), Problem> {
        let offset = range.start;
        if range.len() > MAX_EXTENSION {
            let problem = Problem::new(ProblemCode::SizeLimit, offset as u64, "extended header");
            output.problem(problem.because(format!("{} bytes", range.len())));
            return Ok(());
        }
        let bytes = self.input.bytes(offset, range.len(), "extended header")?;
        let text = || bytes.split(|&byte| byte == 0).next().unwrap_or_default().to_vec();
        match kind {
            b'L' => self.next.path = Some(text()),
            b'K' => self.next.link = Some(text()),
            b'g' => self.global.parse(bytes, offset, output),
            _ => self.next.parse(bytes, offset, output),
        }
        Ok(())
    }
}

/// One entry that cannot be kept does not end the archive; a limit of the scan does.
fn skip_entry(
    result: Result<(), Problem>,
    path: &ImagePath,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    match result {
        Err(problem) if problem.code == ProblemCode::CountLimit => Err(problem),
        Err(problem) => {
            output.problem(problem.of_entry(path));
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

fn meta(header: &Header, extended: &Extended) -> Meta {
    Meta {
        path: extended.path.clone().unwrap_or_else(|| header.name.clone()),
        mode: Some(header.mode),
        uid: extended.uid.or(header.uid),
        gid: extended.gid.or(header.gid),
        mtime: extended.mtime.or(header.mtime),
        xattrs: extended.xattrs.clone(),
    }
}
