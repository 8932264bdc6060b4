// SPDX-License-Identifier: Apache-2.0
//! The router's facts, findings and the catalogue, compared with files. `KAKOI_BLESS=1` writes them;
//! crates/report takes them as its input.

use std::path::PathBuf;

use crate::router;

fn check_golden(path: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("KAKOI_BLESS").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = expected.lines().zip(actual.lines()).position(|(a, b)| a != b);
    assert!(
        expected == actual,
        "{} differs (first at line {:?}); KAKOI_BLESS=1 writes it anew",
        path.display(),
        differs.map(|line| line + 1)
    );
}

#[test]
fn facts_of_the_router_are_those_of_the_file() {
    let lines = router::facts().to_json_lines().unwrap();
    check_golden("tests/golden/facts.jsonl", &lines);
    assert_eq!(kakoi_model::Facts::from_json_lines(&lines).unwrap(), router::facts());
}

#[test]
fn findings_of_the_router_are_those_of_the_file() {
    let findings = kakoi_assess::assess(&router::facts());
    check_golden("tests/golden/findings.json", &serde_json::to_string_pretty(&findings).unwrap());
}

#[test]
fn catalogue_is_that_of_the_page() {
    check_golden("../../docs/RULES.md", &kakoi_assess::render_catalogue());
    let docs = serde_json::to_string_pretty(kakoi_assess::catalogue()).unwrap();
    check_golden("tests/golden/rules.json", &docs);
}
