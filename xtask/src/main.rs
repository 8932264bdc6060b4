// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask TASK`: what the repository does for itself. A table of tasks, one file each.

#![allow(clippy::print_stdout, clippy::print_stderr)]
#![allow(unreachable_pub)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

mod bench;
mod boot_truth;
mod corpus;
mod docs;
mod edges;
mod fuzz;
mod hostile;
mod patches;
mod payloads;
mod personas;
mod reference;
mod scale;
mod similarity;
mod stages;
mod surveyed;
mod syscalls;
mod truth;
mod vm;

type Task = fn(&[String]) -> anyhow::Result<()>;

const TASKS: &[(&str, Task, &str)] = &[
    ("edges", edges::run, "check that crates depend only on what docs/ARCHITECTURE.md allows"),
    ("docs", docs::run, "write the generated docs; with --check only compare"),
    (
        "corpus-check",
        corpus::run,
        "DATA: scan every image beneath, compare file systems with reference tools",
    ),
    (
        "boot-truth",
        boot_truth::run,
        "DATA [NAME-PART] [SECONDS]: boot images under user-mode QEMU, compare what starts",
    ),
    (
        "bench",
        bench::run,
        "[DATA]: CPU seconds and memory against unblob and binwalk on the same input",
    ),
    (
        "peers",
        bench::formats::run,
        "DATA [NAME-PART]: what unblob and binwalk open of the same images (docs/FORMATS.md)",
    ),
    (
        "profile-truth",
        truth::run,
        "[--more] [--enforce] [--keep] [--write] [--payloads=DIRECTORY] [NAME]: static system-call profiles against strace of tests/profile",
    ),
    (
        "profile-images",
        surveyed::images,
        "DATA [--write]: system-call profiles of what starts in every image beneath",
    ),
    (
        "profile-debian",
        surveyed::debian,
        "[COUNT] [--write]: system-call profiles of executables of this machine",
    ),
    (
        "patches",
        patches::run,
        "DATA... [--debs DIR] [--sources DIR] [--cross] [--write]: kakoi diff on pairs of packages before and after fixes",
    ),
    (
        "similarity",
        similarity::run,
        "DATA [--write]: areas under the ROC of likeness, TLSH and ssdeep on the same pairs of programs",
    ),
    (
        "scale",
        scale::run,
        "DATA DIR [COUNT...] [--write]: cost of a corpus of 1,000 and 10,000 images made of real files",
    ),
    (
        "syscall-tables",
        syscalls::run,
        "write rules/syscalls.toml from the kernel headers of every architecture",
    ),
    (
        "stages",
        stages::run,
        "[FOLDER...]: agreement of stages with labels; with --write into docs/STAGES.md",
    ),
    (
        "personas",
        personas::run,
        "personas of the honeypot into target/personas, with BusyBox of Debian",
    ),
    ("vm", vm::run, "guests: boot Debian kernels under QEMU, run what needs a kernel of its own"),
    (
        "hostile",
        hostile::run,
        "[FORMAT...]: cut and change every golden case 1,000 times (docs/FORMATS.md)",
    ),
    ("fuzz", fuzz::run, "SECONDS [NAME-PART]: every fuzz target for that long"),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let Some((_, task, _)) = TASKS.iter().find(|(task, _, _)| *task == name) else {
        TASKS.iter().for_each(|(name, _, help)| println!("{name:<14} {help}"));
        return ExitCode::from(2);
    };
    match task(&rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The top of the repository.
fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// The release build of `kakoi`, built now; or the one that `KAKOI_BIN` names.
fn kakoi() -> anyhow::Result<PathBuf> {
    if let Some(binary) = std::env::var_os("KAKOI_BIN") {
        return Ok(PathBuf::from(binary));
    }
    let build = ["build", "--quiet", "--release", "--package", "kakoi-cli"];
    let status = Command::new("cargo").args(build).current_dir(top()).status()?;
    anyhow::ensure!(status.success(), "cargo build failed");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top().join("target"), PathBuf::from);
    Ok(target.join("release/kakoi"))
}
