// SPDX-License-Identifier: Apache-2.0
//! musl beside the cross compilers: Debian packages of the other architecture, unpacked into the
//! target directory, and the compiler specification that comes with them, with its paths moved.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Options that make a compiler for glibc build for musl.
pub(super) fn fetch(architecture: &str, triplet: &str) -> [String; 2] {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("musl").join(architecture);
    let specs = folder.join("musl.specs");
    if !specs.exists() {
        fs::create_dir_all(&folder).unwrap();
        unpack(architecture, &folder);
        move_specs(&folder, triplet, &specs);
    }
    // The library itself is not where Debian's package for development expects it.
    let library = folder.join("root/lib").join(triplet);
    [format!("-specs={}", specs.display()), format!("-L{}", library.display())]
}

/// Test programs run beside each other: one fetches, the others wait and find it done.
fn unpack(architecture: &str, folder: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/foreign-packages.sh");
    // Whoever waited must not unpack again: the first one is using the files by then.
    let once = "test -e \"$1/unpacked\" || \
                { bash \"$2\" \"$3\" \"$1/work\" \"$1/root\" musl musl-dev && touch \"$1/unpacked\"; }";
    let ran = Command::new("flock")
        .args([folder.join("lock").as_path(), Path::new("bash"), Path::new("-c")])
        .args([once, "once"])
        .args([folder, &script])
        .arg(architecture)
        .output();
    let ran = ran.unwrap_or_else(|error| panic!("flock (Debian package util-linux): {error}"));
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "musl for {architecture} needs apt-get and dpkg-deb: {said}");
}

fn move_specs(folder: &Path, triplet: &str, specs: &Path) {
    let root = folder.join("root");
    let original = root.join("usr/lib").join(triplet).join("musl-gcc.specs");
    let text = fs::read_to_string(&original).unwrap();
    let moved = text.replace("/usr/", &format!("{}/usr/", root.display()));
    let own = folder.join(format!("musl.specs.{}", std::process::id()));
    fs::write(&own, moved).unwrap();
    fs::rename(own, specs).unwrap();
}
