// SPDX-License-Identifier: Apache-2.0
//! One JSON document for `--format json`.
//!
//! ```text
//! { "schema": 1,                     version of the fact schema
//!   "image": { … } | null,           the image fact
//!   "summary": { "findings": { "critical": 0, …, "info": 0 }, "files": 0, "containers": 0,
//!                "problems": 0, "starts_at_boot": ["httpd"], "listening": ["http (tcp:80)"],
//!                "vendor": …, "kernel": …, "machine": …, "libc": …, "root_file_systems": […] },
//!   "findings": [ … ],               worst first
//!   "facts": [ … ] }                 every line of facts.jsonl, in order
//! ```

use std::collections::BTreeMap;

use kakoi_model::{Fact, Facts, Finding, Image, SCHEMA_VERSION, Severity};
use serde::Serialize;

use crate::overview::Overview;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    image: Option<&'a Image>,
    summary: Summary,
    findings: &'a [Finding],
    facts: &'a [Fact],
}

#[derive(Serialize)]
struct Summary {
    findings: BTreeMap<&'static str, usize>,
    files: usize,
    containers: usize,
    problems: usize,
    starts_at_boot: Vec<String>,
    listening: Vec<String>,
    vendor: Option<String>,
    kernel: Option<String>,
    machine: Option<String>,
    libc: Option<String>,
    root_file_systems: Vec<String>,
}

/// The document; it ends with a line break.
///
/// # Errors
/// A value that JSON cannot hold (none of the model's types has one).
pub fn render_json(facts: &Facts, findings: &[Finding]) -> Result<String, serde_json::Error> {
    let overview = Overview::new(facts, findings);
    let document = Document {
        schema: SCHEMA_VERSION,
        image: facts.image(),
        summary: summarise(&overview),
        findings,
        facts: &facts.lines,
    };
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}

fn summarise(overview: &Overview<'_>) -> Summary {
    let identity = overview.identity();
    let of = |severity: Severity| (severity.as_str(), overview.of_severity(severity));
    Summary {
        findings: Severity::ALL.into_iter().map(of).collect(),
        files: overview.files,
        containers: overview.facts.containers().count(),
        problems: overview.facts.problems().count(),
        starts_at_boot: overview.boot_names(),
        listening: overview.listening(),
        vendor: identity.vendor,
        kernel: identity.kernel,
        machine: identity.machine,
        libc: identity.libc,
        root_file_systems: identity.roots,
    }
}
