// SPDX-License-Identifier: Apache-2.0
//! How well `kakoi stages` agrees with labels that people gave, as a confusion matrix.

use std::path::{Path, PathBuf};

use anyhow::Context;
use kakoi_assess::stages::{Matrix, classify_transcript, parse_labels, vendor_escapes};
use kakoi_model::{Purpose, Stage};

use crate::docs::replace;
use crate::top;

/// Least F1 of every row that has labels (requirement C-2).
const LEAST: f64 = 0.95;

pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let write = arguments.iter().any(|argument| argument == "--write");
    let named = arguments.iter().filter(|argument| !argument.starts_with("--"));
    let mut folders: Vec<PathBuf> = named.map(PathBuf::from).collect();
    if folders.is_empty() {
        folders.push(top().join("tests/transcripts"));
    }
    let mut text = String::new();
    let mut low = Vec::new();
    for folder in &folders {
        text += &measure(folder, &mut low)?;
    }
    print!("{text}");
    if write {
        replace("docs/STAGES.md", "matrix", &text)?;
        replace("docs/STAGES.md", "vendors", &vendors())?;
    }
    anyhow::ensure!(low.is_empty(), "below {LEAST}: {}", low.join(", "));
    Ok(())
}

fn measure(folder: &Path, low: &mut Vec<String>) -> anyhow::Result<String> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    let mut matrix = Matrix::default();
    for path in &paths {
        let labels = path.with_extension("stages");
        let labels = std::fs::read_to_string(&labels)
            .with_context(|| format!("{} has no labels", path.display()))?;
        let labels = parse_labels(&labels)
            .map_err(|line| anyhow::anyhow!("labels of {}, line {line}", path.display()))?;
        let lines = classify_transcript(&std::fs::read(path)?);
        for line in matrix.add_transcript(&labels, &lines) {
            eprintln!("{}:{line} differs", path.display());
        }
    }
    for stage in Stage::ALL {
        let f1 = matrix.score(Purpose::Stage(stage)).f1();
        low.extend(f1.filter(|f1| *f1 < LEAST).map(|f1| format!("{stage} {f1:.3}")));
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let parent = folder.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let count = paths.len();
    let total = matrix.total();
    let table = matrix.render();
    Ok(format!("`{parent}/{name}`: {count} transcripts, {total} sub-commands\n\n{table}\n"))
}

fn vendors() -> String {
    let rows = vendor_escapes().map(|(words, source)| format!("| `{words}` | {source} |\n"));
    format!("| words | known from |\n|---|---|\n{}\n", rows.collect::<String>())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_stages_of_the_transcripts_agree_with_their_labels() {
        super::run(&[]).unwrap();
    }

    #[test]
    fn the_vendor_words_of_the_docs_are_those_of_the_code() {
        let docs = std::fs::read_to_string(super::top().join("docs/STAGES.md")).unwrap();
        assert!(docs.contains(&super::vendors()), "run `cargo xtask stages --write`");
    }
}
