// SPDX-License-Identifier: Apache-2.0
//! The files of one container as a tree, with links followed as a kernel would in a chroot.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use bytes::Bytes;
use kakoi_model::{ContainerId, Digest, File, FileKind, FileRef, ImagePath, unescape};

/// As many links as Linux follows in one path (`MAXSYMLINKS`, include/linux/namei.h).
const MAX_LINKS: usize = 40;

/// Gives the bytes of a content by its digest.
pub trait Contents: Sync {
    /// The bytes; none when the content was not kept.
    fn read(&self, digest: &Digest) -> Option<Bytes>;
}

impl Contents for HashMap<Digest, Bytes> {
    fn read(&self, digest: &Digest) -> Option<Bytes> {
        self.get(digest).cloned()
    }
}

/// The files of one container. Building one proves nothing about what they hold.
pub struct Root<'a> {
    container: ContainerId,
    entries: BTreeMap<&'a ImagePath, &'a File>,
    /// The entries of each directory that has any, ordered by name.
    listings: HashMap<ImagePath, Vec<&'a File>>,
    contents: &'a dyn Contents,
}

impl<'a> Root<'a> {
    /// The tree of `container` among `files`; of two entries with one path the later counts.
    pub fn new(
        container: ContainerId,
        files: impl IntoIterator<Item = &'a File>,
        contents: &'a dyn Contents,
    ) -> Self {
        let own = files.into_iter().filter(|file| file.container == container);
        let entries: BTreeMap<_, _> = own.map(|file| (&file.path, file)).collect();
        let mut listings: HashMap<ImagePath, Vec<&File>> = HashMap::new();
        for file in entries.values() {
            if let Some(parent) = file.path.parent() {
                listings.entry(parent).or_default().push(file);
            }
        }
        Self { container, entries, listings, contents }
    }

    /// The container.
    pub fn container(&self) -> ContainerId {
        self.container
    }

    /// A place in this container.
    pub fn place(&self, path: &ImagePath) -> FileRef {
        FileRef { container: self.container, path: path.clone() }
    }

    /// Every entry, ordered by path.
    pub fn files(&self) -> impl Iterator<Item = &'a File> {
        self.entries.values().copied()
    }

    /// The entry with exactly this path, its last part not followed if it is a link. Directories
    /// on the way are followed.
    pub fn entry(&self, path: &ImagePath) -> Option<&'a File> {
        if let Some(file) = self.entries.get(path) {
            return Some(file);
        }
        let parent = path.parent()?;
        // A directory in its own place: there is no link on the way.
        if self.entries.get(&parent).is_some_and(|entry| entry.kind == FileKind::Directory) {
            return None;
        }
        let parent = self.resolve_directory(&parent, 0)?;
        self.entries.get(&parent.join(path.file_name())).copied()
    }

    /// The entry at the end of all links.
    pub fn file(&self, path: &ImagePath) -> Option<&'a File> {
        let mut entry = self.entry(path)?;
        for _ in 0..MAX_LINKS {
            let FileKind::Symlink { target } = &entry.kind else { return Some(entry) };
            let directory = entry.path.parent().unwrap_or_default();
            entry = self.entry(&directory.join(unescape(target)))?;
        }
        None
    }

    /// The content of a file, links followed.
    pub fn read(&self, path: &ImagePath) -> Option<Bytes> {
        self.contents.read(&self.file(path)?.digest()?)
    }

    /// The content of a file as text, bytes that are not UTF-8 replaced.
    pub fn read_text(&self, path: &ImagePath) -> Option<String> {
        Some(String::from_utf8_lossy(&self.read(path)?).into_owned())
    }

    /// The content of an entry.
    pub fn content(&self, file: &File) -> Option<Bytes> {
        self.contents.read(&file.digest()?)
    }

    /// The entries of a directory, links on the way followed, ordered by name.
    pub fn children(&self, directory: &ImagePath) -> Vec<&'a File> {
        self.listing(directory).to_vec()
    }

    /// Does this directory hold anything in the image? One that is empty or missing may be mounted
    /// over.
    pub fn is_filled(&self, directory: &ImagePath) -> bool {
        !self.listing(directory).is_empty()
    }

    fn listing(&self, directory: &ImagePath) -> &[&'a File] {
        let directory = self.resolve_directory(directory, 0);
        let listing = directory.and_then(|directory| self.listings.get(&directory));
        listing.map_or(&[], Vec::as_slice)
    }

    /// All entries beneath a directory (no links followed), ordered by path.
    pub fn beneath(&self, directory: &ImagePath) -> impl Iterator<Item = &'a File> {
        let start = directory.clone();
        self.entries
            .range::<ImagePath, _>((Bound::Excluded(directory), Bound::Unbounded))
            .map(|(_, file)| *file)
            .take_while(move |file| file.path.as_bytes().starts_with(start.as_bytes()))
            .filter({
                let directory = directory.clone();
                move |file| file.path.is_within(&directory)
            })
    }

    /// The first of `directories` that holds an entry `name`, like a shell with that `PATH`.
    pub fn find_in_path(&self, name: &[u8], directories: &[&str]) -> Option<&'a File> {
        directories.iter().find_map(|directory| {
            let file = self.file(&ImagePath::from(*directory).join(name))?;
            matches!(file.kind, FileKind::Regular { .. }).then_some(file)
        })
    }

    fn resolve_directory(&self, path: &ImagePath, depth: usize) -> Option<ImagePath> {
        if depth > MAX_LINKS {
            return None;
        }
        let mut resolved = ImagePath::root();
        let mut parts = path.parts();
        while let Some(part) = parts.next() {
            let next = resolved.join(part);
            let Some(FileKind::Symlink { target }) = self.entries.get(&next).map(|file| &file.kind)
            else {
                resolved = next;
                continue;
            };
            let mut rest = resolved.join(unescape(target));
            for part in parts {
                rest = rest.join(part);
            }
            return self.resolve_directory(&rest, depth + 1);
        }
        Some(resolved)
    }
}

/// A tree made in memory: for tests, and for directories that are small.
#[derive(Default)]
pub struct Sketch {
    /// The entries.
    pub files: Vec<File>,
    /// Their contents.
    pub contents: HashMap<Digest, Bytes>,
}

impl Sketch {
    /// An empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a regular file with these permission bits.
    #[must_use]
    pub fn file(mut self, path: &str, mode: u32, content: impl AsRef<[u8]>) -> Self {
        let content = Bytes::copy_from_slice(content.as_ref());
        let digest = Digest::of(&content);
        let kind = FileKind::Regular { digest, size: content.len() as u64 };
        self.contents.insert(digest, content);
        self.push(path, mode, kind)
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn link(self, path: &str, target: &str) -> Self {
        self.push(path, 0o777, FileKind::Symlink { target: target.to_owned() })
    }

    /// Adds a directory.
    #[must_use]
    pub fn directory(self, path: &str, mode: u32) -> Self {
        self.push(path, mode, FileKind::Directory)
    }

    /// The tree, as container 0.
    #[must_use]
    pub fn root(&self) -> Root<'_> {
        Root::new(ContainerId(0), &self.files, &self.contents)
    }

    fn push(mut self, path: &str, mode: u32, kind: FileKind) -> Self {
        self.files.push(File {
            container: ContainerId(0),
            path: ImagePath::from(path),
            kind,
            mode: Some(mode),
            uid: Some(0),
            gid: Some(0),
            mtime: None,
            xattrs: BTreeMap::new(),
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Sketch {
        Sketch::new()
            .directory("/usr", 0o755)
            .directory("/usr/bin", 0o755)
            .link("/bin", "usr/bin")
            .link("/linuxrc", "/bin/busybox")
            .link("/loop", "loop")
            .link("/out", "../../etc/shadow")
            .file("/usr/bin/busybox", 0o755, "ELF")
            .file("/usr/bin-extra", 0o644, "x")
            .file("/etc/shadow", 0o600, "root::")
    }

    #[test]
    fn links_are_followed_inside_the_root_only() {
        let tree = tree();
        let root = tree.root();
        let busybox = ImagePath::from("/usr/bin/busybox");
        assert_eq!(root.file(&"/linuxrc".into()).map(|file| &file.path), Some(&busybox));
        assert_eq!(root.file(&"/bin/busybox".into()).map(|file| &file.path), Some(&busybox));
        assert_eq!(root.read_text(&"/out".into()).as_deref(), Some("root::"));
        assert!(root.file(&"/loop".into()).is_none());
    }

    #[test]
    fn children_are_those_of_the_directory_and_not_of_its_neighbours() {
        let tree = tree();
        let names: Vec<_> =
            tree.root().children(&"/bin".into()).iter().map(|file| file.path.to_string()).collect();
        assert_eq!(names, ["usr/bin/busybox"]);
    }
}
