// SPDX-License-Identifier: Apache-2.0
//! The image's root file system, rebuilt: a squashfs with the owners, modes and device nodes that the image records,
//! whatever its own format was. Contents are those of the image; what is added are empty directories to mount on.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use kakoi_model::{ContainerId, Digest, Facts, File, FileKind, ImagePath, unescape};

use crate::Error;
use crate::error::host;
use crate::tar::{self, Head, Node};

/// Gives the bytes of a content.
pub type Contents<'a> = &'a dyn Fn(&Digest) -> Option<Vec<u8>>;

/// Where the library lies that stands for a vendor's flash and drivers: trusted content, as all that was shipped.
pub const SHIM: &str = "/kakoi-shim.so";

/// What the arena adds.
#[derive(Debug, Clone, Default)]
pub struct Added {
    /// The library for [`SHIM`]; empty: none.
    pub shim: Vec<u8>,
    /// What sessions fetch with where the image has nothing of the kind; empty: none.
    pub fetch: Vec<u8>,
}

/// Where something is mounted before init runs.
const MOUNT_POINTS: &[&str] = &["dev", "kakoi", "proc", "sys", "tmp"];

/// Writes the file system.
///
/// # Errors
/// `mksquashfs` is missing or refuses it.
///
/// What is added lies beside what the image shipped, and counts as shipped.
pub fn build(
    facts: &Facts,
    root: ContainerId,
    contents: Contents<'_>,
    added: &Added,
    to: &Path,
) -> Result<(), Error> {
    let mut command = Command::new("mksquashfs");
    command.arg("-").arg(to).args(["-tar", "-noappend", "-quiet", "-no-progress", "-no-xattrs"]);
    command.args(["-comp", "gzip", "-Xcompression-level", "3", "-root-mode", "0755"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(host("mksquashfs (Debian: squashfs-tools)"))?;
    let written = match child.stdin.take() {
        Some(stdin) => write_tree(facts, root, contents, added, BufWriter::new(stdin)),
        None => Err(io::Error::other("no input")),
    };
    let output = child.wait_with_output().map_err(host("mksquashfs"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(Error::Host(format!("mksquashfs ended with {}: {said}", output.status)));
    }
    written.map_err(host("mksquashfs"))
}

fn write_tree(
    facts: &Facts,
    root: ContainerId,
    contents: Contents<'_>,
    added: &Added,
    mut to: impl Write,
) -> io::Result<()> {
    let mut entries: BTreeMap<&ImagePath, &File> = BTreeMap::new();
    // Of two entries with one path the later counts.
    entries
        .extend(facts.files().filter(|file| file.container == root).map(|file| (&file.path, file)));
    for point in MOUNT_POINTS {
        if !entries.contains_key(&ImagePath::from(*point)) {
            let head = Head { path: point.as_bytes(), mode: 0o755, uid: 0, gid: 0 };
            tar::add(&mut to, head, &Node::Directory)?;
        }
    }
    for file in entries.values().filter(|file| !file.path.is_root()) {
        add(&mut to, file, contents)?;
    }
    if !added.shim.is_empty() {
        let path = SHIM.trim_start_matches('/').as_bytes();
        tar::add(&mut to, owned(path, 0o755), &Node::File(&added.shim))?;
    }
    if !added.fetch.is_empty() {
        tar::add(&mut to, owned(b"kakoi-bin", 0o755), &Node::Directory)?;
        tar::add(&mut to, owned(b"kakoi-bin/fetch", 0o755), &Node::File(&added.fetch))?;
        for name in ["wget", "curl", "tftp", "ftpget"] {
            let path = format!("kakoi-bin/{name}");
            tar::add(&mut to, owned(path.as_bytes(), 0o777), &Node::Link(b"fetch"))?;
        }
    }
    tar::finish(&mut to)
}

/// Of root.
const fn owned(path: &[u8], mode: u32) -> Head<'_> {
    Head { path, mode, uid: 0, gid: 0 }
}

fn add(to: &mut dyn Write, file: &File, contents: Contents<'_>) -> io::Result<()> {
    let head = |usual| Head {
        path: file.path.as_bytes(),
        mode: file.mode.unwrap_or(usual),
        uid: file.uid.unwrap_or(0),
        gid: file.gid.unwrap_or(0),
    };
    match &file.kind {
        FileKind::Directory => tar::add(to, head(0o755), &Node::Directory),
        FileKind::Regular { digest, .. } => {
            // What could not be unpacked is there, and empty.
            let content = contents(digest).unwrap_or_default();
            tar::add(to, head(0o755), &Node::File(&content))
        }
        FileKind::Symlink { target } => tar::add(to, head(0o777), &Node::Link(&unescape(target))),
        FileKind::CharDevice { major, minor } => {
            tar::add(to, head(0o600), &Node::Character(*major, *minor))
        }
        FileKind::BlockDevice { major, minor } => {
            tar::add(to, head(0o600), &Node::Block(*major, *minor))
        }
        FileKind::Fifo => tar::add(to, head(0o600), &Node::Fifo),
        FileKind::Socket => Ok(()),
    }
}
