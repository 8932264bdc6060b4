// SPDX-License-Identifier: Apache-2.0
//! Compiles bpf/record.bpf.c with clang. The kernel's types are our own subset (bpf/kernel.h), and libbpf's headers come with
//! its crate.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> Result<(), String> {
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("cargo sets no {name}"));
    let object = PathBuf::from(variable("OUT_DIR")?).join("record.bpf.o");
    let top = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../..");
    for file in ["kernel.h", "record.h", "record.bpf.c"] {
        println!("cargo:rerun-if-changed={}", top.join("bpf").join(file).display());
    }
    run(Command::new("clang")
        .args(["-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Werror"])
        .args(["-Wno-unused-function", "-Wno-compare-distinct-pointer-types"])
        .arg(format!("-fdebug-prefix-map={}=.", top.display()))
        .arg("-I")
        .arg(variable("DEP_BPF_INCLUDE")?)
        .arg("-c")
        .arg(top.join("bpf/record.bpf.c"))
        .arg("-o")
        .arg(&object))?;
    run(Command::new("llvm-strip").arg("-g").arg(&object))
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} failed: {status}")),
        Err(error) => Err(format!("{program}: {error}; `tools/install.sh build` installs it")),
    }
}
