// SPDX-License-Identifier: Apache-2.0
//! The policies that are shipped: without warnings, within the schema, small enough.

use std::path::PathBuf;

fn shipped() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["policies", "tests/policy/alone"] {
        for entry in std::fs::read_dir(crate::top().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            found.push((path.clone(), std::fs::read_to_string(path).unwrap()));
        }
    }
    found.sort();
    assert!(found.len() >= 8);
    found
}

#[test]
fn shipped_policies_are_without_errors_and_warnings() {
    for (path, text) in shipped() {
        let reading = kakoi_policy::read(&text);
        assert!(
            reading.diagnostics.is_empty(),
            "{}",
            reading.render(&path.display().to_string(), &text)
        );
        let blob = kakoi_policy::compile(&reading.policy.unwrap()).unwrap();
        // A device with 8 MB of flash shall not notice it.
        assert!(blob.len() < 96 * 1024, "{}: {} bytes", path.display(), blob.len());
    }
}

#[test]
fn the_schema_accepts_what_is_shipped_and_refuses_what_is_misspelt() {
    let schema = serde_json::from_str(&kakoi_policy::schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (path, text) in shipped() {
        let value: serde_json::Value = toml::from_str(&text).unwrap();
        let complaints: Vec<String> =
            validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(complaints.is_empty(), "{}: {complaints:?}", path.display());
    }
    for text in [
        "kakoi = 1\nmodus = \"audit\"",
        "kakoi = 1\n[domain.d]\nshell-start = \"dney\"",
        "name = \"x\"",
        "kakoi = 2",
    ] {
        let value: serde_json::Value = toml::from_str(text).unwrap();
        assert!(!validator.is_valid(&value), "{text}");
    }
}
