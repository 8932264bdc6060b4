// SPDX-License-Identifier: Apache-2.0
//! Images for the tests: a small router root file system, as newc cpio (written here, no tool
//! needed) and compressed by gzip.

use std::io::Write;

/// An entry of a cpio archive.
pub(crate) struct Entry<'a> {
    pub(crate) path: &'a str,
    pub(crate) mode: u32,
    pub(crate) content: &'a [u8],
}

pub(crate) const fn file<'a>(path: &'a str, mode: u32, content: &'a [u8]) -> Entry<'a> {
    Entry { path, mode: 0o100_000 | mode, content }
}

pub(crate) const fn directory(path: &str) -> Entry<'_> {
    Entry { path, mode: 0o040_755, content: b"" }
}

pub(crate) const fn link<'a>(path: &'a str, target: &'a str) -> Entry<'a> {
    Entry { path, mode: 0o120_777, content: target.as_bytes() }
}

pub(crate) const fn device(path: &str) -> Entry<'_> {
    Entry { path, mode: 0o020_600, content: b"" }
}

/// The "new ASCII format" of cpio(5).
pub(crate) fn cpio(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        push(&mut archive, index as u32 + 1, entry);
    }
    push(&mut archive, 0, &Entry { path: "TRAILER!!!", mode: 0, content: b"" });
    archive
}

fn push(archive: &mut Vec<u8>, inode: u32, entry: &Entry<'_>) {
    let size = entry.content.len() as u32;
    let name = entry.path.len() as u32 + 1;
    let fields = [inode, entry.mode, 0, 0, 1, 0, size, 0, 0, 1, 3, name, 0];
    archive.extend(b"070701");
    fields.iter().for_each(|field| write!(archive, "{field:08X}").unwrap());
    archive.extend(entry.path.as_bytes());
    archive.push(0);
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend(entry.content);
    archive.resize(archive.len().next_multiple_of(4), 0);
}

/// A program that names what it reads: an init is believed only that.
pub(crate) fn busybox() -> Vec<u8> {
    let mut content = std::fs::read("/bin/true").unwrap();
    content.extend(b"\0/etc/inittab\0");
    content
}

/// A router that lets anybody in: telnetd with a shell, an account without password.
pub(crate) fn router() -> Vec<u8> {
    let busybox = busybox();
    cpio(&[
        directory("bin"),
        file("bin/busybox", 0o755, &busybox),
        link("bin/sh", "busybox"),
        directory("dev"),
        device("dev/console"),
        directory("etc"),
        directory("etc/init.d"),
        file("etc/inittab", 0o644, b"::sysinit:/etc/init.d/rcS\n::respawn:/bin/sh\n"),
        file("etc/init.d/rcS", 0o755, b"#!/bin/sh\ntelnetd -l /bin/sh\n"),
        file("etc/passwd", 0o644, b"root::0:0:root:/root:/bin/sh\n"),
        directory("lib"),
        directory("sbin"),
        link("sbin/init", "../bin/busybox"),
        directory("usr"),
        directory("usr/sbin"),
        link("usr/sbin/telnetd", "/bin/busybox"),
    ])
}

/// Compressed by the gzip program.
pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut child = std::process::Command::new("gzip")
        .args(["-n", "-c"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let content = content.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&content).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout
}
