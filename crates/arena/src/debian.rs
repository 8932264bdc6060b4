// SPDX-License-Identifier: Apache-2.0
//! Debian's packages, of any architecture and release, fetched by name with apt from the mirror that this machine uses, into
//! a folder of our own: the host's package state is not touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;
use crate::error::host;

/// What apt is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// Debian's name of the architecture.
    pub architecture: &'static str,
    /// Suites, the oldest first.
    pub suites: &'static [&'static str],
}

/// First and last letters of a package's name; between them is its number.
pub type Pattern = (&'static str, &'static str);

/// The folder: indexes in `apt`, what is being fetched in `downloads`.
#[derive(Debug, Clone)]
pub struct Packages {
    path: PathBuf,
}

impl Packages {
    /// At a place.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Fetches a package; the file, which is the caller's.
    ///
    /// # Errors
    /// There is no such package, or it cannot be had.
    pub fn download(&self, of: Index, package: &str) -> Result<PathBuf, Error> {
        let folder = self.path.join("downloads").join(of.architecture).join(package);
        fs::create_dir_all(&folder).map_err(host(folder.display()))?;
        let mut command = self.apt(of, "apt-get")?;
        run(command.args(["-q", "download", package]).current_dir(&folder))?;
        let found = fs::read_dir(&folder)
            .map_err(host(folder.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"));
        found.ok_or_else(|| Error::Host(format!("apt-get download {package} left no file")))
    }

    /// The newest package that fits and can really be had; and the file.
    ///
    /// # Errors
    /// None of the newest three can be had, or there is none.
    pub fn newest(&self, of: Index, pattern: Pattern) -> Result<(String, PathBuf), Error> {
        let mut error = None;
        for package in self.fitting(of, pattern)?.into_iter().rev().take(3) {
            match self.download(of, &package) {
                Ok(deb) => return Ok((package, deb)),
                Err(why) => error = Some(why),
            }
        }
        let (begin, end) = pattern;
        Err(error.unwrap_or_else(|| {
            Error::Host(format!("no package {begin}*{end} for {}", of.architecture))
        }))
    }

    /// Names of packages that fit, the newest last.
    ///
    /// # Errors
    /// The index cannot be had.
    pub fn fitting(&self, of: Index, pattern: Pattern) -> Result<Vec<String>, Error> {
        let mut command = self.apt(of, "apt-cache")?;
        let output = command.args(["pkgnames", pattern.0]).output().map_err(host("apt-cache"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut names: Vec<String> =
            text.lines().filter(|name| fits(pattern, name)).map(str::to_owned).collect();
        names.sort_by_key(|name| numbers(name));
        Ok(names)
    }

    /// A program of apt that works in our folder; the index is fetched once.
    fn apt(&self, of: Index, program: &str) -> Result<Command, Error> {
        let root = self.path.join("apt").join(of.architecture);
        let configuration = root.join("apt.conf");
        lay_out(of, &root)?;
        if !root.join("updated").exists() {
            run(Command::new("apt-get").args(["-q", "update"]).env("APT_CONFIG", &configuration))?;
            put(&root.join("updated"), "")?;
        }
        let mut command = Command::new(program);
        command.env("APT_CONFIG", &configuration);
        Ok(command)
    }
}

/// Release of a kernel without its flavour: `6.1.0-50` of `6.1.0-50-armmp`, `6.12.95+deb12` of `6.12.95+deb12-armmp`.
#[must_use]
pub fn without_flavour(release: &str) -> String {
    let mut parts = release.split('-');
    let first = parts.next().unwrap_or_default();
    match parts.next() {
        Some(number) if number.bytes().all(|letter| letter.is_ascii_digit()) => {
            format!("{first}-{number}")
        }
        _ => first.to_owned(),
    }
}

/// Packages with the headers of a kernel's release; and the one with the tools for building, which is the host's.
#[must_use]
pub fn headers(release: &str) -> ([String; 2], String) {
    let base = without_flavour(release);
    let own = [format!("linux-headers-{release}"), format!("linux-headers-{base}-common")];
    let tools = match base.split_once('-') {
        Some((version, _)) => {
            let series: Vec<&str> = version.split('.').take(2).collect();
            format!("linux-kbuild-{}", series.join("."))
        }
        None => format!("linux-kbuild-{base}"),
    };
    (own, tools)
}

/// Makefiles of headers name their other half, and since 7.x themselves, by an absolute path. Every path to `usr/src` leads
/// beneath `root` afterwards, wherever it led before: a folder may have been moved.
#[must_use]
pub fn relocated(makefile: &str, root: &Path) -> String {
    const SOURCES: &str = "/usr/src/";
    let mut out = String::new();
    let mut rest = makefile;
    while let Some((before, after)) = rest.split_once(SOURCES) {
        let begin = before.rfind([' ', '=', '\n']).map_or(0, |begin| begin + 1);
        out.push_str(before.get(..begin).unwrap_or_default());
        out.push_str(&root.display().to_string());
        out.push_str(SOURCES);
        rest = after;
    }
    out + rest
}

/// Copies the files of a folder that changed, so that make builds only what depends on them.
///
/// # Errors
/// What the operating system says.
pub fn copy_changed(from: &Path, to: &Path) -> Result<(), Error> {
    fs::create_dir_all(to).map_err(host(to.display()))?;
    for entry in fs::read_dir(from).map_err(host(from.display()))? {
        let path = entry.map_err(host(from.display()))?.path();
        if !path.is_file() {
            continue;
        }
        let target = to.join(path.file_name().unwrap_or_default());
        let new = fs::read(&path).map_err(host(path.display()))?;
        if fs::read(&target).ok().as_ref() != Some(&new) {
            fs::write(&target, new).map_err(host(target.display()))?;
        }
    }
    Ok(())
}

/// All files in a folder and its folders, in order.
#[must_use]
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

/// Writes a file, if it is not so already, and anew: a folder that was copied by links is changed nowhere else.
///
/// # Errors
/// What the operating system says.
pub fn put(path: &Path, text: &str) -> Result<(), Error> {
    if fs::read_to_string(path).is_ok_and(|before| before == text) {
        return Ok(());
    }
    // It may not be there yet.
    let _ = fs::remove_file(path);
    fs::write(path, text).map_err(host(path.display()))
}

/// Runs a command; what it said is the error.
///
/// # Errors
/// It cannot be started, or ended badly.
pub fn run(command: &mut Command) -> Result<(), Error> {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().map_err(host(&shown))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let last: Vec<&str> = said.lines().rev().take(30).collect();
    let said = last.into_iter().rev().collect::<Vec<_>>().join("\n");
    Err(Error::Host(format!("{shown} ended with {}: {said}", output.status)))
}

fn lay_out(of: Index, root: &Path) -> Result<(), Error> {
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
    put(&root.join("dpkg/status"), "")?;
    put(&root.join("etc/apt/sources.list"), "")?;
    let sources = format!(
        "Types: deb\nURIs: {}\nSuites: {}\nComponents: main\nArchitectures: {}\n\
         Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n",
        mirror()?,
        of.suites.join(" "),
        of.architecture
    );
    put(&root.join("etc/apt/sources.list.d/debian.sources"), &sources)?;
    let at = root.display();
    let configuration = format!(
        "Dir::Etc \"{at}/etc/apt\";\nDir::State::status \"{at}/dpkg/status\";\n\
         Dir::State::lists \"{at}/lists\";\nDir::Cache \"{at}\";\nDir::Cache::archives \"archives\";\n\
         APT::Architecture \"{0}\";\nAPT::Architectures {{ \"{0}\"; }};\n\
         APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n\
         Acquire::Check-Valid-Until \"false\";\n",
        of.architecture
    );
    put(&root.join("apt.conf"), &configuration)
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
            let words = "no mirror of Debian in /etc/apt: guests are made of its packages";
            Error::Host(words.to_owned())
        })
}

/// Is there nothing but a number between first and last letters?
fn fits(pattern: Pattern, package: &str) -> bool {
    let middle = package.strip_prefix(pattern.0).and_then(|middle| middle.strip_suffix(pattern.1));
    middle.is_some_and(|middle| {
        !middle.is_empty()
            && middle.chars().all(|letter| letter.is_ascii_digit() || ".+~deb".contains(letter))
    })
}

/// The numbers in a name: it is ordered by them.
fn numbers(package: &str) -> Vec<u64> {
    let parts = package.split(|letter: char| !letter.is_ascii_digit());
    parts.filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_the_flavour_it_names_and_no_other() {
        let pattern = ("linux-image-6.1.0-", "-cloud-amd64");
        assert!(fits(pattern, "linux-image-6.1.0-50-cloud-amd64"));
        assert!(!fits(pattern, "linux-image-6.1.0-50-amd64"));
        assert!(!fits(pattern, "linux-image-6.1.0-50-rt-cloud-amd64"));
        assert!(fits(
            ("linux-image-6.12.", "-cloud-amd64"),
            "linux-image-6.12.95+deb12-cloud-amd64"
        ));
    }

    #[test]
    fn build_ten_is_newer_than_build_nine() {
        assert!(numbers("linux-image-6.1.0-10-armmp") > numbers("linux-image-6.1.0-9-armmp"));
    }

    #[test]
    fn headers_that_were_moved_are_found_again() {
        let text = "include /old/place/usr/src/linux-headers-6.1.0-50-common/Makefile\nKERNEL=/usr/src/x\n";
        let wanted =
            "include /new/usr/src/linux-headers-6.1.0-50-common/Makefile\nKERNEL=/new/usr/src/x\n";
        assert_eq!(relocated(text, Path::new("/new")), wanted);
        assert_eq!(relocated(wanted, Path::new("/new")), wanted);
    }

    #[test]
    fn the_tools_of_a_release_are_named_by_series_or_by_build() {
        let tools = |release| headers(release).1;
        assert_eq!(without_flavour("6.1.0-50-cloud-amd64"), "6.1.0-50");
        assert_eq!(tools("6.1.0-50-cloud-amd64"), "linux-kbuild-6.1");
        assert_eq!(without_flavour("6.12.95+deb12-5kc-malta"), "6.12.95+deb12");
        assert_eq!(tools("6.12.95+deb12-5kc-malta"), "linux-kbuild-6.12.95+deb12");
    }
}
