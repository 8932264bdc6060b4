// SPDX-License-Identifier: Apache-2.0
//! Debian packages of other architectures and releases, fetched by name with apt from the mirror that
//! this machine uses, into a folder of our own: the host's package state is not touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use super::kernels::{self, Architecture, Kernel};

/// Where everything that is fetched or built for guests is kept.
pub fn store() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| crate::top().join("target"), PathBuf::from)
        .join("vm")
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
        let (package, deb) = newest(&kernel.architecture, kernel.package)?;
        unpack_kernel(&deb, &kept).with_context(|| package.clone())?;
        fs::remove_file(&deb)?;
        let release = package.split_once('-').and_then(|(_, rest)| rest.split_once('-'));
        let release = release.map_or(package.as_str(), |(_, release)| release);
        // Since 7.x the image, the modules and the configuration are packages of their own.
        if package.starts_with("linux-binary-") {
            for half in ["linux-modules", "linux-base"] {
                let deb = download(&kernel.architecture, &format!("{half}-{release}"))?;
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
        let deb = download(architecture, package)?;
        fs::create_dir_all(into)?;
        run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(into))?;
        fs::remove_file(&deb)?;
        fs::write(done, "")?;
    }
    Ok(())
}

/// The newest package whose name fits, that can really be had; and the file.
fn newest(architecture: &Architecture, pattern: (&str, &str)) -> anyhow::Result<(String, PathBuf)> {
    let mut error = None;
    for package in fitting(architecture, pattern)?.into_iter().rev().take(3) {
        match download(architecture, &package) {
            Ok(deb) => return Ok((package, deb)),
            Err(failure) => error = Some(failure),
        }
    }
    Err(error.unwrap_or_else(|| {
        anyhow::anyhow!("no package {}*{} for {}", pattern.0, pattern.1, architecture.name)
    }))
}

/// Names of packages that fit, oldest first.
pub fn fitting(architecture: &Architecture, pattern: (&str, &str)) -> anyhow::Result<Vec<String>> {
    let output = apt(architecture, "apt-cache")?.args(["pkgnames", pattern.0]).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut names: Vec<String> =
        text.lines().filter(|name| kernels::fits(pattern, name)).map(str::to_owned).collect();
    names.sort_by_key(|name| kernels::by_number(name));
    Ok(names)
}

fn download(architecture: &Architecture, package: &str) -> anyhow::Result<PathBuf> {
    let folder = store().join("downloads").join(architecture.name).join(package);
    fs::create_dir_all(&folder)?;
    let mut command = apt(architecture, "apt-get")?;
    run(command.args(["-q", "download", package]).current_dir(&folder))?;
    let deb = fs::read_dir(&folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"));
    deb.with_context(|| format!("apt-get download {package} left no file"))
}

/// A program of apt that works in our folder for this architecture; the index is fetched once.
fn apt(architecture: &Architecture, program: &str) -> anyhow::Result<Command> {
    let root = store().join("apt").join(architecture.name);
    let configuration = root.join("apt.conf");
    let mut command = Command::new(program);
    command.env("APT_CONFIG", &configuration);
    lay_out(architecture, &root)?;
    if !root.join("updated").exists() {
        eprintln!("fetching the index of packages for {}", architecture.name);
        run(Command::new("apt-get").args(["-q", "update"]).env("APT_CONFIG", &configuration))?;
        fs::write(root.join("updated"), "")?;
    }
    Ok(command)
}

fn lay_out(architecture: &Architecture, root: &Path) -> anyhow::Result<()> {
    for folder in [
        "etc/apt/sources.list.d",
        "etc/apt/apt.conf.d",
        "etc/apt/preferences.d",
        "lists/partial",
        "archives/partial",
        "dpkg",
    ] {
        fs::create_dir_all(root.join(folder))?;
    }
    put(&root.join("dpkg/status"), "")?;
    put(&root.join("etc/apt/sources.list"), "")?;
    let sources = format!(
        "Types: deb\nURIs: {}\nSuites: {}\nComponents: main\nArchitectures: {}\n\
         Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n",
        mirror()?,
        architecture.suites.join(" "),
        architecture.name
    );
    put(&root.join("etc/apt/sources.list.d/debian.sources"), &sources)?;
    let at = root.display();
    let configuration = format!(
        "Dir::Etc \"{at}/etc/apt\";\nDir::State::status \"{at}/dpkg/status\";\n\
         Dir::State::lists \"{at}/lists\";\nDir::Cache \"{at}\";\nDir::Cache::archives \"archives\";\n\
         APT::Architecture \"{0}\";\nAPT::Architectures {{ \"{0}\"; }};\n\
         APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n\
         Acquire::Check-Valid-Until \"false\";\n",
        architecture.name
    );
    put(&root.join("apt.conf"), &configuration)
}

/// The mirror of Debian that this machine is set up for.
fn mirror() -> anyhow::Result<String> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(folder) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(folder.filter_map(|entry| Some(entry.ok()?.path())));
    }
    files.sort();
    let texts = files.iter().filter_map(|path| fs::read_to_string(path).ok());
    let lines: Vec<String> =
        texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines
        .iter()
        .filter(|line| line.starts_with("URIs:") || line.starts_with("deb "))
        .flat_map(|line| line.split_whitespace())
        .find(|word| word.contains("://") && word.trim_end_matches('/').ends_with("/debian"))
        .map(str::to_owned)
        .context("no mirror of Debian in /etc/apt: guests are made of Debian's packages")
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

/// Writes a file, if it is not so already, and anew: a store that was copied by links is changed nowhere else.
pub fn put(path: &Path, text: &str) -> anyhow::Result<()> {
    if fs::read_to_string(path).is_ok_and(|before| before == text) {
        return Ok(());
    }
    // It may not be there yet.
    let _ = fs::remove_file(path);
    fs::write(path, text).with_context(|| path.display().to_string())
}

/// All files in a folder and its folders, in order.
pub fn files_beneath(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Runs a command; what it said is the error.
pub fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().with_context(|| shown.clone())?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let last: Vec<&str> = said.lines().rev().take(30).collect();
    anyhow::bail!("{shown}: {}", last.into_iter().rev().collect::<Vec<_>>().join("\n"))
}
