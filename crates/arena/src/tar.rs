// SPDX-License-Identifier: Apache-2.0
//! Writes a tar archive (POSIX.1-1988 ustar, with GNU's entries for long names) for `mksquashfs -tar`: owners, modes and
//! device nodes come into a file system without being root.

use std::io::{self, Write};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node<'a> {
    Directory,
    File(&'a [u8]),
    Link(&'a [u8]),
    Character(u32, u32),
    Block(u32, u32),
    Fifo,
}

/// Path without a leading slash, permission bits, owner, group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

const BLOCK: usize = 512;
/// Room for a name in a header.
const NAME: usize = 100;

pub(crate) fn add(to: &mut dyn Write, head: Head<'_>, node: &Node<'_>) -> io::Result<()> {
    let mut path = head.path.to_vec();
    if *node == Node::Directory {
        path.push(b'/');
    }
    if path.len() > NAME {
        long(to, b'L', &path)?;
    }
    let target = if let Node::Link(target) = node { *target } else { &[] };
    if target.len() > NAME {
        long(to, b'K', target)?;
    }
    let (kind, content): (u8, &[u8]) = match node {
        Node::Directory => (b'5', &[]),
        Node::File(content) => (b'0', content),
        Node::Link(_) => (b'2', &[]),
        Node::Character(..) => (b'3', &[]),
        Node::Block(..) => (b'4', &[]),
        Node::Fifo => (b'6', &[]),
    };
    let device = match node {
        Node::Character(major, minor) | Node::Block(major, minor) => (*major, *minor),
        _ => (0, 0),
    };
    let head = Head { path: &path, ..head };
    to.write_all(&header(head, kind, target, content.len() as u64, device))?;
    body(to, content)
}

/// Two empty blocks.
pub(crate) fn finish(to: &mut dyn Write) -> io::Result<()> {
    to.write_all(&[0; 2 * BLOCK])?;
    to.flush()
}

/// An entry that carries the name of the next.
fn long(to: &mut dyn Write, kind: u8, name: &[u8]) -> io::Result<()> {
    let head = Head { path: b"././@LongLink", mode: 0o644, uid: 0, gid: 0 };
    let mut content = name.to_vec();
    content.push(0);
    to.write_all(&header(head, kind, &[], content.len() as u64, (0, 0)))?;
    body(to, &content)
}

fn body(to: &mut dyn Write, content: &[u8]) -> io::Result<()> {
    to.write_all(content)?;
    let left = content.len().next_multiple_of(BLOCK) - content.len();
    to.write_all(&[0; BLOCK][..left])
}

fn header(head: Head<'_>, kind: u8, target: &[u8], size: u64, device: (u32, u32)) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| {
        let end = (at + bytes.len()).min(BLOCK);
        block[at..end].copy_from_slice(&bytes[..end - at]);
    };
    put(0, &head.path[..head.path.len().min(NAME)]);
    put(100, format!("{:07o}\0", head.mode & 0o7777).as_bytes());
    put(108, format!("{:07o}\0", head.uid.min(0o777_7777)).as_bytes());
    put(116, format!("{:07o}\0", head.gid.min(0o777_7777)).as_bytes());
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, &[kind]);
    put(157, &target[..target.len().min(NAME)]);
    put(257, b"ustar\x0000");
    put(329, format!("{:07o}\0", device.0.min(0o777_7777)).as_bytes());
    put(337, format!("{:07o}\0", device.1.min(0o777_7777)).as_bytes());
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn tar_itself_lists_what_was_written() {
        let mut archive = Vec::new();
        let long = [b"d/".as_slice(), &[b'n'; 150]].concat();
        let head = |path| Head { path, mode: 0o4755, uid: 7, gid: 8 };
        add(&mut archive, head(b"d"), &Node::Directory).unwrap();
        add(&mut archive, head(&long), &Node::File(b"content")).unwrap();
        add(&mut archive, head(b"console"), &Node::Character(5, 1)).unwrap();
        add(&mut archive, head(b"sh"), &Node::Link(b"/bin/busybox")).unwrap();
        finish(&mut archive).unwrap();
        let mut tar = Command::new("tar")
            .args(["-tv", "--numeric-owner"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tar");
        tar.stdin.take().unwrap().write_all(&archive).unwrap();
        let text = String::from_utf8(tar.wait_with_output().unwrap().stdout).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("drwsr-xr-x 7/8"), "{text}");
        assert!(lines[1].ends_with(&"n".repeat(150)), "{text}");
        assert!(lines[2].starts_with("crwsr-xr-x 7/8") && lines[2].contains("5,1"), "{text}");
        assert!(lines[3].ends_with("sh -> /bin/busybox"), "{text}");
    }
}
