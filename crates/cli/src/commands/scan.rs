// SPDX-License-Identifier: Apache-2.0
//! `kakoi scan`: an image in, facts and findings out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use kakoi_assess::{assess, catalogue, new_findings};
use kakoi_model::{Facts, Finding, RegionKind, Severity};
use kakoi_report::{
    Colour, TerminalOptions, render_cyclonedx, render_html, render_json, render_sarif, render_spdx,
    render_terminal,
};

use super::parsing::{NoContents, Parsing};
use crate::exit::{BadInput, Exit};
use crate::output;
use crate::worker::Task;

/// Scan a firmware image, an archive or a directory
///
/// Prints a summary. With -o it also writes report.html, facts.jsonl, findings.sarif,
/// sbom.cdx.json (CycloneDX 1.6) and sbom.spdx.json (SPDX 2.3).
#[derive(Args)]
pub struct Arguments {
    /// Firmware image, archive, or the directory of a root file system
    image: PathBuf,
    /// Write the reports into this directory; made if it is missing
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    format: Printed,
    /// Exit with 1 if there are findings of this severity or worse
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<Severity>,
    /// facts.jsonl of an earlier scan: only findings that it does not have count as findings
    #[arg(long, value_name = "FACTS")]
    baseline: Option<PathBuf>,
    #[command(flatten)]
    parsing: Parsing,
}

/// Forms of standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Printed {
    /// A summary for people
    Text,
    /// One JSON document: summary, findings, facts
    Json,
    /// The facts, one JSON object a line
    Facts,
    /// Findings as SARIF 2.1.0
    Sarif,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let baseline = arguments.baseline.as_deref().map(read_baseline).transpose()?;
    let scan = arguments.parsing.read(&arguments.image, Task::Inspect, &mut NoContents)?;
    let facts = scan.facts;
    let mut findings = assess(&facts);
    if let Some(baseline) = &baseline {
        findings = new_findings(&findings, &assess(baseline));
    }
    if let Some(directory) = &arguments.output {
        write_reports(directory, &facts, &findings)?;
    }
    output::data(&render(arguments.format, &facts, &findings)?)?;
    if let Some(directory) = &arguments.output {
        output::say(&format!("reports: {}", directory.join("report.html").display()));
    }
    if !recognised(&facts) {
        let reason = BadInput(why_nothing(&facts).to_owned());
        return Err(reason).with_context(|| arguments.image.display().to_string());
    }
    let limit = arguments.fail_on;
    let failed =
        limit.is_some_and(|limit| findings.iter().any(|finding| finding.severity >= limit));
    Ok(if failed { Exit::Findings } else { Exit::Done })
}

/// What is said of an input without anything in it.
pub(super) fn why_nothing(facts: &Facts) -> &'static str {
    match facts.image() {
        Some(image) if image.size == 0 => "the file is empty",
        _ if recognised(facts) => {
            "it is recognised, but no container: nothing can be taken out of it"
        }
        _ => "nothing in it was recognised",
    }
}

/// The facts of an earlier scan. What is wrong with the file is said with its line.
fn read_baseline(path: &Path) -> anyhow::Result<Facts> {
    let bad = |reason: String| BadInput(format!("{}: {reason}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
    let facts = Facts::from_json_lines(&text).map_err(|error| bad(error.to_string()))?;
    if facts.image().is_none() {
        anyhow::bail!(bad("no image line: not the facts.jsonl of a scan".to_owned()));
    }
    Ok(facts)
}

fn write_reports(directory: &Path, facts: &Facts, findings: &[Finding]) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    let files = [
        ("facts.jsonl", facts.to_json_lines()?),
        ("findings.sarif", render_sarif(facts, findings, catalogue())?),
        ("sbom.cdx.json", render_cyclonedx(facts)?),
        ("sbom.spdx.json", render_spdx(facts)?),
        ("report.html", render_html(facts, findings, catalogue())),
    ];
    for (name, text) in files {
        let path = directory.join(name);
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn render(printed: Printed, facts: &Facts, findings: &[Finding]) -> anyhow::Result<String> {
    Ok(match printed {
        Printed::Text => render_terminal(facts, findings, terminal_options()),
        Printed::Json => render_json(facts, findings)?,
        Printed::Facts => facts.to_json_lines()?,
        Printed::Sarif => render_sarif(facts, findings, catalogue())?,
    })
}

fn terminal_options() -> TerminalOptions {
    let colour = if output::colours() { Colour::Ansi } else { Colour::Plain };
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let width = columns.or_else(output::terminal_width).unwrap_or(100);
    TerminalOptions { width, colour }
}

/// Is any stretch of the image known: a container, a kind of data, erased flash?
pub(super) fn recognised(facts: &Facts) -> bool {
    let known = |kind: &RegionKind| {
        !matches!(kind, RegionKind::Unknown { .. } | RegionKind::Padding { .. })
    };
    facts.containers().next().is_some() || facts.regions().any(|region| known(&region.what))
}
