// SPDX-License-Identifier: Apache-2.0
//! The truth table, by the specification and by C.

use std::collections::{BTreeMap, BTreeSet};

use kakoi_policy::{Action, Case, Policy, Table};

use crate::host::{Host, numbers, words};

fn tables() -> Vec<(String, Table)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(crate::top().join("tests/policy")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let table =
                toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            found.push((path.file_name().unwrap().to_string_lossy().into_owned(), table));
        }
    }
    found.sort_by(|left, right| left.0.cmp(&right.0));
    found
}

struct Loaded {
    policy: Policy,
    host: Host,
}

fn load(path: &str) -> Loaded {
    let text = std::fs::read_to_string(crate::top().join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"));
    let policy = crate::policy(&text);
    let host = Host::of(&policy);
    Loaded { policy, host }
}

#[test]
fn every_case_of_the_truth_table_holds_in_rust_and_in_c() {
    let mut loaded: BTreeMap<String, Loaded> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (file, table) in tables() {
        for case in &table.cases {
            count += 1;
            let path = case.policy.clone().unwrap_or_else(|| table.policy.clone());
            let loaded = loaded.entry(path.clone()).or_insert_with(|| load(&path));
            if let Err(words) = check(loaded, case) {
                wrong.push(format!("{file}: {}: {words}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 120, "{count} cases");
}

fn check(loaded: &mut Loaded, case: &Case) -> Result<(), String> {
    let mark = case.subject.mark(&loaded.policy)?;
    let verdict = kakoi_policy::decide_attempt(&loaded.policy, &mark, &case.attempt);
    let (answer, _) = loaded.host.decide(&mark, &case.attempt);
    let specified = numbers(&verdict);
    if answer != specified {
        return Err(format!("C: {}, Rust: {}", words(&answer), words(&specified)));
    }
    let cause = verdict.cause;
    let expect = &case.expect;
    let same = verdict.action == expect.verdict
        && cause.map(|cause| cause.control) == expect.control
        && expect.would.is_none_or(|would| cause.is_some_and(|cause| cause.would == would))
        && expect.mode == verdict.mode
        && expect.taints.is_none_or(|taints| taints == verdict.taints);
    if same { Ok(()) } else { Err(format!("{verdict:?}, expected {expect:?}")) }
}

#[test]
fn cases_are_told_apart_by_name_and_say_what_a_guest_is_to_do() {
    let mut names = BTreeSet::new();
    for (file, table) in tables() {
        assert!(!table.about.is_empty());
        for case in &table.cases {
            assert!(names.insert(case.name.clone()), "{file}: {} twice", case.name);
            let known = matches!(case.place.as_str(), "session" | "outside" | "both" | "none");
            assert!(known, "{file}: {}: place {}", case.name, case.place);
            if case.place != "none" {
                assert!(!case.run.is_empty() && !case.stopped.is_empty(), "{file}: {}", case.name);
            }
            let silent =
                case.way.is_some() && case.expect.verdict == Action::Allow && case.limit.is_none();
            assert!(!silent, "{file}: {}: a way around that is let through says why", case.name);
        }
    }
}

/// REQUIREMENTS §1.2: eight rows, three controls. A cell is YES when the control, alone, refuses one
/// of the row's commands.
#[test]
fn each_control_alone_gives_the_matrix_of_table_2() {
    let expected = [
        ("S1", [false, true, false]),
        ("S2", [false, false, false]),
        ("S3", [false, false, false]),
        ("S4a", [false, false, false]),
        ("S4b", [false, false, false]),
        ("S5", [true, false, true]),
        ("S6a", [false, true, false]),
        ("S6b", [false, false, false]),
    ];
    let (_, table) = tables().into_iter().find(|(file, _)| file == "table-2.toml").unwrap();
    for (column, control) in ["write-exec", "shell-ban", "grant-exec"].iter().enumerate() {
        let path = format!("tests/policy/alone/{control}.toml");
        for (row, cells) in expected {
            let refused = table.cases.iter().filter(|case| {
                let refuses = case.expect.verdict >= Action::Rewrite;
                case.policy.as_deref() == Some(&path) && case.row.as_deref() == Some(row) && refuses
            });
            let cell = refused.count() > 0;
            let tried = table.cases.iter().any(|case| {
                case.policy.as_deref() == Some(&path) && case.row.as_deref() == Some(row)
            });
            assert!(tried, "row {row} under {control} has no case");
            assert_eq!(cell, cells[column], "row {row} under {control}");
        }
    }
}
