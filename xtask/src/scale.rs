// SPDX-License-Identifier: Apache-2.0
//! What a corpus of many images costs: real files of the images in DATA, recombined, added in batches, surveyed.
//!
//! An image has files of its kit (all images of a kit have them), of its vendor, and some of its own choice, as products of one
//! kit do; and one file that no other has. Images of a batch are removed once they are added.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context;
use kakoi_arena::cpio::Archive;

use crate::docs::replace;
use crate::kakoi;

/// Images that lie on the disk at once.
const BATCH: u64 = 250;
/// Files of an image: of its kit, of its vendor, of its own choice.
const FILES: [u64; 3] = [24, 12, 6];
const KITS: u64 = 40;
const VENDORS: u64 = 25;
/// Longer files are left out: the images are many.
const MOST_BYTES: u64 = 96 << 10;

const PAGE: &str = "docs/BENCHMARKS.md";
const HEAD: &str =
    "| images | core-seconds per image | bytes per image | survey, warm, s |\n|---|---|---|---|\n";

pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let data = arguments.first().map(PathBuf::from).context("DATA is missing")?;
    let work = arguments.get(1).map(PathBuf::from).context("a directory to work in is missing")?;
    let mut steps: Vec<u64> =
        arguments.iter().skip(2).filter_map(|text| text.parse().ok()).collect();
    if steps.is_empty() {
        steps = vec![1_000, 10_000];
    }
    let binary = kakoi()?;
    let files = find_files(&binary, &data, &work)?;
    println!("{} files to choose from", files.len());
    let mut text = String::from(HEAD);
    print!("{text}");
    let corpus = work.join("corpus");
    let (mut done, mut spent) = (0, 0.0);
    for step in steps {
        let (first, before) = (done, spent);
        while done < step {
            let end = (done + BATCH).min(step);
            spent += add(&binary, &work, &corpus, &files, done..end)?;
            done = end;
        }
        let out = work.join("survey");
        let survey = || -> anyhow::Result<f64> {
            let start = Instant::now();
            kakoi_corpus(&binary, &corpus, &["survey", "-o", &out.display().to_string()])?;
            Ok(start.elapsed().as_secs_f64())
        };
        survey()?;
        let bytes = size(&corpus)?;
        let each = (spent - before) / (done - first).max(1) as f64;
        let row = format!("| {done} | {each:.3} | {} | {:.2} |\n", bytes / done.max(1), survey()?);
        print!("{row}");
        text.push_str(&row);
    }
    if arguments.iter().any(|argument| argument == "--write") {
        replace(PAGE, "scale", &text)?;
    }
    Ok(())
}

/// Contents of the files in real images, in a fixed order.
fn find_files(binary: &Path, data: &Path, work: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let folder = work.join("files");
    if !folder.exists() {
        let images = walk(&data.join("firmware"))?;
        for (number, image) in images.iter().enumerate() {
            let into = folder.join(number.to_string());
            // What cannot be extracted is not needed.
            let _ = Command::new(binary).args(["extract", "-q"]).arg(image).arg(&into).output()?;
        }
    }
    let mut found = BTreeMap::new();
    for path in walk(&folder)? {
        let bytes = fs::metadata(&path)?.len();
        if (256..=MOST_BYTES).contains(&bytes) {
            let content = fs::read(&path)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.entry(kakoi_model::Digest::of(&content)).or_insert((name, content));
        }
    }
    anyhow::ensure!(found.len() > 100, "only {} files were extracted", found.len());
    Ok(found.into_values().collect())
}

/// Regular files beneath a folder, in order.
fn walk(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Makes a batch, adds it, removes it; tells the core-seconds of adding.
fn add(
    binary: &Path,
    work: &Path,
    corpus: &Path,
    files: &[(String, Vec<u8>)],
    batch: std::ops::Range<u64>,
) -> anyhow::Result<f64> {
    let images = work.join("images");
    for number in batch {
        let folder = images.join(format!("vendor{}/model{}", number % VENDORS, number % 200));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("{number}.bin")), image(files, number)?)?;
    }
    let before = children_seconds()?;
    let path = images.display().to_string();
    kakoi_corpus(binary, corpus, &["add", "-q", "--vendor-from", "path", &path])?;
    let spent = children_seconds()? - before;
    fs::remove_dir_all(&images)?;
    Ok(spent)
}

fn image(files: &[(String, Vec<u8>)], number: u64) -> anyhow::Result<Vec<u8>> {
    let mut archive = Archive::new(Vec::new());
    let of_kit = (0..FILES[0]).map(|at| mix(1, number % KITS, at));
    let of_vendor = (0..FILES[1]).map(|at| mix(2, number % VENDORS, at));
    let own = (0..FILES[2]).map(|at| mix(3, number, at));
    for (at, choice) in of_kit.chain(of_vendor).chain(own).enumerate() {
        if let Some((name, content)) = files.get((choice % files.len() as u64) as usize) {
            archive.file(&format!("{at:02}-{name}"), 0o755, content)?;
        }
    }
    let version = format!("synthetic firmware {number}\n").into_bytes();
    archive.file("version", 0o644, &version)?;
    Ok(archive.finish()?)
}

/// A number that three numbers decide.
fn mix(kind: u64, group: u64, at: u64) -> u64 {
    let mut mixed = (kind << 56 ^ group << 20 ^ at).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 31;
    mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 29)
}

fn kakoi_corpus(binary: &Path, corpus: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let run = Command::new(binary).arg("corpus").arg("-C").arg(corpus).args(arguments).output()?;
    anyhow::ensure!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    Ok(())
}

/// Processor time of children that have ended (proc(5): fields 16 and 17 of stat, in hundredths of a second).
fn children_seconds() -> anyhow::Result<f64> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let rest = text.rsplit_once(')').map(|(_, rest)| rest).context("/proc/self/stat")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let field = |at: usize| -> anyhow::Result<f64> { Ok(fields.get(at).context("stat")?.parse()?) };
    Ok((field(13)? + field(14)?) / 100.0)
}

fn size(folder: &Path) -> anyhow::Result<u64> {
    let lengths = walk(folder)?.into_iter().map(|path| Ok(fs::metadata(path)?.len()));
    lengths.sum::<std::io::Result<u64>>().map_err(Into::into)
}
