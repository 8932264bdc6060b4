// SPDX-License-Identifier: Apache-2.0
//! `kakoi diff` on pairs of Debian packages with equal upstream version, before and after security fixes.
//!
//! `DATA` holds `silent-patch-pairs.tsv`; packages lie in `DATA/debpairs` or in the folder of `--debs`, and are read with dpkg-deb.
//! With `--sources` (debian.tar.xz of both versions of each source package) the functions that new patches touch are
//! compared with those that are listed, as far as the file has their names. With `--cross` what is learned from the pairs for amd64
//! is asked about those for arm64 instead. `--write` puts the tables into docs/PATCHES-MEASURED.md. `benches/pairs.sh` fetches it all.

mod cross;
mod touched;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::docs::replace;
use crate::kakoi;

/// One line of the table.
struct Pair {
    package: String,
    architecture: String,
    upstream: String,
    suites: String,
    old: String,
    new: String,
}

/// What came of one pair.
#[derive(Default)]
struct Outcome {
    verdicts: Vec<String>,
    /// Functions that are listed, by name.
    listed: BTreeSet<String>,
    /// Names that the new files have.
    named: BTreeSet<String>,
}

pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(PathBuf::from)
    };
    let data: Vec<PathBuf> = arguments
        .iter()
        .take_while(|argument| !argument.starts_with("--"))
        .map(PathBuf::from)
        .collect();
    anyhow::ensure!(!data.is_empty(), "DATA is missing");
    let debs = option("--debs");
    let (mut all, mut known) = (Vec::new(), BTreeSet::new());
    for folder in &data {
        let mut pairs = find_pairs(folder, debs.as_deref())?;
        // Tables may name the same pair.
        pairs.retain(|it| {
            it.as_ref().is_none_or(|it| known.insert((it.0.old.clone(), it.0.new.clone())))
        });
        all.push((folder.clone(), pairs));
    }
    let is_written = arguments.iter().any(|argument| argument == "--write");
    if arguments.iter().any(|argument| argument == "--cross") {
        let placed: Vec<cross::Placed> =
            all.into_iter().flat_map(|(_, pairs)| pairs.into_iter().flatten()).collect();
        let text = cross::run(&placed)?;
        println!("\n{text}");
        return if is_written { replace(PAGE, "cross", &text) } else { Ok(()) };
    }
    let text = measure(all, option("--sources"))?;
    if is_written { replace(PAGE, "pairs", &text) } else { Ok(()) }
}

/// Pairs of a table; none in place of one whose packages are not there.
fn find_pairs(folder: &Path, debs: Option<&Path>) -> anyhow::Result<Vec<Option<cross::Placed>>> {
    let debs = debs.map_or_else(|| folder.join("debpairs"), Path::to_owned);
    let text = std::fs::read_to_string(folder.join("silent-patch-pairs.tsv"))?;
    // Another DATA has its packages beside the table.
    let place =
        |name: &str| [debs.join(name), folder.join(name)].into_iter().find(|path| path.exists());
    let placed = |pair: Pair| {
        Some((place(&pair.old)?, place(&pair.new)?)).map(|(old, new)| (pair, old, new))
    };
    Ok(text.lines().skip(1).filter_map(parse).map(placed).collect())
}

fn measure(
    all: Vec<(PathBuf, Vec<Option<cross::Placed>>)>,
    sources: Option<PathBuf>,
) -> anyhow::Result<String> {
    let binary = kakoi()?;
    let mut table = String::from(HEAD);
    let mut total = Total::default();
    print!("{table}");
    for (folder, pairs) in all {
        let sources = sources.clone().unwrap_or_else(|| folder.join("sources"));
        for found in pairs {
            let Some((pair, old, new)) = found else {
                total.missing += 1;
                continue;
            };
            let found = compare(&binary, &old, &new)?;
            let touched = touched::find(&sources, &pair.package, &pair.old, &pair.new);
            let row = total.add(&pair, &found, touched.as_ref());
            print!("{row}");
            table.push_str(&row);
        }
    }
    println!("\n{total}");
    Ok(format!("{total}\n\n{table}"))
}

const PAGE: &str = "docs/PATCHES-MEASURED.md";
const HEAD: &str = "| package | machine | upstream | verdict | programs | functions listed | touched | found | recall | precision | missed |\n|---|---|---|---|---|---|---|---|---|---|---|\n";

/// Sums over all pairs.
#[derive(Default)]
struct Total {
    missing: usize,
    verdicts: BTreeMap<&'static str, usize>,
    /// Pairs with functions that were touched and have names.
    measured: usize,
    wanted: usize,
    listed: usize,
    both: usize,
    /// Of the measured those that reach both bounds.
    good: usize,
}

impl Total {
    /// Counts a pair, and gives its row.
    fn add(&mut self, pair: &Pair, found: &Outcome, touched: Option<&BTreeSet<String>>) -> String {
        let verdict = overall(&found.verdicts);
        *self.verdicts.entry(verdict).or_default() += 1;
        let rates =
            touched.map_or_else(|| "| - | - | - | - | |".to_owned(), |it| self.rates(found, it));
        format!(
            "| {} | {} | {} | {verdict} | {} | {} {rates}\n",
            pair.package,
            pair.architecture,
            pair.upstream,
            found.verdicts.len(),
            found.listed.len(),
        )
    }

    /// Recall and precision over the functions that the file names.
    fn rates(&mut self, found: &Outcome, touched: &BTreeSet<String>) -> String {
        const LEAST_RECALL: f64 = 0.85;
        const LEAST_PRECISION: f64 = 0.5;
        let wanted: BTreeSet<&String> = touched.intersection(&found.named).collect();
        let listed: BTreeSet<&String> = found.listed.intersection(&found.named).collect();
        let both = wanted.intersection(&listed).count();
        if wanted.is_empty() {
            return "| 0 | - | - | - | |".to_owned();
        }
        let share = |of: usize| if of == 0 { 1.0 } else { both as f64 / of as f64 };
        let (recall, precision) = (share(wanted.len()), share(listed.len()));
        self.measured += 1;
        self.wanted += wanted.len();
        self.listed += listed.len();
        self.both += both;
        self.good += usize::from(recall >= LEAST_RECALL && precision >= LEAST_PRECISION);
        let missed: Vec<&str> = wanted.difference(&listed).map(|name| name.as_str()).collect();
        format!(
            "| {} | {both} | {recall:.2} | {precision:.2} | {} |",
            wanted.len(),
            missed.join(" ")
        )
    }
}

impl std::fmt::Display for Total {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let share = |of: usize| self.both as f64 / of.max(1) as f64;
        let verdicts: Vec<String> =
            self.verdicts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
        write!(
            f,
            "{} pairs: {}; {} not there. Functions, over {} pairs with touched functions that have names: recall {:.3}, precision {:.3} ({} touched, {} listed, {} both); {} pairs reach recall 0.85 and precision 0.5.",
            self.verdicts.values().sum::<usize>(),
            verdicts.join(", "),
            self.missing,
            self.measured,
            share(self.wanted),
            share(self.listed),
            self.wanted,
            self.listed,
            self.both,
            self.good
        )
    }
}

fn parse(line: &str) -> Option<Pair> {
    let fields: Vec<&str> = line.split('\t').collect();
    let field = |at: usize| fields.get(at).map(|field| (*field).to_owned());
    Some(Pair {
        package: field(0)?,
        architecture: field(1)?,
        upstream: field(2)?,
        suites: field(5)?,
        old: field(8)?,
        new: field(9)?,
    })
}

/// A package is patched when one of its programs is.
fn overall(verdicts: &[String]) -> &'static str {
    let has = |wanted: &str| verdicts.iter().any(|verdict| verdict == wanted);
    match () {
        () if has("different") => "different",
        () if has("patched") => "patched",
        () if has("rebuilt") => "rebuilt",
        () if has("identical") => "identical",
        () => "no program",
    }
}

fn compare(binary: &Path, old: &Path, new: &Path) -> anyhow::Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let (before, after) = (folder.path().join("old"), folder.path().join("new"));
    extract(old, &before)?;
    extract(new, &after)?;
    let mut outcome = Outcome::default();
    for file in programs(&after)? {
        let other = before.join(file.strip_prefix(&after)?);
        if !other.is_file() {
            continue;
        }
        let run = Command::new(binary)
            .arg("diff")
            .args([&other, &file])
            .args(["--format", "json"])
            .output()?;
        anyhow::ensure!(run.status.success(), "kakoi diff {}", file.display());
        let found: Value = serde_json::from_slice(&run.stdout)?;
        outcome.verdicts.extend(found["verdict"].as_str().map(str::to_owned));
        let functions = found["functions"].as_array().into_iter().flatten();
        let names = functions.filter_map(|function| function["name"].as_str());
        outcome.listed.extend(names.map(str::to_owned));
        outcome.named.extend(names_of(&file)?);
    }
    Ok(outcome)
}

fn extract(package: &Path, into: &Path) -> anyhow::Result<()> {
    let status = Command::new("dpkg-deb").arg("-x").args([package, into]).status()?;
    anyhow::ensure!(status.success(), "dpkg-deb -x {}", package.display());
    Ok(())
}

/// ELF files beneath a folder, in order.
fn programs(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && std::fs::read(entry.path())?.starts_with(b"\x7fELF") {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn names_of(file: &Path) -> anyhow::Result<BTreeSet<String>> {
    let run = Command::new("nm").args(["-D", "--defined-only"]).arg(file).output()?;
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    let last = |line: &str| line.split_whitespace().next_back().map(str::to_owned);
    let plain = |name: String| name.split('@').next().unwrap_or_default().to_owned();
    Ok(text.lines().filter_map(last).map(plain).collect())
}
