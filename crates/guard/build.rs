// SPDX-License-Identifier: Apache-2.0
//! Compiles bpf/guard.bpf.c with clang, and packs the object: a quarter of its size in the agent. The kernel's types are our own subset (bpf/kernel.h), so
//! no kernel headers are needed; libbpf's headers come with its crate.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> Result<(), String> {
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("cargo sets no {name}"));
    let out = PathBuf::from(variable("OUT_DIR")?);
    let top = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../..");
    for folder in ["bpf", "abi"] {
        println!("cargo:rerun-if-changed={}", top.join(folder).display());
    }
    let full = out.join("guard.full.o");
    let object = out.join("guard.bpf.o");
    run(Command::new("clang")
        .args(["-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Werror"])
        .args(["-Wno-unused-function", "-Wno-compare-distinct-pointer-types"])
        .arg(format!("-fdebug-prefix-map={}=.", top.display()))
        .arg("-I")
        .arg(variable("DEP_BPF_INCLUDE")?)
        .arg("-c")
        .arg(top.join("bpf/guard.bpf.c"))
        .arg("-o")
        .arg(&full))?;
    // Relocations of the debugging information are for linkers; libbpf passes over them.
    run(Command::new("llvm-strip")
        .args(["-g", "--remove-section=.rel.BTF", "--remove-section=.rel.BTF.ext"])
        .arg(&full)
        .arg("-o")
        .arg(&object))?;
    let read = |path: &Path| std::fs::read(path).map_err(|why| format!("{}: {why}", path.display()));
    let packed = lz4_flex::block::compress_prepend_size(&read(&object)?);
    std::fs::write(out.join("guard.bpf.o.lz4"), packed).map_err(|why| why.to_string())
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} failed: {status}")),
        Err(error) => Err(format!("{program}: {error}; `tools/install.sh build` installs it")),
    }
}
