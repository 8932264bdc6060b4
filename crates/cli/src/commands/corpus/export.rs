// SPDX-License-Identifier: Apache-2.0
//! `kakoi corpus export`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use kakoi_advisory::judge;
use kakoi_corpus::{Corpus, TABLES, export_table};
use kakoi_report::{render_csaf, render_cyclonedx_vex, render_openvex};

use crate::commands::patches::open_database;
use crate::exit::Exit;
use crate::output;

/// Write the tables as Parquet files for other engines, or VEX statements on one image
#[derive(Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["parquet", "vex"]))]
pub struct Arguments {
    /// The tables, into this directory; made if it is missing
    #[arg(long, value_name = "DIR")]
    parquet: Option<PathBuf>,
    /// Statements on an image, to standard output: by version and configuration (`kakoi patches` looks at the code as well)
    #[arg(long, value_enum, requires_all = ["image", "cve_db"])]
    vex: Option<Vex>,
    /// The image: file name or digest
    image: Option<String>,
    /// The database of `kakoi cve`
    #[arg(long, value_name = "DIR")]
    cve_db: Option<PathBuf>,
    /// Who makes the statements
    #[arg(long, default_value = "kakoi user")]
    author: String,
    /// Address of whoever makes them, in CSAF
    #[arg(long, default_value = "https://example.invalid")]
    namespace: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Vex {
    /// OpenVEX 0.2.0
    Openvex,
    /// CSAF 2.0, profile VEX
    Csaf,
    /// CycloneDX 1.6 with vulnerabilities
    Cyclonedx,
}

/// Runs the command.
pub fn exec(corpus: &Path, arguments: &Arguments) -> anyhow::Result<Exit> {
    let corpus = Corpus::read(corpus)?;
    if let Some(folder) = &arguments.parquet {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        for (name, question) in TABLES {
            let path = folder.join(format!("{name}.parquet"));
            let rows = export_table(&corpus, question, &path)?;
            output::data(&format!("{} {rows} rows\n", path.display()))?;
        }
    }
    if let (Some(vex), Some(image), Some(folder)) =
        (arguments.vex, &arguments.image, &arguments.cve_db)
    {
        let facts = corpus.facts(image)?;
        let exposures = judge(&facts, &open_database(folder)?, &mut |_, _| None).exposures;
        output::data(&match vex {
            Vex::Openvex => render_openvex(&facts, &exposures, &arguments.author)?,
            Vex::Csaf => render_csaf(&facts, &exposures, &arguments.author, &arguments.namespace)?,
            Vex::Cyclonedx => render_cyclonedx_vex(&facts, &exposures)?,
        })?;
    }
    Ok(Exit::Done)
}
