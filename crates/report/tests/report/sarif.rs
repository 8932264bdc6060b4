// SPDX-License-Identifier: Apache-2.0
//! SARIF against the schema of OASIS. The schema comes out of the source of the crate
//! `serde-sarif`, which is a dev-dependency for that.

use std::path::PathBuf;
use std::process::Command;

use kakoi_report::render_sarif;
use serde_json::{Value, json};

use crate::input;

fn schema() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--offline", "--filter-platform", &host()])
        .arg("--manifest-path")
        .arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut packages = metadata["packages"].as_array().unwrap().iter();
    let package = packages.find(|package| package["name"] == "serde-sarif").unwrap();
    let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
    let schema = std::fs::read_to_string(manifest.with_file_name("src/schema.json")).unwrap();
    let mut schema: Value = serde_json::from_str(&schema).unwrap();
    // The pattern as published has a bracket without its partner, which a strict reader of regular
    // expressions refuses. kakoi does not write the property.
    for part in ["run", "toolComponent"] {
        let pointer = format!("/definitions/{part}/properties/language/pattern");
        let pattern = schema.pointer_mut(&pointer).unwrap();
        assert_eq!(*pattern, "^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$");
        *pattern = json!("^[a-zA-Z]{2}(-[a-zA-Z]{2})?$");
    }
    schema
}

/// Sources of crates for other platforms need not be there, so metadata asks for this one only.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

fn log() -> Value {
    let text = render_sarif(&input::facts(), &input::findings(), &input::rules()).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn log_of_the_router_validates_and_broken_ones_do_not() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let log = log();
    let errors: Vec<String> = validator.iter_errors(&log).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    for (pointer, wrong) in [
        ("/version", json!("2.0.0")),
        ("/runs/0/results/0/level", json!("critical")),
        ("/runs/0/results/0/message", json!("text")),
        ("/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri", json!(7)),
        ("/runs/0/tool/driver/name", Value::Null),
    ] {
        let mut broken = log.clone();
        *broken.pointer_mut(pointer).unwrap() = wrong;
        assert!(!validator.is_valid(&broken), "{pointer}");
    }
}

#[test]
fn each_finding_is_a_result_with_rule_place_and_fingerprint() {
    let log = log();
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    let findings = input::findings();
    assert_eq!(results.len(), findings.len());
    for (result, finding) in results.iter().zip(&findings) {
        assert_eq!(result["ruleId"], finding.rule.as_ref());
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], finding.rule.as_ref());
        assert_eq!(result["partialFingerprints"]["kakoi/v1"], finding.fingerprint);
        let place = &result["locations"][0];
        let uri = place.pointer("/physicalLocation/artifactLocation/uri");
        assert_eq!(uri.is_some(), finding.file.is_some());
        assert!(place["logicalLocations"][0]["fullyQualifiedName"].is_string());
    }
}
