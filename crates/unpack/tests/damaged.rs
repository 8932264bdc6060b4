// SPDX-License-Identifier: Apache-2.0
//! Every image of the golden corpus cut and damaged in many ways: nothing panics, nothing takes
//! long, limits hold.
//!
//! In `cargo test` a case gets 12 to 300 inputs of each kind, so that all take a minute or so.
//! `KAKOI_DAMAGE_ROUNDS` sets the number of mutations, and cuts at every structure boundary;
//! `KAKOI_CASE` names a case (`FORMAT/CASE`), all of a format (`FORMAT/`), or a part of a name;
//! `KAKOI_DAMAGE_LEDGER` names a file that gets a line for each test: `cargo xtask hostile` uses
//! all three.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bounded;
mod corpus;
mod tree;

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bounded::timed;
use kakoi_unpack::Unpacked;

/// Knuth's MMIX generator: the same damage on every run.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below.max(1)
    }
}

/// What a test tried, and what failed.
#[derive(Default)]
struct Tally {
    cases: usize,
    inputs: usize,
    slowest: Duration,
    failures: Vec<String>,
}

impl Tally {
    /// Unpacks; a failure is kept, so that one run finds all of them.
    fn unpack(&mut self, image: &[u8], what: &str) -> Option<Unpacked> {
        self.inputs += 1;
        match catch_unwind(AssertUnwindSafe(|| timed(image, what))) {
            Ok((found, took)) => {
                self.slowest = self.slowest.max(took);
                Some(found)
            }
            Err(_) => {
                self.failures.push(what.to_owned());
                None
            }
        }
    }

    fn finish(self, test: &str) {
        if let Some(path) = std::env::var_os("KAKOI_DAMAGE_LEDGER") {
            let Self { cases, inputs, slowest, failures } = &self;
            let (slowest, failures) = (slowest.as_micros(), failures.len());
            let line =
                format!("{test} {cases} {inputs} {slowest} {} {failures}\n", peak_kilobytes());
            let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
            file.write_all(line.as_bytes()).unwrap();
        }
        let count = self.failures.len();
        assert!(count == 0, "{count} of {} inputs: {:#?}", self.inputs, self.failures);
    }
}

/// The most memory that this process has held (proc(5), `VmHWM`).
fn peak_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Every case with its image, made from the small tree.
fn for_each_case(mut check: impl FnMut(&mut Tally, &str, &[u8])) -> Tally {
    let mut tally = Tally::default();
    let work = tempfile::tempdir().unwrap();
    let tree = work.path().join("tree");
    tree::make_small_tree(&tree);
    let only = std::env::var("KAKOI_CASE").unwrap_or_default();
    for case in corpus::folders(&corpus::folder()).iter().flat_map(|format| corpus::folders(format))
    {
        let name = case.display().to_string();
        let name = name.rsplit("corpus/").next().unwrap();
        let wanted =
            if only.ends_with('/') { name.starts_with(&only) } else { name.contains(&only) };
        if wanted {
            tally.cases += 1;
            let image = corpus::make_image(&case, work.path(), &tree).unwrap();
            check(&mut tally, name, &image);
        }
    }
    tally
}

/// The number that was asked for, if one was.
fn wanted_rounds() -> Option<usize> {
    Some(std::env::var("KAKOI_DAMAGE_ROUNDS").ok()?.parse().expect("KAKOI_DAMAGE_ROUNDS"))
}

/// Rounds that a case of this size gets: all together stay within a minute or so.
fn rounds(most: usize, size: usize) -> usize {
    wanted_rounds().unwrap_or_else(|| (6_000_000 / size.max(1)).clamp(12, most))
}

#[test]
fn every_case_cut_at_any_length_is_read_up_to_there() {
    let tally = for_each_case(|tally, name, image| {
        let Some(whole) = tally.unpack(image, name) else { return };
        let mut waiting = first_cuts(&whole, image.len());
        let mut done = BTreeSet::new();
        while let Some(length) = waiting.pop() {
            if length >= image.len() || !done.insert(length) {
                continue;
            }
            let found = tally.unpack(&image[..length], &format!("{name} cut to {length}"));
            // Where a cut image could not be read further, a structure begins.
            if let (Some(found), Some(most)) = (found, wanted_rounds())
                && done.len() < 2 * most
            {
                waiting.extend(boundaries(&found));
            }
        }
    });
    tally.finish("cut");
}

/// Ends of containers; the lengths at which headers lie; and lengths that are spread evenly.
fn first_cuts(whole: &Unpacked, size: usize) -> Vec<usize> {
    let mut lengths: Vec<usize> = Vec::new();
    for region in &whole.regions {
        let ends = [region.offset, region.offset + region.size];
        lengths.extend(ends.into_iter().map(|end| usize::try_from(end).unwrap()));
    }
    lengths.extend([1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 60, 64, 100, 110, 200, 511, 512, 513]);
    if wanted_rounds().is_some() {
        lengths.extend(1..=256);
        // Tables of file systems lie at sectors.
        let step = (size / 500).next_multiple_of(512).max(512);
        lengths.extend((512..size).step_by(step));
    } else {
        let count = rounds(60, size);
        lengths.extend((1..count).map(|step| size * step / count));
    }
    lengths.iter().flat_map(|&length| [length.saturating_sub(1), length]).collect()
}

/// The places that problems name, with their neighbours.
fn boundaries(found: &Unpacked) -> Vec<usize> {
    let places = found.problems.iter().take(8).map(|problem| problem.offset);
    let lengths = places.filter_map(|place| usize::try_from(place).ok());
    lengths.flat_map(|length| [length.saturating_sub(1), length, length + 1]).collect()
}

#[test]
fn every_case_with_changed_bytes_is_read_or_refused() {
    let tally = for_each_case(|tally, name, image| {
        let mut random = Random(0x6b61_6b6f_6921);
        for round in 0..rounds(300, image.len()) {
            let mut damaged = image.to_vec();
            // Half of the damage goes to the first bytes, where the headers are.
            let reach = if round % 2 == 0 { image.len().min(512) } else { image.len() };
            for _ in 0..=random.next(4) {
                let at = random.next(reach);
                damaged[at] = match random.next(4) {
                    0 => 0,
                    1 => 0xff,
                    2 => damaged[at] ^ 1 << random.next(8),
                    _ => u8::try_from(random.next(256)).unwrap(),
                };
            }
            tally.unpack(&damaged, &format!("{name}, damage {round}"));
        }
    });
    tally.finish("changed");
}
