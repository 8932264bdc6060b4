// SPDX-License-Identifier: Apache-2.0
//! What guests are made of, kept between runs: kernels, compiled tools, modules.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::debian::Packages;
use crate::error::host;

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

    /// Packages that guests are made of.
    pub(crate) fn packages(&self) -> Packages {
        Packages::at(self.path.clone())
    }
}

pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), Error> {
    fs::write(path, content).map_err(host(path.display()))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(host(path.display()))
}
