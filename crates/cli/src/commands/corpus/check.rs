// SPDX-License-Identifier: Apache-2.0
//! `kakoi corpus check`.

use std::fmt::Write;
use std::path::Path;

use clap::Args;

use crate::exit::{BadInput, Exit};
use crate::output::{self, printable};

/// Verify a corpus, and repair it
///
/// Reads every record and the tables. Exits with 3 if anything is wrong and was not repaired.
#[derive(Args)]
pub struct Arguments {
    /// Put damaged records aside, remove leftovers, make the tables again where they are damaged
    #[arg(long)]
    repair: bool,
}

/// Runs the command.
pub fn exec(corpus: &Path, arguments: &Arguments) -> anyhow::Result<Exit> {
    let found = kakoi_corpus::check(corpus, arguments.repair)?;
    let mut text = format!("{} records are whole\n", found.records);
    for (path, how) in &found.damaged {
        let _ = writeln!(text, "damaged: {}: {}", path.display(), printable(how));
    }
    if found.parts > 0 {
        let _ = writeln!(text, "{} records were begun and not finished", found.parts);
    }
    if found.without_rows > 0 {
        let _ = writeln!(text, "{} records are not in the tables", found.without_rows);
    }
    if let Some(how) = &found.tables {
        let _ = writeln!(text, "tables: {}", printable(how));
    }
    for source in &found.lost {
        let _ = writeln!(text, "add again: {}", printable(source));
    }
    text.push_str(match (found.is_whole(), found.repaired) {
        (true, _) => "nothing is wrong\n",
        (false, true) => "repaired\n",
        (false, false) => "not repaired (--repair)\n",
    });
    output::data(&text)?;
    if !found.is_whole() && !found.repaired {
        anyhow::bail!(BadInput("the corpus is damaged".to_owned()));
    }
    Ok(Exit::Done)
}
