// SPDX-License-Identifier: Apache-2.0
//! `kakoi corpus similar`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use kakoi_corpus::{Corpus, Kin, Neighbour, neighbours};

use super::Printed;
use crate::commands::parsing::Parsing;
use crate::exit::{BadInput, Exit};
use crate::output::{self, printable};

/// Find what in a corpus is a file, or like it
///
/// The same bytes; the same source for the same machine, by functions; other builds and versions, by texts and stretches.
#[derive(Args)]
pub struct Arguments {
    /// A program, library or any other file
    file: PathBuf,
    /// Neighbours at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    format: Printed,
    #[command(flatten)]
    parsing: Parsing,
}

/// Runs the command.
pub fn exec(corpus: &Path, arguments: &Arguments) -> anyhow::Result<Exit> {
    let corpus = Corpus::read(corpus)?;
    let scan = arguments.parsing.sample(&arguments.file, std::collections::BTreeSet::new())?;
    let digest = scan.input.map(|(digest, _)| digest);
    let digest = digest.ok_or_else(|| BadInput("the file is empty".to_owned()))?;
    // An archive has no sample of its own: only the same bytes count.
    let sketch = scan.sketches.get(&digest).cloned().unwrap_or_default();
    let found = neighbours(&corpus, &digest, &sketch, arguments.limit)?;
    let text = match arguments.format {
        Printed::Json => format!("{}\n", serde_json::to_string_pretty(&found)?),
        Printed::Text => render(&found),
    };
    output::data(&text)?;
    Ok(Exit::Done)
}

fn render(found: &[Neighbour]) -> String {
    if found.is_empty() {
        return "nothing like it\n".to_owned();
    }
    let mut text = String::new();
    for it in found {
        let kin = match it.kin {
            Kin::Exact => "exact",
            Kin::Functions => "functions",
            Kin::Fuzzy => "fuzzy",
        };
        let machine = it.machine.as_deref().unwrap_or("-");
        let share = |value: Option<f64>| value.map_or("-".to_owned(), |it| format!("{it:.2}"));
        let parts = it.likeness.map_or(String::new(), |it| {
            format!(
                "  functions {} texts {} bytes {}",
                share(it.code),
                share(it.texts),
                share(it.bytes)
            )
        });
        let short = it.digest.get(..12).unwrap_or(&it.digest);
        let _ = writeln!(text, "{:.2} {kin:<9} {short} {machine}{parts}", it.score);
        for place in &it.places {
            let _ = writeln!(text, "       {}", printable(place));
        }
        if it.count > it.places.len() as u64 {
            let _ = writeln!(text, "       and {} more", it.count - it.places.len() as u64);
        }
    }
    text
}
