// SPDX-License-Identifier: Apache-2.0
//! Builds the guard's module (lkm/, abi/) for the kernel of a machine, against Debian's headers or the kernel that was
//! built. Where the sources lie is told by whoever asks: a checkout, or what a package installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::debian::{self, copy_changed, run};
use crate::error::host;
use crate::kernel::{kernel, source_tree};
use crate::machine::{MACHINES, Machine};
use crate::store::{read, write};
use crate::{Error, Store};

/// Builds the module; where it lies.
pub(crate) fn build(store: &Store, machine: &Machine, sources: &Path) -> Result<PathBuf, Error> {
    let release = kernel(store, machine)?.release;
    let place = store.folder(format!("modules/{}", machine.name))?;
    for folder in ["lkm", "lkm/compat", "abi"] {
        copy_changed(&sources.join(folder), &place.join(folder))?;
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
    let ([own, common], tools) = debian::headers(release);
    let host_machine = MACHINES.iter().find(|known| known.name == "amd64").unwrap_or(machine);
    for (of, package) in [(machine, own), (machine, common), (host_machine, tools)] {
        let deb = store.packages().download(of.index(), &package)?;
        run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&root))?;
        fs::remove_file(&deb).map_err(host(deb.display()))?;
    }
    let makefile = built.join("Makefile");
    let text = String::from_utf8_lossy(&read(&makefile)?).into_owned();
    write(&makefile, debian::relocated(&text, &root))?;
    write(&root.join("done"), "")?;
    Ok(built)
}
