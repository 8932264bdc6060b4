// SPDX-License-Identifier: Apache-2.0
//! `kakoi extract` writes beneath its directory and nowhere else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::image::{self, cpio, directory, file, link};
use super::{kakoi, stderr, text};

fn extract(content: &[u8]) -> (tempfile::TempDir, std::process::Output) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("work")).unwrap();
    let path = folder.path().join("work/image.bin");
    fs::write(&path, content).unwrap();
    let output = kakoi(&["extract", "-q", text(&path), text(&folder.path().join("work/out"))]);
    (folder, output)
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[test]
fn files_modes_and_links_are_those_of_the_image() {
    let (folder, output) = extract(&image::gzip(&image::router()));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let root = folder.path().join("work/out/000000-gzip/payload.contents/000000-cpio");
    assert_eq!(fs::read(root.join("bin/busybox")).unwrap(), image::busybox());
    assert_eq!(
        fs::metadata(root.join("etc/init.d/rcS")).unwrap().permissions().mode() & 0o777,
        0o755
    );
    assert_eq!(fs::read_link(root.join("bin/sh")).unwrap(), Path::new("busybox"));
    assert_eq!(
        fs::read_link(root.join("usr/sbin/telnetd")).unwrap(),
        Path::new("../../bin/busybox")
    );
    assert!(!exists(&root.join("dev/console")), "device nodes are only in the manifest");
    let manifest = fs::read_to_string(folder.path().join("work/out/manifest.jsonl")).unwrap();
    assert!(manifest.contains("char-device") && manifest.contains("/bin/busybox"));
    assert!(!exists(&folder.path().join("work/out/.contents")));
}

#[test]
fn an_image_that_is_not_there_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("out");
    let output = kakoi(&["extract", "-q", text(&folder.path().join("no.bin")), text(&target)]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("no.bin") && !exists(&target));
}

#[test]
fn what_is_recognised_and_no_container_is_told_so() {
    let (folder, output) =
        extract(&[b"\xff\xd8\xff\xe0\0\x10JFIF\0".as_slice(), &[7; 4096]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("recognised, but no container"), "{}", stderr(&output));
    assert!(!exists(&folder.path().join("work/out/.contents")));
}

#[test]
fn the_root_directory_of_an_outermost_container_is_not_left_out() {
    let (folder, output) = extract(&cpio(&[directory("."), file("hello", 0o644, b"hello")]));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!stderr(&output).contains("left out"), "{}", stderr(&output));
    assert!(exists(&folder.path().join("work/out/000000-cpio/hello")));
}

#[test]
fn hostile_names_and_links_stay_beneath_the_directory() {
    let archive = cpio(&[
        directory("etc"),
        directory("bin"),
        directory("usr"),
        directory("lib"),
        file("../../escaped-by-name", 0o644, b"x"),
        file("/escaped-by-slash", 0o644, b"x"),
        link("out", "../../.."),
        file("out/escaped-by-link", 0o644, b"x"),
        link("etc/shadow", "../../../../../../etc/shadow"),
        link("loop", "loop"),
        file("bin/good", 0o4755, b"good"),
    ]);
    let (folder, output) = extract(&archive);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let work = folder.path().join("work");
    let outside: Vec<_> =
        fs::read_dir(&work).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(outside.len(), 2, "only image.bin and out: {outside:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let root = work.join("out/000000-cpio");
    assert_eq!(fs::read(root.join("bin/good")).unwrap(), b"good");
    assert_eq!(
        fs::metadata(root.join("bin/good")).unwrap().permissions().mode() & 0o7000,
        0,
        "no set-ID bits"
    );
    assert!(exists(&root.join("escaped-by-name")) && exists(&root.join("escaped-by-slash")));
    assert!(!exists(&root.join("etc/shadow")), "a link out of the container is not made");
    assert!(stderr(&output).contains("left out"));
}

#[test]
fn a_directory_that_holds_something_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.bin");
    fs::write(&path, image::router()).unwrap();
    let target = folder.path().join("target");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("mine"), "mine").unwrap();
    let output = kakoi(&["extract", "-q", text(&path), text(&target)]);
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("not empty"));
    assert_eq!(fs::read_dir(&target).unwrap().count(), 1);
}

#[test]
fn what_is_no_image_leaves_an_empty_directory() {
    let (folder, output) = extract(&[0x5a; 3]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let left = fs::read_dir(folder.path().join("work/out")).unwrap().count();
    assert_eq!(left, 0);
}
