// SPDX-License-Identifier: Apache-2.0
//! What the golden listings do not show: owners, times and extended attributes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod tree;

use std::path::Path;
use std::process::Command;

use kakoi_model::File;
use kakoi_unpack::{Limits, NoJournal, Store, unpack_image};

/// The files of a golden case.
fn unpack_case(case: &str) -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus").join(case);
    let work = tempfile::tempdir().unwrap();
    let (sample, image) = (work.path().join("tree"), work.path().join("image"));
    tree::make_tree(&sample);
    let status = Command::new("bash")
        .args(["-eu", "-o", "pipefail"])
        .arg(folder.join("recipe.sh"))
        .current_dir(work.path())
        .env("TREE", &sample)
        .env("OUT", &image)
        .env("CASE", &folder)
        .output()
        .unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    let image = std::fs::read(image).unwrap();
    unpack_image(image.into(), &Store::in_memory(), &Limits::default(), &NoJournal).files
}

fn file(files: &[File], path: &str) -> File {
    files.iter().find(|file| file.path.to_string() == path).unwrap().clone()
}

fn origin(file: &File) -> Option<&str> {
    file.xattrs.get("user.origin").map(String::as_str)
}

#[test]
fn jffs2_gives_owner_time_and_attributes_unless_deleted() {
    let files = unpack_case("jffs2/aged");
    let sparse = file(&files, "sparse");
    assert_eq!((sparse.uid, sparse.gid, sparse.mtime), (Some(1000), Some(100), Some(2)));
    assert_eq!(origin(&sparse), Some("factory"));
    assert_eq!(origin(&file(&files, "compressed")), None);
}

#[test]
fn ubifs_gives_owner_time_and_attributes_from_the_journal() {
    let files = unpack_case("ubifs/journal");
    let new = file(&files, "new");
    assert_eq!((new.uid, new.gid, new.mtime), (Some(7), Some(8), Some(3)));
    assert_eq!(origin(&new), Some("factory"));
}

#[test]
fn yaffs_gives_owner_and_time() {
    let first = file(&unpack_case("yaffs/history"), "first");
    assert_eq!((first.uid, first.gid), (Some(5), Some(6)));
    assert!(first.mtime.unwrap() > 1_500_000_000);
}

#[test]
fn ext_gives_attributes_to_both_names_of_a_file() {
    let files = unpack_case("ext/devices");
    let (one, two) = (file(&files, "file"), file(&files, "second-name"));
    assert_eq!((origin(&one), origin(&two)), (Some("factory"), Some("factory")));
    assert_eq!(one.kind, two.kind);
}
