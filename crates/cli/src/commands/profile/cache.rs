// SPDX-License-Identifier: Apache-2.0
//! Analysed files by the digest of their content, in a directory of the user.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kakoi_model::Digest;
use kakoi_syscalls::module::{SUMMARY_VERSION, Summary, summarise};

/// The cache; without a directory everything is analysed anew.
pub struct Cache {
    directory: Option<PathBuf>,
}

impl Cache {
    pub fn at(directory: Option<PathBuf>) -> Self {
        Self { directory }
    }

    /// `$XDG_CACHE_HOME/kakoi/syscalls`, or `~/.cache/kakoi/syscalls`.
    pub fn of_user() -> Option<PathBuf> {
        let set =
            |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let base = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
        Some(base.join("kakoi/syscalls"))
    }

    /// The analysis of a content, kept or made now.
    pub fn summary(&self, bytes: &[u8]) -> Result<Arc<Summary>, String> {
        let Some(directory) = &self.directory else { return analyse(bytes).map(Arc::new) };
        let path = directory.join(format!("{}-v{SUMMARY_VERSION}", Digest::of(bytes)));
        if let Some(known) = read(&path) {
            return Ok(Arc::new(known));
        }
        let made = analyse(bytes)?;
        // A cache that cannot be written only costs time.
        let _ = write(directory, &path, &made);
        Ok(Arc::new(made))
    }
}

fn analyse(bytes: &[u8]) -> Result<Summary, String> {
    summarise(bytes).map_err(|error| error.to_string())
}

fn read(path: &Path) -> Option<Summary> {
    let kept: Summary = postcard::from_bytes(&std::fs::read(path).ok()?).ok()?;
    (kept.version == SUMMARY_VERSION).then_some(kept)
}

/// Written beside and renamed, so that no other process reads half of it.
fn write(directory: &Path, path: &Path, summary: &Summary) -> anyhow::Result<()> {
    use std::io::Write;
    std::fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(&postcard::to_allocvec(summary)?)?;
    file.persist(path)?;
    Ok(())
}
