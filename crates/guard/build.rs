// SPDX-License-Identifier: Apache-2.0
//! Compiles bpf/guard.bpf.c with clang, and packs the object: a quarter of its size in the agent. The kernel's types are our own subset (bpf/kernel.h), so
//! no kernel headers are needed; libbpf's headers come with its crate.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> Result<(), String> {
    if std::env::var_os("CARGO_FEATURE_BPF").is_none() {
        return Ok(());
    }
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
    let read =
        |path: &Path| std::fs::read(path).map_err(|why| format!("{}: {why}", path.display()));
    let mut bytes = read(&object)?;
    forget_lines(&mut bytes).ok_or("guard.bpf.o is no ELF file as clang writes it")?;
    let packed = lz4_flex::block::compress_prepend_size(&bytes);
    std::fs::write(out.join("guard.bpf.o.lz4"), packed).map_err(|why| why.to_string())
}

/// Takes out which source line each instruction came from (`.BTF.ext`, include/uapi/linux/btf.h): a third of the
/// object, and only for people who read the verifier's log.
fn forget_lines(object: &mut [u8]) -> Option<()> {
    let (at, _) = section(object, b".BTF.ext\0")?;
    let header = word(object, at + 4)?;
    let (from, length) = (word(object, at + 16)?, word(object, at + 20)?);
    object.get_mut(at + header + from..at + header + from + length)?.fill(0);
    object.get_mut(at + 20..at + 24)?.fill(0);
    Some(())
}

/// Offset and size of a section of a little-endian ELF64 file.
fn section(object: &[u8], name: &[u8]) -> Option<(usize, usize)> {
    let (table, entry, names) = (word(object, 0x28)?, half(object, 0x3a)?, half(object, 0x3e)?);
    let header = |index: usize| table + index * entry;
    let names = word(object, header(names) + 0x18)?;
    (0..half(object, 0x3c)?).map(header).find_map(|header| {
        let at = names + word(object, header)?;
        (object.get(at..at + name.len())? == name)
            .then_some((word(object, header + 0x18)?, word(object, header + 0x20)?))
    })
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

fn half(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes: [u8; 2] = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(usize::from(u16::from_le_bytes(bytes)))
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} failed: {status}")),
        Err(error) => Err(format!("{program}: {error}; `tools/install.sh build` installs it")),
    }
}
