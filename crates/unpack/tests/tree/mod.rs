// SPDX-License-Identifier: Apache-2.0
//! The sample tree that recipes pack: what root file systems of devices contain, in small.
// Each test program uses a part of this.
#![allow(dead_code)]

use std::fmt;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use sha2::{Digest, Sha256};

/// One entry as the golden tests compare it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    pub(crate) path: String,
    pub(crate) kind: String,
    pub(crate) mode: String,
    pub(crate) detail: String,
    pub(crate) digest: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {} {}", self.path, self.kind, self.mode, self.detail, self.digest)
    }
}

/// Makes the tree: directories, text, binary content of several sizes (0 bytes, below and above
/// a block, incompressible, sparse), links, set-ID bits, and a long and a non-ASCII name.
pub(crate) fn make_tree(root: &Path) {
    make_scaled_tree(root, 1);
}

/// The same names with contents shorter by a factor: for tests that unpack an image many times.
pub(crate) fn make_small_tree(root: &Path) {
    make_scaled_tree(root, 8);
}

fn make_scaled_tree(root: &Path, factor: usize) {
    for directory in ["bin", "dev", "etc/init.d", "lib", "usr/share/deep/er/still", "var/empty"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    let files: [(&str, u32, Vec<u8>); 12] = [
        ("bin/busybox", 0o4755, pseudo_random(70_000 / factor, 1)),
        ("bin/small", 0o755, b"#!/bin/sh\nexec busybox\n".to_vec()),
        ("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\n".to_vec()),
        ("etc/shadow", 0o600, b"root::0:0:99999:7:::\n".to_vec()),
        ("etc/init.d/rcS", 0o755, b"#!/bin/sh\ntelnetd -l /bin/sh\n".to_vec()),
        ("etc/empty", 0o640, Vec::new()),
        ("lib/block.bin", 0o644, pseudo_random(131_072 / factor, 2)),
        ("lib/text.txt", 0o644, b"the same line again\n".repeat(20_000 / factor)),
        ("usr/share/large.bin", 0o644, large(factor)),
        ("usr/share/sparse.bin", 0o644, sparse(factor)),
        ("usr/share/deep/er/still/leaf", 0o444, b"leaf".to_vec()),
        (
            "usr/share/a-file-name-that-is-longer-than-most-of-them-are-but-still-legal.conf",
            0o644,
            b"x".to_vec(),
        ),
    ];
    for (path, mode, content) in files {
        fs::write(root.join(path), content).unwrap();
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    for (link, target) in
        [("bin/sh", "busybox"), ("etc/mtab", "/proc/mounts"), ("lib/up", "../etc/passwd")]
    {
        symlink(target, root.join(link)).unwrap();
    }
    for directory in [
        ".",
        "bin",
        "dev",
        "etc",
        "etc/init.d",
        "lib",
        "usr",
        "usr/share",
        "usr/share/deep",
        "usr/share/deep/er",
        "usr/share/deep/er/still",
        "var",
    ] {
        fs::set_permissions(root.join(directory), fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(root.join("var/empty"), fs::Permissions::from_mode(0o1777)).unwrap();
}

/// Compressible and incompressible stretches, over several blocks of any file system.
fn large(factor: usize) -> Vec<u8> {
    let mut content = pseudo_random(200_000 / factor, 3);
    content.extend(std::iter::repeat_n(b'k', 300_000 / factor));
    content.extend(pseudo_random(12_345 / factor, 4));
    content
}

/// A hole of several blocks between two bytes.
fn sparse(factor: usize) -> Vec<u8> {
    let length = 400_000 / factor;
    let mut content = vec![0; length];
    content[0] = 1;
    content[length - 1] = 2;
    content
}

/// A linear congruential sequence (Knuth's MMIX constants): no compressor finds anything in it.
fn pseudo_random(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let step = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(step).take(length).collect()
}

/// Lists a tree on disk as the golden tests compare it, without its root.
pub(crate) fn list_tree(root: &Path) -> Vec<Line> {
    let mut lines = Vec::new();
    list_directory(root, "", &mut lines);
    lines.sort_by(|a, b| a.path.cmp(&b.path));
    lines
}

fn list_directory(directory: &Path, prefix: &str, lines: &mut Vec<Line>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        let metadata = fs::symlink_metadata(entry.path()).unwrap();
        let mode = format!("{:o}", metadata.permissions().mode() & 0o7777);
        let (kind, detail, digest) = if metadata.is_dir() {
            list_directory(&entry.path(), &format!("{path}/"), lines);
            ("dir", "-".to_owned(), String::new())
        } else if metadata.is_symlink() {
            let target = fs::read_link(entry.path()).unwrap();
            ("link", target.to_str().unwrap().to_owned(), String::new())
        } else {
            let digest = Sha256::digest(fs::read(entry.path()).unwrap());
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            ("file", metadata.len().to_string(), hex)
        };
        let digest = digest.get(..16).unwrap_or("-").to_owned();
        lines.push(Line { path, kind: kind.to_owned(), mode, detail, digest });
    }
}
