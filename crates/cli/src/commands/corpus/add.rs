// SPDX-License-Identifier: Apache-2.0
//! `kakoi corpus add`: images in, facts kept.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kakoi_corpus::record::Record;
use kakoi_corpus::{Corpus, Known, Metadata, Place, parse_metadata, vendor_from_path};
use kakoi_model::{Digest, escape};
use sha2::{Digest as _, Sha256};

use crate::commands::parsing::Parsing;
use crate::commands::scan::{recognised, why_nothing};
use crate::exit::{BadInput, Exit};
use crate::output;

/// Add images to a corpus
///
/// Every file beneath a directory is an image. What is in the corpus already is not read again: add after an interruption, or
/// again later. Several processes may add to one corpus at once.
#[derive(Args)]
pub struct Arguments {
    /// Directories of images, or images
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// Take the vendor, and the model, from the folders: VENDOR/MODEL/…
    #[arg(long, value_enum, value_name = "WHERE")]
    vendor_from: Option<VendorFrom>,
    /// Table of what is known of images: columns sha256 or path, vendor, model, version, released, url
    #[arg(long, value_name = "CSV")]
    meta: Option<PathBuf>,
    /// Only every N-th image, from the I-th on: for N machines, each with its own I from 1
    #[arg(long, value_name = "I/N", value_parser = parse_shard)]
    shard: Option<(u64, u64)>,
    #[command(flatten)]
    parsing: Parsing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum VendorFrom {
    /// The first folder is the vendor, the second the model
    Path,
}

fn parse_shard(text: &str) -> Result<(u64, u64), String> {
    let pair = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    pair.filter(|(i, n)| *i >= 1 && i <= n).ok_or_else(|| "I/N with 1 <= I <= N".to_owned())
}

/// What became of the images.
#[derive(Default)]
struct Tally {
    scanned: usize,
    /// Scanned and kept, but nothing in them was recognised.
    unrecognised: usize,
    known: usize,
    duplicates: usize,
    failed: usize,
}

/// Runs the command.
pub fn exec(corpus: &Path, arguments: &Arguments) -> anyhow::Result<Exit> {
    let table = arguments.meta.as_deref().map(read_table).transpose()?.unwrap_or_default();
    let mut corpus = Corpus::open(corpus)?;
    let places = find_places(arguments)?;
    if places.is_empty() {
        anyhow::bail!(BadInput("no image was found".to_owned()));
    }
    let bar = progress(places.len() as u64, arguments.parsing.is_quiet());
    let mut tally = Tally::default();
    let mut adder = Adder { corpus: &mut corpus, arguments, table: &table, tally: &mut tally };
    let mut waiting: VecDeque<(PathBuf, Place)> = places.into();
    let mut in_a_row = 0;
    while let Some((path, place)) = waiting.pop_front() {
        bar.set_message(place.source.clone());
        match adder.add(&path, place.clone())? {
            Step::Done => {
                bar.inc(1);
                in_a_row = 0;
            }
            Step::Busy => {
                waiting.push_back((path, place));
                in_a_row += 1;
                // Only images of other processes are left.
                if in_a_row >= waiting.len() {
                    std::thread::sleep(Duration::from_millis(200));
                }
            }
        }
    }
    bar.finish_and_clear();
    if arguments.parsing.is_free() {
        output::complain("parsed without confinement (--no-sandbox)");
    }
    let Tally { scanned, unrecognised, known, duplicates, failed } = tally;
    output::data(&format!(
        "{scanned} images scanned, {unrecognised} with nothing recognised, {duplicates} duplicates of known images, {known} known before, {failed} not readable\n"
    ))?;
    let nothing = failed + unrecognised > 0 && scanned + known + duplicates == 0;
    Ok(if nothing { Exit::Input } else { Exit::Done })
}

enum Step {
    Done,
    /// Another process scans it now.
    Busy,
}

struct Adder<'a> {
    corpus: &'a mut Corpus,
    arguments: &'a Arguments,
    table: &'a BTreeMap<String, Metadata>,
    tally: &'a mut Tally,
}

impl Adder<'_> {
    fn add(&mut self, path: &Path, mut place: Place) -> anyhow::Result<Step> {
        let known = self.corpus.knows(&place)? == Known::Unchanged;
        // A table may say more of it than the one before.
        if known && self.table.is_empty() {
            self.tally.known += 1;
            return Ok(Step::Done);
        }
        let digest = match digest_of(path) {
            Ok(digest) => digest,
            Err(error) => {
                output::complain(&format!("{}: {error}", path.display()));
                self.tally.failed += 1;
                return Ok(Step::Done);
            }
        };
        self.describe(&mut place, &digest);
        let Some(_lock) = self.corpus.lock(&digest)? else { return Ok(Step::Busy) };
        if self.corpus.add_place(&digest, &place)? {
            let counter = if known { &mut self.tally.known } else { &mut self.tally.duplicates };
            *counter += 1;
            return Ok(Step::Done);
        }
        self.scan(path, place)?;
        Ok(Step::Done)
    }

    fn describe(&self, place: &mut Place, digest: &Digest) {
        let mut ends: Vec<&str> = vec![&place.source];
        let mut rest = place.source.as_str();
        while let Some((_, after)) = rest.split_once('/') {
            ends.push(after);
            rest = after;
        }
        let by_path = ends.iter().find_map(|end| self.table.get(*end));
        let told = self.table.get(&digest.to_string()).or(by_path);
        if let Some(told) = told.cloned() {
            place.complete(&told);
        }
    }

    fn scan(&mut self, path: &Path, place: Place) -> anyhow::Result<()> {
        let scan = match self.arguments.parsing.sample(path, self.corpus.sampled()?) {
            Ok(scan) => scan,
            Err(error) => {
                output::complain(&format!("{error:#}"));
                self.tally.failed += 1;
                return Ok(());
            }
        };
        let is_recognised = recognised(&scan.facts);
        if !is_recognised {
            output::complain(&format!("{}: {}", path.display(), why_nothing(&scan.facts)));
        }
        self.corpus.add(&Record { place, facts: scan.facts, sketches: scan.sketches })?;
        let counter =
            if is_recognised { &mut self.tally.scanned } else { &mut self.tally.unrecognised };
        *counter += 1;
        Ok(())
    }
}

fn read_table(path: &Path) -> anyhow::Result<BTreeMap<String, Metadata>> {
    let text = fs::read_to_string(path).map_err(|error| BadInput(error.to_string()));
    let text = text.with_context(|| path.display().to_string())?;
    let lines = parse_metadata(&text).with_context(|| path.display().to_string())?;
    Ok(lines.into_iter().map(|line| (line.key.clone(), line)).collect())
}

/// All regular files, in order, links not followed.
fn find_places(arguments: &Arguments) -> anyhow::Result<Vec<(PathBuf, Place)>> {
    let mut found = Vec::new();
    for top in &arguments.images {
        let absolute = fs::canonicalize(top).map_err(|error| BadInput(error.to_string()));
        let absolute = absolute.with_context(|| top.display().to_string())?;
        let mut folders = vec![absolute.clone()];
        while let Some(path) = folders.pop() {
            let metadata =
                fs::symlink_metadata(&path).with_context(|| path.display().to_string())?;
            if metadata.is_dir() {
                let entries = fs::read_dir(&path).with_context(|| path.display().to_string())?;
                for entry in entries {
                    folders.push(entry?.path());
                }
            } else if metadata.is_file() {
                let place = place_of(&absolute, &path, &metadata, arguments.vendor_from.is_some());
                found.push((path, place));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.dedup_by(|a, b| a.0 == b.0);
    let (first, step) = arguments.shard.unwrap_or((1, 1));
    let kept = (0_u64..).zip(found).filter(|(at, _)| at % step == first - 1);
    Ok(kept.map(|(_, place)| place).collect())
}

fn place_of(top: &Path, path: &Path, metadata: &fs::Metadata, by_path: bool) -> Place {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::MetadataExt;
    let mut place = Place {
        source: escape(path.as_os_str().as_bytes()),
        size: metadata.len(),
        modified: metadata
            .mtime()
            .saturating_mul(1_000_000_000)
            .saturating_add(metadata.mtime_nsec()),
        ..Place::default()
    };
    if by_path {
        (place.vendor, place.model) = vendor_from_path(path.strip_prefix(top).unwrap_or(path));
    }
    place
}

fn digest_of(path: &Path) -> std::io::Result<Digest> {
    let mut file = fs::File::open(path)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest::from_bytes(hash.finalize().into())),
            length => hash.update(buffer.get(..length).unwrap_or_default()),
        }
    }
}

fn progress(length: u64, quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(length), target);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {eta} {wide_msg}") {
        bar.set_style(style);
    }
    bar
}
