// SPDX-License-Identifier: Apache-2.0
//! Two programs.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use kakoi_compare::{Change, Difference, FunctionChange, Program, Verdict};

use super::{Arguments, read};
use crate::exit::BadInput;
use crate::output::printable;

/// Reads and compares.
pub fn compare(arguments: &Arguments) -> anyhow::Result<Difference> {
    let old = load(&arguments.old, arguments.old_debug.as_deref())?;
    let new = load(&arguments.new, arguments.new_debug.as_deref())?;
    Ok(kakoi_compare::compare(&old, &new))
}

fn load(path: &Path, debug: Option<&Path>) -> anyhow::Result<Program> {
    let bytes = read(path)?;
    let debug = debug.map(read).transpose()?;
    Program::read(&bytes, debug.as_deref())
        .map_err(|error| BadInput(error.to_string()))
        .with_context(|| path.display().to_string())
}

/// The result for people.
pub fn render(found: &Difference) -> String {
    let mut text = String::new();
    let verdict = match found.verdict {
        Verdict::Identical => "identical",
        Verdict::Rebuilt => "rebuilt",
        Verdict::Patched => "patched",
        Verdict::Different => "different",
    };
    let _ = writeln!(text, "{verdict}: {}", found.reasons.join("; "));
    let _ = writeln!(
        text,
        "functions: {} old, {} new, {} in both, {} of them equal; similarity {:.3}",
        found.old.functions, found.new.functions, found.matched, found.equal, found.similarity
    );
    found.functions.iter().for_each(|change| render_change(change, &mut text));
    if !found.shifted.is_empty() {
        let names: Vec<String> = found.shifted.iter().map(|name| printable(name)).collect();
        let _ = writeln!(text, "only numbers moved, as in others: {}", names.join(", "));
    }
    for problem in &found.problems {
        let _ = writeln!(text, "problem: {}", printable(problem));
    }
    text
}

fn render_change(change: &FunctionChange, text: &mut String) {
    let sign = match change.change {
        Change::Modified => '~',
        Change::Added => '+',
        Change::Removed => '-',
    };
    let [before, after] = change.instructions;
    let [blocks, blocks_after] = change.blocks;
    let _ = writeln!(
        text,
        "{sign} {}  instructions {before} -> {after}, blocks {blocks} -> {blocks_after}, similarity {:.3}",
        printable(&change.name),
        change.similarity
    );
    let numbers = |all: &[i64]| all.iter().map(|n| format!("{n:#x}")).collect::<Vec<_>>();
    let lists = [
        ("calls", change.calls_added.clone(), change.calls_removed.clone()),
        ("texts", quoted(&change.texts_added), quoted(&change.texts_removed)),
        ("numbers", numbers(&change.numbers_added), numbers(&change.numbers_removed)),
    ];
    for (what, added, removed) in lists {
        let signed = |sign: char, all: Vec<String>| {
            all.into_iter().map(move |one| format!("{sign}{}", printable(&one))).collect::<Vec<_>>()
        };
        let all = [signed('+', added), signed('-', removed)].concat();
        if !all.is_empty() {
            let _ = writeln!(text, "    {what}: {}", all.join(" "));
        }
    }
}

fn quoted(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| format!("{text:?}")).collect()
}
