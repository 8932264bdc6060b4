// SPDX-License-Identifier: Apache-2.0
//! What of Debian's packages guests are made of: kernels, headers, userlands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use kakoi_arena::debian::{Packages, files_beneath, run};

use super::kernels::{Architecture, Kernel};

/// Where everything that is fetched or built for guests is kept.
pub fn store() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| crate::top().join("target"), PathBuf::from)
        .join("vm")
}

/// Debian's packages, by name.
pub fn debian() -> Packages {
    Packages::at(store())
}

/// The unpacked kernel: image and modules.
pub struct Installed {
    /// Release, as `uname -r` says it.
    pub release: String,
    pub image: PathBuf,
    /// Folder with the modules, flat.
    pub modules: PathBuf,
}

/// Modules that guests load where they are there, in this order.
pub const MODULES: &[&str] = &[
    "virtio",
    "virtio_ring",
    "virtio_pci_modern_dev",
    "virtio_pci_legacy_dev",
    "virtio_pci",
    "failover",
    "net_failover",
    "virtio_net",
    "e1000",
    "loop",
    "squashfs",
    "overlay",
    "nls_cp437",
    "nls_ascii",
    "fat",
    "vfat",
    "binfmt_misc",
];

/// Fetches and unpacks a kernel.
pub fn kernel(kernel: &Kernel) -> anyhow::Result<Installed> {
    let kept = store().join("kernels").join(kernel.name);
    let release_file = kept.join("release");
    if !release_file.exists() {
        let index = kernel.architecture.index();
        let (package, deb) = debian().newest(index, kernel.package)?;
        unpack_kernel(&deb, &kept).with_context(|| package.clone())?;
        fs::remove_file(&deb)?;
        let release = package.split_once('-').and_then(|(_, rest)| rest.split_once('-'));
        let release = release.map_or(package.as_str(), |(_, release)| release);
        // Since 7.x the image, the modules and the configuration are packages of their own.
        if package.starts_with("linux-binary-") {
            for half in ["linux-modules", "linux-base"] {
                let deb = debian().download(index, &format!("{half}-{release}"))?;
                unpack_kernel(&deb, &kept)?;
                fs::remove_file(&deb)?;
            }
        }
        fs::write(&release_file, release)?;
    }
    let release = fs::read_to_string(&release_file)?;
    Ok(Installed { release, image: kept.join("vmlinuz"), modules: kept.join("modules") })
}

/// Fetches packages and unpacks them whole beneath `into`, once.
pub fn unpacked(
    architecture: &Architecture,
    packages: &[String],
    into: &Path,
) -> anyhow::Result<()> {
    for package in packages {
        let done = into.join(format!(".{}", package.replace('/', "_")));
        if done.exists() {
            continue;
        }
        let deb = debian().download(architecture.index(), package)?;
        fs::create_dir_all(into)?;
        run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(into))?;
        fs::remove_file(&deb)?;
        fs::write(done, "")?;
    }
    Ok(())
}

/// Takes the image and the modules that guests use out of a kernel's package.
fn unpack_kernel(deb: &Path, into: &Path) -> anyhow::Result<()> {
    let whole = into.join("whole");
    fs::create_dir_all(&whole)?;
    let mut patterns = [
        "./boot/vmlinu*",
        "./boot/config*",
        "./usr/lib/modules/*/vmlinu*",
        "./usr/lib/modules/*/config*",
    ]
    .map(str::to_owned)
    .to_vec();
    patterns.extend(MODULES.iter().map(|module| format!("*/{module}.ko*")));
    let mut tar = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(deb)
        .stdout(Stdio::piped())
        .spawn()
        .context("dpkg-deb")?;
    let input = tar.stdout.take().context("dpkg-deb has no output")?;
    // tar complains about patterns that match nothing; what is needed is looked for afterwards.
    let _ = Command::new("tar")
        .args(["-x", "--wildcards", "-C"])
        .arg(&whole)
        .args(&patterns)
        .stdin(input)
        .stderr(Stdio::null())
        .status()?;
    tar.wait()?;
    let modules = into.join("modules");
    fs::create_dir_all(&modules)?;
    for file in files_beneath(&whole) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("vmlinu") {
            fs::rename(&file, into.join("vmlinuz"))?;
        } else if name.starts_with("config") {
            fs::rename(&file, into.join("config"))?;
        } else {
            if name.ends_with(".xz") {
                run(Command::new("xz").arg("-d").arg(&file))?;
            }
            let plain = name.trim_end_matches(".xz");
            fs::rename(file.with_file_name(plain), modules.join(plain))?;
        }
    }
    fs::remove_dir_all(&whole)?;
    anyhow::ensure!(into.join("vmlinuz").exists(), "no kernel image in the package");
    Ok(())
}
