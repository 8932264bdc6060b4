// SPDX-License-Identifier: Apache-2.0
//! Compiles bpf/guard.bpf.c, and packs the object: a quarter of its size in the agent.

#[path = "../kernel/bpf_object.rs"]
mod bpf_object;

use std::path::{Path, PathBuf};

fn main() -> Result<(), String> {
    if std::env::var_os("CARGO_FEATURE_BPF").is_none() {
        return Ok(());
    }
    let out = PathBuf::from(bpf_object::variable("OUT_DIR")?);
    let top = bpf_object::top()?;
    for folder in ["bpf", "abi"] {
        println!("cargo:rerun-if-changed={}", top.join(folder).display());
    }
    let full = out.join("guard.full.o");
    let object = out.join("guard.bpf.o");
    bpf_object::compile("guard.bpf.c", &full)?;
    // Relocations of the debugging information are for linkers; libbpf passes over them.
    bpf_object::strip(&full, &[".rel.BTF", ".rel.BTF.ext"], &object)?;
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
