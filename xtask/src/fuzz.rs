// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask fuzz SECONDS [NAME-PART]`: every fuzz target for that long, every container format as
//! a target of its own, seeded with the golden corpus. Needs a nightly compiler and cargo-fuzz.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::top;

/// Targets other than the formats.
const TARGETS: &[&str] = &["image", "elf", "kernel", "root", "content", "facts", "policy", "attempt"];

pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let seconds: u64 = arguments.first().context("usage: fuzz SECONDS [NAME-PART]")?.parse()?;
    let part = arguments.get(1).map_or("", String::as_str);
    build()?;
    let seeds = top().join("fuzz/corpus/seeds");
    make_seeds(&seeds)?;
    println!("| target | executions | coverage | result |\n|---|---|---|---|");
    let mut failed = 0;
    for format in format_names()?.iter().filter(|name| name.contains(part)) {
        failed += usize::from(!one("format", Some(format), &seeds.join(format), seconds)?);
    }
    for target in TARGETS.iter().filter(|name| name.contains(part)) {
        failed += usize::from(!one(target, None, &seeds, seconds)?);
    }
    anyhow::ensure!(failed == 0, "{failed} targets failed: see fuzz/artifacts");
    Ok(())
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

/// The golden test leaves its images where it is told to.
fn make_seeds(seeds: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(seeds)?;
    let status = Command::new("cargo")
        .args(["test", "--quiet", "--package", "kakoi-unpack", "--test", "golden", "every_case"])
        .env("KAKOI_KEEP_IMAGES", seeds)
        .current_dir(top())
        .status()?;
    anyhow::ensure!(status.success(), "the golden corpus fails");
    Ok(())
}

fn format_names() -> anyhow::Result<Vec<String>> {
    let mut names: Vec<String> = fs::read_dir(top().join("tests/corpus"))?
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

/// libFuzzer's own summary tells how often it ran.
fn one(target: &str, format: Option<&str>, seeds: &Path, seconds: u64) -> anyhow::Result<bool> {
    let name = format.unwrap_or(target);
    let corpus: PathBuf = top().join("fuzz/corpus").join(name);
    fs::create_dir_all(&corpus)?;
    let program = top().join("fuzz/target/x86_64-unknown-linux-gnu/release").join(target);
    let artifacts = top().join("fuzz/artifacts").join(name);
    fs::create_dir_all(&artifacts)?;
    let output = Command::new(program)
        .arg(&corpus)
        .args(seeds.exists().then_some(seeds))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args([
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-max_len=1048576",
            "-print_final_stats=1",
            "-verbosity=1",
        ])
        .envs(format.map(|format| ("KAKOI_FUZZ_FORMAT", format)))
        .output()?;
    let words = String::from_utf8_lossy(&output.stderr);
    let after = |mark: &str| {
        words
            .lines()
            .rev()
            .find_map(|line| line.split(mark).nth(1))
            .map(str::trim)
            .unwrap_or("?")
            .to_owned()
    };
    let coverage = after(" cov: ").split(' ').next().unwrap_or("?").to_owned();
    let result = if output.status.success() { "ok".to_owned() } else { after("SUMMARY: ") };
    println!("| {name} | {} | {coverage} | {result} |", after("stat::number_of_executed_units:"));
    Ok(output.status.success())
}
