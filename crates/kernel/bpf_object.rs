// SPDX-License-Identifier: Apache-2.0
//! For build scripts, which take this file by its path: compiles a program of bpf/ with clang. The kernel's types are our own
//! subset (bpf/kernel.h), so no kernel headers are needed; libbpf's headers come with its crate.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What cargo tells a build script.
pub(crate) fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("cargo sets no {name}"))
}

/// The top of the repository.
pub(crate) fn top() -> Result<PathBuf, String> {
    Ok(Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../.."))
}

/// Compiles `bpf/SOURCE` for the kernel.
pub(crate) fn compile(source: &str, object: &Path) -> Result<(), String> {
    let top = top()?;
    run(Command::new("clang")
        .args(["-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Werror"])
        .args(["-Wno-unused-function", "-Wno-compare-distinct-pointer-types"])
        .arg(format!("-fdebug-prefix-map={}=.", top.display()))
        .arg("-I")
        .arg(variable("DEP_BPF_INCLUDE")?)
        .arg("-c")
        .arg(top.join("bpf").join(source))
        .arg("-o")
        .arg(object))
}

/// Takes out of an object what the kernel does not read, and these sections.
pub(crate) fn strip(object: &Path, sections: &[&str], stripped: &Path) -> Result<(), String> {
    let sections = sections.iter().map(|section| format!("--remove-section={section}"));
    run(Command::new("llvm-strip").arg("-g").args(sections).arg(object).arg("-o").arg(stripped))
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} failed: {status}")),
        Err(error) => Err(format!("{program}: {error}; `tools/install.sh build` installs it")),
    }
}
