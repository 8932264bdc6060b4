// SPDX-License-Identifier: Apache-2.0
//! Builds lkm/ for a kernel of the matrix, against Debian's headers for it, with Debian's cross compilers.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use kakoi_arena::debian::{self, copy_changed, files_beneath, put, run};

use super::kernels::{self, Kernel};
use super::packages;

/// Builds the module; where it lies.
pub fn build(kernel: &Kernel) -> anyhow::Result<PathBuf> {
    let release = packages::kernel(kernel)?.release;
    let headers = headers(kernel, &release)?;
    let place = packages::store().join("modules").join(kernel.name);
    fs::create_dir_all(&place)?;
    for folder in ["lkm", "lkm/compat", "abi"] {
        copy_changed(&crate::top().join(folder), &place.join(folder))?;
    }
    let cross = kernel.architecture.cross;
    run(Command::new("make")
        .args(["-s", "-k", "-C"])
        .arg(headers)
        .arg(format!("M={}", place.join("lkm").display()))
        .arg(format!("ARCH={}", kernel.architecture.kernel))
        .arg(format!("CROSS_COMPILE={cross}"))
        .arg(format!("CC={cross}gcc-12"))
        .args([
            "CONFIG_DEBUG_INFO_BTF_MODULES=",
            "CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=",
            "modules",
        ]))
    .with_context(|| format!("lkm for {}", kernel.name))?;
    Ok(place.join("lkm/kakoi.ko"))
}

/// Unpacks the headers of a release and the tools that go with them; the folder to build in.
fn headers(kernel: &Kernel, release: &str) -> anyhow::Result<PathBuf> {
    let root = packages::store().join("headers").join(kernel.name);
    let built = root.join(format!("usr/src/linux-headers-{release}"));
    let done = root.join("done");
    if !done.exists() {
        let (own, tools) = debian::headers(release);
        packages::unpacked(&kernel.architecture, &own, &root)?;
        packages::unpacked(&kernels::AMD64, &[tools], &root)?;
        if release.starts_with("5.10.") && kernel.architecture == kernels::AMD64 {
            let flags = ["linux-compiler-gcc-10-x86".to_owned()];
            packages::unpacked(&kernels::AMD64, &flags, &root)?;
        }
        fs::write(done, "")?;
    }
    let makefile = built.join("Makefile");
    let text = fs::read_to_string(&makefile).with_context(|| makefile.display().to_string())?;
    put(&makefile, &debian::relocated(&text, &root))?;
    lend_library(&root)?;
    Ok(built)
}

/// Tools of the newest kernels need a C library that the host may not have yet: Debian's newest runs them, from
/// beside them.
fn lend_library(root: &Path) -> anyhow::Result<()> {
    const NEWER: &[u8] = b"GLIBC_2.38";
    let tools = || {
        let files = files_beneath(&root.join("usr/lib")).into_iter();
        files.filter(|path| path.is_file() && !path.is_symlink())
    };
    let is_lent = |tool: &Path| tool.extension().is_some_and(|extension| extension == "elf");
    for tool in tools().filter(|tool| !is_lent(tool)) {
        let bytes = fs::read(&tool)?;
        if bytes.starts_with(b"\x7fELF") && bytes.windows(NEWER.len()).any(|word| word == NEWER) {
            fs::rename(&tool, tool.with_added_extension("elf"))?;
        }
    }
    let lent = root.join("lent");
    for tool in tools().filter(|tool| is_lent(tool)) {
        let names = ["libc6", "libelf1t64", "zlib1g", "libzstd1"].map(|name| format!("{name}/sid"));
        packages::unpacked(&kernels::AMD64, &names, &lent)?;
        let libraries = lent.join("usr/lib/x86_64-linux-gnu").display().to_string();
        let text = format!(
            "#!/bin/sh\nexec {libraries}/ld-linux-x86-64.so.2 --library-path {libraries} {} \"$@\"\n",
            tool.display()
        );
        let script = tool.with_extension("");
        put(&script, &text)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
