// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask fuzz SECONDS [NAME-PART] [--jobs N]`: every fuzz target until it has run that long,
//! every container format as a target of its own, seeded with the golden corpus. Needs a nightly
//! compiler and cargo-fuzz.
//!
//! Runs are added up in `docs/fuzzing.tsv`, so that a long campaign can be spread over many sittings:
//! a target that has its seconds already is passed over. Seconds are those of the processor, not of
//! the wall clock: a busy machine does not shorten a campaign.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Context;

use crate::top;

/// Targets other than the formats.
const TARGETS: &[&str] = &[
    "image", "elf", "kernel", "root", "content", "facts", "stages", "isa", "program", "policy",
    "attempt",
];

/// Longest sitting with one target, so that a campaign that is stopped loses little.
const SITTING: u64 = 150;

const LEDGER: &str = "docs/fuzzing.tsv";

pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let usage = "usage: fuzz SECONDS [NAME-PART] [--jobs N]";
    let seconds: u64 = arguments.first().context(usage)?.parse().context(usage)?;
    let part = arguments.get(1).filter(|word| !word.starts_with("--")).map_or("", String::as_str);
    let jobs = match arguments.iter().position(|word| word == "--jobs") {
        Some(at) => arguments.get(at + 1).context(usage)?.parse().context(usage)?,
        None => 1,
    };
    build()?;
    let seeds = top().join("fuzz/corpus/seeds");
    make_seeds(&seeds)?;
    let targets = targets(part)?;
    let ledger = Mutex::new(Ledger::read(&top().join(LEDGER))?);
    let failed = campaign(&targets, &seeds, seconds, jobs, &ledger)?;
    anyhow::ensure!(failed == 0, "{failed} targets failed: see fuzz/artifacts");
    Ok(())
}

/// Rounds of one sitting for each target that still lacks time, the shortest first.
fn campaign(
    targets: &[Target],
    seeds: &Path,
    seconds: u64,
    jobs: usize,
    ledger: &Mutex<Ledger>,
) -> anyhow::Result<usize> {
    let failed = AtomicUsize::new(0);
    loop {
        let due: Vec<(&Target, u64)> = targets
            .iter()
            .map(|target| (target, seconds.saturating_sub(ran(ledger, &target.name))))
            .filter(|(_, left)| *left > 0)
            .collect();
        if due.is_empty() || failed.load(Ordering::Relaxed) > 0 {
            return Ok(failed.into_inner());
        }
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let work = || -> anyhow::Result<()> {
                while let Some((target, left)) = due.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let sitting = sit(target, seeds, (*left).min(SITTING))?;
                    failed.fetch_add(usize::from(!sitting.survived), Ordering::Relaxed);
                    #[expect(clippy::unwrap_used, reason = "nobody panics with the lock held")]
                    ledger.lock().unwrap().add(&target.name, &sitting)?;
                }
                Ok(())
            };
            let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| {
                worker.join().map_err(|_| anyhow::anyhow!("a thread of the campaign panicked"))?
            })
        })?;
    }
}

fn ran(ledger: &Mutex<Ledger>, name: &str) -> u64 {
    #[expect(clippy::unwrap_used, reason = "nobody panics with the lock held")]
    ledger.lock().unwrap().0.get(name).map_or(0, |entry| entry.seconds)
}

fn build() -> anyhow::Result<()> {
    let status = Command::new("cargo")
        .args(["+nightly", "fuzz", "build", "-s", "none"])
        .current_dir(top().join("fuzz"))
        .status()?;
    anyhow::ensure!(
        status.success(),
        "cargo fuzz build failed (cargo install cargo-fuzz; rustup toolchain nightly)"
    );
    Ok(())
}

/// The golden test leaves its images where it is told to; programs of this machine are the ELF seeds.
fn make_seeds(seeds: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(seeds)?;
    let status = Command::new("cargo")
        .args(["test", "--quiet", "--package", "kakoi-unpack", "--test", "golden", "every_case"])
        .env("KAKOI_KEEP_IMAGES", seeds)
        .current_dir(top())
        .status()?;
    anyhow::ensure!(status.success(), "the golden corpus fails");
    let elf = top().join("fuzz/corpus/seeds-elf");
    fs::create_dir_all(&elf)?;
    for (number, file) in small_elf_files()?.into_iter().enumerate() {
        fs::copy(file, elf.join(number.to_string()))?;
    }
    Ok(())
}

/// Programs of this machine and libraries of the cross compilers, of up to 64 kB.
fn small_elf_files() -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("/usr/bin")];
    for entry in fs::read_dir("/usr")?.flatten() {
        folders.push(entry.path().join("lib"));
    }
    for folder in folders {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let mut files: Vec<PathBuf> = entries
            .flatten()
            .filter(|entry| entry.metadata().is_ok_and(|meta| meta.is_file() && meta.len() < 65536))
            .map(|entry| entry.path())
            .collect();
        files.sort();
        files.retain(|path| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF")));
        found.extend(files.into_iter().take(12));
    }
    Ok(found)
}

struct Target {
    name: String,
    program: &'static str,
    format: bool,
}

fn targets(part: &str) -> anyhow::Result<Vec<Target>> {
    let mut names: Vec<String> = fs::read_dir(top().join("tests/corpus"))?
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let formats = names.into_iter().map(|name| Target { name, program: "format", format: true });
    let others =
        TARGETS.iter().map(|name| Target { name: (*name).into(), program: name, format: false });
    Ok(others.chain(formats).filter(|target| target.name.contains(part)).collect())
}

impl Target {
    fn seeds(&self, seeds: &Path) -> Option<PathBuf> {
        match self.name.as_str() {
            "elf" | "program" => Some(seeds.with_file_name("seeds-elf")),
            "image" | "kernel" | "content" => Some(seeds.to_owned()),
            "root" | "facts" | "stages" | "isa" | "policy" | "attempt" => None,
            format => Some(seeds.join(format)),
        }
        .filter(|folder| folder.exists())
    }
}

/// What one run of a target came to.
struct Sitting {
    seconds: u64,
    executions: u64,
    coverage: String,
    survived: bool,
}

/// libFuzzer's own summary tells how often it ran.
fn sit(target: &Target, seeds: &Path, seconds: u64) -> anyhow::Result<Sitting> {
    let corpus: PathBuf = top().join("fuzz/corpus").join(&target.name);
    fs::create_dir_all(&corpus)?;
    let program = top().join("fuzz/target/x86_64-unknown-linux-gnu/release").join(target.program);
    let artifacts = top().join("fuzz/artifacts").join(&target.name);
    fs::create_dir_all(&artifacts)?;
    let start = Instant::now();
    let output = Command::new("sh")
        .args(["-c", "\"$@\" 2>&1; code=$?; times; exit $code", "fuzz"])
        .arg(program)
        .arg(&corpus)
        .args(target.seeds(seeds))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-timeout=30", "-rss_limit_mb=2048", "-max_len=262144", "-print_final_stats=1"])
        .envs(target.format.then_some(("KAKOI_FUZZ_FORMAT", &target.name)))
        .output()?;
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    let after =
        |mark: &str| words.lines().rev().find_map(|line| line.split(mark).nth(1)).map(str::trim);
    let executions =
        after("stat::number_of_executed_units:").and_then(|n| n.parse().ok()).unwrap_or(0);
    let coverage =
        after(" cov: ").and_then(|rest| rest.split(' ').next()).unwrap_or("?").to_owned();
    let survived = output.status.success();
    let processor = words.lines().last().and_then(processor_seconds).unwrap_or(0);
    let wall = start.elapsed().as_secs();
    let result = if survived { "ok" } else { after("SUMMARY: ").unwrap_or("ended badly") };
    println!(
        "{}: {executions} executions, coverage {coverage}, {processor} of {wall} s, {result}",
        target.name
    );
    Ok(Sitting { seconds: processor, executions, coverage, survived })
}

/// The second line of the shell's `times`: user and system time of its children, `1m2.34s 0m1.20s`.
fn processor_seconds(line: &str) -> Option<u64> {
    let mut sum = 0.0;
    for word in line.split_whitespace() {
        let (minutes, seconds) = word.strip_suffix('s')?.split_once('m')?;
        sum += minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?;
    }
    Some(sum as u64)
}

/// What all sittings with a target came to.
#[derive(Default)]
struct Entry {
    seconds: u64,
    executions: u64,
    coverage: String,
    crashes: u64,
}

struct Ledger(BTreeMap<String, Entry>);

impl Ledger {
    fn read(path: &Path) -> anyhow::Result<Ledger> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut entries = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [name, seconds, executions, coverage, crashes] = fields[..] else {
                anyhow::bail!("{}: not five fields: {line}", path.display());
            };
            entries.insert(
                name.to_owned(),
                Entry {
                    seconds: seconds.parse()?,
                    executions: executions.parse()?,
                    coverage: coverage.to_owned(),
                    crashes: crashes.parse()?,
                },
            );
        }
        Ok(Ledger(entries))
    }

    fn add(&mut self, name: &str, sitting: &Sitting) -> anyhow::Result<()> {
        let entry = self.0.entry(name.to_owned()).or_default();
        entry.seconds += sitting.seconds;
        entry.executions += sitting.executions;
        entry.coverage.clone_from(&sitting.coverage);
        entry.crashes += u64::from(!sitting.survived);
        let mut text = String::from(
            "# SPDX-License-Identifier: Apache-2.0\n\
             # Written by `cargo xtask fuzz`: target, processor seconds, executions, coverage, crashes found and fixed.\n",
        );
        for (name, entry) in &self.0 {
            let Entry { seconds, executions, coverage, crashes } = entry;
            text += &format!("{name}\t{seconds}\t{executions}\t{coverage}\t{crashes}\n");
        }
        Ok(fs::write(top().join(LEDGER), text)?)
    }
}
