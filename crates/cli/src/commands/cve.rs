// SPDX-License-Identifier: Apache-2.0
//! `kakoi cve`: a database of known vulnerabilities in a folder, made from files; nothing is fetched.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use kakoi_advisory::{Database, import};
use kakoi_compare::signature::{Signature, learn};
use kakoi_compare::{Program, compare};

use crate::exit::{BadInput, Exit};
use crate::output;

/// Keep a database of known vulnerabilities, and signatures of their fixes, for `kakoi patches`
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The database
    #[arg(long, value_name = "DIR", default_value = "kakoi-cve", global = true)]
    cve_db: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    Import(Import),
    Learn(Learn),
}

/// Add files of NVD (JSON 2.0), OSV, the Debian tracker, Alpine secdb, CISA KEV; or a table of identifier and kernel option
///
/// The form is told by the content. Files that are none of these are named, and the rest is added.
#[derive(Args)]
struct Import {
    /// Files, or directories of files
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Learn what a fix looks like from a build before and one after it
///
/// Any machine will do; both builds have to be for the same.
#[derive(Args)]
struct Learn {
    /// The vulnerable build
    old: PathBuf,
    /// The fixed build
    new: PathBuf,
    /// What it fixes: CVE-2021-28831
    #[arg(long = "id", required = true, value_name = "CVE")]
    ids: Vec<String>,
    /// The component, as `kakoi scan` names it
    #[arg(long)]
    product: String,
    /// Upstream version of both builds
    #[arg(long, default_value = "")]
    version: String,
}

const ADVISORIES: &str = "advisories.jsonl";
const SIGNATURES: &str = "signatures.jsonl";

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::Import(import) => import_files(&arguments.cve_db, &import.files),
        Command::Learn(pair) => learn_pair(&arguments.cve_db, pair),
    }
}

fn import_files(folder: &Path, files: &[PathBuf]) -> anyhow::Result<Exit> {
    let mut database = read_database(folder)?;
    let mut bad = 0;
    for path in find_files(files)? {
        let text = fs::read_to_string(&path).map_err(|error| error.to_string());
        match text.and_then(|text| import(&text)) {
            Ok(imported) => {
                let it = &imported.database;
                output::data(&format!(
                    "{}: {}, {} statements, {} exploited, {} options\n",
                    path.display(),
                    imported.form,
                    it.advisories.len(),
                    it.exploited.len(),
                    it.options.len()
                ))?;
                database.merge(imported.database);
            }
            Err(why) => {
                output::complain(&format!("{}: {why}", path.display()));
                bad += 1;
            }
        }
    }
    write_whole(folder, ADVISORIES, &database.render()?)?;
    output::data(&format!("{} statements in all\n", database.advisories.len()))?;
    if bad > 0 {
        anyhow::bail!(BadInput(format!("{bad} files were not read")));
    }
    Ok(Exit::Done)
}

fn find_files(files: &[PathBuf]) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut waiting = files.to_vec();
    while let Some(path) = waiting.pop() {
        let metadata = fs::metadata(&path).map_err(|error| BadInput(error.to_string()));
        if metadata.with_context(|| path.display().to_string())?.is_dir() {
            for entry in fs::read_dir(&path)? {
                waiting.push(entry?.path());
            }
        } else {
            found.insert(path);
        }
    }
    Ok(found)
}

fn learn_pair(folder: &Path, pair: &Learn) -> anyhow::Result<Exit> {
    let (old, new) = (read_program(&pair.old)?, read_program(&pair.new)?);
    let found = compare(&old, &new);
    let Some(mut signature) = learn(&old, &new, &found) else {
        let why = format!("nothing tells the two apart: {}", found.reasons.join("; "));
        anyhow::bail!(BadInput(why));
    };
    signature.ids = pair.ids.iter().cloned().collect();
    signature.product.clone_from(&pair.product);
    signature.version.clone_from(&pair.version);
    let mut all = read_signatures(folder)?;
    all.retain(|it| *it != signature);
    all.push(signature);
    let mut text = String::new();
    for signature in &all {
        text.push_str(&serde_json::to_string(signature)?);
        text.push('\n');
    }
    write_whole(folder, SIGNATURES, &text)?;
    output::data(&format!(
        "{} functions changed; {} signatures in all\n",
        found.functions.len(),
        all.len()
    ))?;
    Ok(Exit::Done)
}

fn read_program(path: &Path) -> anyhow::Result<Program> {
    let bytes = fs::read(path).map_err(|error| BadInput(error.to_string()));
    let bytes = bytes.with_context(|| path.display().to_string())?;
    Program::read(&bytes, None)
        .map_err(|error| BadInput(error.to_string()))
        .with_context(|| path.display().to_string())
}

/// The statements of a folder; none where there are none yet.
pub(super) fn read_database(folder: &Path) -> anyhow::Result<Database> {
    let path = folder.join(ADVISORIES);
    Database::parse(&read_or_nothing(&path)?)
        .map_err(|(line, why)| BadInput(format!("{} line {line}: {why}", path.display())).into())
}

/// The signatures of a folder.
pub(super) fn read_signatures(folder: &Path) -> anyhow::Result<Vec<Signature>> {
    let path = folder.join(SIGNATURES);
    let text = read_or_nothing(&path)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = |(at, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| {
            BadInput(format!("{} line {}: {error}", path.display(), at + 1)).into()
        })
    };
    lines.map(read).collect()
}

fn read_or_nothing(path: &Path) -> anyhow::Result<String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(BadInput(error.to_string())).with_context(|| path.display().to_string()),
    }
}

/// At once or not at all.
fn write_whole(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path = folder.join(name);
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let part = folder.join(format!("{name}.{}.part", std::process::id()));
    let written = fs::write(&part, text).and_then(|()| fs::rename(&part, &path));
    if written.is_err() {
        // Nothing more can be done about a part that cannot be removed.
        let _ = fs::remove_file(&part);
    }
    written.with_context(|| path.display().to_string())
}
