// SPDX-License-Identifier: Apache-2.0
//! Docs that are made from code, and from what was measured: the catalogues of formats and rules, the arena.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::{hostile, top};

/// File, and the arguments of `kakoi` that print it.
const GENERATED: &[(&str, &[&str])] = &[
    ("docs/FORMATS.md", &["formats", "--markdown"]),
    ("docs/RULES.md", &["rules", "--markdown"]),
    ("docs/POLICY-REFERENCE.md", &["policy", "schema", "--markdown"]),
    ("docs/policy.schema.json", &["policy", "schema"]),
    (
        "docs/ARENA-MEASURED.md",
        &[
            "arena",
            "compare",
            "--document",
            "docs/arena-images.json",
            "docs/arena-defences.json",
            "docs/arena-policies.json",
        ],
    ),
];

pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let only_check = arguments.iter().any(|argument| argument == "--check");
    let kakoi = build()?;
    for (path, arguments) in GENERATED {
        let output = Command::new(&kakoi).args(*arguments).current_dir(top()).output()?;
        let words = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "kakoi {} failed: {words}", arguments.join(" "));
        let mut new = output.stdout;
        if *path == "docs/FORMATS.md" {
            // What a run beside other tools measured (`cargo xtask peers`).
            new.extend(std::fs::read(top().join("docs/formats-measured.md")).unwrap_or_default());
            // What hostile input did to it (`cargo xtask hostile`).
            new.extend(hostile::markdown().into_bytes());
        }
        let path = top().join(path);
        let old = std::fs::read(&path).unwrap_or_default();
        if old == new {
            continue;
        }
        anyhow::ensure!(
            !only_check,
            "{} is not up to date: run `cargo xtask docs`",
            path.display()
        );
        std::fs::write(&path, &new)?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

/// Puts text that was measured between the marks of that name in a page.
pub fn replace(page: &str, name: &str, text: &str) -> anyhow::Result<()> {
    let path = top().join(page);
    let old = std::fs::read_to_string(&path)?;
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = old.split_once(&begin).with_context(|| format!("no mark in {page}"))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("no end mark in {page}"))?;
    std::fs::write(&path, format!("{before}{begin}\n{text}{end}{after}"))?;
    Ok(())
}

/// The build of `kakoi` that `KAKOI_BIN` names, or one of now.
fn build() -> anyhow::Result<PathBuf> {
    if let Some(binary) = std::env::var_os("KAKOI_BIN") {
        return Ok(PathBuf::from(binary));
    }
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--workspace"])
        .current_dir(top())
        .status()?;
    anyhow::ensure!(status.success(), "cargo build failed");
    let target = std::env::var_os("CARGO_TARGET_DIR");
    Ok(target.map_or_else(|| top().join("target"), PathBuf::from).join("debug/kakoi"))
}
