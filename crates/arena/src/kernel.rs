// SPDX-License-Identifier: Apache-2.0
//! Kernels: Debian's, unpacked with the modules that guests load; and the one that Debian lacks, built from its source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::debian::{files_beneath, run};
use crate::error::host;
use crate::machine::Machine;
use crate::store::{read, write};
use crate::{Error, Store};

/// A kernel ready to be booted.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    /// As `uname -r` says it.
    pub(crate) release: String,
    pub(crate) image: PathBuf,
    /// Modules in the order in which they are loaded.
    pub(crate) modules: Vec<PathBuf>,
}

/// Modules that guests load where they are modules; what they depend on comes before them.
const WANTED: &[&str] = &[
    "loop",
    "squashfs",
    "overlay",
    "veth",
    "dummy",
    "tun",
    "bridge",
    "8021q",
    "virtio_pci",
    "virtio_net",
    "e1000",
    "ip_tables",
    "iptable_filter",
    "iptable_nat",
    "iptable_mangle",
    "xt_conntrack",
    "xt_state",
    "xt_tcpudp",
    "xt_multiport",
    "xt_MASQUERADE",
    "xt_TCPMSS",
    "pppoe",
    "softdog",
];

/// The kernel of a machine.
pub(crate) fn kernel(store: &Store, machine: &Machine) -> Result<Kernel, Error> {
    let kept = store.folder(format!("kernels/{}", machine.name))?;
    if !kept.join("release").exists() {
        match machine.package {
            Some(pattern) => {
                let (package, deb) = store.packages().newest(machine.index(), pattern)?;
                take(&package, &deb, &kept)?;
            }
            None => build(store, machine, &kept)?,
        }
    }
    let text = |name: &str| Ok(String::from_utf8_lossy(&read(&kept.join(name))?).into_owned());
    let order: String = text("order")?;
    let modules = order.lines().map(|name| kept.join(format!("{name}.ko"))).collect();
    Ok(Kernel { release: text("release")?.trim().to_owned(), image: kept.join("vmlinuz"), modules })
}

// ---- Debian's ----

fn take(package: &str, deb: &Path, kept: &Path) -> Result<(), Error> {
    let whole = tempfile::tempdir_in(kept).map_err(host(kept.display()))?;
    run(Command::new("dpkg-deb").arg("-x").arg(deb).arg(whole.path()))?;
    let release = package.trim_start_matches("linux-image-");
    let mut modules = BTreeMap::new();
    for file in files_beneath(whole.path()) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("vmlinu") {
            fs::rename(&file, kept.join("vmlinuz")).map_err(host(file.display()))?;
        } else if name.starts_with("config-") {
            fs::rename(&file, kept.join("config")).map_err(host(file.display()))?;
        } else if let Some((name, _)) = name.split_once(".ko") {
            modules.insert(name.replace('-', "_"), file);
        }
    }
    let mut order = Vec::new();
    for name in WANTED {
        add_module(name, &modules, kept, &mut order, 0)?;
    }
    write(&kept.join("order"), order.join("\n"))?;
    fs::remove_file(deb).map_err(host(deb.display()))?;
    write(&kept.join("release"), release)
}

/// Copies a module, after those that it depends on (`depends=` in `.modinfo`).
fn add_module(
    name: &str,
    modules: &BTreeMap<String, PathBuf>,
    kept: &Path,
    order: &mut Vec<String>,
    depth: usize,
) -> Result<(), Error> {
    let name = name.replace('-', "_");
    let Some(from) = modules.get(&name).filter(|_| depth < 12 && !order.contains(&name)) else {
        return Ok(());
    };
    let to = kept.join(format!("{name}.ko"));
    if from.extension().is_some_and(|extension| extension == "xz") {
        let packed = kept.join(format!("{name}.ko.xz"));
        fs::copy(from, &packed).map_err(host(from.display()))?;
        run(Command::new("xz").args(["-d", "-f"]).arg(&packed))?;
    } else {
        fs::copy(from, &to).map_err(host(from.display()))?;
    }
    for other in dependencies(&read(&to)?) {
        add_module(&other, modules, kept, order, depth + 1)?;
    }
    order.push(name);
    Ok(())
}

fn dependencies(module: &[u8]) -> BTreeSet<String> {
    let key = b"\0depends=";
    let Some(at) = module.windows(key.len()).position(|window| window == key) else {
        return BTreeSet::new();
    };
    let rest = module.get(at + key.len()..).unwrap_or_default();
    let text = rest.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text).into_owned();
    text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

// ---- built from source ----

const CONFIGURATION: &str = include_str!("../kernel/malta-be.config");

/// Big-endian MIPS from Debian's linux-source-6.1: some ten minutes of a processor, once.
fn build(store: &Store, machine: &Machine, kept: &Path) -> Result<(), Error> {
    let tree = source_tree(store);
    let made = tree.join("build");
    if !made.join("vmlinux").exists() {
        let source = tree.join("src");
        if !source.join("Makefile").exists() {
            let deb = store.packages().download(machine.index(), "linux-source-6.1")?;
            let whole = store.folder("source/deb")?;
            run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&whole))?;
            fs::create_dir_all(&source).map_err(host(source.display()))?;
            let archive = whole.join("usr/src/linux-source-6.1.tar.xz");
            run(Command::new("tar")
                .arg("-xJf")
                .arg(archive)
                .arg("-C")
                .arg(&source)
                .arg("--strip-components=1"))?;
            fs::remove_dir_all(&whole).map_err(host(whole.display()))?;
        }
        fs::create_dir_all(&made).map_err(host(made.display()))?;
        configure(machine, &source, &made)?;
        run(make(machine, &source, &made).args(["-j2", "vmlinux", "modules"]))?;
    }
    fs::copy(made.join("vmlinux"), kept.join("vmlinuz")).map_err(host("vmlinux"))?;
    let _ = fs::copy(made.join(".config"), kept.join("config"));
    write(&kept.join("order"), "")?;
    let release = read(&made.join("include/config/kernel.release"))?;
    write(&kept.join("release"), release)
}

/// Source and build of the kernel that is built.
pub(crate) fn source_tree(store: &Store) -> PathBuf {
    store.path.join("source/mips")
}

fn configure(machine: &Machine, source: &Path, made: &Path) -> Result<(), Error> {
    run(make(machine, source, made).arg("allnoconfig"))?;
    let fragment = made.join("fragment");
    write(&fragment, CONFIGURATION)?;
    run(Command::new(source.join("scripts/kconfig/merge_config.sh"))
        .args(["-m", "-O"])
        .arg(made)
        .arg(made.join(".config"))
        .arg(&fragment)
        .current_dir(source))?;
    run(make(machine, source, made).arg("olddefconfig"))
}

fn make(machine: &Machine, source: &Path, made: &Path) -> Command {
    let mut command = Command::new("make");
    command
        .args(["-s", "-C"])
        .arg(source)
        .arg(format!("O={}", made.display()))
        .arg(format!("ARCH={}", machine.kernel))
        .arg(format!("CROSS_COMPILE={}", machine.cross))
        .arg(format!("CC={}gcc-12", machine.cross));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_depends_on_is_read_from_it() {
        let found = dependencies(b"x\0license=GPL\0depends=stp,llc\0name=bridge\0");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["llc", "stp"]);
        assert!(dependencies(b"no such thing").is_empty());
    }
}
