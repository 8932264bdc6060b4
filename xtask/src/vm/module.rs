// SPDX-License-Identifier: Apache-2.0
//! Builds lkm/ for a kernel of the matrix, against Debian's headers for it, with Debian's cross compilers.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::kernels::{self, Kernel};
use super::packages;

/// Builds the module; where it lies.
pub fn build(kernel: &Kernel) -> anyhow::Result<PathBuf> {
    let release = packages::kernel(kernel)?.release;
    let headers = headers(kernel, &release)?;
    let place = packages::store().join("modules").join(kernel.name);
    fs::create_dir_all(&place)?;
    for folder in ["lkm", "lkm/compat", "abi"] {
        copy_sources(&crate::top().join(folder), &place.join(folder))?;
    }
    let cross = kernel.architecture.cross;
    packages::run(
        Command::new("make")
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
            ]),
    )
    .with_context(|| format!("lkm for {}", kernel.name))?;
    Ok(place.join("lkm/kakoi.ko"))
}

/// Unpacks the headers of a release and the tools that go with them; the folder to build in.
fn headers(kernel: &Kernel, release: &str) -> anyhow::Result<PathBuf> {
    let root = packages::store().join("headers").join(kernel.name);
    let built = root.join(format!("usr/src/linux-headers-{release}"));
    let done = root.join("done");
    if !done.exists() {
        let base = base(release);
        let own = [format!("linux-headers-{release}"), format!("linux-headers-{base}-common")];
        packages::unpacked(&kernel.architecture, &own, &root)?;
        packages::unpacked(&kernels::AMD64, &[kbuild(&base)], &root)?;
        if base.starts_with("5.10.") && kernel.architecture == kernels::AMD64 {
            let flags = ["linux-compiler-gcc-10-x86".to_owned()];
            packages::unpacked(&kernels::AMD64, &flags, &root)?;
        }
        fs::write(done, "")?;
    }
    relocate(&built.join("Makefile"), &root)?;
    lend_library(&root)?;
    Ok(built)
}

/// Tools of the newest kernels need a C library that the host may not have yet: Debian's newest runs them, from
/// beside them.
fn lend_library(root: &Path) -> anyhow::Result<()> {
    const NEWER: &[u8] = b"GLIBC_2.38";
    let tools = || {
        let files = packages::files_beneath(&root.join("usr/lib")).into_iter();
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
        packages::put(&script, &text)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Release without the flavour: `6.1.0-50` of `6.1.0-50-armmp`, `6.12.95+deb12` of `6.12.95+deb12-armmp`.
fn base(release: &str) -> String {
    let mut parts = release.split('-');
    let first = parts.next().unwrap_or_default();
    match parts.next() {
        Some(number) if number.chars().all(|letter| letter.is_ascii_digit()) => {
            format!("{first}-{number}")
        }
        _ => first.to_owned(),
    }
}

fn kbuild(base: &str) -> String {
    match base.split_once('-') {
        Some((version, _)) => {
            let series: Vec<&str> = version.split('.').take(2).collect();
            format!("linux-kbuild-{}", series.join("."))
        }
        None => format!("linux-kbuild-{base}"),
    }
}

/// The headers' makefile names its other half, and since 7.x itself, by an absolute path.
fn relocate(makefile: &Path, root: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(makefile).with_context(|| makefile.display().to_string())?;
    let moved = moved(&text, &root.display().to_string());
    packages::put(makefile, &moved)
}

/// Every path to `usr/src` leads beneath `root`, wherever it led before: the whole store may have been moved.
fn moved(text: &str, root: &str) -> String {
    const SOURCES: &str = "/usr/src/";
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(SOURCES) {
        let begin = rest[..at].rfind([' ', '=', '\n']).map_or(0, |begin| begin + 1);
        out.push_str(&rest[..begin]);
        out.push_str(root);
        out.push_str(SOURCES);
        rest = &rest[at + SOURCES.len()..];
    }
    out + rest
}

/// Copies what changed, so that make builds only that.
fn copy_sources(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let path = entry?.path();
        if !path.is_file() {
            continue;
        }
        let target = to.join(path.file_name().unwrap_or_default());
        let new = fs::read(&path)?;
        if fs::read(&target).ok().as_ref() != Some(&new) {
            fs::write(target, new)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_were_moved_are_found_again() {
        let text = "include /old/place/usr/src/linux-headers-6.1.0-50-common/Makefile\nKERNEL=/usr/src/x\n";
        let wanted =
            "include /new/usr/src/linux-headers-6.1.0-50-common/Makefile\nKERNEL=/new/usr/src/x\n";
        assert_eq!(moved(text, "/new"), wanted);
        assert_eq!(moved(wanted, "/new"), wanted);
    }

    #[test]
    fn the_tools_of_a_release_are_named_by_series_or_by_build() {
        assert_eq!(base("6.1.0-50-cloud-amd64"), "6.1.0-50");
        assert_eq!(kbuild("6.1.0-50"), "linux-kbuild-6.1");
        assert_eq!(base("6.12.95+deb12-5kc-malta"), "6.12.95+deb12");
        assert_eq!(kbuild("6.12.95+deb12"), "linux-kbuild-6.12.95+deb12");
    }
}
