// SPDX-License-Identifier: Apache-2.0
//! Programs of the guests (tests/vm/guest), compiled for each architecture with Debian's compilers.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use kakoi_arena::debian::run;

use super::kernels::Architecture;
use super::packages;
use super::root::{Entry, Files, program};

const SOURCES: &[&str] = &[
    "try.c",
    "modes.c",
    "runs.c",
    "guards.c",
    "lineages.c",
    "cases.c",
    "stress.c",
    "fetch.c",
    "calls.c",
];

/// The guest's own programs, where they lie in it.
pub fn files(architecture: &Architecture) -> anyhow::Result<Files> {
    let sources: Vec<PathBuf> = SOURCES.iter().map(|name| source(name)).collect();
    let tool = compile(architecture, "kakoi-try", &sources, &[])?;
    let payload = compile(architecture, "payload", &[source("preload.c")], &["-pie", "-fPIE"])?;
    let library =
        compile(architecture, "preload.so", &[source("preload.c")], &["-shared", "-fPIC"])?;
    let tool = program(&tool)?;
    let mut files = Files::new();
    for path in ["bin/kakoi-try", "bin/bash", "usr/bin/lua", "kakoi/telnetd"] {
        files.insert(path.to_owned(), tool.clone());
    }
    files.insert("kakoi/kakoi-agent".to_owned(), Entry::Link("/bin/kakoi-try".to_owned()));
    files.insert("kakoi/payload".to_owned(), program(&payload)?);
    files.insert("kakoi/preload.so".to_owned(), program(&library)?);
    Ok(files)
}

fn source(name: &str) -> PathBuf {
    crate::top().join("tests/vm/guest").join(name)
}

fn compile(
    architecture: &Architecture,
    name: &str,
    sources: &[PathBuf],
    flags: &[&str],
) -> anyhow::Result<PathBuf> {
    let folder = packages::store().join("programs").join(architecture.name);
    fs::create_dir_all(&folder)?;
    let output = folder.join(name);
    let changed = |path: &PathBuf| fs::metadata(path).and_then(|about| about.modified()).ok();
    let header = source("try.h");
    let newest = sources.iter().chain([&header]).filter_map(changed).max();
    if changed(&output) > newest {
        return Ok(output);
    }
    run(Command::new(format!("{}gcc", architecture.cross))
        .args(["-Os", "-s", "-Wall", "-pthread", "-o"])
        .arg(&output)
        .args(sources)
        .args(flags))?;
    Ok(output)
}
