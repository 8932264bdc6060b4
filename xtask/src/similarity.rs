// SPDX-License-Identifier: Apache-2.0
//! How well likeness tells what is of one source, beside TLSH and ssdeep on the same pairs: `cargo xtask similarity DATA [--write]`.
//!
//! `DATA` is what `benches/similar.sh` fetches and builds: `files.tsv` with lines of path, source, version, architecture, compiler,
//! program. Pairs of one program are the positive ones, by what differs between them; pairs of programs of different sources the
//! negative ones. The area under the ROC is the share of (positive, negative) pairs of pairs that a score orders rightly, ties by half
//! (Mann and Whitney, 1947). `ssdeep` is Debian's, TLSH (py-tlsh) and the
//! comparison of ssdeep's hashes (ppdeep) are installed from PyPI beneath target/.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use kakoi_compare::Sketch;

use crate::docs::replace;
use crate::top;

const PAGE: &str = "docs/BENCHMARKS.md";
/// Reads paths, one in a line, then a blank line and pairs of their numbers; prints two scores for each pair, larger where more alike.
const PEERS: &str = r#"
import subprocess, sys, tlsh, ppdeep
lines = iter(sys.stdin.read().split("\n"))
paths = list(iter(lambda: next(lines), ""))
left = [tlsh.hash(open(path, "rb").read()) for path in paths]
right = []
for path in paths:
    said = subprocess.run(["ssdeep", "-s", path], capture_output=True, text=True, check=True).stdout
    right.append(said.split("\n")[1].split(",")[0])
for line in lines:
    if line:
        a, b = map(int, line.split())
        far = tlsh.diff(left[a], left[b]) if "TNULL" not in (left[a], left[b]) else 10000
        print(-far, ppdeep.compare(right[a], right[b]))
"#;

/// One line of the table of files.
struct File {
    path: PathBuf,
    source: String,
    version: String,
    architecture: String,
    compiler: String,
    program: String,
}

/// The classes of pairs, in the order of the report.
const CLASSES: [&str; 4] = ["same source", "other version", "other architecture", "other compiler"];
const UNRELATED: &str = "unrelated";

pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let data = arguments.first().map(PathBuf::from).context("DATA is missing")?;
    let files = read(&data)?;
    let mut pairs: Vec<(usize, usize, &str)> = Vec::new();
    for (a, one) in files.iter().enumerate() {
        for (b, other) in files.iter().enumerate().skip(a + 1) {
            pairs.extend(class(one, other).map(|class| (a, b, class)));
        }
    }
    let pairs = thin(pairs);
    let sketches = files
        .iter()
        .map(|file| Ok(Sketch::of(&std::fs::read(&file.path)?)))
        .collect::<anyhow::Result<Vec<Sketch>>>()?;
    let ours = |(a, b, _): &(usize, usize, &str)| {
        let both = sketches.get(*a).zip(sketches.get(*b));
        both.map_or(0.0, |(one, other)| one.likeness(other).score())
    };
    let ours: Vec<f64> = pairs.iter().map(ours).collect();
    let peers = peers(&files, &pairs)?;
    let scores: [Vec<f64>; 3] =
        [ours, peers.iter().map(|it| it.0).collect(), peers.iter().map(|it| it.1).collect()];
    let text = render(&files, &pairs, &scores);
    print!("{text}");
    if arguments.iter().any(|argument| argument == "--write") {
        replace(PAGE, "similarity", &text)?;
    }
    Ok(())
}

fn read(data: &Path) -> anyhow::Result<Vec<File>> {
    let text = std::fs::read_to_string(data.join("files.tsv")).context("files.tsv")?;
    let parse = |line: &str| {
        let mut fields = line.split('\t').map(str::to_owned);
        let path = data.join(fields.next()?);
        let [source, version, architecture] = [fields.next()?, fields.next()?, fields.next()?];
        let [compiler, program] = [fields.next()?, fields.next()?];
        Some(File { path, source, version, architecture, compiler, program })
    };
    Ok(text.lines().filter_map(parse).collect())
}

/// What a pair is; none where more than one thing differs, or where it is not told.
fn class(one: &File, other: &File) -> Option<&'static str> {
    if one.source != other.source {
        return Some(UNRELATED);
    }
    if one.program != other.program {
        return None;
    }
    let upstream = |file: &File| {
        let version = file.version.rsplit_once('-').map_or(file.version.as_str(), |it| it.0);
        version.split(['+', '~']).next().unwrap_or(version).to_owned()
    };
    let differs = [
        upstream(one) != upstream(other),
        one.architecture != other.architecture,
        one.compiler != other.compiler,
    ];
    match differs {
        [false, false, false] => Some("same source"),
        [true, false, _] => Some("other version"),
        [false, true, false] => Some("other architecture"),
        [false, false, true] => Some("other compiler"),
        _ => None,
    }
}

/// All pairs of a kind, and of the unrelated ones so many, spread evenly.
fn thin(pairs: Vec<(usize, usize, &'static str)>) -> Vec<(usize, usize, &'static str)> {
    const MOST: usize = 20_000;
    let unrelated = pairs.iter().filter(|pair| pair.2 == UNRELATED).count();
    let step = unrelated.div_ceil(MOST).max(1);
    let mut seen = 0;
    let keep = |pair: &(usize, usize, &str)| {
        seen += usize::from(pair.2 == UNRELATED);
        pair.2 != UNRELATED || seen % step == 0
    };
    pairs.into_iter().filter(keep).collect()
}

fn peers(files: &[File], pairs: &[(usize, usize, &str)]) -> anyhow::Result<Vec<(f64, f64)>> {
    let folder = top().join("target/similarity");
    let python = folder.join("bin/python");
    if !python.exists() {
        let status = Command::new("python3").args(["-m", "venv"]).arg(&folder).status()?;
        anyhow::ensure!(status.success(), "python3 -m venv");
        let wanted = ["-m", "pip", "install", "--quiet", "py-tlsh", "ppdeep"];
        let status = Command::new(&python).args(wanted).status()?;
        anyhow::ensure!(status.success(), "py-tlsh and ppdeep could not be installed");
    }
    let mut asked = String::new();
    files.iter().for_each(|file| asked += &format!("{}\n", file.path.display()));
    asked.push('\n');
    pairs.iter().for_each(|(a, b, _)| asked += &format!("{a} {b}\n"));
    let mut run = Command::new(python)
        .args(["-c", PEERS])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    run.stdin.take().context("stdin")?.write_all(asked.as_bytes())?;
    let output = run.wait_with_output()?;
    anyhow::ensure!(output.status.success(), "TLSH and ssdeep failed");
    let parse = |line: &str| {
        let (left, right) = line.split_once(' ').context("two scores")?;
        Ok((left.parse()?, right.parse()?))
    };
    String::from_utf8_lossy(&output.stdout).lines().map(parse).collect()
}

fn render(files: &[File], pairs: &[(usize, usize, &str)], scores: &[Vec<f64>; 3]) -> String {
    let of = |scores: &[f64], class: &str| -> Vec<f64> {
        let chosen = pairs.iter().zip(scores).filter(|(pair, _)| pair.2 == class);
        chosen.map(|(_, score)| *score).collect()
    };
    let sources: BTreeMap<&str, ()> = files.iter().map(|it| (it.source.as_str(), ())).collect();
    let mut text = format!(
        "{} programs of {} sources, {} unrelated pairs.\n\n| pairs | count | kakoi | TLSH | ssdeep |\n|---|---|---|---|---|\n",
        files.len(),
        sources.len(),
        of(&scores[0], UNRELATED).len()
    );
    let negatives = scores.each_ref().map(|scores| of(scores, UNRELATED));
    let mut row = |name: &str, positives: [Vec<f64>; 3]| {
        let _ = write!(text, "| {name} | {} |", positives[0].len());
        for (positive, negative) in positives.iter().zip(&negatives) {
            let _ = write!(text, " {:.4} |", area(positive, negative));
        }
        text.push('\n');
    };
    for class in CLASSES {
        row(class, scores.each_ref().map(|scores| of(scores, class)));
    }
    let all = |scores: &Vec<f64>| CLASSES.iter().flat_map(|class| of(scores, class)).collect();
    row("all of them", scores.each_ref().map(all));
    text.push('\n');
    text
}

/// Area under the ROC: how often a positive pair scores above a negative one.
fn area(positives: &[f64], negatives: &[f64]) -> f64 {
    let mut sorted = negatives.to_vec();
    sorted.sort_by(f64::total_cmp);
    let won = positives.iter().map(|score| {
        let below = sorted.partition_point(|it| it < score);
        let upto = sorted.partition_point(|it| it <= score);
        (below + upto) as f64 / 2.0
    });
    won.sum::<f64>() / (positives.len().max(1) * negatives.len().max(1)) as f64
}

#[cfg(test)]
mod tests {
    use super::area;

    #[test]
    fn the_area_is_the_share_of_pairs_in_order_with_ties_by_half() {
        assert_eq!(area(&[3.0, 4.0], &[1.0, 2.0]), 1.0);
        assert_eq!(area(&[1.0], &[1.0, 2.0]), 0.25);
        assert_eq!(area(&[0.0, 0.0], &[0.0]), 0.5);
    }
}
