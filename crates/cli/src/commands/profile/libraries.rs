// SPDX-License-Identifier: Apache-2.0
//! Libraries from a root file system: where the dynamic linker would look, with summaries cached by
//! content.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kakoi_syscalls::module::Summary;
use kakoi_syscalls::object::Machine;
use kakoi_syscalls::program::{Library, Plugins, Resolver};

use super::cache::Cache;

/// Finds libraries beneath a root.
pub struct Libraries {
    root: PathBuf,
    cache: Cache,
    configured: Vec<String>,
}

/// A name that more libraries fit tells nothing.
const MOST_FITTING: usize = 64;

/// Symbolic links are followed within the root this often.
const MOST_LINKS: usize = 16;

impl Libraries {
    pub fn new(root: &Path, cache: Cache) -> Self {
        let mut libraries = Self { root: root.to_owned(), cache, configured: Vec::new() };
        libraries.configured = libraries.read_configuration("/etc/ld.so.conf", 0);
        libraries
    }

    /// Reads and analyses one file by its path on this machine.
    pub fn summary(&self, path: &Path) -> Result<Arc<Summary>, String> {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        self.cache.summary(&bytes)
    }

    /// Directories in `ld.so.conf` and what it includes.
    fn read_configuration(&self, path: &str, depth: usize) -> Vec<String> {
        let Some(text) = self.inside(path).and_then(|path| std::fs::read_to_string(path).ok())
        else {
            return Vec::new();
        };
        let mut directories = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            match line.strip_prefix("include ") {
                Some(pattern) if depth < 2 => {
                    for file in self.included(pattern.trim()) {
                        directories.extend(self.read_configuration(&file, depth + 1));
                    }
                }
                Some(_) => {}
                None if line.starts_with('/') => directories.push(line.to_owned()),
                None => {}
            }
        }
        directories
    }

    /// Files of an `include DIRECTORY/*.conf`.
    fn included(&self, pattern: &str) -> Vec<String> {
        let Some(directory) = pattern.strip_suffix("/*.conf") else {
            return vec![pattern.to_owned()];
        };
        let mut files: Vec<String> = self
            .names_in(directory)
            .into_iter()
            .filter(|name| name.ends_with(".conf"))
            .map(|name| format!("{directory}/{name}"))
            .collect();
        files.sort();
        files
    }

    fn names_in(&self, directory: &str) -> Vec<String> {
        let entries = self.inside(directory).and_then(|path| std::fs::read_dir(path).ok());
        let mut names: Vec<String> = entries
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// A path of the root file system as one of this machine; links are followed within the root.
    pub fn inside(&self, path: &str) -> Option<PathBuf> {
        let mut wanted: Vec<String> = parts(path);
        wanted.reverse();
        let mut done: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(part) = wanted.pop() {
            match part.as_str() {
                "." => continue,
                ".." => {
                    done.pop();
                    continue;
                }
                _ => done.push(part),
            }
            let here = self.root.join(done.join("/"));
            if let Ok(target) = std::fs::read_link(&here) {
                links += 1;
                if links > MOST_LINKS {
                    return None;
                }
                let target = target.to_str()?;
                done.pop();
                if target.starts_with('/') {
                    done.clear();
                }
                wanted.extend(parts(target).into_iter().rev());
            }
        }
        let path = self.root.join(done.join("/"));
        path.exists().then_some(path)
    }

    /// `DT_RUNPATH`, `ld.so.conf`, then the directories that linkers know.
    fn directories(&self, search: &[String], machine: Machine) -> Vec<String> {
        let usual =
            ["/lib", "/usr/lib", "/lib64", "/usr/lib64", "/lib32", "/usr/lib32", "/usr/local/lib"];
        let multiarch = triplets(machine)
            .iter()
            .flat_map(|name| [format!("/lib/{name}"), format!("/usr/lib/{name}")]);
        search
            .iter()
            .filter(|directory| directory.starts_with('/'))
            .cloned()
            .chain(self.configured.iter().cloned())
            .chain(multiarch)
            .chain(usual.iter().map(|directory| (*directory).to_owned()))
            .collect()
    }

    /// Every library of the root file system whose name fits the last part of the pattern.
    fn fitting(&mut self, pattern: &str, asker: &Summary) -> Plugins {
        let base = pattern.rsplit('/').next().unwrap_or(pattern);
        let Some((before, after)) = around_gaps(base) else {
            let left_out = Some("the name is made at run time".to_owned());
            return Plugins { names: Vec::new(), left_out };
        };
        let mut names = Vec::new();
        for directory in self.directories(&asker.search, asker.machine) {
            // Programs keep their own in a directory beneath.
            let beneath = self.names_in(&directory);
            let beneath = beneath.iter().map(|name| format!("{directory}/{name}"));
            for place in std::iter::once(directory.clone()).chain(beneath) {
                let found = self.names_in(&place).into_iter().filter(|name| {
                    name.len() >= before.len() + after.len()
                        && name.starts_with(before)
                        && name.ends_with(after)
                });
                names.extend(found.map(|name| format!("{place}/{name}")));
            }
        }
        names.sort();
        names.dedup_by(|a, b| a.rsplit('/').next() == b.rsplit('/').next());
        if names.len() > MOST_FITTING {
            let left_out =
                Some(format!("{} libraries fit the name that is made at run time", names.len()));
            return Plugins { names: Vec::new(), left_out };
        }
        Plugins { names, left_out: None }
    }

    /// Services that `nsswitch.conf` names.
    fn services(&self) -> Option<Vec<String>> {
        let text = std::fs::read_to_string(self.inside("/etc/nsswitch.conf")?).ok()?;
        let mut names: Vec<String> = text
            .lines()
            .filter_map(|line| line.split('#').next()?.split_once(':'))
            .flat_map(|(_, services)| services.split_whitespace().map(str::to_owned))
            .filter(|name| !name.starts_with('['))
            .collect();
        names.sort();
        names.dedup();
        Some(names)
    }
}

/// What stands before the first and behind the last gap; none where too little is told to look for.
fn around_gaps(pattern: &str) -> Option<(&str, &str)> {
    let (before, _) = pattern.split_once('%')?;
    let (_, last) = pattern.rsplit_once('%')?;
    let after =
        last.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '*' | '-'));
    let after = after.get(1..)?;
    (!before.is_empty() && !after.is_empty()).then_some((before, after))
}

fn parts(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn triplets(machine: Machine) -> &'static [&'static str] {
    match machine {
        Machine::X86_64 => &["x86_64-linux-gnu", "x86_64-linux-musl"],
        Machine::I386 => &["i386-linux-gnu"],
        Machine::Aarch64 => &["aarch64-linux-gnu", "aarch64-linux-musl"],
        Machine::Arm => &["arm-linux-gnueabihf", "arm-linux-gnueabi"],
        Machine::MipsO32 => &["mipsel-linux-gnu", "mips-linux-gnu"],
        Machine::MipsN64 => &["mips64el-linux-gnuabi64", "mips64-linux-gnuabi64"],
        Machine::MipsN32 => &["mips64el-linux-gnuabin32"],
    }
}

impl Resolver for Libraries {
    fn library(
        &mut self,
        name: &str,
        search: &[String],
        asker: &Summary,
    ) -> Result<Library, String> {
        let places: Vec<String> = if name.starts_with('/') {
            vec![name.to_owned()]
        } else {
            let directories = self.directories(search, asker.machine);
            directories.iter().map(|directory| format!("{directory}/{name}")).collect()
        };
        for place in places {
            let Some(path) = self.inside(&place) else { continue };
            let summary = self.summary(&path)?;
            if summary.machine == asker.machine && summary.big == asker.big {
                return Ok(Library { path: place, summary });
            }
        }
        Err("not found in the root file system".to_owned())
    }

    fn plugins(&mut self, pattern: &str, asker: &Summary) -> Plugins {
        let Some(rest) = pattern.strip_prefix("libnss_%s") else {
            return self.fitting(pattern, asker);
        };
        let Some(services) = self.services() else {
            return Plugins { names: Vec::new(), left_out: None };
        };
        let version = if rest.contains('%') || rest.is_empty() { ".so.2" } else { rest };
        let names = services
            .iter()
            .map(|service| format!("libnss_{service}{version}"))
            .filter(|name| self.library(name, &asker.search, asker).is_ok())
            .collect();
        Plugins { names, left_out: None }
    }
}
