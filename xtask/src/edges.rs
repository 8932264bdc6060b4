// SPDX-License-Identifier: Apache-2.0
//! Which crate may depend on which, with the reason. DESIGN: bytes become facts, facts become
//! judgements, judgements become action; a crate sees only what lies before it.

use std::collections::BTreeMap;

use anyhow::Context;

use crate::top;

/// Crate, what it may depend on among ours, and why not more.
const EDGES: &[(&str, &[&str], &str)] = &[
    ("model", &[], "vocabulary: everything depends on it"),
    ("unpack", &["model"], "parses hostile bytes: no kernel, network or enforcement within reach"),
    ("inspect", &["model"], "parses hostile bytes: no kernel, network or enforcement within reach"),
    (
        "syscalls",
        &["model", "inspect"],
        "parses hostile bytes: no kernel, network or enforcement within reach",
    ),
    (
        "compare",
        &["model", "inspect", "syscalls"],
        "parses hostile bytes: no kernel, network or enforcement within reach",
    ),
    ("corpus", &["model", "compare"], "files and tables of facts; it parses no bytes of an image"),
    ("advisory", &["model"], "pure: databases and facts in, verdicts out"),
    ("shell", &[], "a reader of command lines: bytes in, structure out"),
    (
        "assess",
        &["model", "shell"],
        "pure rules: facts and command lines in, findings and stages out",
    ),
    ("report", &["model"], "renders what others found; rules are not its business"),
    ("policy", &["model"], "pure: text in, verdicts and bytes out; backends come after it"),
    ("kernel", &[], "mechanism without policy; the only unsafe code"),
    ("guard", &["model", "policy"], "a compiled policy in, enforcement and events out"),
    ("agent", &["guard", "model", "policy"], "the guard alone, for the device: small"),
    (
        "honeypot",
        &["model", "assess", "kernel", "report"],
        "records, judges and delivers in the words of collectors; enforcement is not its business, and the trace half of kernel is all it needs",
    ),
    (
        "arena",
        &["model", "policy"],
        "guests, defences, scenarios: facts and a policy in, what came of them out",
    ),
    (
        "cli",
        &[
            "model", "unpack", "inspect", "syscalls", "assess", "report", "kernel", "shell",
            "policy", "guard", "honeypot", "compare", "corpus", "advisory", "arena",
        ],
        "wires everything",
    ),
];

/// Crates from elsewhere that would open a way out of a parser, and where they may not be.
const FORBIDDEN: &[(&str, &[&str], &str)] = &[
    (
        "libc",
        &["model", "shell", "unpack", "inspect", "compare", "assess", "policy", "report", "cli"],
        "system calls belong into kernel",
    ),
    (
        "tokio",
        &["model", "shell", "unpack", "inspect", "compare", "assess", "policy", "report"],
        "no network near a parser",
    ),
    (
        "anyhow",
        &["model", "shell", "unpack", "inspect", "compare", "assess", "policy", "report", "kernel"],
        "libraries have typed errors",
    ),
    (
        "tempfile",
        &["model", "shell", "unpack", "inspect", "compare", "assess", "policy", "report"],
        "libraries do no I/O",
    ),
];

pub fn run(_: &[String]) -> anyhow::Result<()> {
    let found = read()?;
    let mut complaints = Vec::new();
    for (name, dependencies) in &found {
        let Some((_, allowed, reason)) = EDGES.iter().find(|(known, _, _)| known == name) else {
            complaints.push(format!("crate {name} is not in xtask/src/edges.rs"));
            continue;
        };
        for dependency in dependencies {
            let own = dependency.strip_prefix("kakoi-");
            if own.is_some_and(|own| !allowed.contains(&own)) {
                complaints.push(format!("{name} depends on {dependency}, but: {reason}"));
            }
        }
        for (banned, crates, reason) in FORBIDDEN {
            if crates.contains(&name.as_str()) && dependencies.iter().any(|name| name == banned) {
                complaints.push(format!("{name} depends on {banned}, but: {reason}"));
            }
        }
    }
    anyhow::ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
    println!("{} crates, edges as designed", found.len());
    Ok(())
}

/// The normal dependencies of every crate (those of tests are not edges).
fn read() -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(top().join("crates"))? {
        let path = entry?.path();
        let text = std::fs::read_to_string(path.join("Cargo.toml"))
            .with_context(|| path.display().to_string())?;
        let manifest: toml::Table = text.parse()?;
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        let names = dependencies.map(|table| table.keys().cloned().collect()).unwrap_or_default();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.insert(name, names);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #[test]
    fn crates_depend_only_on_what_lies_before_them() {
        super::run(&[]).unwrap();
    }

    #[test]
    fn every_dependency_has_its_reason_in_deny_toml() {
        let read = |name: &str| std::fs::read_to_string(super::top().join(name)).unwrap();
        let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
        let dependencies = manifest["workspace"]["dependencies"].as_table().unwrap();
        let reasons = read("deny.toml");
        let missing: Vec<&String> = dependencies
            .keys()
            .filter(|name| !name.starts_with("kakoi-"))
            .filter(|name| !reasons.contains(&format!("\n#: {name}: ")))
            .collect();
        assert!(missing.is_empty(), "no reason in deny.toml for {missing:?}");
    }

    #[test]
    fn every_crate_of_the_table_exists() {
        let found = super::read().unwrap();
        assert!(super::EDGES.iter().all(|(name, _, _)| found.contains_key(*name)));
    }
}
