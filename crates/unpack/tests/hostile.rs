// SPDX-License-Identifier: Apache-2.0
//! Hostile input: every image of the golden corpus cut and damaged in many ways, and archives made
//! to escape or to exhaust. Nothing panics, nothing takes long, limits hold, other files are kept.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod archives;
mod corpus;
mod tree;

use std::time::{Duration, Instant};

use archives::{bzip2, cpio_entry, fit, gzip, tar, xz, zip};
use bytes::Bytes;
use kakoi_model::{FileKind, ProblemCode, Region};
use kakoi_unpack::{Limits, NoJournal, Store, Unpacked, unpack_image};

/// No image of this test, however damaged, may take longer.
const TIME_LIMIT: Duration = Duration::from_secs(2);

fn limits() -> Limits {
    Limits { output_bytes: 64 << 20, content_bytes: 16 << 20, entries: 20_000, ..Limits::default() }
}

/// Unpacks within the limits, and checks what must hold for any input.
fn unpack(image: &[u8], what: &str) -> Unpacked {
    let started = Instant::now();
    let limits = limits();
    let image_size = image.len() as u64;
    let image = Bytes::copy_from_slice(image);
    let found = unpack_image(image, &Store::in_memory(), &limits, &NoJournal);
    let took = started.elapsed();
    assert!(took < TIME_LIMIT, "{what} took {took:?}");
    assert!(found.files.len() as u64 <= limits.entries, "{what}: entries");
    for file in &found.files {
        let beneath = file.path.parts().all(|part| !matches!(part, b".." | b"."));
        assert!(beneath, "{what}: {}", file.path);
        let largest = image_size.max(limits.content_bytes as u64);
        assert!(file.size() <= largest, "{what}: {} has {} bytes", file.path, file.size());
    }
    check_regions(&found.regions, what);
    found
}

/// Regions of a content follow each other without gap or overlap.
fn check_regions(regions: &[Region], what: &str) {
    for pair in regions.windows(2).filter(|pair| pair[0].blob == pair[1].blob) {
        let end = pair[0].offset + pair[0].size;
        assert!(end == pair[1].offset || pair[1].offset == 0, "{what}: regions");
    }
}

fn codes(found: &Unpacked) -> Vec<ProblemCode> {
    let mut codes: Vec<ProblemCode> = found.problems.iter().map(|problem| problem.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Knuth's MMIX generator: the same damage on every run.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below.max(1)
    }
}

/// Every case with its image, made from the small tree.
fn for_each_case(mut check: impl FnMut(&str, &[u8])) {
    let work = tempfile::tempdir().unwrap();
    let tree = work.path().join("tree");
    tree::make_small_tree(&tree);
    let only = std::env::var("KAKOI_CASE").unwrap_or_default();
    for case in corpus::folders(&corpus::folder()).iter().flat_map(|format| corpus::folders(format))
    {
        let name = case.display().to_string();
        let name = name.rsplit("corpus/").next().unwrap();
        if name.contains(&only) {
            check(name, &corpus::make_image(&case, work.path(), &tree).unwrap());
        }
    }
}

/// Rounds that a case of this size gets: all together stay within a minute or so.
fn rounds(most: usize, size: usize) -> usize {
    (6_000_000 / size.max(1)).clamp(12, most)
}

#[test]
fn every_case_cut_at_any_length_is_read_up_to_there() {
    for_each_case(|name, image| {
        let whole = unpack(image, name);
        let mut lengths: Vec<usize> = Vec::new();
        for region in &whole.regions {
            let ends = [region.offset, region.offset + region.size];
            lengths.extend(ends.into_iter().map(|end| usize::try_from(end).unwrap()));
        }
        // Headers lie at the start: there every length counts.
        lengths
            .extend([1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 60, 64, 100, 110, 200, 511, 512, 513]);
        let count = rounds(60, image.len());
        lengths.extend((1..count).map(|step| image.len() * step / count));
        for length in lengths {
            for length in [length.saturating_sub(1), length] {
                if let Some(cut) = image.get(..length) {
                    unpack(cut, &format!("{name} cut to {length}"));
                }
            }
        }
    });
}

#[test]
fn every_case_with_changed_bytes_is_read_or_refused() {
    for_each_case(|name, image| {
        let mut random = Random(0x6b61_6b6f_6921);
        for round in 0..rounds(300, image.len()) {
            let mut damaged = image.to_vec();
            // Half of the damage goes to the first bytes, where the headers are.
            let reach = if round % 2 == 0 { image.len().min(512) } else { image.len() };
            for _ in 0..=random.next(4) {
                let at = random.next(reach);
                damaged[at] = match random.next(4) {
                    0 => 0,
                    1 => 0xff,
                    2 => damaged[at] ^ 1 << random.next(8),
                    _ => u8::try_from(random.next(256)).unwrap(),
                };
            }
            unpack(&damaged, &format!("{name}, damage {round}"));
        }
    });
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
