// SPDX-License-Identifier: Apache-2.0
//! The worker: takes the input in, gives up what it does not need, parses, tells.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Read, Write};

use anyhow::Context;
use bytes::Bytes;
use kakoi_inspect::{Contents, Subject, inspect_image};
use kakoi_kernel::{Landlocked, ResourceLimits};
use kakoi_model::{Digest, Fact, Journal};
use kakoi_unpack::{Limits, Store, Unpacked, unpack_directory, unpack_image};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::intake::{Intake, take_in};
use super::journal::Writer;
use super::spill::SpillFile;
use super::stream::Stream;
use super::{Bounds, Job, Message, Task};
use crate::exit::Exit;

/// Contents on the heap beyond which the spill file is used.
const RESIDENT_BYTES: usize = 96 << 20;

/// Heap of a worker: contents, the largest decoder, tables.
const HEAP_BYTES: u64 = 1536 << 20;

/// Decoders call each other a few levels deep; formats keep explicit stacks.
const STACK_BYTES: usize = 8 << 20;

/// Runs one job: the hidden subcommand.
pub fn serve() -> anyhow::Result<Exit> {
    kakoi_kernel::die_with_parent()?;
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let job: Job = serde_json::from_str(&text).context("the job on standard input")?;
    let mut output = BufWriter::with_capacity(1 << 20, io::stdout());
    limit(&job)?;
    let journal = Writer::new(OpenOptions::new().write(true).open(&job.journal)?);
    let mut store = Store::with_spill(Box::new(SpillFile::create()?), RESIDENT_BYTES);
    let stream = (job.task == Task::Extract).then(Stream::start).transpose()?;
    if let Some(stream) = &stream {
        store = store.telling(stream.listener());
    }
    let intake = match take_in(&job.input, &store) {
        Ok(intake) => intake,
        Err(error) => {
            stream.map_or(Ok(()), Stream::end)?;
            tell(&mut output, &Message::Unreadable { reason: error.to_string() })?;
            return Ok(Exit::Input);
        }
    };
    let sampled = super::sample::read_sampled(job.sampled.as_deref())?;
    let (pool, files) = confine(job.confine, job.threads)?;
    let files = format!("{files:?}").to_lowercase();
    tell(&mut output, &Message::Confined { files, system_calls: job.confine })?;
    let known = Known { journal: &journal, sampled: &sampled, stream };
    pool.install(|| run(&job, intake, &Kept(store), known, &mut output))?;
    tell(&mut output, &Message::Done)?;
    Ok(Exit::Done)
}

fn limit(job: &Job) -> io::Result<()> {
    kakoi_kernel::limit_resources(ResourceLimits {
        heap_bytes: HEAP_BYTES,
        file_bytes: job.bounds.output_bytes.saturating_mul(4),
        descriptors: 64,
    })
}

/// Files first, while there is one thread; then the threads; then system calls, on all of them.
pub(super) fn confine(confine: bool, threads: usize) -> anyhow::Result<(ThreadPool, Landlocked)> {
    let files = if confine { kakoi_kernel::confine_files()? } else { Landlocked::Not };
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(STACK_BYTES)
        .build()
        .context("threads of the worker")?;
    // Every thread has run once, so that none starts under the filter.
    pool.broadcast(|_| ());
    if confine {
        kakoi_kernel::confine_system_calls(&kakoi_kernel::worker_filter())
            .context("seccomp filter (--no-sandbox scans without)")?;
    }
    Ok((pool, files))
}

/// What was set up before files were given up.
struct Known<'a> {
    journal: &'a dyn Journal,
    sampled: &'a HashSet<Digest>,
    stream: Option<Stream>,
}

fn run(
    job: &Job,
    intake: Intake,
    kept: &Kept,
    Known { journal, sampled, stream }: Known<'_>,
    output: &mut (impl Write + Send),
) -> anyhow::Result<()> {
    let size = intake.size();
    let Bounds { output_bytes, ratio, content_bytes, entries, depth } = job.bounds;
    let skip = job.skip.clone();
    let limits = Limits { output_bytes, ratio, content_bytes, entries, depth, skip };
    let intake_image = match &intake {
        Intake::Image(image) => Some(image.clone()),
        Intake::Directory(..) => None,
    };
    let unpacked = match intake {
        Intake::Image(image) => unpack_image(image, &kept.0, &limits, journal),
        Intake::Directory(listing, files) => {
            unpack_directory(listing, files, &kept.0, &limits, journal)
        }
    };
    stream.map_or(Ok(()), Stream::end)?;
    tell(output, &Message::Input { digest: unpacked.image, size })?;
    let whole = match &intake_image {
        Some(image) if job.task == Task::Sample => Some((unpacked.image, image.clone())),
        _ => None,
    };
    let facts = if matches!(job.task, Task::Inspect | Task::Sample) {
        let subject = Subject {
            containers: &unpacked.containers,
            files: &unpacked.files,
            kinds: &unpacked.contents,
            contents: kept,
            skip: &job.skip,
        };
        inspect_image(&subject, journal)
    } else {
        Vec::new()
    };
    if job.task == Task::Sample {
        let known = |digest: &Digest| sampled.contains(digest) || job.skip.contains_key(digest);
        let mut contents = super::sample::choose(&unpacked, &known);
        // An image in which nothing was opened is a program or a file by itself.
        let alone = whole.filter(|_| unpacked.containers.is_empty());
        contents.retain(|digest| alone.as_ref().is_none_or(|(image, _)| image != digest));
        let read = |digest: &Digest| kept.0.read(digest);
        let mut sketches = super::sample::sample(&contents, &read, journal);
        sketches.extend(
            alone
                .filter(|(digest, _)| !known(digest))
                .map(|(digest, bytes)| (digest, kakoi_compare::Sketch::of(&bytes))),
        );
        for (digest, sketch) in sketches {
            tell(output, &Message::Sketch(digest, sketch))?;
        }
    }
    unpacking_facts(unpacked)
        .chain(facts)
        .try_for_each(|fact| tell(output, &Message::from(fact)))?;
    Ok(output.flush()?)
}

fn unpacking_facts(unpacked: Unpacked) -> impl Iterator<Item = Fact> {
    let containers = unpacked.containers.into_iter().map(Fact::Container);
    let regions = unpacked.regions.into_iter().map(Fact::Region);
    let problems = unpacked.problems.into_iter().map(Fact::Problem);
    let files = unpacked.files.into_iter().map(Fact::File);
    let contents = unpacked.contents.into_iter().map(Fact::Content);
    containers.chain(regions).chain(problems).chain(files).chain(contents)
}

pub(super) fn tell(output: &mut impl Write, message: &Message) -> io::Result<()> {
    serde_json::to_writer(&mut *output, message)?;
    output.write_all(b"\n")
}

/// The store, as the inspectors see it.
struct Kept(Store);

impl Contents for Kept {
    fn read(&self, digest: &Digest) -> Option<Bytes> {
        self.0.read(digest)
    }
}
