// SPDX-License-Identifier: Apache-2.0
//! Hostile input: archives made to escape or to exhaust. Nothing panics, nothing takes long, limits
//! hold, other files are kept. `damaged.rs` cuts and changes the images of the golden corpus.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod archives;
mod bounded;

use archives::{bzip2, cpio_entry, fit, gzip, tar, xz, zip};
use bounded::{limits, unpack};
use kakoi_model::{FileKind, ProblemCode};
use kakoi_unpack::{Limits, Unpacked};

fn codes(found: &Unpacked) -> Vec<ProblemCode> {
    let mut codes: Vec<ProblemCode> = found.problems.iter().map(|problem| problem.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Paths of all files, rendered.
fn paths(found: &Unpacked) -> Vec<String> {
    found.files.iter().map(|file| file.path.to_string()).collect()
}

#[test]
fn names_that_climb_or_are_absolute_stay_beneath_the_root() {
    let names = ["../../etc/cron.d/x", "/etc/passwd", "a/../../b", "harmless"];
    let in_tar: Vec<_> = names.iter().map(|name| (*name, b'0', "", &b"content"[..])).collect();
    let in_zip: Vec<_> = names.iter().map(|name| (*name, &b"content"[..])).collect();
    let mut in_cpio: Vec<u8> =
        names.iter().flat_map(|name| cpio_entry(name, 0o100_644, 1, b"content")).collect();
    in_cpio.extend(cpio_entry("TRAILER!!!", 0, 1, b""));
    for (format, archive) in [("tar", tar(&in_tar)), ("zip", zip(&in_zip)), ("cpio", in_cpio)] {
        let found = unpack(&archive, format);
        assert_eq!(paths(&found), ["b", "etc/cron.d/x", "etc/passwd", "harmless"], "{format}");
        assert_eq!(codes(&found), [ProblemCode::PathEscape], "{format}");
        let escapes =
            found.problems.iter().map(|problem| problem.path.as_ref().unwrap().to_string());
        assert_eq!(escapes.collect::<Vec<_>>(), ["etc/cron.d/x", "b"], "{format}");
    }
}

#[test]
fn links_and_devices_are_recorded_and_never_followed() {
    let archive = tar(&[
        ("out", b'2', "../../../etc", b""),
        ("out/passwd", b'0', "", b"written through a link"),
        ("stolen", b'1', "../../../etc/shadow", b""),
        ("late", b'1', "harmless", b""),
        ("disk", b'4', "", b""),
        ("console", b'3', "", b""),
        ("harmless", b'0', "", b"kept"),
    ]);
    let found = unpack(&archive, "links");
    // Hard links need a target that was listed before.
    assert_eq!(codes(&found), [ProblemCode::BadValue]);
    assert_eq!(found.problems.len(), 2);
    let kind = |path: &str| {
        let file = found.files.iter().find(|file| file.path.to_string() == path);
        file.map(|file| file.kind.clone())
    };
    assert_eq!(kind("out"), Some(FileKind::Symlink { target: "../../../etc".to_owned() }));
    assert_eq!(kind("stolen"), None);
    assert_eq!(kind("disk"), Some(FileKind::BlockDevice { major: 8, minor: 2 }));
    assert_eq!(kind("console"), Some(FileKind::CharDevice { major: 8, minor: 2 }));
    assert!(kind("harmless").is_some() && kind("out/passwd").is_some());
    assert!(found.files.iter().all(|file| file.mode == Some(0o4755)));
}

#[test]
fn a_hard_link_to_itself_or_in_a_circle_ends() {
    let found = unpack(
        &tar(&[("a", b'1', "a", b""), ("b", b'1', "c", b""), ("c", b'1', "b", b"")]),
        "links",
    );
    assert_eq!(codes(&found), [ProblemCode::BadValue]);
    assert_eq!(found.files.len(), 0);
    let mut archive = cpio_entry("one", 0o100_644, 3, b"");
    archive.extend(cpio_entry("two", 0o100_644, 3, b""));
    let found = unpack(&archive, "links without content");
    assert_eq!(paths(&found), ["one", "two"]);
}

#[test]
fn decompression_bombs_are_reported_and_nothing_of_them_is_kept() {
    let zeros = vec![0; (16 << 20) + 1];
    let deflated = {
        let mut archive = zip(&[("bomb", &zeros[..1]), ("other", b"kept")]);
        archive.extend([0; 4]);
        archive
    };
    for (name, bomb) in [("gzip", gzip(&zeros)), ("bzip2", bzip2(&zeros)), ("xz", xz(&zeros))] {
        let found = unpack(&bomb, name);
        assert_eq!(codes(&found), [ProblemCode::SizeLimit], "{name}");
        assert_eq!(found.files.len(), 0, "{name}");
        assert_eq!(found.containers.len(), 1, "{name}");
        // The same somewhere inside another content.
        let mut inside = b"some bytes in front".to_vec();
        inside.extend(bomb);
        let found = unpack(&inside, name);
        assert_eq!(codes(&found), [ProblemCode::SizeLimit], "{name} inside");
    }
    let found = unpack(&deflated, "zip");
    assert_eq!(paths(&found), ["bomb", "other"]);
}

#[test]
fn a_zip_entry_beyond_the_limit_does_not_hide_the_others() {
    let work = tempfile::tempdir().unwrap();
    std::fs::write(work.path().join("bomb"), vec![0; (16 << 20) + 1]).unwrap();
    std::fs::write(work.path().join("other"), "kept").unwrap();
    let run = std::process::Command::new("zip")
        .args(["-q", "-X", "-9", "image.zip", "bomb", "other"])
        .current_dir(work.path())
        .status();
    assert!(run.unwrap().success());
    let found = unpack(&std::fs::read(work.path().join("image.zip")).unwrap(), "zip");
    assert_eq!(codes(&found), [ProblemCode::SizeLimit]);
    assert_eq!(paths(&found), ["other"]);
}

#[test]
fn bombs_in_bombs_use_up_one_budget() {
    // Ten different streams of 15 MB each, in a tar, in a gzip: 150 MB with 64 MB allowed.
    let streams: Vec<Vec<u8>> = (0..10).map(|byte| gzip(&vec![byte; 15 << 20])).collect();
    let names: Vec<String> = (0..10).map(|index| format!("bomb-{index}")).collect();
    let entries: Vec<_> = names
        .iter()
        .zip(&streams)
        .map(|(name, bomb)| (name.as_str(), b'0', "", &bomb[..]))
        .collect();
    let found = unpack(&gzip(&tar(&entries)), "bombs in a tar");
    assert_eq!(codes(&found), [ProblemCode::SizeLimit]);
    let payloads = found.files.iter().filter(|file| file.path.to_string() == "payload");
    let total: u64 = payloads.map(kakoi_model::File::size).sum();
    assert!(total <= 64 << 20, "{total} bytes");
}

#[test]
fn thousands_of_levels_end_at_the_depth_limit() {
    let (mut at_start, mut inside) = (b"core".to_vec(), b"core".to_vec());
    for _ in 0..3000 {
        at_start = gzip(&at_start);
        // Found by search instead of at the start.
        inside = gzip(&inside);
        inside.insert(0, b'#');
    }
    for (name, image) in [("at the start", at_start), ("inside", inside)] {
        let found = unpack(&image, name);
        assert_eq!(codes(&found), [ProblemCode::DepthLimit], "{name}");
        assert_eq!(found.containers.len(), Limits::default().depth, "{name}");
    }
}

#[test]
fn a_container_that_contains_itself_is_opened_once() {
    let size = fit(0, 0).len() as u32;
    let found = unpack(&fit(0, size), "an image that is its own part");
    assert_eq!(found.containers.len(), 1);
    assert_eq!(paths(&found), ["self"]);
    // All but the last byte: the part is a damaged copy.
    let found = unpack(&fit(0, size - 1), "an image that is nearly its own part");
    assert_eq!(found.containers.len(), 1);
}

#[test]
fn zip_entries_that_share_their_bytes_cannot_multiply_them() {
    // 255 directory entries that all name one stored entry of 100 kB.
    let content: Vec<u8> = (0..100_000_u32).map(|number| (number * 7) as u8).collect();
    let mut archive = zip(&[("x", &content)]);
    let end = archive.split_off(archive.len() - 22);
    let entry = archive[archive.len() - 47..].to_vec();
    for _ in 1..255 {
        archive.extend_from_slice(&entry);
    }
    let mut end = end;
    end[8] = 255;
    end[10] = 255;
    end[12..16].copy_from_slice(&(47_u32 * 255).to_le_bytes());
    archive.extend(end);
    let found = unpack(&archive, "overlapping entries");
    assert!(codes(&found).contains(&ProblemCode::SizeLimit), "{:?}", codes(&found));
}

#[test]
fn a_sparse_file_of_a_small_archive_cannot_be_huge() {
    let mut records = Vec::new();
    for text in ["GNU.sparse.major=0\n", "GNU.sparse.realsize=15000000\n"] {
        let length = text.len() + 3;
        records.extend(format!("{length} {text}").bytes());
    }
    let archive =
        tar(&[("x", b'x', "", &records), ("holes", b'0', "", b""), ("other", b'0', "", b"kept")]);
    let found = unpack(&archive, "sparse");
    assert_eq!(codes(&found), [ProblemCode::SizeLimit]);
    assert_eq!(paths(&found), ["other"]);
}

#[test]
fn stored_files_that_share_their_bytes_use_up_the_budget() {
    let content = vec![0x5a; 1 << 20];
    let names: Vec<String> = (0..80).map(|n| format!("copy-{n}")).collect();
    let mut image = Vec::new();
    for name in &names {
        image.extend(cpio_entry(name, 0o100_644, 1, &content));
    }
    image.extend(cpio_entry("TRAILER!!!", 0, 1, b""));
    let found = unpack(&image, "many stored copies");
    let bytes: u64 = found.files.iter().map(kakoi_model::File::size).sum();
    assert!(bytes <= limits().output_bytes, "{bytes}");
    assert!(codes(&found).contains(&ProblemCode::SizeLimit), "{:?}", codes(&found));
}

/// gzip headers, each followed by a stream that gives nothing, reaches over all others to the end,
/// and is false there: reading each to its end would be quadratic.
#[test]
fn many_false_beginnings_of_streams_are_given_up() {
    let header = b"\x1f\x8b\x08\0\0\0\0\0\0\x03";
    let nothing = b"\0\0\0\xff\xff".repeat(400);
    let hop = [&b"\0\x0a\0\xf5\xff"[..], header, &nothing].concat();
    let mut image = b"JUNKJUNK".repeat(64);
    image.extend([&header[..], &nothing, &hop.repeat(150), b"\x07\x07\x07\x07"].concat());
    let found = unpack(&image, "false gzip headers");
    assert!(codes(&found).contains(&ProblemCode::SizeLimit), "{:?}", codes(&found));
}
