// SPDX-License-Identifier: Apache-2.0
//! Builds the guard's module (lkm/, abi/) for the kernel of a machine, against Debian's headers or the kernel that was
//! built. Where the sources lie is told by whoever asks: a checkout, or what a package installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::host;
use crate::kernel::{kernel, source_tree};
use crate::machine::{MACHINES, Machine};
use crate::store::{read, run, write};
use crate::{Error, Store};

/// Builds the module; where it lies.
pub(crate) fn build(store: &Store, machine: &Machine, sources: &Path) -> Result<PathBuf, Error> {
    let release = kernel(store, machine)?.release;
    let place = store.folder(format!("modules/{}", machine.name))?;
    for folder in ["lkm", "lkm/compat", "abi"] {
        copy_sources(&sources.join(folder), &place.join(folder))?;
    }
    let mut make = Command::new("make");
    make.args(["-s", "-C"]);
    match machine.package {
        Some(_) => make.arg(headers(store, machine, &release)?),
        None => {
            let tree = source_tree(store);
            make.arg(tree.join("src")).arg(format!("O={}", tree.join("build").display()))
        }
    };
    run(make
        .arg(format!("M={}", place.join("lkm").display()))
        .arg(format!("ARCH={}", machine.kernel))
        .arg(format!("CROSS_COMPILE={}", machine.cross))
        .arg(format!("CC={}gcc-12", machine.cross))
        .args(["CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"]))?;
    Ok(place.join("lkm/kakoi.ko"))
}

/// Headers of a release and the tools that go with them; the folder to build in.
fn headers(store: &Store, machine: &Machine, release: &str) -> Result<PathBuf, Error> {
    let root = store.folder(format!("headers/{}", machine.name))?;
    let built = root.join(format!("usr/src/linux-headers-{release}"));
    if root.join("done").exists() {
        return Ok(built);
    }
    let base = base(release);
    let host_machine = MACHINES.iter().find(|known| known.name == "amd64").unwrap_or(machine);
    for (of, package) in [
        (machine, format!("linux-headers-{release}")),
        (machine, format!("linux-headers-{base}-common")),
        (host_machine, kbuild(&base)),
    ] {
        let deb = store.download(of, &package)?;
        run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&root))?;
        fs::remove_file(&deb).map_err(host(deb.display()))?;
    }
    // The makefile names its other half by an absolute path.
    let makefile = built.join("Makefile");
    let text = String::from_utf8_lossy(&read(&makefile)?).into_owned();
    let moved = format!("{}/usr/src/", root.display());
    let text = text.replace("include /usr/src/", &format!("include {moved}"));
    write(&makefile, text.replace("=/usr/src/", &format!("={moved}")))?;
    write(&root.join("done"), "")?;
    Ok(built)
}

/// Release without the flavour: `6.1.0-50` of `6.1.0-50-armmp`.
fn base(release: &str) -> String {
    let mut parts = release.split('-');
    let first = parts.next().unwrap_or_default();
    match parts.next() {
        Some(number) if number.bytes().all(|letter| letter.is_ascii_digit()) => {
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

/// Copies what changed, so that make builds only that.
fn copy_sources(from: &Path, to: &Path) -> Result<(), Error> {
    fs::create_dir_all(to).map_err(host(to.display()))?;
    for entry in fs::read_dir(from).map_err(host(from.display()))? {
        let path = entry.map_err(host(from.display()))?.path();
        if !path.is_file() {
            continue;
        }
        let target = to.join(path.file_name().unwrap_or_default());
        let new = read(&path)?;
        if fs::read(&target).ok().as_ref() != Some(&new) {
            write(&target, new)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tools_of_a_release_are_named_by_series_or_by_build() {
        assert_eq!(base("6.1.0-50-armmp"), "6.1.0-50");
        assert_eq!(kbuild("6.1.0-50"), "linux-kbuild-6.1");
        assert_eq!(kbuild("6.12.95+deb12"), "linux-kbuild-6.12.95+deb12");
    }
}
