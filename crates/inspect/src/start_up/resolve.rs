// SPDX-License-Identifier: Apache-2.0
//! Names of commands to files of the image, and what kind of program a file is.

use std::collections::{BTreeMap, BTreeSet};

use kakoi_model::{Digest, File, FileKind, ImagePath};

use super::shell::Scope;
use crate::Root;

/// Where programs are looked for when `PATH` does not tell.
const DEFAULT_PATH: &[&str] =
    &["/sbin", "/usr/sbin", "/bin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
/// Names with which several programs live in one file.
const MULTI_CALL: &[&str] =
    &["busybox", "toybox", "toolbox", "bbox", "-multi", "multi", "rc", "box", "dropbear"];
/// Shells whose scripts are followed.
const SHELLS: &[&str] = &["sh", "ash", "bash", "dash", "msh", "hush", "lash", "ksh", "zsh"];

/// What a name resolves to.
pub(super) struct Target<'a> {
    /// The path that was named, links not followed.
    pub(super) path: ImagePath,
    /// The file at the end of all links; none when it is not in the image.
    pub(super) file: Option<&'a File>,
    /// The applet, where the file is a multi-call program.
    pub(super) applet: Option<String>,
    /// The name that the program goes by: applet or last part.
    pub(super) name: String,
    pub(super) kind: TargetKind,
}

/// Kinds of programs.
pub(super) enum TargetKind {
    /// A shell script; `common` when OpenWrt's `rc.common` reads it.
    Shell { common: bool },
    /// A script of another interpreter.
    Interpreted { interpreter: String },
    /// A binary.
    Program,
    /// Not in the image.
    Missing,
}

/// Finds programs in one root file system.
pub(super) struct Resolver<'a> {
    root: &'a Root<'a>,
    multi_call: BTreeSet<Digest>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(root: &'a Root<'a>) -> Self {
        Self { root, multi_call: find_multi_call(root) }
    }

    /// The program that a shell with this environment would start.
    pub(super) fn resolve(&self, name: &str, scope: &Scope) -> Target<'a> {
        let path = self.locate(name, scope);
        let file = path.as_ref().and_then(|path| self.root.file(path));
        let file = file.filter(|file| matches!(file.kind, FileKind::Regular { .. }));
        let path = path.unwrap_or_else(|| ImagePath::from(name));
        let written = String::from_utf8_lossy(path.file_name()).into_owned();
        let kind = file.map_or(TargetKind::Missing, |file| self.kind_of(file));
        let applet = match (&kind, file) {
            (TargetKind::Program, Some(file)) => self.applet(&path, file, &written),
            _ => None,
        };
        Target { name: written, path, file, applet, kind }
    }

    fn locate(&self, name: &str, scope: &Scope) -> Option<ImagePath> {
        if name.starts_with('/') {
            return Some(ImagePath::from(name));
        }
        if name.contains('/') {
            return scope.directory.as_ref().map(|directory| directory.join(name));
        }
        let own = scope.value("PATH").unwrap_or_default().split(':').take(64);
        let own = own.filter_map(|directory| match directory.strip_prefix('/') {
            Some(_) => Some(ImagePath::from(directory)),
            None => scope.directory.as_ref().map(|current| current.join(directory)),
        });
        let usual = DEFAULT_PATH.iter().map(|directory| ImagePath::from(*directory));
        own.chain(usual).map(|directory| directory.join(name)).find(|path| {
            let file = self.root.file(path);
            file.is_some_and(|file| matches!(file.kind, FileKind::Regular { .. }))
        })
    }

    /// Is a name that does not resolve known to be nowhere, because the directories that would
    /// hold it are in the image? Empty ones may be mounted over.
    pub(super) fn surely_missing(&self, name: &str, scope: &Scope) -> bool {
        let filled = |directory: &ImagePath| self.root.is_filled(directory);
        if name.contains('/') {
            let parent = ImagePath::from(name).parent().unwrap_or_default();
            return name.starts_with('/') && !parent.is_root() && filled(&parent);
        }
        let Some(own) = scope.value("PATH") else { return false };
        let mut own = own.split(':').filter(|directory| directory.starts_with('/'));
        let expected = |directory: &str| {
            DEFAULT_PATH.contains(&directory.trim_end_matches('/'))
                || directory.starts_with("/usr/local")
                || filled(&ImagePath::from(directory))
        };
        filled(&"/bin".into()) && own.all(expected)
    }

    fn kind_of(&self, file: &File) -> TargetKind {
        let Some(content) = self.root.content(file) else { return TargetKind::Program };
        let head = content.get(..content.len().min(256)).unwrap_or_default();
        if let Some(line) = head.strip_prefix(b"#!") {
            let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
            return kind_of_interpreter(String::from_utf8_lossy(line).trim());
        }
        let is_text = !head.is_empty()
            && head.iter().all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace());
        if is_text { TargetKind::Shell { common: false } } else { TargetKind::Program }
    }

    fn applet(&self, path: &ImagePath, file: &File, written: &str) -> Option<String> {
        let multi = file.digest().is_some_and(|digest| self.multi_call.contains(&digest));
        let own_name = file.path.file_name() == written.as_bytes();
        let copy = own_name && is_multi_call_name(written);
        (multi && !copy && path.file_name() == written.as_bytes()).then(|| written.to_owned())
    }

    /// Is this the content of a multi-call program such as BusyBox?
    pub(super) fn is_multi_call(&self, file: &File) -> bool {
        file.digest().is_some_and(|digest| self.multi_call.contains(&digest))
    }
}

fn kind_of_interpreter(line: &str) -> TargetKind {
    let mut words = line.split_whitespace();
    let first = words.next().unwrap_or_default();
    let mut name = last_part(first);
    let rest: Vec<&str> = words.collect();
    if matches!(name, "env" | "busybox") {
        name = rest.first().map_or("", |word| last_part(word));
    }
    if SHELLS.contains(&name) {
        let common = rest.iter().any(|word| last_part(word) == "rc.common");
        return TargetKind::Shell { common };
    }
    TargetKind::Interpreted { interpreter: line.to_owned() }
}

/// Contents that several names lead to, and whose own name says that this is meant.
fn find_multi_call(root: &Root<'_>) -> BTreeSet<Digest> {
    let mut names: BTreeMap<Digest, BTreeSet<Vec<u8>>> = BTreeMap::new();
    let mut named = BTreeSet::new();
    for entry in root.files() {
        let linked = matches!(entry.kind, FileKind::Symlink { .. });
        let file = if linked { root.file(&entry.path) } else { Some(entry) };
        let Some(digest) = file.and_then(File::digest) else { continue };
        if is_multi_call_name(&String::from_utf8_lossy(entry.path.file_name())) {
            named.insert(digest);
        }
        names.entry(digest).or_default().insert(entry.path.file_name().to_vec());
    }
    named.retain(|digest| names.get(digest).is_some_and(|names| names.len() > 1));
    named
}

fn is_multi_call_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    MULTI_CALL.iter().any(|known| match *known {
        "rc" | "box" | "dropbear" => stem == *known,
        _ => stem.ends_with(known) || stem.starts_with("busybox"),
    })
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sketch;

    #[test]
    fn copies_and_links_of_busybox_are_applets_and_other_links_are_not() {
        let tree = Sketch::new()
            .file("/bin/busybox", 0o755, "\x7fELF-busybox")
            .file("/sbin/mdev", 0o755, "\x7fELF-busybox")
            .link("/bin/ls", "busybox")
            .file("/bin/vim", 0o755, "\x7fELF-vim")
            .link("/bin/vi", "vim");
        let root = tree.root();
        let resolver = Resolver::new(&root);
        let applet = |name: &str| resolver.resolve(name, &Scope::of_init()).applet;
        assert_eq!(applet("ls").as_deref(), Some("ls"));
        assert_eq!(applet("/sbin/mdev").as_deref(), Some("mdev"));
        assert_eq!(applet("vi"), None);
        assert_eq!(applet("busybox"), None);
    }

    #[test]
    fn a_name_is_surely_missing_only_where_the_image_has_the_directory() {
        let tree = Sketch::new().file("/bin/ls", 0o755, "x").directory("/system", 0o755);
        let root = tree.root();
        let resolver = Resolver::new(&root);
        assert!(resolver.surely_missing("/bin/telnetd", &Scope::of_init()));
        assert!(resolver.surely_missing("telnetd", &Scope::of_init()));
        assert!(!resolver.surely_missing("/system/init/app.sh", &Scope::of_init()));
        let mut scope = Scope::of_init();
        scope.set("PATH", Some("/bin:/system/bin".to_owned()));
        assert!(!resolver.surely_missing("telnetd", &scope));
    }
}
