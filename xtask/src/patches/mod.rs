// SPDX-License-Identifier: Apache-2.0
//! `kakoi diff` on pairs of Debian packages with equal upstream version, before and after security fixes.
//!
//! `DATA` holds `silent-patch-pairs.tsv`; packages lie in `DATA/debpairs` or in the folder of `--debs`, and are read with dpkg-deb.
//! With `--sources` (debian.tar.xz of both versions of each source package) the functions that new patches touch are
//! compared with those that are listed, as far as the file has their names. `--write` puts the table into docs/PATCHES-MEASURED.md.

mod touched;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{kakoi, top};

/// One line of the table.
struct Pair {
    package: String,
    architecture: String,
    upstream: String,
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
    let sources = option("--sources");
    let binary = kakoi()?;
    let mut table = String::from(HEAD);
    let mut total = Total::default();
    print!("{table}");
    for folder in &data {
        let debs = option("--debs").unwrap_or_else(|| folder.join("debpairs"));
        let text = std::fs::read_to_string(folder.join("silent-patch-pairs.tsv"))?;
        for pair in text.lines().skip(1).filter_map(parse) {
            // Another DATA has its packages beside the table.
            let place = |name: &str| {
                [debs.join(name), folder.join(name)].into_iter().find(|path| path.exists())
            };
            let (Some(old), Some(new)) = (place(&pair.old), place(&pair.new)) else {
                total.missing += 1;
                continue;
            };
            let found = compare(&binary, &old, &new)?;
            let touched = sources
                .as_deref()
                .and_then(|sources| touched::find(sources, &pair.package, &pair.old, &pair.new));
            let row = total.add(&pair, &found, touched.as_ref());
            print!("{row}");
            table.push_str(&row);
        }
    }
    println!("\n{total}");
    if arguments.iter().any(|argument| argument == "--write") {
        let path = top().join("docs/PATCHES-MEASURED.md");
        std::fs::write(path, format!("{INTRODUCTION}{total}\n\n{table}"))?;
    }
    Ok(())
}

const INTRODUCTION: &str = "<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Written by `cargo xtask patches DATA... --sources DIR --write`. -->
# Silent patches, measured

Pairs of Debian packages with one upstream version, before and after security fixes, judged by `kakoi diff` program by program.
*Touched* are the functions that hunks of the source package's patches lie in, as far as the file names them (Debian strips
its programs, so these are the functions that libraries and plugins export); *found* are those of them that are listed. A function
into which a changed one was inlined counts against precision. Where a verdict is `identical` or `rebuilt`, no program of that binary
package differs in more than addresses and versions: the fix is in another package of the source or in code that Debian does
not compile, or kakoi misses it. Patches tell the function by the line behind `@@`, which may be the one before.

";
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
    for (package, into) in [(old, &before), (new, &after)] {
        let status = Command::new("dpkg-deb").arg("-x").args([package, into]).status()?;
        anyhow::ensure!(status.success(), "dpkg-deb -x {}", package.display());
    }
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
