// SPDX-License-Identifier: Apache-2.0
//! `kakoi corpus`, `kakoi cve` and `kakoi patches` on images that the tests make.

use std::fs;
use std::path::Path;

use super::image::{cpio, file};
use super::{command, kakoi, stderr, stdout, text};

/// A text that no other image has.
fn own(number: u64) -> String {
    (0..500).map(|line| format!("{}\n", (line * 7919 + number * 104_729) * 31 % 65_537)).collect()
}

/// Twelve images in folders of two vendors; those of a number have two files in common.
fn images(folder: &Path) {
    for number in 0..12 {
        let vendor = folder.join(if number % 2 == 0 { "acme/r1" } else { "bolt/x" });
        fs::create_dir_all(&vendor).unwrap();
        let own = own(number);
        let shared = format!("a driver of kit {}\n", number / 2).repeat(40);
        let content = cpio(&[
            file("etc/own", 0o644, own.as_bytes()),
            file("lib/driver", 0o644, shared.as_bytes()),
            file("bin/common", 0o755, "the same everywhere\n".repeat(20).as_bytes()),
        ]);
        fs::write(vendor.join(format!("{number}.bin")), content).unwrap();
    }
}

fn table(corpus: &Path) -> String {
    let question = "SELECT vendor, model, name, path, content_digest FROM files ORDER BY 3, 4";
    let output = kakoi(&["corpus", "-C", text(corpus), "sql", "--format", "csv", question]);
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

fn add<'a>(corpus: &'a Path, images: &'a Path) -> Vec<&'a str> {
    vec!["corpus", "-C", text(corpus), "add", "-q", "--vendor-from", "path", text(images)]
}

#[test]
fn two_processes_one_of_which_is_killed_end_with_the_same_table() {
    let folder = tempfile::tempdir().unwrap();
    let (images_at, alone, shared) =
        (folder.path().join("images"), folder.path().join("a"), folder.path().join("b"));
    images(&images_at);
    let output = kakoi(&add(&alone, &images_at));
    assert!(stdout(&output).starts_with("12 images scanned"), "{}", stdout(&output));
    let mut killed = command(&add(&shared, &images_at)).spawn().unwrap();
    let other = command(&add(&shared, &images_at)).spawn().unwrap();
    while fs::read_dir(shared.join("records")).map_or(0, Iterator::count) < 3 {
        std::thread::yield_now();
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(other.wait_with_output().unwrap().status.success());
    assert_eq!(table(&shared), table(&alone));
    let again = kakoi(&add(&shared, &images_at));
    assert!(stdout(&again).contains("12 known before"), "{}", stdout(&again));
    let checked = kakoi(&["corpus", "-C", text(&shared), "check", "--repair"]);
    assert!(checked.status.success(), "{}", stdout(&checked));
    assert_eq!(table(&shared), table(&alone));
}

/// Within a mount namespace of its own: `$0` is kakoi, `$1` the images, `$2` a folder that becomes a small disk.
const FULL_DISK: &str = r#"
mount -t tmpfs -o size=300k none "$2" || exit 99
"$0" corpus -C "$2" add -q --vendor-from path "$1" > /dev/null; echo "add $?"
mount -o remount,size=64m none "$2" || exit 99
"$0" corpus -C "$2" check --repair > /dev/null; echo "repair $?"
"$0" corpus -C "$2" add -q --vendor-from path "$1"; echo "add $?"
"$0" corpus -C "$2" check > /dev/null; echo "check $?"
"$0" corpus -C "$2" sql --format csv "SELECT vendor, model, name, path, content_digest FROM files ORDER BY 3, 4"
"#;

#[test]
fn a_full_disk_is_told_and_nothing_of_what_was_added_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (images_at, alone, small) =
        (folder.path().join("images"), folder.path().join("a"), folder.path().join("b"));
    images(&images_at);
    fs::create_dir_all(&small).unwrap();
    assert!(kakoi(&add(&alone, &images_at)).status.success());
    // Whoever is not root may mount in a user namespace of their own.
    let own = if fs::read_dir("/root").is_ok() { "-m" } else { "-rm" };
    let output = std::process::Command::new("unshare")
        .args([own, "sh", "-c", FULL_DISK, env!("CARGO_BIN_EXE_kakoi")])
        .args([&images_at, &small])
        .output()
        .expect("this test needs unshare (util-linux)");
    let (said, complained) = (stdout(&output), stderr(&output));
    assert!(output.status.success(), "mount namespaces are refused here: {complained}");
    assert!(complained.contains("no room is left on the device"), "{complained}");
    assert!(said.starts_with("add 4\nrepair 0\n"), "{said}");
    assert!(!said.contains(" 0 known before"), "what fitted was kept: {said}");
    let (_, rows) = said.split_once("add 0\ncheck 0\n").expect("the rest is added");
    assert_eq!(rows, table(&alone));
}

#[test]
fn files_in_which_nothing_is_recognised_are_kept_and_counted_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (images_at, corpus) = (folder.path().join("images"), folder.path().join("c"));
    fs::create_dir_all(&images_at).unwrap();
    fs::write(images_at.join("empty.bin"), b"").unwrap();
    let noise = std::iter::successors(Some(1_u32), |last| {
        Some(last.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7fff_ffff)
    });
    let noise: Vec<u8> = noise.skip(1).take(600).map(|number| (number >> 16) as u8).collect();
    fs::write(images_at.join("noise.bin"), noise).unwrap();
    let output = kakoi(&add(&corpus, &images_at));
    assert!(
        stdout(&output).starts_with("0 images scanned, 2 with nothing recognised"),
        "{}",
        stdout(&output)
    );
    assert_eq!(output.status.code(), Some(3));
    fs::write(images_at.join("good.bin"), cpio(&[file("a", 0o644, b"a file\n")])).unwrap();
    let output = kakoi(&add(&corpus, &images_at));
    assert!(stdout(&output).starts_with("1 images scanned, 0 with nothing"), "{}", stdout(&output));
    assert!(output.status.success());
    let survey = folder.path().join("survey");
    let output = kakoi(&["corpus", "-C", text(&corpus), "survey", "-o", text(&survey)]);
    assert!(stdout(&output).contains("1 full, 0 in part, 2 not"), "{}", stdout(&output));
}

#[test]
fn relatives_neighbours_survey_and_export_are_told_of_a_corpus() {
    let folder = tempfile::tempdir().unwrap();
    let (images_at, corpus) = (folder.path().join("images"), folder.path().join("c"));
    images(&images_at);
    assert!(kakoi(&add(&corpus, &images_at)).status.success());
    let run = |arguments: &[&str]| {
        let output = kakoi(&[&["corpus", "-C", text(&corpus)], arguments].concat());
        assert!(output.status.success(), "{arguments:?} {}", stderr(&output));
        stdout(&output)
    };
    let kin = run(&["lineage", "4.bin", "--limit", "1"]);
    assert!(
        kin.contains("5.bin  bolt  (other vendor)") && kin.contains("/lib/driver (in 2 images)"),
        "{kin}"
    );
    let changed = folder.path().join("changed");
    let mut content = own(7);
    content.insert_str(100, "one line more\n");
    fs::write(&changed, content).unwrap();
    let near = run(&["similar", "-q", text(&changed)]);
    assert!(near.contains("fuzzy") && near.contains("bolt 7.bin /etc/own"), "{near}");
    let out = folder.path().join("survey");
    assert!(
        run(&["survey", "-o", text(&out)]).contains("12 images, 12 distinct, 12 with other files")
    );
    assert!(fs::read_to_string(out.join("survey.html")).unwrap().contains("By vendor"));
    let parquet = folder.path().join("parquet");
    assert!(run(&["export", "--parquet", text(&parquet)]).contains("images.parquet 12 rows"));
    let refused = kakoi(&["corpus", "-C", text(&corpus), "sql", "DELETE FROM image"]);
    assert_eq!(refused.status.code(), Some(3), "{}", stderr(&refused));
    let nowhere = kakoi(&["corpus", "-C", "/nonexistent/corpus", "survey", "-o", text(&out)]);
    assert_eq!(nowhere.status.code(), Some(3));
}

#[test]
fn versions_are_held_against_an_imported_database_and_an_empty_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("db");
    let osv = folder.path().join("CVE-2021-28831.json");
    fs::write(&osv, r#"{"schema_version":"1.6.0","id":"CVE-2021-28831","affected":[{"package":{"ecosystem":"","name":"busybox"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.33.1"}]}]}]}"#).unwrap();
    let kev = folder.path().join("kev.json");
    fs::write(&kev, r#"{"vulnerabilities":[{"cveID":"CVE-2021-28831"}]}"#).unwrap();
    let image = folder.path().join("image.bin");
    let busybox = format!("\x7fELF{}BusyBox v1.30.1 (2020-01-01 00:00:00 UTC)\0", "\0".repeat(60));
    fs::write(&image, cpio(&[file("bin/busybox", 0o755, busybox.as_bytes())])).unwrap();
    let patches = |arguments: &[&str]| {
        kakoi(&[&["patches", "-q", text(&image), "--cve-db", text(&database)], arguments].concat())
    };
    assert_eq!(patches(&[]).status.code(), Some(3), "there is no database yet");
    let imported = kakoi(&["cve", "import", "--cve-db", text(&database), text(&osv), text(&kev)]);
    assert!(imported.status.success(), "{}", stderr(&imported));
    let told = stdout(&patches(&[]));
    assert!(told.contains("busybox 1.30.1") && told.contains("CVE-2021-28831"), "{told}");
    assert!(told.contains("unknown") && told.contains("EXPLOITED"), "{told}");
    assert!(told.contains("by version alone: 1 of 1 affected"), "{told}");
    let vex: serde_json::Value =
        serde_json::from_str(&stdout(&patches(&["--format", "openvex"]))).unwrap();
    assert_eq!(vex["statements"][0]["status"], "under_investigation");
}
