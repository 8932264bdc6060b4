// SPDX-License-Identifier: Apache-2.0
//! Signatures learned on pairs for amd64, asked about the builds of the same packages for arm64: `cargo xtask patches DATA... --cross`.
//!
//! Each program of each amd64 pair that differs gives a signature. The arm64 build before the fix is vulnerable, the one after it
//! fixed; what the signature says of both is counted. Both builds are read as `kakoi cve learn` and `kakoi patches` read them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use kakoi_compare::signature::{Decision, Signature, learn};
use kakoi_compare::{Program, compare};

use super::{Pair, extract, programs};

/// What signatures said of builds of which the truth is known.
#[derive(Default, Clone, Copy)]
struct Count {
    right: usize,
    wrong: usize,
    unknown: usize,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.unknown += other.unknown;
    }

    fn all(self) -> usize {
        self.right + self.wrong + self.unknown
    }
}

/// A pair with the places of its packages.
pub type Placed = (Pair, PathBuf, PathBuf);

/// Compares all that there is for both machines; gives the report.
pub fn run(pairs: &[Placed]) -> anyhow::Result<String> {
    let of = |machine: &str| -> BTreeMap<(String, String), &Placed> {
        let chosen = pairs.iter().filter(|it| it.0.architecture == machine);
        chosen.map(|it| ((it.0.package.clone(), it.0.suites.clone()), it)).collect()
    };
    let (taught, asked) = (of("amd64"), of("arm64"));
    let mut rows = String::new();
    let (mut before, mut after, mut signatures) = (Count::default(), Count::default(), 0);
    for (key, lesson) in &taught {
        let Some(exam) = asked.get(key) else { continue };
        let (learned, old, new) = examine(lesson, exam)?;
        if learned == 0 {
            continue;
        }
        signatures += learned;
        before.add(old);
        after.add(new);
        let row = format!(
            "| {} | {} | {learned} | {} | {} | {} | {} | {} | {} |\n",
            lesson.0.package,
            lesson.0.upstream,
            old.right,
            old.wrong,
            old.unknown,
            new.right,
            new.wrong,
            new.unknown
        );
        print!("{row}");
        rows.push_str(&row);
    }
    let share = |part: usize, all: usize| 100.0 * part as f64 / all.max(1) as f64;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{signatures} signatures. Wrong *fixed*: {} of {} builds before the fix ({:.1} %). Wrong *vulnerable*: {} of {} builds after it ({:.1} %). Unknown: {:.1} % of all.\n",
        before.wrong,
        before.all(),
        share(before.wrong, before.all()),
        after.wrong,
        after.all(),
        share(after.wrong, after.all()),
        share(before.unknown + after.unknown, before.all() + after.all())
    );
    text.push_str("| package | upstream | signatures | before: vulnerable | fixed (wrong) | unknown | after: fixed | vulnerable (wrong) | unknown |\n|---|---|---|---|---|---|---|---|---|\n");
    text.push_str(&rows);
    Ok(text)
}

/// Learns from each program of one pair and asks about the same program of the other.
fn examine(lesson: &Placed, exam: &Placed) -> anyhow::Result<(usize, Count, Count)> {
    let folder = tempfile::tempdir()?;
    let place = |name: &str| folder.path().join(name);
    for (package, into) in [(&lesson.1, "a"), (&lesson.2, "b"), (&exam.1, "c"), (&exam.2, "d")] {
        extract(package, &place(into))?;
    }
    let (mut learned, mut before, mut after) = (0, Count::default(), Count::default());
    for file in programs(&place("b"))? {
        let path = file.strip_prefix(place("b"))?.to_owned();
        let other = path.to_string_lossy().replace("x86_64-linux-gnu", "aarch64-linux-gnu");
        let files =
            [place("a").join(&path), file, place("c").join(&other), place("d").join(&other)];
        let [Some(old), Some(new), Some(open), Some(fixed)] = files.map(|path| read(&path)) else {
            continue;
        };
        let Some(signature) = learn(&old, &new, &compare(&old, &new)) else { continue };
        learned += 1;
        before.add(ask(&signature, &open, false));
        after.add(ask(&signature, &fixed, true));
    }
    Ok((learned, before, after))
}

fn read(path: &Path) -> Option<Program> {
    Program::read(&std::fs::read(path).ok()?, None).ok()
}

fn ask(signature: &Signature, program: &Program, is_fixed: bool) -> Count {
    let said = match signature.decide(program) {
        Decision::Fixed(_) => Some(true),
        Decision::Vulnerable(_) => Some(false),
        Decision::Undecided(_) => None,
    };
    Count {
        right: usize::from(said == Some(is_fixed)),
        wrong: usize::from(said == Some(!is_fixed)),
        unknown: usize::from(said.is_none()),
    }
}
