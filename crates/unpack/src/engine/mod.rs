// SPDX-License-Identifier: Apache-2.0
//! Finds containers in contents and contents in containers, until nothing new comes up.
//!
//! Contents are taken level by level: all that the image holds, then all that those hold, and so
//! on; each distinct content once. Within a level they are independent, and the result does not
//! depend on the number of threads.

mod numbering;
mod trust;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use bytes::Bytes;
use kakoi_model::{
    Confidence, Container, ContainerId, Content, Digest, File, Journal, OpenState, Problem,
    ProblemCode, Region, RegionKind,
};
use rayon::prelude::*;

use numbering::Numbering;
use trust::{is_chance, is_harmless, is_test_vector, is_worth_carving};

use crate::layout::describe_gap;
use crate::magics::MAGICS;
use crate::output::{Budget, Entry, Role};
use crate::{Claim, Family, Format, Input, Output, Store, find_kind, formats};

/// What a scan may use. Reaching a limit is a [`Problem`], not an error.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes that all decoders together may write.
    pub output_bytes: u64,
    /// The same, as a multiple of the size of the image; but what a small device holds is always
    /// allowed ([`ALWAYS_ALLOWED`]).
    pub ratio: u64,
    /// Bytes of one content.
    pub content_bytes: usize,
    /// Entries of all containers together.
    pub entries: u64,
    /// Containers within containers.
    pub depth: usize,
    /// Contents that an earlier run did not survive, with what happened.
    pub skip: BTreeMap<Digest, ProblemCode>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            output_bytes: 8 << 30,
            ratio: 1000,
            content_bytes: 1 << 30,
            entries: 2_000_000,
            depth: 16,
            skip: BTreeMap::new(),
        }
    }
}

/// Bytes that the decoders may write however small an image is: those of a small device's flash.
pub const ALWAYS_ALLOWED: u64 = 256 << 20;

impl Limits {
    /// Bytes that all decoders together may write for an image of this size.
    fn output_for(&self, image: usize) -> u64 {
        let multiple = self.ratio.saturating_mul(image as u64);
        self.output_bytes.min(multiple.max(ALWAYS_ALLOWED))
    }
}

/// All that was found in an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Unpacked {
    /// Digest of the image, or of the directory's listing.
    pub image: Digest,
    /// Containers, numbered depth first.
    pub containers: Vec<Container>,
    /// Regions of every content that holds a container, and of the image.
    pub regions: Vec<Region>,
    /// Entries, by container and then by path.
    pub files: Vec<File>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Kind of every distinct content, by digest.
    pub contents: Vec<Content>,
}

/// Opens an image and everything in it.
#[must_use]
pub fn unpack_image(
    image: Bytes,
    store: &Store,
    limits: &Limits,
    journal: &dyn Journal,
) -> Unpacked {
    let budget = Budget::new(limits.output_for(image.len()), limits.entries);
    let digest = store.put_shared(image);
    let run = Run { store, limits, journal, budget };
    let found = run.read_all(vec![(digest, Role::Part)]);
    Numbering::new(&found, digest).image()
}

/// Takes a directory's files as one container, and opens everything in them. The entries' contents
/// are in the store.
#[must_use]
pub fn unpack_directory(
    listing: Digest,
    mut files: Vec<File>,
    store: &Store,
    limits: &Limits,
    journal: &dyn Journal,
) -> Unpacked {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let budget = Budget::new(limits.output_bytes, limits.entries);
    let run = Run { store, limits, journal, budget };
    let contents = files.iter().filter_map(File::digest).map(|digest| (digest, Role::Member));
    let found = run.read_all(contents.collect());
    Numbering::new(&found, listing).directory(files)
}

/// Opens a content with one format only, at its first byte: for tests and fuzzing of that format.
/// Gives the entries, or the problem that ended the reading; none when the format refuses it.
#[must_use]
pub fn open_alone(
    format: &dyn Format,
    content: Bytes,
    limits: &Limits,
) -> Option<Result<usize, Problem>> {
    let store = Store::in_memory();
    let budget = Budget::new(limits.output_for(content.len()), limits.entries);
    let input = Input::new(content);
    let claim = format.identify(&input, 0).ok()?;
    let mut output = Output::new(&input, claim.start, &store, &budget, limits);
    let result = format.open(&input, &claim, &mut output);
    Some(result.map(|()| output.entries.len()))
}

/// What is in one content.
#[derive(Debug, Default)]
struct Found {
    kind: Option<Content>,
    size: u64,
    containers: Vec<Opened>,
    regions: Vec<(Range<usize>, RegionKind)>,
    problems: Vec<Problem>,
}

/// One container, before it has a number.
#[derive(Debug)]
struct Opened {
    range: Range<usize>,
    format: &'static str,
    family: Family,
    confidence: Confidence,
    state: OpenState,
    attributes: BTreeMap<String, String>,
    entries: Vec<Entry>,
    problems: Vec<Problem>,
    /// How far the content was read for one that could not be read.
    reached: usize,
}

struct Run<'a> {
    store: &'a Store,
    limits: &'a Limits,
    journal: &'a dyn Journal,
    budget: Budget,
}

impl Run<'_> {
    fn read_all(&self, contents: Vec<(Digest, Role)>) -> BTreeMap<Digest, Found> {
        let mut all = BTreeMap::new();
        let mut level = first_of_each(contents, &HashSet::new());
        for depth in 0.. {
            let read: Vec<(Digest, Found)> = level
                .par_iter()
                .map(|&(digest, role)| (digest, self.read(digest, role, depth)))
                .collect();
            let next: Vec<(Digest, Role)> =
                read.iter().flat_map(|(_, found)| children(found)).collect();
            all.extend(read);
            let known: HashSet<Digest> = all.keys().copied().collect();
            level = first_of_each(next, &known);
            if level.is_empty() {
                return all;
            }
        }
        all
    }

    fn read(&self, digest: Digest, role: Role, depth: usize) -> Found {
        let Some(bytes) = self.store.read(&digest) else { return Found::default() };
        let mut found = Found { size: bytes.len() as u64, ..Found::default() };
        if let Some(&code) = self.limits.skip.get(&digest) {
            let words = match code {
                ProblemCode::TimeLimit => "took longer than content-timeout, so it was left out",
                _ => "left out on this run",
            };
            found.problems.push(Problem::new(code, 0, "content").because(words));
            return found;
        }
        let token = self.journal.begin(&digest, bytes.len() as u64);
        self.read_content(&Input::new(bytes), role, depth, &mut found);
        found.kind.get_or_insert_with(|| content(digest, self.store)).digest = digest;
        self.journal.end(token);
        found
    }

    fn read_content(&self, input: &Input, role: Role, depth: usize, found: &mut Found) {
        let mut at = 0;
        let mut refused = Vec::new();
        if let Some(opened) = self.open_at_start(input, &mut refused) {
            if depth >= self.limits.depth {
                found.problems.push(self.too_deep(0, opened.format));
                return;
            }
            at = opened.range.end;
            found.containers.push(opened);
        }
        if at < input.len() && (at > 0 || is_worth_carving(input, role)) {
            if depth >= self.limits.depth {
                found.problems.push(self.too_deep(at as u64, "content"));
            } else {
                self.carve(input, at, found);
            }
        }
        if found.containers.is_empty() && depth == 0 && find_kind(input.as_slice()).name == "data" {
            found.problems.append(&mut refused);
        }
        let whole = found.containers.is_empty() && role == Role::Member;
        if !whole {
            found.regions = regions(input, &found.containers);
        }
    }

    fn too_deep(&self, at: u64, field: &'static str) -> Problem {
        let words = format!("containers within containers: max-depth is {}", self.limits.depth);
        Problem::new(ProblemCode::DepthLimit, at, field).because(words)
    }

    /// Formats are tried in the order of the registry; the first that opens has the content. What
    /// the others stumbled over is for the user who gave a damaged file.
    fn open_at_start(&self, input: &Input, refused: &mut Vec<Problem>) -> Option<Opened> {
        formats::ALL.iter().find_map(|format| {
            let doc = format.doc();
            let announced = doc.magics.is_empty()
                || doc.magics.iter().any(|magic| input.tail(magic.offset).starts_with(magic.bytes));
            if !announced {
                return None;
            }
            let claim = format.identify(input, 0).ok()?;
            let opened = self.open(*format, input, &claim);
            opened.map_err(|mistake| refused.push(mistake.problem)).ok()
        })
    }

    /// Looks for magics from `from` on; what starts inside an accepted container is its own. One
    /// that could not be read counts only if nothing inside it can.
    fn carve(&self, input: &Input, from: usize, found: &mut Found) {
        let mut cursor = from;
        let mut failed: Option<Opened> = None;
        let mut spent = 0;
        for (start, index) in candidates(input.as_slice(), from) {
            if start < cursor {
                continue;
            }
            let format = formats::ALL[index];
            let Ok(claim) = format.identify(input, start) else { continue };
            let opened = match self.open(format, input, &claim) {
                Ok(opened) => opened,
                Err(mistake) => {
                    spent += mistake.reached.saturating_sub(start) as u64;
                    if is_spent(spent, start, input, found) {
                        break;
                    }
                    continue;
                }
            };
            if is_test_vector(&opened, input) || is_chance(&opened) {
                continue;
            }
            found.containers.extend(failed.take_if(|failed| failed.range.end <= start));
            if opened.state == OpenState::Failed {
                spent += opened.reached.saturating_sub(start) as u64;
                failed.get_or_insert(opened);
                if is_spent(spent, start, input, found) {
                    break;
                }
                continue;
            }
            failed = None;
            cursor = opened.range.end.max(start + 1);
            found.containers.push(opened);
        }
        found.containers.extend(failed);
    }

    /// Opens a claim. A claim that rests on a magic alone and yields nothing was a mistake; at the
    /// start of a content the reason is kept all the same, for the user who gave a damaged file.
    fn open(&self, format: &dyn Format, input: &Input, claim: &Claim) -> Result<Opened, Mistake> {
        let mut output = Output::new(input, claim.start, self.store, &self.budget, self.limits);
        let result = format.open(input, claim, &mut output);
        let nothing = output.entries.is_empty();
        let confidence = output.confidence.unwrap_or(claim.confidence).max(claim.confidence);
        if let (Err(problem), true, Confidence::Magic) = (&result, nothing, confidence) {
            return Err(Mistake { problem: problem.clone(), reached: output.reached });
        }
        let state = match (&result, nothing) {
            (Err(_), true) => OpenState::Failed,
            (Ok(()), _) if output.problems.iter().all(|problem| is_harmless(problem.code)) => {
                OpenState::Full
            }
            _ => OpenState::Partial,
        };
        let end = output.end.unwrap_or(claim.end).clamp(claim.start, input.len());
        let mut problems = output.problems;
        problems.extend(result.err());
        Ok(Opened {
            range: claim.start..end,
            format: format.doc().name,
            family: format.doc().family,
            confidence,
            state,
            attributes: output.attributes,
            entries: output.entries,
            problems,
            reached: output.reached,
        })
    }
}

/// A claim that proved false.
struct Mistake {
    problem: Problem,
    /// How far the content was read for it.
    reached: usize,
}

/// How often a content may be read in vain, in its own length: a stream that proves false may have
/// been read to its end, and within it the next begins.
const MAX_TRIALS: u64 = 8;

/// Has the content been read in vain too often? Says so if it has.
fn is_spent(spent: u64, at: usize, input: &Input, found: &mut Found) -> bool {
    let over = spent > MAX_TRIALS * input.len() as u64;
    if over {
        let problem = Problem::new(ProblemCode::SizeLimit, at as u64, "content");
        found.problems.push(problem.because("too many false beginnings of streams"));
    }
    over
}

fn content(digest: Digest, store: &Store) -> Content {
    let kind = find_kind(&store.read(&digest).unwrap_or_default());
    Content { digest, kind: kind.name.to_owned(), interpreter: kind.interpreter }
}

fn first_of_each(contents: Vec<(Digest, Role)>, known: &HashSet<Digest>) -> Vec<(Digest, Role)> {
    let mut seen = HashSet::new();
    contents
        .into_iter()
        .filter(|(digest, _)| !known.contains(digest) && seen.insert(*digest))
        .collect()
}

fn children(found: &Found) -> impl Iterator<Item = (Digest, Role)> {
    found.containers.iter().flat_map(|opened| &opened.entries).filter_map(|entry| {
        match entry.kind {
            kakoi_model::FileKind::Regular { digest, .. } => Some((digest, entry.role)),
            _ => None,
        }
    })
}

/// Where a container may start, and the index of its format; ordered by place, then by registry.
fn candidates(content: &[u8], from: usize) -> Vec<(usize, usize)> {
    let mut starts = BTreeSet::new();
    MAGICS.find(content, from, |place, pattern| {
        let start = place.checked_sub(pattern.offset).filter(|start| *start >= from);
        starts.extend(
            start
                .filter(|start| start % pattern.alignment == 0)
                .map(|start| (start, pattern.format)),
        );
    });
    starts.into_iter().collect()
}

fn regions(input: &Input, containers: &[Opened]) -> Vec<(Range<usize>, RegionKind)> {
    let mut regions = Vec::new();
    let mut at = 0;
    for (index, opened) in containers.iter().enumerate() {
        regions.extend(describe_gap(input.as_slice(), at..opened.range.start));
        let id = ContainerId(u32::try_from(index).unwrap_or(u32::MAX));
        regions.push((opened.range.clone(), RegionKind::Container { id }));
        at = opened.range.end;
    }
    regions.extend(describe_gap(input.as_slice(), at..input.len()));
    regions
}
