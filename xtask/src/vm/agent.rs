// SPDX-License-Identifier: Apache-2.0
//! Builds `kakoi-agent` for the device: static, small, nothing looked for at run time.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use kakoi_arena::debian::run;

use super::kernels::{AMD64, ARM64, Architecture};
use super::packages;

/// libbpf is made to be left out function by function, and nobody unwinds its stack.
const SMALL: &str =
    "-Os -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-unwind-tables";

/// Nothing unwinds in the agent either: what panics ends it. And one SHA-256 is enough, the smallest.
const LEAN: &str = "-C force-unwind-tables=no -C link-arg=-Wl,--no-eh-frame-hdr --cfg sha2_backend=\"soft\" --cfg \
                    sha2_backend_soft=\"compact\"";
/// Functions that are the same once compiled are kept once, and tables for unwinding are left out. Rust links amd64 with LLVM's
/// linker, the others with GNU's, which has no such option.
fn folded() -> String {
    let script = crate::top().join("crates/agent/no-unwinding.ld");
    format!("-C link-arg=-Wl,--icf=all -C link-arg=-Wl,-T,{}", script.display())
}

/// The agent for an architecture that BPF can be attached on.
pub fn build(architecture: &Architecture) -> anyhow::Result<PathBuf> {
    let (target, linker) = match architecture.name {
        "amd64" => ("x86_64-unknown-linux-gnu", "cc"),
        "arm64" => ("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc"),
        other => anyhow::bail!("BPF cannot be attached on {other}: the module is its backend"),
    };
    let libraries = libraries(architecture)?;
    let variable = |name: &str| format!("{name}_{}", target.replace('-', "_"));
    let upper = target.to_uppercase().replace('-', "_");
    let include = libraries.join("usr/include");
    let static_libraries = libraries.join("usr/lib").join(triplet(architecture));
    run(Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--profile", "device", "--package", "kakoi-agent"])
        .args(["--features", "static", "--target", target])
        .env(format!("CARGO_TARGET_{upper}_LINKER"), linker)
        .env(
            format!("CARGO_TARGET_{upper}_RUSTFLAGS"),
            format!(
                "-C target-feature=+crt-static -C relocation-model=static {LEAN} {} -L native={}",
                if architecture.name == AMD64.name { folded() } else { String::new() },
                static_libraries.display()
            ),
        )
        .env(variable("LIBBPF_SYS_LIBRARY_PATH"), &static_libraries)
        .env("LIBBPF_SYS_EXTRA_CFLAGS", format!("-I{} {SMALL}", include.display()))
        .current_dir(crate::top()))
    .with_context(|| {
        format!("building kakoi-agent for {target}; `rustup target add {target}` if it has no std")
    })?;
    Ok(crate::top().join("target").join(target).join("device/kakoi-agent"))
}

const fn triplet(architecture: &Architecture) -> &'static str {
    if matches!(architecture.name.as_bytes(), b"arm64") {
        "aarch64-linux-gnu"
    } else {
        "x86_64-linux-gnu"
    }
}

/// libelf and zlib of that architecture, as Debian has them: headers and static libraries.
fn libraries(architecture: &Architecture) -> anyhow::Result<PathBuf> {
    let known = if architecture.name == AMD64.name { &AMD64 } else { &ARM64 };
    let into = packages::store().join("libraries").join(known.name);
    // Later releases of libelf define a crc32 of their own, which a static program cannot have twice.
    let packages = ["libelf-dev/bookworm", "zlib1g-dev/bookworm"].map(str::to_owned);
    packages::unpacked(known, &packages, Path::new(&into))?;
    Ok(into)
}
