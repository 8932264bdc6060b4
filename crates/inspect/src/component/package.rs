// SPDX-License-Identifier: Apache-2.0
//! Package databases: opkg and ipkg, dpkg, apk, licence manifests of Buildroot and Yocto. RPM
//! databases are told, not read.
//!
//! Sources: deb-control(5) and dpkg's status file, opkg's libopkg/pkg_parse.c, apk-tools' database
//! format (APKINDEX fields), Buildroot manual "legal-info", Yocto `license.manifest`.

use kakoi_model::{Evidence, FileRef, ImagePath};

use crate::Root;

/// One installed package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) architecture: String,
    pub(super) license: Option<String>,
    /// Names of packages that it needs.
    pub(super) depends: Vec<String>,
    /// `opkg`, `deb`, `apk`, `rpm`, `generic`: the type of its package URL.
    pub(super) ecosystem: &'static str,
    /// Paths that it owns.
    pub(super) files: Vec<ImagePath>,
    pub(super) evidence: Evidence,
    /// Where the database was found but not read.
    pub(super) unread: bool,
}

/// Every installed package of every database in a root file system.
pub(super) fn find(root: &Root<'_>) -> Vec<Package> {
    let mut packages = Vec::new();
    for file in root.files().filter(|file| file.digest().is_some()) {
        let path = file.path.as_bytes();
        let ends = |end: &str| path.ends_with(end.as_bytes());
        if ends("/opkg/status") || ends("/ipkg/status") {
            packages.extend(control_database(root, &file.path, "opkg"));
        } else if ends("/dpkg/status") || is_in_status_directory(path) {
            packages.extend(control_database(root, &file.path, "deb"));
        } else if ends("/apk/db/installed") {
            packages.extend(apk_database(root, &file.path));
        } else if ["/rpm/Packages", "/rpm/Packages.db", "/rpm/rpmdb.sqlite"].iter().any(|e| ends(e))
        {
            packages.push(unread_rpm(root, &file.path));
        } else if matches!(file.path.file_name(), b"license.manifest" | b"manifest.csv") {
            packages.extend(manifest(root, &file.path));
        }
    }
    packages
}

/// Distroless images keep one status file per package.
fn is_in_status_directory(path: &[u8]) -> bool {
    let directory = b"var/lib/dpkg/status.d/";
    path.starts_with(directory) && !path.ends_with(b".md5sums")
}

fn control_database(root: &Root<'_>, path: &ImagePath, ecosystem: &'static str) -> Vec<Package> {
    let Some(text) = root.read_text(path) else { return Vec::new() };
    let directory = path.parent().unwrap_or_default();
    let stanzas = stanzas(&text).into_iter();
    let packages = stanzas.filter_map(|(line, fields)| {
        let mut package = control_package(&fields, ecosystem)?;
        package.evidence =
            Evidence::new(format!("package {} in {ecosystem} database", package.name))
                .in_file(root.place(path))
                .on_line(line);
        package.files = listed_files(root, &directory, &package);
        Some(package)
    });
    packages.collect()
}

fn control_package(fields: &[(&str, String)], ecosystem: &'static str) -> Option<Package> {
    let field = |name: &str| {
        let found = fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    };
    let installed = field("Status").is_none_or(|status| status.ends_with(" installed"));
    let name = field("Package").filter(|name| !name.is_empty())?;
    installed.then(|| Package {
        name: name.to_owned(),
        version: field("Version").unwrap_or_default().to_owned(),
        architecture: field("Architecture").unwrap_or_default().to_owned(),
        license: field("License").map(str::to_owned),
        depends: field("Depends").map(dependencies).unwrap_or_default(),
        ecosystem,
        ..Package::default()
    })
}

/// Names in a `Depends` field: of alternatives the first, without version and architecture.
fn dependencies(text: &str) -> Vec<String> {
    let names = text.split(',').filter_map(|part| {
        let first = part.split(['|', '(', ':']).next()?.trim();
        (!first.is_empty()).then(|| first.to_owned())
    });
    names.collect()
}

/// Blocks of `Key: value` lines divided by blank lines, each with its first line number.
fn stanzas(text: &str) -> Vec<(usize, Vec<(&str, String)>)> {
    let mut stanzas: Vec<(usize, Vec<(&str, String)>)> = Vec::new();
    let mut fields: Vec<(&str, String)> = Vec::new();
    let mut first = 1;
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            if !fields.is_empty() {
                stanzas.push((first, std::mem::take(&mut fields)));
            }
            first = number + 2;
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((key, value)) = line.split_once(':') {
            fields.push((key, value.trim().to_owned()));
        }
    }
    if !fields.is_empty() {
        stanzas.push((first, fields));
    }
    stanzas
}

fn listed_files(root: &Root<'_>, directory: &ImagePath, package: &Package) -> Vec<ImagePath> {
    let plain = format!("info/{}.list", package.name);
    let multiarch = format!("info/{}:{}.list", package.name, package.architecture);
    let text = [plain, multiarch].iter().find_map(|name| root.read(&directory.join(name)));
    let Some(text) = text else { return Vec::new() };
    // opkg adds the mode and link target behind a tab.
    let lines = text.split(|byte| *byte == b'\n');
    let paths = lines.filter_map(|line| line.split(|byte| *byte == b'\t').next());
    paths.filter(|path| !path.is_empty()).map(ImagePath::new).collect()
}

fn apk_database(root: &Root<'_>, path: &ImagePath) -> Vec<Package> {
    let Some(text) = root.read_text(path) else { return Vec::new() };
    let packages = stanzas(&text).into_iter().filter_map(|(line, fields)| {
        let field = |name: &str| {
            fields.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
        };
        let name = field("P")?;
        Some(Package {
            name: name.to_owned(),
            version: field("V").unwrap_or_default().to_owned(),
            architecture: field("A").unwrap_or_default().to_owned(),
            license: field("L").map(str::to_owned),
            depends: field("D").map(apk_dependencies).unwrap_or_default(),
            ecosystem: "apk",
            files: apk_files(&fields),
            evidence: Evidence::new(format!("package {name} in apk database"))
                .in_file(root.place(path))
                .on_line(line),
            unread: false,
        })
    });
    packages.collect()
}

/// Package names among the dependencies; `so:` and `cmd:` name what some package provides.
fn apk_dependencies(text: &str) -> Vec<String> {
    let names =
        text.split_whitespace().filter(|name| !name.contains(':') && !name.starts_with('!'));
    names.filter_map(|name| name.split(['<', '>', '=', '~']).next()).map(str::to_owned).collect()
}

fn apk_files(fields: &[(&str, String)]) -> Vec<ImagePath> {
    let mut directory = ImagePath::root();
    let mut files = Vec::new();
    for (key, value) in fields {
        match *key {
            "F" => directory = ImagePath::new(value),
            "R" => files.push(directory.join(value)),
            _ => {}
        }
    }
    files
}

fn unread_rpm(root: &Root<'_>, path: &ImagePath) -> Package {
    Package {
        name: "rpm-packages".to_owned(),
        ecosystem: "rpm",
        evidence: Evidence::new("an RPM database, which kakoi does not read")
            .in_file(root.place(path)),
        unread: true,
        ..Package::default()
    }
}

fn manifest(root: &Root<'_>, path: &ImagePath) -> Vec<Package> {
    let Some(text) = root.read_text(path) else { return Vec::new() };
    let evidence = |line: usize| {
        Evidence::new("entry of a licence manifest").in_file(root.place(path)).on_line(line)
    };
    if text.starts_with("\"PACKAGE\",\"VERSION\",\"LICENSE\"") {
        return text
            .lines()
            .enumerate()
            .skip(1)
            .filter_map(|(index, line)| {
                let mut cells = line.trim_matches('"').split("\",\"");
                let (name, version) = (cells.next()?, cells.next()?);
                Some(listed(name, version, cells.next(), evidence(index + 1)))
            })
            .collect();
    }
    let packages = stanzas(&text).into_iter().filter_map(|(line, fields)| {
        let field = |name: &str| {
            fields.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
        };
        let (name, version) = (field("PACKAGE NAME")?, field("PACKAGE VERSION")?);
        Some(listed(name, version, field("LICENSE"), evidence(line)))
    });
    packages.collect()
}

fn listed(name: &str, version: &str, license: Option<&str>, evidence: Evidence) -> Package {
    Package {
        name: name.to_owned(),
        version: version.to_owned(),
        license: license.map(str::to_owned),
        ecosystem: "generic",
        evidence,
        ..Package::default()
    }
}

impl Package {
    /// Where the database says so.
    pub(super) fn place(&self) -> Option<&FileRef> {
        self.evidence.file.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sketch;

    #[test]
    fn opkg_packages_come_with_their_files_and_without_removed_ones() {
        let status = "Package: dnsmasq\nVersion: 2.80-1\nDepends: libc, libubus (>= 1)\n\
                      Status: install ok installed\nArchitecture: mips_24kc\n\n\
                      Package: gone\nVersion: 1\nStatus: deinstall ok not-installed\n";
        let list = "/usr/sbin/dnsmasq\n/etc/init.d/dnsmasq\t0755\n";
        let tree = Sketch::new().file("/usr/lib/opkg/status", 0o644, status).file(
            "/usr/lib/opkg/info/dnsmasq.list",
            0o644,
            list,
        );
        let packages = find(&tree.root());
        assert_eq!(packages.len(), 1);
        assert_eq!(packages[0].version, "2.80-1");
        assert_eq!(packages[0].depends, ["libc", "libubus"]);
        assert_eq!(packages[0].files[1], ImagePath::from("/etc/init.d/dnsmasq"));
        assert_eq!(packages[0].evidence.line, Some(1));
    }

    #[test]
    fn apk_packages_and_their_files_are_read() {
        let text = "P:musl\nV:1.2.3-r4\nA:armhf\nL:MIT\nD:so:libc.so foo>=1\nF:lib\n\
                    R:ld-musl-armhf.so.1\na:0:0:755\n\n";
        let tree = Sketch::new().file("/lib/apk/db/installed", 0o644, text);
        let packages = find(&tree.root());
        assert_eq!(packages[0].name, "musl");
        assert_eq!(packages[0].license.as_deref(), Some("MIT"));
        assert_eq!(packages[0].depends, ["foo"]);
        assert_eq!(packages[0].files, [ImagePath::from("/lib/ld-musl-armhf.so.1")]);
    }

    #[test]
    fn multiarch_lists_manifests_and_unread_databases_are_seen() {
        let status = "Package: zlib1g\nStatus: install ok installed\nArchitecture: armhf\n\
                      Multi-Arch: same\nDescription: x\n more\nVersion: 1:1.2.13.dfsg-1\n";
        let tree = Sketch::new()
            .file("/var/lib/dpkg/status", 0o644, status)
            .file("/var/lib/dpkg/info/zlib1g:armhf.list", 0o644, "/.\n/lib/libz.so.1\n")
            .file("/var/lib/rpm/rpmdb.sqlite", 0o644, "SQLite format 3\0")
            .file(
                "/usr/share/manifest.csv",
                0o644,
                "\"PACKAGE\",\"VERSION\",\"LICENSE\"\n\"jq\",\"1.6\",\"MIT\"\n",
            );
        let packages = find(&tree.root());
        let names: Vec<_> = packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["jq", "zlib1g", "rpm-packages"]);
        assert_eq!(packages[1].files[1], ImagePath::from("/lib/libz.so.1"));
        assert_eq!(packages[1].version, "1:1.2.13.dfsg-1");
        assert!(packages[2].unread);
    }
}
