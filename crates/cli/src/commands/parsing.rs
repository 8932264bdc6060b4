// SPDX-License-Identifier: Apache-2.0
//! Arguments of all commands that parse an image.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use kakoi_model::{Digest, Fact, Image, SCHEMA_VERSION, escape};

use crate::exit::BadInput;
use crate::output;
use crate::worker::{Bounds, Options, Reader, Scan, Task, supervise};

/// How to parse.
#[derive(Args, Debug)]
pub struct Parsing {
    /// Parse with this many threads [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Decompress at most this many MiB in total
    #[arg(long, value_name = "MIB", default_value_t = 8192, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    max_output: u64,
    /// Decompress at most this many times the size of the image, or 256 MiB if that is more
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    max_ratio: u64,
    /// Longest single content, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    max_content: u64,
    /// Read at most this many entries in total
    #[arg(long, value_name = "N", default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    max_entries: u64,
    /// Open containers within containers this deep
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=64))]
    max_depth: u16,
    /// Give up on a content after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86400))]
    content_timeout: u64,
    /// Parse without confinement (Landlock, seccomp); the report says so
    #[arg(long)]
    no_sandbox: bool,
    /// No progress on standard error
    #[arg(short, long)]
    quiet: bool,
}

impl Parsing {
    /// Reads an image or directory. The first fact is the image line.
    pub fn read(&self, input: &Path, task: Task, reader: &mut dyn Reader) -> anyhow::Result<Scan> {
        self.read_as(input, task, BTreeSet::new(), false, reader)
    }

    /// Reads an image and samples its contents, but for those that have a sample.
    pub fn sample(&self, input: &Path, sampled: BTreeSet<Digest>) -> anyhow::Result<Scan> {
        self.read_as(input, Task::Sample, sampled, true, &mut NoContents)
    }

    /// Without confinement?
    pub fn is_free(&self) -> bool {
        self.no_sandbox
    }

    /// Nothing on standard error?
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    fn read_as(
        &self,
        input: &Path,
        task: Task,
        sampled: BTreeSet<Digest>,
        many: bool,
        reader: &mut dyn Reader,
    ) -> anyhow::Result<Scan> {
        let options = Options {
            input: absolute(input)?,
            confine: !self.no_sandbox,
            threads: self.threads.map_or_else(processors, usize::from),
            bounds: self.bounds(),
            content_time: Duration::from_secs(self.content_timeout),
            quiet: self.quiet || many,
            task,
            sampled,
        };
        let mut scan = supervise(&options, reader).with_context(|| input.display().to_string())?;
        // Of many images it is said once, by whoever reads them.
        if !many {
            self.tell_confinement(&scan);
        }
        let image = image_line(input, &scan, !self.no_sandbox);
        scan.facts.lines.insert(0, Fact::Image(image));
        Ok(scan)
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            output_bytes: self.max_output << 20,
            ratio: self.max_ratio,
            content_bytes: usize::try_from(self.max_content << 20).unwrap_or(usize::MAX),
            entries: self.max_entries,
            depth: usize::from(self.max_depth),
        }
    }

    fn tell_confinement(&self, scan: &Scan) {
        match &scan.confinement {
            Some((false, words)) if !self.no_sandbox => {
                output::complain(&format!("parsed with confinement in part only: {words}"));
            }
            _ if self.no_sandbox => output::complain("parsed without confinement (--no-sandbox)"),
            _ => {}
        }
    }
}

/// Nothing but the facts.
pub struct NoContents;

impl Reader for NoContents {
    fn content(
        &mut self,
        _: kakoi_model::Digest,
        _: u64,
        _: &mut dyn std::io::Read,
    ) -> anyhow::Result<()> {
        Ok(())
    }
}

fn absolute(input: &Path) -> anyhow::Result<PathBuf> {
    let path = std::path::absolute(input);
    path.map_err(|error| BadInput(error.to_string())).with_context(|| input.display().to_string())
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn image_line(input: &Path, scan: &Scan, asked: bool) -> Image {
    use std::os::unix::ffi::OsStrExt;
    let (digest, size) = scan.input.unwrap_or((kakoi_model::Digest::of(b""), 0));
    let name = input.file_name().unwrap_or(input.as_os_str());
    Image {
        schema: SCHEMA_VERSION,
        tool: concat!("kakoi ", env!("CARGO_PKG_VERSION")).to_owned(),
        name: escape(name.as_bytes()),
        size,
        digest,
        scanned_at: Some(now()),
        confined: asked && scan.confinement.as_ref().is_some_and(|(whole, _)| *whole),
    }
}

/// Seconds since 1970, or what `SOURCE_DATE_EPOCH` says (<https://reproducible-builds.org>).
fn now() -> i64 {
    let fixed = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|value| value.parse().ok());
    fixed.unwrap_or_else(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    })
}
