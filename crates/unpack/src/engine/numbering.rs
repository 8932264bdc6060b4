// SPDX-License-Identifier: Apache-2.0
//! The order in which containers, contents and files are told.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use kakoi_model::{
    Confidence, Container, ContainerId, Digest, File, FileRef, ImagePath, OpenState, Problem,
    Region, RegionKind,
};

use super::{Found, Opened, Unpacked};
use crate::Family;
use crate::output::Entry;

/// Gives containers their numbers, depth first from the image, each content at its first place.
pub(super) struct Numbering<'a> {
    found: &'a BTreeMap<Digest, Found>,
    visited: HashSet<Digest>,
    result: Unpacked,
}

impl<'a> Numbering<'a> {
    pub(super) fn new(found: &'a BTreeMap<Digest, Found>, image: Digest) -> Self {
        let result = Unpacked {
            image,
            containers: Vec::new(),
            regions: Vec::new(),
            files: Vec::new(),
            problems: Vec::new(),
            contents: found.values().filter_map(|found| found.kind.clone()).collect(),
        };
        Self { found, visited: HashSet::new(), result }
    }

    pub(super) fn image(mut self) -> Unpacked {
        self.visit(vec![(self.result.image, None)]);
        self.finish()
    }

    pub(super) fn directory(mut self, files: Vec<File>) -> Unpacked {
        let id = ContainerId(0);
        let size = files.iter().map(File::size).sum();
        self.result.containers.push(Container {
            id,
            parent: None,
            blob: self.result.image,
            offset: 0,
            size,
            format: "directory".to_owned(),
            confidence: Confidence::Structure,
            state: OpenState::Full,
            attributes: BTreeMap::new(),
            entries: files.len() as u64,
            root: looks_like_root(files.iter().map(|file| &file.path)),
        });
        let places =
            files.iter().rev().filter_map(|file| Some((file.digest()?, Some(file.place()))));
        let stack = places.collect();
        self.result.files.extend(files);
        self.visit(stack);
        self.finish()
    }

    /// An explicit stack: images nest as deep as they like.
    fn visit(&mut self, mut stack: Vec<(Digest, Option<FileRef>)>) {
        while let Some((digest, place)) = stack.pop() {
            let Some(found) = self.found.get(&digest) else { continue };
            if !self.visited.insert(digest) {
                continue;
            }
            let first = self.result.containers.len();
            let mut inner = Vec::new();
            for opened in &found.containers {
                inner.extend(self.container(digest, place.clone(), opened));
            }
            stack.extend(inner.into_iter().rev());
            self.regions(digest, found, first);
            let problems = found.problems.iter().cloned();
            self.result
                .problems
                .extend(problems.map(|problem| Problem { blob: Some(digest), ..problem }));
        }
    }

    fn container(
        &mut self,
        blob: Digest,
        parent: Option<FileRef>,
        opened: &Opened,
    ) -> Vec<(Digest, Option<FileRef>)> {
        let id = ContainerId(u32::try_from(self.result.containers.len()).unwrap_or(u32::MAX));
        let lists_files = matches!(opened.family, Family::FileSystem | Family::Archive);
        self.result.containers.push(Container {
            id,
            parent,
            blob,
            offset: opened.range.start as u64,
            size: opened.range.len() as u64,
            format: opened.format.to_owned(),
            confidence: opened.confidence,
            state: opened.state,
            attributes: opened.attributes.clone(),
            entries: opened.entries.len() as u64,
            root: lists_files && looks_like_root(opened.entries.iter().map(|entry| &entry.path)),
        });
        let problems = opened.problems.iter().cloned();
        self.result.problems.extend(problems.map(|problem| Problem {
            blob: Some(blob),
            container: Some(id),
            ..problem
        }));
        let mut entries: Vec<&Entry> = opened.entries.iter().collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        let files = entries.into_iter().map(|entry| file(id, entry));
        let start = self.result.files.len();
        self.result.files.extend(files);
        let new = &self.result.files[start..];
        new.iter().filter_map(|file| Some((file.digest()?, Some(file.place())))).collect()
    }

    /// Region numbers of containers count from the content's first.
    fn regions(&mut self, blob: Digest, found: &Found, first: usize) {
        let first = u32::try_from(first).unwrap_or(u32::MAX);
        let regions = found.regions.iter().map(|(range, kind)| Region {
            blob,
            offset: range.start as u64,
            size: range.len() as u64,
            what: match kind {
                RegionKind::Container { id } => {
                    RegionKind::Container { id: ContainerId(first.saturating_add(id.0)) }
                }
                other => other.clone(),
            },
        });
        self.result.regions.extend(regions);
        debug_assert!(found.regions.is_empty() || covers(&found.regions, found.size));
    }

    fn finish(self) -> Unpacked {
        self.result
    }
}

fn covers(regions: &[(Range<usize>, RegionKind)], size: u64) -> bool {
    let contiguous = regions.windows(2).all(|pair| pair[0].0.end == pair[1].0.start);
    let ends =
        (regions.first().map(|region| region.0.start), regions.last().map(|region| region.0.end));
    contiguous && ends.0 == Some(0) && ends.1.map(|end| end as u64) == Some(size)
}

fn file(container: ContainerId, entry: &Entry) -> File {
    let xattrs = entry.meta.xattrs.iter();
    File {
        container,
        path: entry.path.clone(),
        kind: entry.kind.clone(),
        mode: entry.meta.mode,
        uid: entry.meta.uid,
        gid: entry.meta.gid,
        mtime: entry.meta.mtime,
        xattrs: xattrs.map(|(name, value)| (name.clone(), kakoi_model::escape(value))).collect(),
    }
}

/// Directories that the root of a Linux system has.
const ROOT_NAMES: [&[u8]; 9] =
    [b"bin", b"sbin", b"etc", b"lib", b"usr", b"dev", b"proc", b"var", b"sys"];

/// A root has programs, a configuration, and a third of the usual directories.
fn looks_like_root<'p>(paths: impl Iterator<Item = &'p ImagePath>) -> bool {
    let tops: HashMap<&[u8], ()> =
        paths.filter_map(|path| path.parts().next()).map(|part| (part, ())).collect();
    let count = ROOT_NAMES.iter().filter(|name| tops.contains_key(**name)).count();
    let has = |name: &[u8]| tops.contains_key(name);
    let programs = has(b"bin") || has(b"sbin") || has(b"usr");
    // Some devices make /etc at boot; what they copy there has other names, or comes from flash.
    let configured = [&b"etc"[..], b"init", b"etc_ro", b"linuxrc"].into_iter().any(has);
    count >= 4 && programs && (configured || has(b"bin") && has(b"sbin") && has(b"usr"))
}
