// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask hostile [FORMAT...]`: the golden corpus cut at every structure boundary and changed
//! 1,000 times per case (`crates/unpack/tests/damaged.rs`), each format in a process of its own, one
//! per processor. Writes `docs/hostile.tsv`, which `xtask docs` puts into docs/FORMATS.md.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::Context;

use crate::top;

/// Mutations per case.
const ROUNDS: usize = 1000;

const LEDGER: &str = "docs/hostile.tsv";

/// What was tried for one format.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    cases: u64,
    cut: u64,
    changed: u64,
    slowest_us: u64,
    peak_kb: u64,
    failed: u64,
}

pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let program = build()?;
    let mut waiting = formats()?;
    if !arguments.is_empty() {
        waiting.retain(|format| arguments.contains(format));
    }
    anyhow::ensure!(!waiting.is_empty(), "no such format in tests/corpus");
    waiting.reverse();
    let (waiting, rows) = (Mutex::new(waiting), Mutex::new(read_ledger()));
    let workers = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        let work = || -> anyhow::Result<()> {
            while let Some(format) = lock(&waiting).pop() {
                let row = try_format(&program, &format)?;
                println!("{format}: {row:?}");
                let mut rows = lock(&rows);
                rows.insert(format, row);
                write_ledger(&rows)?;
            }
            Ok(())
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().map_err(|_| anyhow::anyhow!("a worker ended early"))?
        })
    })?;
    let failed: u64 = lock(&rows).values().map(|row| row.failed).sum();
    anyhow::ensure!(failed == 0, "{failed} inputs failed; see above");
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The test program in release, as cargo names it; or the one that `KAKOI_DAMAGE_BIN` names.
fn build() -> anyhow::Result<PathBuf> {
    if let Some(program) = std::env::var_os("KAKOI_DAMAGE_BIN") {
        return Ok(PathBuf::from(program));
    }
    let output = Command::new("cargo")
        .args(["test", "--release", "--package", "kakoi-unpack", "--test", "damaged"])
        .args(["--no-run", "--message-format=json"])
        .current_dir(top())
        .stderr(Stdio::inherit())
        .output()?;
    anyhow::ensure!(output.status.success(), "cargo test --no-run failed");
    let lines = String::from_utf8_lossy(&output.stdout);
    let program = lines.lines().find_map(|line| {
        let (_, rest) = line.split_once("\"executable\":\"")?;
        let (path, _) = rest.split_once('"')?;
        path.contains("damaged").then(|| PathBuf::from(path))
    });
    program.context("cargo names no program")
}

fn formats() -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(top().join("tests/corpus"))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Runs both tests over the cases of a format; one thread, so that times are its own.
fn try_format(program: &Path, format: &str) -> anyhow::Result<Row> {
    let ledger = std::env::temp_dir().join(format!("kakoi-{}-{format}", std::process::id()));
    let output = Command::new(program)
        .args(["--test-threads=1", "every_case"])
        .env("KAKOI_CASE", format!("{format}/"))
        .env("KAKOI_DAMAGE_ROUNDS", ROUNDS.to_string())
        .env("KAKOI_DAMAGE_LEDGER", &ledger)
        .env("RAYON_NUM_THREADS", "1")
        .current_dir(top().join("crates/unpack"))
        .output()?;
    if !output.status.success() {
        print!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let text = fs::read_to_string(&ledger).unwrap_or_default();
    fs::remove_file(&ledger).ok();
    let mut row = Row::default();
    for line in text.lines() {
        add_line(&mut row, line).with_context(|| line.to_owned())?;
    }
    // A process that dies without a word is a failure, too.
    let died = !output.status.success() && row.failed == 0;
    row.failed += u64::from(died);
    Ok(row)
}

/// A line of the ledger that the tests write: name, cases, inputs, slowest, memory, failures.
fn add_line(row: &mut Row, line: &str) -> anyhow::Result<()> {
    let mut words = line.split(' ');
    let name = words.next().context("name")?;
    let mut number = || anyhow::Ok(words.next().context("number")?.parse::<u64>()?);
    row.cases = number()?;
    let inputs = number()?;
    match name {
        "cut" => row.cut = inputs,
        _ => row.changed = inputs,
    }
    row.slowest_us = row.slowest_us.max(number()?);
    row.peak_kb = row.peak_kb.max(number()?);
    row.failed += number()?;
    Ok(())
}

fn read_ledger() -> BTreeMap<String, Row> {
    let text = fs::read_to_string(top().join(LEDGER)).unwrap_or_default();
    let rows = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (name, numbers) = line.split_once('\t')?;
        let numbers: Vec<u64> =
            numbers.split('\t').map(str::parse).collect::<Result<_, _>>().ok()?;
        let [cases, cut, changed, slowest_us, peak_kb, failed] = numbers[..] else { return None };
        Some((name.to_owned(), Row { cases, cut, changed, slowest_us, peak_kb, failed }))
    });
    rows.collect()
}

fn write_ledger(rows: &BTreeMap<String, Row>) -> anyhow::Result<()> {
    let mut text = "# SPDX-License-Identifier: Apache-2.0\n\
        # format, cases, cut inputs, changed inputs, slowest (us), peak memory (kB), failures\n"
        .to_owned();
    for (name, row) in rows {
        let Row { cases, cut, changed, slowest_us, peak_kb, failed } = row;
        writeln!(text, "{name}\t{cases}\t{cut}\t{changed}\t{slowest_us}\t{peak_kb}\t{failed}")?;
    }
    fs::write(top().join(LEDGER), text)?;
    Ok(())
}

/// The table for docs/FORMATS.md; empty when nothing was measured.
pub fn markdown() -> String {
    let rows = read_ledger();
    if rows.is_empty() {
        return String::new();
    }
    let mut text = "\n## Hostile input\n\n\
        `cargo xtask hostile`: each golden case cut at every structure boundary (every length up to \
        256 bytes, every\nsector or 500 places of a long image, the ends of all containers, and \
        each place at which a cut image could not be\nread further) and changed 1,000 times from a \
        fixed seed, half of it in the first 512 bytes. An input fails when it\npanics, takes longer \
        than 2 s, passes a limit, or names an entry outside of its tree. Time and memory are those \
        of a\nrelease build on one thread; memory is that of the process with all its inputs.\n\
        A format without a row was not run this way yet; `cargo test` tries 12 to 300 of each for all.\n\n\
        | format | cases | cut | changed | slowest (ms) | memory (MB) | failed |\n\
        |---|---|---|---|---|---|---|\n"
        .to_owned();
    let mut sum = Row::default();
    for (name, row) in &rows {
        text.push_str(&line(&format!("`{name}`"), row));
        sum.cases += row.cases;
        sum.cut += row.cut;
        sum.changed += row.changed;
        sum.slowest_us = sum.slowest_us.max(row.slowest_us);
        sum.peak_kb = sum.peak_kb.max(row.peak_kb);
        sum.failed += row.failed;
    }
    text.push_str(&line("all", &sum));
    text
}

fn line(name: &str, row: &Row) -> String {
    let (slowest, peak) = (row.slowest_us as f64 / 1000.0, row.peak_kb as f64 / 1024.0);
    format!(
        "| {name} | {} | {} | {} | {slowest:.1} | {peak:.0} | {} |\n",
        row.cases, row.cut, row.changed, row.failed
    )
}
