// SPDX-License-Identifier: Apache-2.0
//! Docs that are made from code: the catalogues of formats and rules.

use std::process::Command;

use crate::top;

/// File, and the arguments of `kakoi` that print it.
const GENERATED: &[(&str, &[&str])] =
    &[("docs/FORMATS.md", &["formats", "--markdown"]), ("docs/RULES.md", &["rules", "--markdown"])];

pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let only_check = arguments.iter().any(|argument| argument == "--check");
    for (path, arguments) in GENERATED {
        let output = Command::new("cargo")
            .args(["run", "--quiet", "--package", "kakoi-cli", "--"])
            .args(*arguments)
            .current_dir(top())
            .output()?;
        let words = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "kakoi {} failed: {words}", arguments.join(" "));
        let path = top().join(path);
        let old = std::fs::read(&path).unwrap_or_default();
        if old == output.stdout {
            continue;
        }
        anyhow::ensure!(
            !only_check,
            "{} is not up to date: run `cargo xtask docs`",
            path.display()
        );
        std::fs::write(&path, &output.stdout)?;
        println!("wrote {}", path.display());
    }
    Ok(())
}
