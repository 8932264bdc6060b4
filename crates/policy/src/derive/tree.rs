// SPDX-License-Identifier: Apache-2.0
//! The root file system as derivation sees it: entries by path, links followed inside the root.

use std::collections::{BTreeMap, HashMap};

use kakoi_model::{
    ContainerId, Digest, ElfFacts, File, FileKind, FileRef, ImagePath, OfContent, unescape,
};

use super::Image;

/// As many links as Linux follows in one path (include/linux/namei.h).
const MOST_LINKS: usize = 40;
/// Where shells look for programs.
const SEARCH: &[&str] = &["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin"];
/// Where dynamic linkers look for libraries.
const LIBRARIES: &[&str] = &["/lib", "/usr/lib", "/usr/local/lib", "/lib64", "/usr/lib64"];
/// Larger contents are not searched for texts.
const LARGEST: u64 = 24 << 20;

pub(super) struct Tree<'a> {
    pub(super) image: &'a Image<'a>,
    pub(super) writable: bool,
    root: ContainerId,
    entries: BTreeMap<ImagePath, &'a File>,
    elves: HashMap<Digest, &'a ElfFacts>,
}

/// Formats whose file systems the kernel cannot write.
const READ_ONLY: &[&str] = &["squashfs", "cramfs", "romfs", "erofs"];

impl<'a> Tree<'a> {
    pub(super) fn new(image: &'a Image<'a>, root: ContainerId) -> Self {
        let files = image.facts.files().filter(|file| file.container == root);
        let elf = |elf: &'a OfContent<ElfFacts>| (elf.digest, &elf.facts);
        let format = image.facts.containers().find(|container| container.id == root);
        let writable = format.is_none_or(|found| !READ_ONLY.contains(&found.format.as_str()));
        Self {
            image,
            writable,
            root,
            entries: files.map(|file| (file.path.clone(), file)).collect(),
            elves: image.facts.elves().map(elf).collect(),
        }
    }

    /// The entry at the end of all links.
    pub(super) fn file(&self, path: &str) -> Option<&'a File> {
        let mut wanted = reversed(&ImagePath::from(path));
        let mut here = ImagePath::root();
        let mut links = 0;
        while let Some(part) = wanted.pop() {
            let next = here.join(&part);
            let Some(FileKind::Symlink { target }) = self.entries.get(&next).map(|file| &file.kind)
            else {
                here = next;
                continue;
            };
            links += 1;
            if links > MOST_LINKS {
                return None;
            }
            wanted.extend(reversed(&here.join(unescape(target))));
            here = ImagePath::root();
        }
        self.entries.get(&here).copied()
    }

    /// The path with its links resolved, if there is something.
    pub(super) fn real(&self, path: &str) -> Option<String> {
        self.file(path).map(absolute)
    }

    /// Files in a directory and beneath it.
    pub(super) fn beneath(&self, folder: &str) -> Vec<&'a File> {
        let folder = ImagePath::from(folder);
        let within = |file: &&&File| file.path.is_within(&folder) && file.digest().is_some();
        self.entries.values().filter(within).copied().collect()
    }

    pub(super) fn is_directory(&self, path: &str) -> bool {
        self.file(path).is_some_and(|file| matches!(file.kind, FileKind::Directory))
    }

    /// A program as a shell finds it.
    pub(super) fn program(&self, name: &str) -> Option<&'a File> {
        let runs = |file: &&File| {
            matches!(file.kind, FileKind::Regular { .. })
                && file.mode.is_none_or(|mode| mode & 0o111 != 0)
        };
        if name.contains('/') {
            return self.file(name).filter(runs);
        }
        SEARCH.iter().find_map(|folder| self.file(&format!("{folder}/{name}")).filter(runs))
    }

    pub(super) fn library(&self, name: &str) -> Option<&'a File> {
        if name.contains('/') {
            return self.file(name);
        }
        LIBRARIES.iter().find_map(|folder| self.file(&format!("{folder}/{name}")))
    }

    pub(super) fn elf(&self, file: &File) -> Option<&'a ElfFacts> {
        self.elves.get(&file.digest()?).copied()
    }

    /// Bytes of a file that is not too large to be searched.
    pub(super) fn content(&self, file: &File) -> Option<Vec<u8>> {
        if file.size() > LARGEST {
            return None;
        }
        (self.image.content)(&file.digest()?)
    }

    pub(super) fn place(&self, path: &ImagePath) -> FileRef {
        FileRef { container: self.root, path: path.clone() }
    }
}

/// Parts of a path, the last first.
fn reversed(path: &ImagePath) -> Vec<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = path.parts().map(<[u8]>::to_vec).collect();
    parts.reverse();
    parts
}

/// The path of an entry as the device names it.
pub(super) fn absolute(file: &File) -> String {
    format!("/{}", file.path)
}

/// Is the file a multi-call program, by its name?
pub(super) fn is_multi_call(file: &File) -> bool {
    let name = file.path.file_name();
    name.starts_with(b"busybox") || name.starts_with(b"toybox")
}
