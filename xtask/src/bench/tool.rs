// SPDX-License-Identifier: Apache-2.0
//! One run of kakoi or of a peer: what it costs, and what comes out.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use kakoi_model::{Digest, Facts, OpenState};
use serde_json::Value;

/// Tools that are measured beside kakoi, where they are installed (`make bench` installs them).
pub(super) struct Peers {
    pub(super) unblob: Option<PathBuf>,
    pub(super) binwalk: Option<PathBuf>,
}

impl Peers {
    pub(super) fn find(work: &Path) -> Self {
        let existing = |path: &str| Some(work.join(path)).filter(|path| path.exists());
        Self {
            unblob: existing("peers/unblob/bin/unblob"),
            binwalk: existing("peers/binwalk/bin/binwalk"),
        }
    }
}

/// What one run used and brought.
pub(super) struct Outcome {
    pub(super) cost: Cost,
    /// Distinct contents of regular files that are not empty.
    pub(super) found: BTreeSet<Digest>,
    /// Containers that were reported and could not be opened, or gave an error.
    pub(super) failed: usize,
}

/// Runs kakoi (0), unblob (1) or binwalk (2) on an image.
pub(super) fn run_tool(
    index: usize,
    tool: &Path,
    image: &Path,
    work: &Path,
) -> anyhow::Result<Outcome> {
    let (out, log) = (work.join("out"), work.join("report.json"));
    let _ = fs::remove_dir_all(&out);
    let _ = fs::remove_file(&log);
    fs::create_dir_all(&out)?;
    let text = |path: &Path| path.display().to_string();
    let mut command = vec![text(tool)];
    let rest: Vec<String> = match index {
        0 => vec!["scan".into(), "-q".into(), "-o".into(), text(&out), text(image)],
        1 => {
            let own_log = text(&work.join("unblob.log"));
            let words = ["-e", &text(&out), "--report", &text(&log), "--log", &own_log];
            words.iter().map(ToString::to_string).chain([text(image)]).collect()
        }
        _ => {
            let words = ["-q", "-M", "-e", "-C", &text(&out), "-l", &text(&log)];
            words.iter().map(ToString::to_string).chain([text(image)]).collect()
        }
    };
    command.extend(rest);
    let cost = measure(&mut command, work)?;
    let report = fs::read(&log).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let report = report.unwrap_or(Value::Null);
    let (found, failed) = match index {
        0 => listed(&out)?,
        1 => (contents(&out)?, failed_chunks(&report)),
        _ => (contents(&out)?, failed_extractions(&report)),
    };
    Ok(Outcome { cost, found, failed })
}

/// unblob's report: chunks whose extraction reported an error.
fn failed_chunks(report: &Value) -> usize {
    let tasks = report.as_array().into_iter().flatten();
    let reports = tasks.flat_map(|task| task["reports"].as_array().into_iter().flatten());
    let errors = |chunk: &Value| chunk["extraction_reports"].as_array().map_or(0, Vec::len);
    reports.filter(|one| one["__typename__"] == "ChunkReport" && errors(one) > 0).count()
}

/// binwalk's log: what an extractor was called for and did not give anything.
fn failed_extractions(log: &Value) -> usize {
    let analyses = log.as_array().into_iter().flatten();
    let extractions =
        analyses.flat_map(|one| one["Analysis"]["extractions"].as_object().into_iter().flatten());
    extractions.filter(|(_, one)| one["success"] == false).count()
}

/// Digests of all regular files beneath a directory that are not empty.
pub(super) fn contents(directory: &Path) -> anyhow::Result<BTreeSet<Digest>> {
    let mut digests = BTreeSet::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
            let path = entry?.path();
            let metadata = fs::symlink_metadata(&path)?;
            if metadata.is_dir() {
                waiting.push(path);
            } else if metadata.is_file() && metadata.len() > 0 {
                digests.insert(Digest::of(&fs::read(&path)?));
            }
        }
    }
    Ok(digests)
}

/// What one run used.
pub(crate) struct Cost {
    pub(crate) cpu_s: f64,
    pub(crate) peak_kib: u64,
    pub(crate) exit: String,
}

/// GNU time accounts for the process and all that it waited for; its peak is the largest one's. After 300 seconds it is ended.
pub(crate) fn measure(command: &mut Vec<String>, work: &Path) -> anyhow::Result<Cost> {
    let log = work.join("time.log");
    let mut full =
        vec!["/usr/bin/time".to_owned(), "-f".to_owned(), "%U %S %M".to_owned(), "-o".to_owned()];
    full.push(log.display().to_string());
    full.extend(["timeout", "300"].map(str::to_owned));
    full.append(command);
    // What peers call is looked for beside them first.
    let beside =
        ["peers/shim", "peers/unblob/bin"].map(|path| work.join(path).display().to_string());
    let path = format!("{}:{}", beside.join(":"), std::env::var("PATH")?);
    let status = Command::new(&full[0])
        .args(&full[1..])
        .env("PATH", path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let text = fs::read_to_string(&log)?;
    let last = text.lines().last().unwrap_or_default();
    let mut fields = last.split(' ');
    let mut next = || fields.next().and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN);
    let cpu_s = next() + next();
    let peak_kib = next() as u64;
    let exit = status
        .code()
        .map_or_else(|| format!("signal {:?}", status.signal()), |code| code.to_string());
    Ok(Cost { cpu_s, peak_kib, exit })
}

/// Digests that a scan lists, and containers that did not open.
fn listed(out: &Path) -> anyhow::Result<(BTreeSet<Digest>, usize)> {
    let text = fs::read_to_string(out.join("facts.jsonl")).unwrap_or_default();
    let facts = Facts::from_json_lines(&text)?;
    let files = facts.files().filter(|file| file.size() > 0);
    let failed =
        facts.containers().filter(|container| container.state == OpenState::Failed).count();
    Ok((files.filter_map(kakoi_model::File::digest).collect(), failed))
}
