// SPDX-License-Identifier: Apache-2.0
//! What guests are made of, kept between runs: kernels, compiled tools, modules. Debian packages are fetched by name with
//! apt from the mirror that this machine uses, into a folder of our own; the host's package state is not touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;
use crate::error::host;
use crate::machine::Machine;

/// The folder.
#[derive(Debug, Clone)]
pub struct Store {
    /// Where.
    pub path: PathBuf,
}

impl Store {
    /// At a place.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// `$KAKOI_ARENA`, else `~/.cache/kakoi/arena`.
    ///
    /// # Errors
    /// Neither that nor a home is set.
    pub fn of_user() -> Result<Self, Error> {
        let set =
            |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = || Some(set("HOME")?.join(".cache/kakoi/arena"));
        set("KAKOI_ARENA")
            .or_else(home)
            .map(Self::at)
            .ok_or_else(|| Error::Host("neither KAKOI_ARENA nor HOME is set".to_owned()))
    }

    pub(crate) fn folder(&self, name: impl AsRef<Path>) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).map_err(host(path.display()))?;
        Ok(path)
    }

    /// Fetches a package; the file.
    pub(crate) fn download(&self, machine: &Machine, package: &str) -> Result<PathBuf, Error> {
        let folder = self.folder(format!("downloads/{}-{package}", machine.name))?;
        let mut command = self.apt(machine, "apt-get")?;
        run(command.args(["-q", "download", package]).current_dir(&folder))?;
        let found = fs::read_dir(&folder)
            .map_err(host(folder.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"));
        found.ok_or_else(|| Error::Host(format!("apt-get download {package} left no file")))
    }

    /// Names of packages that begin and end so, the newest last.
    pub(crate) fn fitting(
        &self,
        machine: &Machine,
        (begin, end): (&str, &str),
    ) -> Result<Vec<String>, Error> {
        let output = self
            .apt(machine, "apt-cache")?
            .args(["pkgnames", begin])
            .output()
            .map_err(host("apt-cache"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let number = |name: &str| {
            let middle = name.strip_prefix(begin)?.strip_suffix(end)?;
            let plain = middle.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            let parts = middle.split('.').map(|part| part.parse::<u64>().unwrap_or(0));
            (plain && !middle.is_empty()).then(|| parts.collect::<Vec<_>>())
        };
        let mut names: Vec<String> =
            text.lines().filter(|name| number(name).is_some()).map(str::to_owned).collect();
        names.sort_by_key(|name| number(name));
        Ok(names)
    }

    fn apt(&self, machine: &Machine, program: &str) -> Result<Command, Error> {
        // Big-endian MIPS has no packages: what it needs is for all architectures.
        let name = if machine.package.is_some() { machine.name } else { "amd64" };
        let root = self.folder(format!("apt/{name}"))?;
        let configuration = root.join("apt.conf");
        let mut command = Command::new(program);
        command.env("APT_CONFIG", &configuration);
        if !root.join("updated").exists() {
            lay_out(name, machine.suites, &root)?;
            run(Command::new("apt-get").args(["-q", "update"]).env("APT_CONFIG", &configuration))?;
            write(&root.join("updated"), "")?;
        }
        Ok(command)
    }
}

pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), Error> {
    fs::write(path, content).map_err(host(path.display()))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(host(path.display()))
}

/// Runs a command; what it said is the error.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(host(&name))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let last: Vec<&str> = said.lines().rev().take(20).collect();
    let said = last.into_iter().rev().collect::<Vec<_>>().join("\n");
    Err(Error::Host(format!("{name} ended with {}: {said}", output.status)))
}

fn lay_out(architecture: &str, suites: &[&str], root: &Path) -> Result<(), Error> {
    for folder in [
        "etc/apt/sources.list.d",
        "etc/apt/apt.conf.d",
        "etc/apt/preferences.d",
        "lists/partial",
        "archives/partial",
        "dpkg",
    ] {
        let path = root.join(folder);
        fs::create_dir_all(&path).map_err(host(path.display()))?;
    }
    write(&root.join("dpkg/status"), "")?;
    let sources = format!(
        "Types: deb\nURIs: {}\nSuites: {}\nComponents: main\nArchitectures: {architecture}\n\
         Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n",
        mirror()?,
        suites.join(" "),
    );
    write(&root.join("etc/apt/sources.list.d/debian.sources"), sources)?;
    let at = root.display();
    let configuration = format!(
        "Dir::Etc \"{at}/etc/apt\";\nDir::State::status \"{at}/dpkg/status\";\n\
         Dir::State::lists \"{at}/lists\";\nDir::Cache \"{at}\";\nDir::Cache::archives \"archives\";\n\
         APT::Architecture \"{architecture}\";\nAPT::Architectures {{ \"{architecture}\"; }};\n\
         APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n\
         Acquire::Check-Valid-Until \"false\";\n"
    );
    write(&root.join("apt.conf"), configuration)
}

/// The mirror of Debian that this machine is set up for.
fn mirror() -> Result<String, Error> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(folder) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(folder.filter_map(|entry| Some(entry.ok()?.path())));
    }
    files.sort();
    let texts: Vec<String> =
        files.iter().filter_map(|path| fs::read_to_string(path).ok()).collect();
    texts
        .iter()
        .flat_map(|text| text.lines())
        .filter(|line| line.starts_with("URIs:") || line.starts_with("deb "))
        .flat_map(str::split_whitespace)
        .find(|word| word.contains("://") && word.trim_end_matches('/').ends_with("/debian"))
        .map(str::to_owned)
        .ok_or_else(|| {
            Error::Host(
                "no mirror of Debian in /etc/apt: guests are made of its packages".to_owned(),
            )
        })
}
