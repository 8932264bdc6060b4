// SPDX-License-Identifier: Apache-2.0
//! `kakoi corpus lineage`.

use std::fmt::Write;
use std::path::Path;

use clap::{Args, ValueEnum};
use kakoi_corpus::{Corpus, Lineage, Relative, lineage};

use crate::exit::Exit;
use crate::output::{self, printable};

/// Tell which kit an image is made with, and which other images share its files
#[derive(Args)]
pub struct Arguments {
    /// File name or digest of an image in the corpus
    image: String,
    /// Relatives at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Shared files that are named per relative
    #[arg(long, value_name = "N", default_value_t = 5)]
    files: usize,
    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    format: Printed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Printed {
    /// For people
    Text,
    /// One JSON document, with all shared files
    Json,
    /// The graph, for Graphviz
    Dot,
}

/// Runs the command.
pub fn exec(corpus: &Path, arguments: &Arguments) -> anyhow::Result<Exit> {
    let found = lineage(&Corpus::read(corpus)?, &arguments.image, arguments.limit)?;
    let text = match arguments.format {
        Printed::Json => format!("{}\n", serde_json::to_string_pretty(&found)?),
        Printed::Dot => found.to_dot(),
        Printed::Text => render(&found, arguments.files),
    };
    output::data(&text)?;
    Ok(Exit::Done)
}

fn render(found: &Lineage, files: usize) -> String {
    let mut text = String::new();
    let or_dash = |text: &Option<String>| text.as_deref().map_or("-".to_owned(), printable);
    let _ = writeln!(text, "{}  {}", printable(&found.name), printable(&found.vendors.join(", ")));
    let _ = writeln!(text, "kit: {}", or_dash(&found.sdk));
    for evidence in &found.sdk_evidence {
        let _ = writeln!(text, "    {}", printable(evidence));
    }
    if found.relatives.is_empty() {
        text.push_str("no other image shares a file with it\n");
    }
    for it in &found.relatives {
        render_relative(it, files, &mut text);
    }
    text
}

fn render_relative(it: &Relative, files: usize, text: &mut String) {
    let other = if it.other_vendor { "  (other vendor)" } else { "" };
    let kit = it.sdk.as_deref().map_or(String::new(), |sdk| format!("  kit {}", printable(sdk)));
    let _ = writeln!(
        text,
        "{:>5.1} %  {}  {}{kit}{other}",
        it.share * 100.0,
        printable(&it.name),
        printable(&it.vendors.join(", "))
    );
    let _ = writeln!(
        text,
        "         {} files the same, {} of them programs; {} programs in another build or version",
        it.shared, it.shared_programs, it.similar_programs
    );
    for file in it.files.iter().take(files) {
        let short = file.digest.get(..12).unwrap_or(&file.digest);
        let _ = writeln!(
            text,
            "         {short} {} (in {} images)",
            printable(&file.path),
            file.images
        );
    }
    if it.files.len() > files {
        let _ = writeln!(text, "         and {} more", it.files.len() - files);
    }
}
