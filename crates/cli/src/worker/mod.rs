// SPDX-License-Identifier: Apache-2.0
//! Parsing happens in a process of its own that has given up files, network and new programs.
//!
//! The parent writes one [`Job`] to the worker's standard input and reads [`Message`]s from its
//! standard output. A [journal](journal) file that both have open tells the parent which content
//! was being read when a worker dies or stalls; that content is left out on the next try, so that
//! one bad file costs one file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kakoi_compare::Sketch;
use kakoi_model::{Digest, ElfFacts, Fact, File, OfContent, ProblemCode};
use serde::{Deserialize, Serialize};

mod intake;
mod journal;
mod probe;
mod sample;
mod serve;
mod spill;
mod stream;
mod supervise;

pub use probe::probe;
pub use serve::serve;
pub use supervise::{Options, Reader, Scan, supervise};

/// Name of the hidden subcommand.
pub const COMMAND: &str = "parse-confined";

/// What a worker has to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The image or directory.
    input: PathBuf,
    /// The journal file.
    journal: PathBuf,
    /// Give up files and system calls?
    confine: bool,
    /// Threads to parse with.
    threads: usize,
    /// What the decoders may use.
    bounds: Bounds,
    /// Contents that an earlier worker did not survive.
    skip: BTreeMap<Digest, ProblemCode>,
    /// Contents that need no sample: a file of digests, 32 bytes each.
    sampled: Option<PathBuf>,
    /// What to do with the files.
    task: Task,
}

/// What one scan may use, as the command line says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Bytes that all decoders together may write.
    pub output_bytes: u64,
    /// The same, as a multiple of the size of the image.
    pub ratio: u64,
    /// Bytes of one content.
    pub content_bytes: usize,
    /// Entries of all containers together.
    pub entries: u64,
    /// Containers within containers.
    pub depth: usize,
}

/// What to do with the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// Everything.
    Inspect,
    /// Only list them: after a worker died while it looked at the tree as a whole.
    List,
    /// List them and hand over their bytes.
    Extract,
    /// Everything, and samples of contents for a corpus.
    Sample,
}

impl From<Fact> for Message {
    fn from(fact: Fact) -> Self {
        match fact {
            Fact::File(file) => Self::File(Box::new(file)),
            Fact::Elf(OfContent { digest, facts }) => Self::Elf(digest, Box::new(facts)),
            fact => Self::Fact(Box::new(fact)),
        }
    }
}

/// What a worker says. One JSON object a line; a [`Message::Content`] line is followed by its raw
/// bytes.
#[derive(Debug, Serialize, Deserialize)]
enum Message {
    /// How much of the confinement took effect, before the first byte is parsed.
    Confined {
        files: String,
        system_calls: bool,
    },
    /// The input that is about to be read.
    Input {
        digest: Digest,
        size: u64,
    },
    /// One fact.
    Fact(Box<Fact>),
    /// The two that are most: without the tag of a fact, for whose sake a reader would keep the whole
    /// line before it makes anything of it.
    File(Box<File>),
    Elf(Digest, Box<ElfFacts>),
    /// A sample of a content.
    Sketch(Digest, Sketch),
    /// The next `size` bytes after this line are the content.
    Content {
        digest: Digest,
        size: u64,
    },
    /// The input could not be read.
    Unreadable {
        reason: String,
    },
    /// The end.
    Done,
}
