// SPDX-License-Identifier: Apache-2.0
//! The golden corpus: every case under `tests/corpus` opens as its `expect.toml` says. See the
//! README there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod corpus;
mod tree;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use kakoi_model::{File, FileKind, RegionKind};
use kakoi_unpack::{Limits, NoJournal, Store, Unpacked, formats, unpack_image};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    opened: Vec<String>,
    tree: TreeLevel,
    #[serde(default)]
    listing: Vec<String>,
    #[serde(default)]
    problems: Vec<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default = "all_bytes")]
    coverage: f64,
}

#[derive(Deserialize, PartialEq, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum TreeLevel {
    Full,
    Content,
    Files,
    None,
}

fn all_bytes() -> f64 {
    1.0
}

#[test]
fn every_format_has_a_case() {
    let missing: Vec<&str> = formats::ALL
        .iter()
        .map(|format| format.doc().name)
        .filter(|name| corpus::folders(&corpus::folder().join(name)).is_empty())
        .collect();
    assert!(missing.is_empty(), "formats without a golden case: {missing:?}");
}

#[test]
fn every_folder_is_a_format() {
    for folder in corpus::folders(&corpus::folder()) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert!(formats::find_by_name(name).is_some(), "{name} is no format of the registry");
    }
}

#[test]
fn every_case_opens_as_expected() {
    let work = tempfile::tempdir().unwrap();
    let tree = work.path().join("tree");
    tree::make_tree(&tree);
    let expected = tree::list_tree(&tree);
    let only = std::env::var("KAKOI_CASE").unwrap_or_default();
    let mut failures = Vec::new();
    let mut count = 0;
    for case in corpus::folders(&corpus::folder()).iter().flat_map(|format| corpus::folders(format))
    {
        if !case.to_string_lossy().contains(&only) {
            continue;
        }
        count += 1;
        if let Err(reason) = check_case(&case, work.path(), &tree, &expected) {
            failures.push(format!("{}: {reason}", case.display()));
        }
    }
    assert!(count > 0, "no case found");
    assert!(failures.is_empty(), "{} of {count} cases:\n{}", failures.len(), failures.join("\n"));
}

fn check_case(
    case: &Path,
    work: &Path,
    tree: &Path,
    expected: &[tree::Line],
) -> Result<(), String> {
    let image = corpus::make_image(case, work, tree)?;
    corpus::keep_image(case, &image);
    let text = fs::read_to_string(case.join("expect.toml")).map_err(|error| error.to_string())?;
    let expectation: Expectation = toml::from_str(&text).map_err(|error| error.to_string())?;
    let size = image.len() as u64;
    let store = Store::in_memory();
    let found = unpack_image(image.into(), &store, &Limits::default(), &NoJournal);
    check_opened(&expectation, &found)?;
    check_problems(&expectation, &found)?;
    check_attributes(&expectation, &found)?;
    check_coverage(&expectation, &found, size)?;
    let lines = listing(&found, expectation.opened.last().map_or("", String::as_str));
    if expectation.tree == TreeLevel::None {
        return check_listing(case, &expectation, &lines, &text);
    }
    check_tree(expectation.tree, &lines, expected)
}

fn check_opened(expectation: &Expectation, found: &Unpacked) -> Result<(), String> {
    let opened: Vec<&str> =
        found.containers.iter().map(|container| container.format.as_str()).collect();
    if opened == expectation.opened {
        return Ok(());
    }
    Err(format!(
        "opened {opened:?}, expected {:?}; problems {:?}",
        expectation.opened, found.problems
    ))
}

fn check_problems(expectation: &Expectation, found: &Unpacked) -> Result<(), String> {
    let mut codes: Vec<&str> = found.problems.iter().map(|problem| problem.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    let mut wanted: Vec<&str> = expectation.problems.iter().map(String::as_str).collect();
    wanted.sort_unstable();
    if codes == wanted {
        return Ok(());
    }
    let problems: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
    Err(format!("problems {problems:?}, expected codes {wanted:?}"))
}

fn check_attributes(expectation: &Expectation, found: &Unpacked) -> Result<(), String> {
    let name = expectation.opened.last().map_or("", String::as_str);
    let container = found.containers.iter().rfind(|container| container.format == name);
    let attributes = container.map(|container| &container.attributes);
    for (key, value) in &expectation.attributes {
        let actual = attributes.and_then(|attributes| attributes.get(key));
        if actual != Some(value) {
            return Err(format!("attribute {key} is {actual:?}, expected {value:?}"));
        }
    }
    Ok(())
}

fn check_coverage(expectation: &Expectation, found: &Unpacked, size: u64) -> Result<(), String> {
    let image = found.containers.first().map(|container| container.blob);
    let unknown: u64 = found
        .regions
        .iter()
        .filter(|region| Some(region.blob) == image)
        .filter(|region| matches!(region.what, RegionKind::Unknown { .. }))
        .map(|region| region.size)
        .sum();
    let share = 1.0 - unknown as f64 / size.max(1) as f64;
    if share >= expectation.coverage {
        return Ok(());
    }
    Err(format!("{share:.4} of the bytes are named, expected {}", expectation.coverage))
}

/// Lines of the last container of that format.
fn listing(found: &Unpacked, format: &str) -> Vec<tree::Line> {
    let container = found.containers.iter().rfind(|container| container.format == format);
    let files = found.files.iter().filter(|file| Some(file.container) == container.map(|c| c.id));
    files.filter(|file| !file.path.is_root()).map(line).collect()
}

fn line(file: &File) -> tree::Line {
    let (kind, detail, digest) = match &file.kind {
        FileKind::Regular { digest, size } => ("file", size.to_string(), digest.to_string()),
        FileKind::Directory => ("dir", "-".to_owned(), String::new()),
        FileKind::Symlink { target } => ("link", target.clone(), String::new()),
        FileKind::CharDevice { major, minor } => {
            ("char", format!("{major},{minor}"), String::new())
        }
        FileKind::BlockDevice { major, minor } => {
            ("block", format!("{major},{minor}"), String::new())
        }
        FileKind::Fifo => ("fifo", "-".to_owned(), String::new()),
        FileKind::Socket => ("socket", "-".to_owned(), String::new()),
    };
    tree::Line {
        path: file.path.to_string(),
        kind: kind.to_owned(),
        mode: file.mode.map_or_else(|| "-".to_owned(), |mode| format!("{mode:o}")),
        detail,
        digest: digest.get(..16).unwrap_or("-").to_owned(),
    }
}

fn check_listing(
    case: &Path,
    expectation: &Expectation,
    lines: &[tree::Line],
    text: &str,
) -> Result<(), String> {
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    if std::env::var_os("KAKOI_BLESS").is_some() {
        return bless(case, &lines, text);
    }
    if lines == expectation.listing && !(lines.is_empty() && expectation.attributes.is_empty()) {
        return Ok(());
    }
    Err(format!("listing is\n{}\nexpected\n{}", lines.join("\n"), expectation.listing.join("\n")))
}

fn bless(case: &Path, lines: &[String], text: &str) -> Result<(), String> {
    let start = text.find("listing = [").ok_or("no `listing = [` in expect.toml")?;
    let end = text[start..].find(']').ok_or("no end of listing")? + start + 1;
    let rows: String = lines.iter().map(|line| format!("    {line:?},\n")).collect();
    let text = format!("{}listing = [\n{rows}]{}", &text[..start], &text[end..]);
    fs::write(case.join("expect.toml"), text).map_err(|error| error.to_string())
}

fn check_tree(
    level: TreeLevel,
    lines: &[tree::Line],
    expected: &[tree::Line],
) -> Result<(), String> {
    let reduce = |line: &tree::Line| {
        let mut line = line.clone();
        if level != TreeLevel::Full || line.kind == "link" {
            line.mode = "-".to_owned();
        }
        line
    };
    let keep = |line: &&tree::Line| level != TreeLevel::Files || line.kind == "file";
    let actual: Vec<tree::Line> = lines.iter().filter(keep).map(reduce).collect();
    let expected: Vec<tree::Line> = expected.iter().filter(keep).map(reduce).collect();
    let missing: Vec<String> =
        expected.iter().filter(|line| !actual.contains(line)).map(ToString::to_string).collect();
    let extra: Vec<String> =
        actual.iter().filter(|line| !expected.contains(line)).map(ToString::to_string).collect();
    if missing.is_empty() && extra.is_empty() {
        return Ok(());
    }
    Err(format!(
        "missing {}:\n  {}\nextra {}:\n  {}",
        missing.len(),
        missing.join("\n  "),
        extra.len(),
        extra.join("\n  ")
    ))
}

#[test]
fn an_empty_image_is_read_without_complaint() {
    let found = unpack_image(Bytes::new(), &Store::in_memory(), &Limits::default(), &NoJournal);
    assert_eq!(found.containers.len(), 0);
    assert_eq!(found.contents[0].kind, "empty");
}
