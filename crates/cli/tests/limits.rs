// SPDX-License-Identifier: Apache-2.0
//! Each limit of a scan is an option, and is named in the problem that it causes.

use std::fs;

use super::image::{self, cpio, file};
use super::{kakoi, stderr, text};

/// The problems of a scan with these options, as JSON lines.
fn problems(content: &[u8], options: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.bin");
    fs::write(&path, content).unwrap();
    let out = folder.path().join("out");
    let mut arguments = vec!["scan", "-q", "-o", text(&out)];
    arguments.extend(options);
    arguments.push(text(&path));
    let output = kakoi(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let facts = fs::read_to_string(out.join("facts.jsonl")).unwrap();
    facts.lines().filter(|line| line.contains("\"fact\":\"problem\"")).map(str::to_owned).collect()
}

fn assert_names(problems: &[String], code: &str, limit: &str) {
    let told = |line: &String| line.contains(&format!("\"{code}\"")) && line.contains(limit);
    assert!(problems.iter().any(told), "{code} {limit}: {problems:?}");
}

#[test]
fn a_limit_that_is_reached_is_named_with_its_reason() {
    let zeros = vec![0; 3 << 20];
    let bomb = image::gzip(&zeros);
    assert!(bomb.len() < 64 << 10);
    assert_names(&problems(&bomb, &["--max-content", "1"]), "size-limit", "max-content");
    assert_names(&problems(&bomb, &["--max-output", "1"]), "size-limit", "max-output");
    let many = cpio(&[file("a", 0o644, b"1"), file("b", 0o644, b"2"), file("c", 0o644, b"3")]);
    assert_names(&problems(&many, &["--max-entries", "2"]), "count-limit", "max-entries");
    let nested = image::gzip(&image::gzip(&image::gzip(&many)));
    assert_names(&problems(&nested, &["--max-depth", "2"]), "depth-limit", "max-depth");
    assert_eq!(problems(&nested, &[]), Vec::<String>::new());
}

#[test]
fn a_bomb_costs_its_ratio_and_no_more() {
    // 300 MiB of zeros: beyond what is always allowed, and a thousand times the image.
    let bomb = image::gzip(&image::gzip(&vec![0; 300 << 20]));
    assert!(bomb.len() < 8 << 10, "{}", bomb.len());
    assert_names(&problems(&bomb, &["--max-ratio", "10"]), "size-limit", "max-output");
    let files = [file("a", 0o644, b"1")];
    assert_eq!(problems(&cpio(&files), &["--max-ratio", "1"]), Vec::<String>::new());
}
