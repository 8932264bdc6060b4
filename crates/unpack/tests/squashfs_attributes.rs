// SPDX-License-Identifier: Apache-2.0
//! Owners, times and extended attributes of squashfs, made by `sqfstar` from a tar archive, so that
//! the file system under the test need not support them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::File;
use std::path::Path;
use std::process::Command;

use kakoi_unpack::{Limits, NoJournal, Store, unpack_image};

/// Two files share a set of attributes; a third has its own, one of them long enough to be stored
/// apart.
const TAR: &str = r"
import io, sys, tarfile
def add(archive, name, xattrs):
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.uid, info.gid = 3, 1234567890, 70000, 12
    info.pax_headers = {'SCHILY.xattr.' + key: value for key, value in xattrs.items()}
    archive.addfile(info, io.BytesIO(b'abc'))
with tarfile.open(sys.argv[1], 'w', format=tarfile.PAX_FORMAT) as archive:
    shared = {'user.note': 'hello', 'trusted.long': 'x' * 3000}
    add(archive, 'a', shared)
    add(archive, 'b', shared | {'security.capability': 'cap'})
    add(archive, 'plain', {})
";

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn make_image(folder: &Path) -> Vec<u8> {
    let (tar, image) = (folder.join("tree.tar"), folder.join("image.sqfs"));
    run(Command::new("python3").args(["-c", TAR]).arg(&tar));
    let input = File::open(&tar).unwrap();
    run(Command::new("sqfstar").args(["-no-progress", "-quiet"]).arg(&image).stdin(input));
    std::fs::read(image).unwrap()
}

#[test]
fn owners_times_and_extended_attributes_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let image = make_image(folder.path());
    let found = unpack_image(image.into(), &Store::in_memory(), &Limits::default(), &NoJournal);
    assert_eq!(found.problems, []);
    let file = |name: &str| found.files.iter().find(|file| file.path.to_string() == name).unwrap();
    let (a, b, plain) = (file("a"), file("b"), file("plain"));
    assert_eq!((a.uid, a.gid, a.mtime), (Some(70000), Some(12), Some(1_234_567_890)));
    let names = |file: &kakoi_model::File| file.xattrs.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(a), ["trusted.long", "user.note"]);
    assert_eq!(names(b), ["security.capability", "trusted.long", "user.note"]);
    assert_eq!(names(plain), Vec::<String>::new());
    assert_eq!(a.xattrs["user.note"], "hello");
    assert_eq!(b.xattrs["trusted.long"], "x".repeat(3000));
}

#[test]
fn a_file_system_that_was_cut_off_is_reported_as_that() {
    let folder = tempfile::tempdir().unwrap();
    let image = make_image(folder.path());
    let cut = bytes::Bytes::copy_from_slice(&image[..200]);
    let store = kakoi_unpack::Store::in_memory();
    let limits = kakoi_unpack::Limits::default();
    let found = kakoi_unpack::unpack_image(cut, &store, &limits, &kakoi_unpack::NoJournal);
    assert_eq!(found.containers[0].format, "squashfs");
    assert_ne!(found.containers[0].state, kakoi_model::OpenState::Full);
    assert!(found.problems.iter().any(|problem| problem.code.as_str() == "truncated"));
}
