// SPDX-License-Identifier: Apache-2.0
//! What the formats' own tools find in a file system, listed like ours.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use kakoi_model::{Digest, File, FileKind, ImagePath, escape};

/// What is compared of an entry: kind, permission bits where both know them, size, digest or target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub kind: &'static str,
    pub mode: Option<u32>,
    pub size: u64,
    pub identity: String,
}

pub type Listing = BTreeMap<ImagePath, Line>;

/// Our own listing of one container.
pub fn own<'a>(files: impl Iterator<Item = &'a File>, with_modes: bool) -> Listing {
    files
        .filter(|file| !file.path.is_root())
        .map(|file| (file.path.clone(), line(file, with_modes)))
        .collect()
}

fn line(file: &File, with_modes: bool) -> Line {
    let (kind, identity) = match &file.kind {
        FileKind::Regular { digest, .. } => ("file", digest.to_string()),
        FileKind::Directory => ("directory", String::new()),
        FileKind::Symlink { target } => ("link", target.clone()),
        _ => ("special", String::new()),
    };
    let mode = file.mode.filter(|_| with_modes && matches!(kind, "file" | "directory"));
    Line { kind, mode, size: file.size(), identity }
}

/// Does the tool keep permission bits when it unpacks?
pub fn keeps_modes(format: &str) -> bool {
    matches!(format, "squashfs" | "cpio" | "tar")
}

/// Unpacks with the reference tool of a format. None: there is none here, or it refuses the file.
pub fn unpack(format: &str, image: &Path, target: &Path) -> Option<Listing> {
    let script = match format {
        "squashfs" => "unsquashfs -q -n -f -d \"$2\" \"$1\" || [ $? = 2 ]",
        "cpio" => {
            "mkdir -p \"$2\" && cd \"$2\" && cpio -i -d --quiet --no-absolute-filenames < \"$1\""
        }
        "tar" => "mkdir -p \"$2\" && tar -xpf \"$1\" -C \"$2\"",
        "cramfs" => "fsck.cramfs --extract=\"$2\" \"$1\"",
        "ext" => "mkdir -p \"$2\" && debugfs -R \"rdump / $2\" \"$1\"",
        _ => return None,
    };
    let done =
        Command::new("sh").args(["-c", script, "sh"]).arg(image).arg(target).output().ok()?;
    if !done.status.success() {
        return None;
    }
    let mut listing = Listing::new();
    walk(target, target, keeps_modes(format), &mut listing).ok()?;
    (!listing.is_empty()).then_some(listing)
}

fn walk(
    top: &Path,
    directory: &Path,
    with_modes: bool,
    listing: &mut Listing,
) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let metadata = fs::symlink_metadata(&path)?;
        let (kind, identity, size) = if metadata.is_dir() {
            walk(top, &path, with_modes, listing)?;
            ("directory", String::new(), 0)
        } else if metadata.is_symlink() {
            ("link", escape(fs::read_link(&path)?.as_os_str().as_bytes()), 0)
        } else if metadata.is_file() {
            let content = fs::read(&path)?;
            ("file", Digest::of(&content).to_string(), content.len() as u64)
        } else {
            ("special", String::new(), 0)
        };
        let mode = metadata.permissions().mode() & 0o7777;
        let mode = (with_modes && matches!(kind, "file" | "directory")).then_some(mode);
        let name = path.strip_prefix(top).unwrap_or(&path);
        listing.insert(
            ImagePath::new(name.as_os_str().as_bytes()),
            Line { kind, mode, size, identity },
        );
    }
    Ok(())
}

/// Entries that only one side has, or that differ. Directories that an archive does not list, but
/// the tool makes because something lies in them, are no difference.
pub fn differences(own: &Listing, reference: &Listing) -> Vec<String> {
    let implied = |path: &ImagePath, line: &Line| {
        line.kind == "directory"
            && !own.contains_key(path)
            && own.keys().any(|own| own.is_within(path))
    };
    let missing =
        reference.iter().filter(|(path, line)| own.get(path) != Some(line) && !implied(path, line));
    let missing = missing
        .map(|(path, line)| format!("{path}: reference {line:?}, kakoi {:?}", own.get(path)));
    let extra = own.keys().filter(|path| !reference.contains_key(path));
    missing.chain(extra.map(|path| format!("{path}: only kakoi lists it"))).collect()
}
