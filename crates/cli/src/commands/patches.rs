// SPDX-License-Identifier: Apache-2.0
//! `kakoi patches`: known vulnerabilities by version, configuration and code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use kakoi_advisory::{Database, Judged, PatchEvidence, judge};
use kakoi_compare::Program;
use kakoi_compare::signature::{Decision, Signature};
use kakoi_model::{ByVersion, Component, Digest, Exposure, ExposureVerdict, Facts};
use kakoi_report::{render_csaf, render_cyclonedx_vex, render_openvex, render_supplier_sheet};

use super::cve::{read_database, read_signatures};
use super::parsing::{NoContents, Parsing};
use crate::exit::{BadInput, Exit};
use crate::output::{self, printable};
use crate::worker::{Reader, Task};

/// Tell for each known vulnerability whether an image has it: by version, and by what configuration and code say besides
///
/// vulnerable, fixed-by-version, fixed-by-backport (at the same version), not-applicable-by-configuration, or unknown: a match of
/// versions alone proves nothing. The database is made by `kakoi cve`.
#[derive(Args)]
pub struct Arguments {
    /// Firmware image, archive, directory, or a program
    file: PathBuf,
    /// The database
    #[arg(long, value_name = "DIR")]
    cve_db: PathBuf,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    parsing: Parsing,
}

/// How exposures are written.
#[derive(Args)]
pub struct Form {
    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    format: Printed,
    /// Who makes the statement, in VEX and CSAF
    #[arg(long, default_value = "kakoi user")]
    author: String,
    /// Address of whoever makes it, in CSAF
    #[arg(long, default_value = "https://example.invalid")]
    namespace: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Printed {
    /// For people
    Text,
    /// One JSON document
    Json,
    /// OpenVEX 0.2.0
    Openvex,
    /// CSAF 2.0, profile VEX
    Csaf,
    /// CycloneDX 1.6 with vulnerabilities
    Cyclonedx,
    /// What to ask whom
    Sheet,
}

/// Longer programs are not compared.
const MOST_BYTES: u64 = 64 << 20;

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    let database = open_database(&arguments.cve_db)?;
    let signatures = read_signatures(&arguments.cve_db)?;
    let facts = arguments.parsing.read(&arguments.file, Task::Inspect, &mut NoContents)?.facts;
    let wanted: BTreeSet<Digest> = facts
        .components()
        .filter(|component| signatures.iter().any(|it| is_for(it, component)))
        .flat_map(|component| component.digests.iter().copied())
        .collect();
    let mut contents = Collector { wanted, found: BTreeMap::new() };
    if !contents.wanted.is_empty() {
        arguments.parsing.read(&arguments.file, Task::Extract, &mut contents)?;
        // A program by itself is in no container.
        let whole = facts.image().map(|image| image.digest);
        if let Some(whole) =
            whole.filter(|it| contents.wanted.contains(it) && !contents.found.contains_key(it))
        {
            let bytes = std::fs::read(&arguments.file).context("the file")?;
            contents.found.insert(whole, bytes);
        }
    }
    let programs: BTreeMap<Digest, Program> = contents
        .found
        .iter()
        .filter_map(|(digest, bytes)| Some((*digest, Program::read(bytes, None).ok()?)))
        .collect();
    let judged =
        judge(&facts, &database, &mut |component, id| ask(component, id, &signatures, &programs));
    arguments.form.write(&facts, &judged)?;
    Ok(Exit::Done)
}

/// A database that is not empty: an empty one would say that nothing is known of anything.
pub fn open_database(folder: &Path) -> anyhow::Result<Database> {
    let database = read_database(folder)?;
    if database.advisories.is_empty() {
        let why =
            format!("{}: no database there; make one with `kakoi cve import`", folder.display());
        anyhow::bail!(BadInput(why));
    }
    Ok(database)
}

fn is_for(signature: &Signature, component: &Component) -> bool {
    let is = |name: &str| name.eq_ignore_ascii_case(&signature.product);
    is(&component.name) || component.upstream.as_deref().is_some_and(is)
}

/// What the code of a component says: all its programs have to agree.
fn ask(
    component: &Component,
    id: &str,
    signatures: &[Signature],
    programs: &BTreeMap<Digest, Program>,
) -> Option<PatchEvidence> {
    let about = signatures.iter().filter(|it| it.ids.contains(id) && is_for(it, component));
    let mut decisions = Vec::new();
    for signature in about {
        for program in component.digests.iter().filter_map(|digest| programs.get(digest)) {
            decisions.push(signature.decide(program));
        }
    }
    let (mut fixed, mut open, mut undecided) = (None, None, None);
    for decision in decisions {
        match decision {
            Decision::Fixed(words) => fixed = Some(words),
            Decision::Vulnerable(words) => open = Some(words),
            Decision::Undecided(words) => undecided = Some(words),
        }
    }
    match (fixed, open) {
        (Some(fixed), Some(open)) => {
            Some(PatchEvidence::Undecided(format!("signatures disagree: {fixed}; {open}")))
        }
        (Some(words), None) => Some(PatchEvidence::Fixed(words)),
        (None, Some(words)) => Some(PatchEvidence::Vulnerable(words)),
        (None, None) => undecided.map(PatchEvidence::Undecided),
    }
}

struct Collector {
    wanted: BTreeSet<Digest>,
    found: BTreeMap<Digest, Vec<u8>>,
}

impl Reader for Collector {
    fn content(&mut self, digest: Digest, size: u64, bytes: &mut dyn Read) -> anyhow::Result<()> {
        if self.wanted.contains(&digest) && size <= MOST_BYTES {
            let mut content = Vec::new();
            bytes.read_to_end(&mut content)?;
            self.found.insert(digest, content);
        }
        Ok(())
    }
}

impl Form {
    /// Writes them to standard output.
    pub fn write(&self, facts: &Facts, judged: &Judged) -> anyhow::Result<()> {
        let all = judged.exposures.as_slice();
        let text = match self.format {
            Printed::Text => render(judged),
            Printed::Json => format!("{}\n", serde_json::to_string_pretty(all)?),
            Printed::Openvex => render_openvex(facts, all, &self.author)?,
            Printed::Csaf => render_csaf(facts, all, &self.author, &self.namespace)?,
            Printed::Cyclonedx => render_cyclonedx_vex(facts, all)?,
            Printed::Sheet => render_supplier_sheet(facts, all),
        };
        output::data(&text)
    }
}

fn render(judged: &Judged) -> String {
    let mut text = String::new();
    let mut last = None;
    for it in &judged.exposures {
        let component = (&it.component, &it.version);
        if last != Some(component) {
            let version = it.version.as_deref().unwrap_or("(version unknown)");
            let _ = writeln!(text, "{} {}", printable(&it.component), printable(version));
            last = Some(component);
        }
        render_one(it, &mut text);
    }
    let affected =
        judged.exposures.iter().filter(|it| it.by_version == ByVersion::Affected).count();
    let _ = writeln!(text, "by version alone: {affected} of {} affected", judged.exposures.len());
    let count = |verdict| judged.count(verdict);
    let _ = writeln!(
        text,
        "with all evidence: {} vulnerable, {} fixed by version, {} fixed by backport, {} not applicable by configuration, {} unknown",
        count(ExposureVerdict::Vulnerable),
        count(ExposureVerdict::FixedByVersion),
        count(ExposureVerdict::FixedByBackport),
        count(ExposureVerdict::NotApplicableByConfiguration),
        count(ExposureVerdict::Unknown)
    );
    let _ = writeln!(text, "{} components that no statement is about", judged.without);
    text
}

fn render_one(it: &Exposure, text: &mut String) {
    let by_version = match it.by_version {
        ByVersion::Affected => "affected",
        ByVersion::Fixed => "fixed",
        ByVersion::Unknown => "unknown",
    };
    let known = if it.exploited { "  EXPLOITED" } else { "" };
    let _ = writeln!(
        text,
        "  {:<18} {:<31} by version: {by_version:<9} {}{known}",
        printable(&it.id),
        it.verdict.as_str(),
        it.party.as_str()
    );
    let _ = writeln!(text, "      {}", printable(&it.evidence.join("; ")));
}
