// SPDX-License-Identifier: Apache-2.0
//! The parent: starts a worker, watches it, and tries again without what it did not survive.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use kakoi_compare::Sketch;
use kakoi_model::{Digest, Fact, Facts, OfContent, Problem, ProblemCode};

use super::journal::{self, Active};
use super::{Bounds, COMMAND, Job, Message, Task};
use crate::exit::BadInput;
use crate::progress::Progress;

/// How often the journal is looked at.
const TICK: Duration = Duration::from_millis(100);

/// Workers that may die on one image before the rest is given up.
const MAX_TRIES: usize = 32;

/// A worker allocates and frees thousands of contents: the allocator keeps what it has instead of
/// asking the kernel for zeroed pages each time (glibc manual, "Memory Allocation Tunables").
const ALLOCATOR: &str = "glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=67108864\
    :glibc.malloc.top_pad=4194304:glibc.malloc.arena_max=1:glibc.malloc.hugetlb=1";

/// Longest line that a worker may send: facts of one file.
const MAX_LINE: u64 = 256 << 20;

/// What the user asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// The image or directory.
    pub input: PathBuf,
    /// Confine the worker?
    pub confine: bool,
    /// Threads to parse with.
    pub threads: usize,
    /// What the decoders may use.
    pub bounds: Bounds,
    /// Longest time for one content.
    pub content_time: Duration,
    /// No progress bar.
    pub quiet: bool,
    /// What to do with the files.
    pub task: Task,
    /// For [`Task::Sample`]: contents that need no sample.
    pub sampled: BTreeSet<Digest>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Scan {
    /// The facts, without the image line.
    pub facts: Facts,
    /// Digest and size of the input.
    pub input: Option<(Digest, u64)>,
    /// Samples of contents.
    pub sketches: BTreeMap<Digest, Sketch>,
    /// Did the whole confinement take effect? The words are for people.
    pub confinement: Option<(bool, String)>,
}

/// Takes contents that a worker hands over.
pub trait Reader: Send {
    /// One content follows: exactly `size` bytes.
    fn content(&mut self, digest: Digest, size: u64, bytes: &mut dyn Read) -> anyhow::Result<()>;
}

/// Runs workers until one finishes.
pub fn supervise(options: &Options, reader: &mut dyn Reader) -> anyhow::Result<Scan> {
    let journal = tempfile::tempfile().context("journal of the worker")?;
    let sampled = write_sampled(&options.sampled)?;
    let mut job = Job {
        input: options.input.clone(),
        journal: path_of(&journal),
        confine: options.confine,
        threads: options.threads,
        bounds: options.bounds,
        skip: BTreeMap::new(),
        sampled: sampled.as_ref().map(path_of),
        task: options.task,
    };
    let progress = Progress::start(options.quiet);
    for tried in 0..MAX_TRIES {
        journal.set_len(0)?;
        match attempt(&job, options, &journal, &progress, reader)? {
            Attempt::Finished(scan) => return Ok(with_lost_inspection(scan, &job, options)),
            Attempt::Lost(loss) => learn(&mut job, loss, tried == 0)?,
        }
    }
    bail!("{MAX_TRIES} workers died on this input; see the problems above")
}

/// The digests in a file without a name: there may be millions.
fn write_sampled(sampled: &BTreeSet<Digest>) -> anyhow::Result<Option<File>> {
    if sampled.is_empty() {
        return Ok(None);
    }
    let mut file = tempfile::tempfile().context("list of known contents")?;
    let all: Vec<u8> = sampled.iter().flat_map(|digest| *digest.as_bytes()).collect();
    file.write_all(&all).context("list of known contents")?;
    Ok(Some(file))
}

/// A name for a file without one, for a child that opens it itself: nothing is left behind however
/// this process ends.
fn path_of(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()))
}

enum Attempt {
    Finished(Scan),
    Lost(Loss),
}

/// Why a worker did not finish.
struct Loss {
    suspects: Vec<Active>,
    code: ProblemCode,
    words: String,
}

fn attempt(
    job: &Job,
    options: &Options,
    journal: &File,
    progress: &Progress,
    reader: &mut dyn Reader,
) -> anyhow::Result<Attempt> {
    let mut child = start(job)?;
    let stdout = child.stdout.take().context("standard output of the worker")?;
    let talk = collect_talk(&mut child);
    let (sender, receiver) = mpsc::channel();
    let (scan, stalled) = thread::scope(|scope| {
        scope.spawn(move || sender.send(listen(stdout, reader)));
        watch(&receiver, &mut child, options, journal, progress)
    });
    let status = child.wait().context("worker")?;
    let words = talk.map_or_else(String::new, |talk| talk.join().unwrap_or_default());
    if let Some(active) = stalled {
        let words = format!("no end after {} s", options.content_time.as_secs());
        let loss = Loss { suspects: vec![active], code: ProblemCode::TimeLimit, words };
        return Ok(Attempt::Lost(loss));
    }
    match scan {
        Some(Ok((scan, true))) => Ok(Attempt::Finished(scan)),
        Some(Err(error)) if status.success() || error.is::<BadInput>() => Err(error),
        _ => {
            let suspects = journal::read(journal).unwrap_or_default().active;
            let words = match words.trim() {
                "" => status.to_string(),
                words => format!("{status}; {words}"),
            };
            Ok(Attempt::Lost(Loss { suspects, code: ProblemCode::WorkerDied, words }))
        }
    }
}

fn start(job: &Job) -> anyhow::Result<Child> {
    let mut child = Command::new("/proc/self/exe")
        .arg(COMMAND)
        .env_clear()
        .env("GLIBC_TUNABLES", ALLOCATOR)
        .envs(std::env::var_os("TMPDIR").map(|value| ("TMPDIR", value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting the worker")?;
    let mut stdin = child.stdin.take().context("standard input of the worker")?;
    stdin.write_all(serde_json::to_string(job)?.as_bytes())?;
    Ok(child)
}

/// A dying worker says why on standard error; the first few lines are enough.
fn collect_talk(child: &mut Child) -> Option<thread::JoinHandle<String>> {
    let stderr = child.stderr.take()?;
    Some(thread::spawn(move || {
        let mut text = Vec::new();
        let mut reader = BufReader::new(stderr);
        let _ = reader.by_ref().take(4096).read_to_end(&mut text);
        let _ = std::io::copy(&mut reader, &mut std::io::sink());
        kakoi_model::escape(&text)
    }))
}

type Heard = anyhow::Result<(Scan, bool)>;

/// Waits for the end, shows progress, and kills a worker that stays with one content too long.
fn watch(
    receiver: &Receiver<Heard>,
    child: &mut Child,
    options: &Options,
    journal: &File,
    progress: &Progress,
) -> (Option<Heard>, Option<Active>) {
    let mut since: BTreeMap<u64, Instant> = BTreeMap::new();
    loop {
        match receiver.recv_timeout(TICK) {
            Ok(heard) => return (Some(heard), None),
            Err(RecvTimeoutError::Disconnected) => return (None, None),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let snapshot = journal::read(journal).unwrap_or_default();
        progress.update(snapshot.contents, snapshot.bytes);
        since.retain(|sequence, _| {
            snapshot.active.iter().any(|active| active.sequence == *sequence)
        });
        for active in snapshot.active {
            let start = *since.entry(active.sequence).or_insert_with(Instant::now);
            if start.elapsed() > options.content_time {
                // Already gone is as good as killed.
                let _ = child.kill();
                return (None, Some(active));
            }
        }
    }
}

/// Reads messages to the end. The flag tells whether the worker said that it was done.
fn listen(stdout: ChildStdout, reader: &mut dyn Reader) -> Heard {
    let mut input = BufReader::with_capacity(1 << 20, stdout);
    let mut scan = Scan::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok((scan, false));
        }
        let Ok(message) = serde_json::from_slice(&line) else { return Ok((scan, false)) };
        match message {
            Message::Done => return Ok((scan, true)),
            Message::Fact(fact) => scan.facts.lines.push(*fact),
            Message::File(file) => scan.facts.lines.push(Fact::File(*file)),
            Message::Elf(digest, facts) => {
                scan.facts.lines.push(Fact::Elf(OfContent { digest, facts: *facts }));
            }
            Message::Sketch(digest, sketch) => {
                scan.sketches.insert(digest, sketch);
            }
            Message::Input { digest, size } => scan.input = Some((digest, size)),
            Message::Confined { files, system_calls } => {
                let words = format!("Landlock {files}, seccomp {}", on_off(system_calls));
                scan.confinement = Some((system_calls && files == "fully", words));
            }
            Message::Unreadable { reason } => bail!(BadInput(reason)),
            Message::Content { digest, size } => {
                let mut bytes = input.by_ref().take(size);
                reader.content(digest, size, &mut bytes)?;
                std::io::copy(&mut bytes, &mut std::io::sink())?;
            }
        }
    }
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// What the next worker does otherwise. The first death may have come from outside, or be one of
/// several contents' fault: the next worker has one thread. What it dies on again, or stays with too
/// long, is left out. With no content in the journal it was the tree as a whole.
fn learn(job: &mut Job, loss: Loss, is_first: bool) -> anyhow::Result<()> {
    let next = match loss.suspects.as_slice() {
        _ if is_first && loss.code == ProblemCode::WorkerDied => {
            job.threads = 1;
            "with one thread"
        }
        [] if matches!(job.task, Task::Inspect | Task::Sample) => {
            job.task = Task::List;
            "only files are listed"
        }
        [one] if job.threads == 1 || loss.code == ProblemCode::TimeLimit => {
            if job.skip.insert(one.content, loss.code).is_some() {
                bail!("the worker died again on content {}: {}", one.content.short(), loss.words);
            }
            "one content is left out"
        }
        [] => bail!("the worker died: {}", loss.words),
        _ if job.threads == 1 => bail!("the worker died: {}", loss.words),
        _ => {
            job.threads = 1;
            "with one thread"
        }
    };
    crate::output::complain(&format!("worker lost ({}); trying again, {next}", loss.words));
    Ok(())
}

/// Facts that are missing because a worker died on the tree are said to be missing.
fn with_lost_inspection(mut scan: Scan, job: &Job, options: &Options) -> Scan {
    if job.task != options.task {
        let problem = Problem::new(ProblemCode::WorkerDied, 0, "inspection of the file tree")
            .because("only containers and files are reported");
        scan.facts.lines.push(Fact::Problem(problem));
    }
    scan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        let bounds = Bounds { output_bytes: 1, ratio: 1, content_bytes: 1, entries: 1, depth: 1 };
        Job {
            input: PathBuf::from("image"),
            journal: PathBuf::from("journal"),
            confine: true,
            threads: 4,
            bounds,
            skip: BTreeMap::new(),
            sampled: None,
            task: Task::Inspect,
        }
    }

    fn loss(contents: &[&[u8]]) -> Loss {
        let active = |content: &&[u8]| Active { content: Digest::of(content), sequence: 1 };
        let suspects = contents.iter().map(active).collect();
        Loss { suspects, code: ProblemCode::WorkerDied, words: "signal 11".to_owned() }
    }

    #[test]
    fn a_content_that_killed_two_workers_is_left_out_and_only_that() {
        let mut job = job();
        learn(&mut job, loss(&[b"bad"]), true).unwrap();
        assert_eq!((job.threads, job.skip.len()), (1, 0), "it may have come from outside");
        learn(&mut job, loss(&[b"bad"]), false).unwrap();
        assert_eq!(job.skip, BTreeMap::from([(Digest::of(b"bad"), ProblemCode::WorkerDied)]));
        assert_eq!(job.task, Task::Inspect);
        assert!(learn(&mut job, loss(&[b"bad"]), false).is_err(), "leaving it out did not help");
    }

    #[test]
    fn a_content_that_takes_too_long_is_left_out_at_once() {
        let mut job = job();
        learn(&mut job, Loss { code: ProblemCode::TimeLimit, ..loss(&[b"slow"]) }, true).unwrap();
        assert_eq!(job.skip, BTreeMap::from([(Digest::of(b"slow"), ProblemCode::TimeLimit)]));
        assert_eq!(job.threads, 4);
    }

    #[test]
    fn several_suspects_are_told_apart_by_one_thread() {
        let mut job = job();
        learn(&mut job, loss(&[b"a", b"b"]), true).unwrap();
        assert_eq!((job.threads, job.skip.len()), (1, 0));
        assert!(learn(&mut job, loss(&[b"a", b"b"]), false).is_err());
    }

    #[test]
    fn a_death_outside_of_any_content_costs_the_inspection_of_the_tree() {
        let mut job = job();
        learn(&mut job, loss(&[]), true).unwrap();
        assert_eq!((&job.task, job.threads), (&Task::Inspect, 1), "it may have come from outside");
        learn(&mut job, loss(&[]), false).unwrap();
        assert_eq!(job.task, Task::List);
        assert!(learn(&mut job, loss(&[]), false).is_err());
    }
}
