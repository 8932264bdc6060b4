// SPDX-License-Identifier: Apache-2.0
//! Labelled transcripts typed into the real honeypot: the stages of what it recorded against the labels. `KAKOI_TRANSCRIPTS`
//! names another folder than `tests/transcripts`. Needs what `sessions` needs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rig;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kakoi_assess::stages::{LineStages, Matrix, Sessions, parse_labels, parse_record};
use kakoi_model::{Purpose, Stage};
use rig::{Client, Honeypot};

/// How long a line may work until the next one is typed all the same, as bots do.
const PATIENCE: Duration = Duration::from_secs(3);

/// Least F1 of every stage that has labels (issue 5, "Must hold" 3).
const LEAST: f64 = 0.97;

fn transcripts() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/transcripts");
    let folder = std::env::var_os("KAKOI_TRANSCRIPTS").map_or(own, PathBuf::from);
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    paths.sort();
    paths
}

/// Lines that are typed, with their numbers in the file.
fn lines(text: &str) -> Vec<(u64, &str)> {
    let numbered = (1..).zip(text.lines());
    let typed = numbered.filter(|(number, line)| *number > 1 || !line.starts_with("# "));
    typed.filter(|(_, line)| !line.trim().is_empty()).collect()
}

/// Types a transcript; gives the stages of what was recorded, numbered as the transcript's lines, and by calls alone.
fn replay(
    honeypot: &Honeypot,
    text: &str,
    before: usize,
) -> (Vec<LineStages>, Vec<BTreeSet<Stage>>) {
    let mut client = Client::log_in(honeypot);
    let typed = lines(text);
    for (_, line) in &typed {
        if !client.type_for(line, PATIENCE) {
            break;
        }
    }
    drop(client);
    let events = honeypot.settled(before + 1);
    let name = events.last().unwrap()["session"].clone();
    let mut sessions = Sessions::new(1);
    let mut settled = Vec::new();
    for event in events.iter().filter(|event| event["session"] == name) {
        let number = event["line"].as_u64().unwrap_or(0);
        settled.extend(sessions.push(number, &parse_record(event.to_string().as_bytes())));
    }
    settled.extend(sessions.finish());
    let observed = settled.iter().map(|one| one.observed().into_iter().collect()).collect();
    let mut stages: Vec<LineStages> = settled.into_iter().map(|one| one.line).collect();
    // The n-th line that was read is the n-th that was typed.
    for stage in &mut stages {
        let place = usize::try_from(stage.number).unwrap_or(0).checked_sub(1);
        stage.number = place.and_then(|place| typed.get(place)).map_or(0, |(number, _)| *number);
    }
    (stages, observed)
}

#[test]
fn what_is_typed_into_the_honeypot_has_the_stages_of_its_labels() {
    let honeypot = Honeypot::start("failure_delay_ms = 0\npool = 1\n");
    let mut matrix = Matrix::default();
    let mut by_calls = 0;
    for (before, path) in transcripts().iter().enumerate() {
        let text = fs::read_to_string(path).unwrap();
        let labels =
            parse_labels(&fs::read_to_string(path.with_extension("stages")).unwrap()).unwrap();
        let (stages, observed) = replay(&honeypot, &text, before);
        by_calls += observed.iter().filter(|stages| !stages.is_empty()).count();
        let differing = matrix.add_transcript(&labels, &stages);
        if !differing.is_empty() {
            println!("{}: lines {differing:?}", path.display());
        }
    }
    println!("{}\n{by_calls} lines with a stage by calls", matrix.render());
    assert!(by_calls > 0);
    for stage in Stage::ALL {
        let score = matrix.score(Purpose::Stage(stage));
        if let Some(share) = score.f1().filter(|_| score.labelled > 0) {
            assert!(share >= LEAST, "{stage}: {share:.3}");
        }
    }
}
