// SPDX-License-Identifier: Apache-2.0
//! What a format gives back: entries, attributes of the header, and problems, within limits.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use kakoi_model::{Confidence, Digest, Escape, FileKind, ImagePath, Problem, ProblemCode, escape};

use crate::store::Spill;
use crate::{Input, Limits, Store};

/// Where an entry lies and what its container records about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// Name as the container writes it: raw bytes, parts divided by `/`.
    pub path: Vec<u8>,
    /// Permission bits with set-ID and sticky bits; the file type bits are ignored.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Modification time in seconds since 1970-01-01 UTC.
    pub mtime: Option<i64>,
    /// Extended attributes by full name.
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

impl Meta {
    /// Only a name: for parts of headers and for streams.
    #[must_use]
    pub fn named(path: impl AsRef<[u8]>) -> Self {
        Self { path: path.as_ref().to_vec(), ..Self::default() }
    }
}

/// What an entry is, when it has no content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A directory.
    Directory,
    /// A symbolic link with its target as written.
    Symlink(Vec<u8>),
    /// A character device: major, minor.
    CharDevice(u32, u32),
    /// A block device: major, minor.
    BlockDevice(u32, u32),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// An entry as the engine keeps it, before containers have numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: ImagePath,
    pub(crate) kind: FileKind,
    pub(crate) meta: Meta,
    /// A stretch of the content that the container lies in, or bytes of its own.
    pub(crate) role: Role,
}

/// Why the engine should look into an entry's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A file that a user or a program names.
    Member,
    /// A part of a header or the payload of a stream: likely to hold more containers anywhere.
    Part,
}

/// Bytes and entries that are left to a whole scan.
pub(crate) struct Budget {
    bytes: AtomicU64,
    entries: AtomicU64,
}

impl Budget {
    pub(crate) fn new(bytes: u64, entries: u64) -> Self {
        Self { bytes: AtomicU64::new(bytes), entries: AtomicU64::new(entries) }
    }

    fn take(counter: &AtomicU64, amount: u64) -> bool {
        let update = counter
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(amount));
        update.is_ok()
    }
}

/// Takes what a format yields.
pub struct Output<'a> {
    input: &'a Input,
    start: usize,
    store: &'a Store,
    budget: &'a Budget,
    content_limit: usize,
    index: HashMap<ImagePath, usize>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) end: Option<usize>,
    /// How far a stream was read that proved false, in the content.
    pub(crate) reached: usize,
    pub(crate) confidence: Option<Confidence>,
}

/// A content with its digest.
pub(crate) struct Hashed {
    digest: Digest,
    bytes: Vec<u8>,
}

impl Hashed {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { digest: Digest::of(&bytes), bytes }
    }
}

impl<'a> Output<'a> {
    pub(crate) fn new(
        input: &'a Input,
        start: usize,
        store: &'a Store,
        budget: &'a Budget,
        limits: &Limits,
    ) -> Self {
        Self {
            input,
            start,
            store,
            budget,
            content_limit: limits.content_bytes,
            index: HashMap::new(),
            entries: Vec::new(),
            attributes: BTreeMap::new(),
            problems: Vec::new(),
            end: None,
            reached: start,
            confidence: None,
        }
    }

    /// States a fact of the header: `compression`, `byte-order`, `version`.
    pub fn attribute(&mut self, key: &'static str, value: impl ToString) {
        self.attributes.insert(key.to_owned(), escape(value.to_string().as_bytes()));
    }

    /// Corrects the end that the claim named: one past the last byte, in the content.
    pub fn ends_at(&mut self, end: usize) {
        self.end = Some(end.min(self.input.len()));
    }

    /// Says how far the content is read before it proves to be this format: work that an image may
    /// ask for in vain only so often.
    pub fn reads_to(&mut self, end: usize) {
        self.reached = self.reached.max(end.min(self.input.len()));
    }

    /// Raises what the recognition rests on, as when a checksum proved right on decoding.
    pub fn confirm(&mut self, confidence: Confidence) {
        self.confidence = self.confidence.max(Some(confidence));
    }

    /// Reports something that could not be read, and goes on.
    pub fn problem(&mut self, problem: Problem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// How many bytes one content may have: the limit to give to a decoder.
    #[must_use]
    pub fn content_limit(&self) -> usize {
        let left = self.budget.bytes.load(Ordering::Relaxed);
        self.content_limit.min(usize::try_from(left).unwrap_or(usize::MAX))
    }

    /// A part of the content as an entry of its own, not copied. A part that leaves the content is
    /// cut at its end and reported.
    ///
    /// # Errors
    /// Only limits of the whole scan.
    pub fn part(&mut self, name: impl AsRef<[u8]>, range: Range<usize>) -> Result<(), Problem> {
        let end = range.end.min(self.input.len());
        if range.end > end {
            let detail = format!("ends at 0x{:x}, the content at 0x{end:x}", range.end);
            let problem = Problem::new(ProblemCode::Truncated, range.start as u64, "part");
            self.problem(problem.because(detail).of_entry(&ImagePath::new(&name)));
        }
        let bytes = self.input.share(range.start.min(end)..end, "part")?;
        self.charge_shared(bytes.len(), &ImagePath::new(&name))?;
        self.add_content(Meta::named(name), bytes, Role::Part)
    }

    /// The payload of a stream, in memory of its own.
    ///
    /// # Errors
    /// Limits of the whole scan, or the spill's refusal.
    pub fn payload(&mut self, name: impl AsRef<[u8]>, content: Bytes) -> Result<(), Problem> {
        self.charge(content.len(), &ImagePath::new(&name))?;
        self.store.count_resident(content.len());
        self.add_content(Meta::named(name), content, Role::Part)
    }

    /// A regular file that was decoded through a [`Spool`].
    ///
    /// # Errors
    /// Limits of the whole scan, or the spill's refusal.
    pub fn spooled_file(&mut self, meta: Meta, spool: Spool<'_>) -> Result<(), Problem> {
        let path = ImagePath::new(&meta.path);
        let content = spool.finish().map_err(|error| self.no_room(&error))?;
        self.charge(content.len(), &path)?;
        self.store.count_resident(content.len());
        self.add_content(meta, content, Role::Member)
    }

    /// A regular file whose bytes lie in the content as they are.
    ///
    /// # Errors
    /// Only limits of the whole scan.
    pub fn shared_file(&mut self, meta: Meta, content: Bytes) -> Result<(), Problem> {
        self.charge_shared(content.len(), &ImagePath::new(&meta.path))?;
        self.add_content(meta, content, Role::Member)
    }

    /// A regular file whose bytes were decoded.
    ///
    /// # Errors
    /// Limits of the whole scan, or the spill's refusal.
    pub fn file(&mut self, meta: Meta, content: Vec<u8>) -> Result<(), Problem> {
        let path = ImagePath::new(&meta.path);
        self.charge(content.len(), &path)?;
        self.keep(meta, Hashed::new(content))
    }

    /// The same, where the content was hashed before: on another thread.
    ///
    /// # Errors
    /// Limits of the whole scan, or the spill's refusal.
    pub(crate) fn hashed_file(&mut self, meta: Meta, content: Hashed) -> Result<(), Problem> {
        let path = ImagePath::new(&meta.path);
        self.charge(content.bytes.len(), &path)?;
        self.keep(meta, content)
    }

    fn keep(&mut self, meta: Meta, Hashed { digest, bytes }: Hashed) -> Result<(), Problem> {
        let size = bytes.len() as u64;
        self.store.put_hashed(digest, bytes).map_err(|error| self.no_room(&error))?;
        self.add(meta, FileKind::Regular { digest, size }, Role::Member)
    }

    /// An entry without content.
    ///
    /// # Errors
    /// Only limits of the whole scan.
    pub fn node(&mut self, meta: Meta, node: Node) -> Result<(), Problem> {
        let kind = match node {
            Node::Directory => FileKind::Directory,
            Node::Symlink(target) => FileKind::Symlink { target: escape(&target) },
            Node::CharDevice(major, minor) => FileKind::CharDevice { major, minor },
            Node::BlockDevice(major, minor) => FileKind::BlockDevice { major, minor },
            Node::Fifo => FileKind::Fifo,
            Node::Socket => FileKind::Socket,
        };
        self.add(meta, kind, Role::Member)
    }

    /// A hard link: a second name for an entry that was yielded before.
    ///
    /// # Errors
    /// [`ProblemCode::BadValue`] when there is no such entry; limits of the whole scan.
    pub fn hard_link(&mut self, meta: Meta, target: &[u8]) -> Result<(), Problem> {
        let target = ImagePath::new(target);
        let Some(&index) = self.index.get(&target) else {
            let problem =
                Problem::new(ProblemCode::BadValue, self.start as u64, "hard link target");
            return Err(problem.because(format!("{target} was not listed before")));
        };
        let (kind, role) = (self.entries[index].kind.clone(), self.entries[index].role);
        self.add(meta, kind, role)
    }

    /// A place to write a content of unknown length to; see [`Spool::finish`].
    #[must_use]
    pub fn spool(&self) -> Spool<'a> {
        let limit = self.content_limit();
        Spool { heap: Vec::new(), spill: self.store.spill(), extent: None, written: 0, limit }
    }

    /// Counts bytes that were decoded on the way to an entry, or for one that then failed: work that
    /// an image may ask for only so often.
    ///
    /// # Errors
    /// The limit of the whole scan.
    pub fn spend(&mut self, bytes: usize) -> Result<(), Problem> {
        if Budget::take(&self.budget.bytes, bytes as u64) {
            return Ok(());
        }
        let problem = Problem::new(ProblemCode::SizeLimit, self.start as u64, "content");
        Err(problem.because(TOGETHER))
    }

    fn charge(&mut self, bytes: usize, path: &ImagePath) -> Result<(), Problem> {
        if bytes <= self.content_limit && Budget::take(&self.budget.bytes, bytes as u64) {
            return Ok(());
        }
        let problem = Problem::new(ProblemCode::SizeLimit, self.start as u64, "content");
        let words = if bytes > self.content_limit {
            format!("{bytes} bytes: max-content is {}", self.content_limit)
        } else {
            TOGETHER.to_owned()
        };
        Err(problem.of_entry(path).because(words))
    }

    /// Bytes that lie in the content take no memory, but they are hashed and searched: many entries
    /// may name the same ones.
    fn charge_shared(&self, bytes: usize, path: &ImagePath) -> Result<(), Problem> {
        if Budget::take(&self.budget.bytes, bytes as u64) {
            return Ok(());
        }
        let problem = Problem::new(ProblemCode::SizeLimit, self.start as u64, "content");
        Err(problem.of_entry(path).because(TOGETHER))
    }

    fn add_content(&mut self, meta: Meta, content: Bytes, role: Role) -> Result<(), Problem> {
        let size = content.len() as u64;
        let digest: Digest = self.store.put_shared(content);
        self.add(meta, FileKind::Regular { digest, size }, role)
    }

    fn add(&mut self, mut meta: Meta, kind: FileKind, role: Role) -> Result<(), Problem> {
        if !Budget::take(&self.budget.entries, 1) {
            let problem = Problem::new(ProblemCode::CountLimit, self.start as u64, "entries");
            return Err(problem.because("more entries than max-entries"));
        }
        let (path, climbs) = ImagePath::from_raw(&meta.path);
        if climbs == Escape::Climbs {
            let problem = Problem::new(ProblemCode::PathEscape, self.start as u64, "entry name");
            self.problem(problem.of_entry(&path).because(escape(&meta.path)));
        }
        meta.mode = meta.mode.map(|mode| mode & 0o7777);
        let entry = Entry { path: path.clone(), kind, meta, role };
        match self.index.get(&path) {
            Some(&index) => self.replace(index, entry),
            None => {
                self.index.insert(path, self.entries.len());
                self.entries.push(entry);
            }
        }
        Ok(())
    }

    /// The later of two entries with one path counts, as when unpacking; a directory that is named
    /// again is no news.
    fn replace(&mut self, index: usize, entry: Entry) {
        let both = (&self.entries[index].kind, &entry.kind);
        if both != (&FileKind::Directory, &FileKind::Directory) && both.0 != both.1 {
            let problem = Problem::new(ProblemCode::DuplicateName, self.start as u64, "entry name");
            self.problem(problem.of_entry(&entry.path));
        }
        self.entries[index] = entry;
    }

    fn no_room(&self, error: &io::Error) -> Problem {
        let problem = Problem::new(ProblemCode::SizeLimit, self.start as u64, "content");
        problem.because(format!("the spill file does not take it: {error}"))
    }
}

const TOGETHER: &str = "all contents together reach max-output, or max-ratio";

/// Problems of one container beyond which more say nothing new.
const MAX_PROBLEMS: usize = 1000;

/// Heap that a spool may use before it moves to the spill.
const SPOOL_HEAP: usize = 32 << 20;

/// Collects a stream of unknown length: on the heap while it is small, then in the spill.
pub struct Spool<'a> {
    heap: Vec<u8>,
    spill: Option<&'a dyn Spill>,
    extent: Option<u64>,
    written: usize,
    limit: usize,
}

impl Spool<'_> {
    /// Bytes written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.written
    }

    /// Was nothing written?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// The collected bytes.
    ///
    /// # Errors
    /// What the spill says.
    pub fn finish(mut self) -> io::Result<Bytes> {
        let (Some(spill), Some(extent)) = (self.spill, self.extent) else {
            self.heap.shrink_to_fit();
            return Ok(self.heap.into());
        };
        let length = self.written;
        self.flush()?;
        spill.map(extent, length)
    }

    fn move_to_spill(&mut self) -> io::Result<()> {
        let Some(spill) = self.spill else { return Ok(()) };
        let extent = *self.extent.get_or_insert_with(|| spill.reserve(self.limit as u64));
        let offset = extent + (self.written - self.heap.len()) as u64;
        spill.write_at(offset, &self.heap)?;
        self.heap.clear();
        Ok(())
    }
}

impl Write for Spool<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written.saturating_add(bytes.len()) > self.limit {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, crate::codec::NO_ROOM));
        }
        self.heap.extend_from_slice(bytes);
        self.written += bytes.len();
        if self.heap.len() >= SPOOL_HEAP {
            self.move_to_spill()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.extent.is_some() { self.move_to_spill() } else { Ok(()) }
    }
}
