// SPDX-License-Identifier: Apache-2.0
//! An image with its facts, its files beneath a temporary directory.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kakoi_model::{ContainerId, Digest, Facts};

use super::extract;
use super::parsing::{NoContents, Parsing};
use crate::worker::Task;

/// An image that was parsed twice: for its facts, and for its files.
pub struct Opened {
    /// The facts.
    pub facts: Facts,
    directory: tempfile::TempDir,
    folders: BTreeMap<ContainerId, PathBuf>,
    places: HashMap<Digest, PathBuf>,
}

impl Opened {
    /// Parses an image. The files are gone when this is dropped.
    pub fn read(image: &Path, parsing: &Parsing) -> anyhow::Result<Self> {
        let facts = parsing.read(image, Task::Inspect, &mut NoContents)?.facts;
        let directory = tempfile::tempdir()?;
        let folders = extract::extract(image, directory.path(), parsing)?.folders;
        let mut places = HashMap::new();
        for file in facts.files() {
            let (Some(digest), Some(folder)) = (file.digest(), folders.get(&file.container)) else {
                continue;
            };
            let place = folder.join(OsStr::from_bytes(file.path.as_bytes()));
            places.entry(digest).or_insert(place);
        }
        Ok(Self { facts, directory, folders, places })
    }

    /// Bytes of a content.
    pub fn content(&self, digest: &Digest) -> Option<Vec<u8>> {
        std::fs::read(self.directory.path().join(self.places.get(digest)?)).ok()
    }

    /// Where the files of a container lie.
    pub fn folder(&self, container: ContainerId) -> Option<PathBuf> {
        Some(self.directory.path().join(self.folders.get(&container)?))
    }
}
