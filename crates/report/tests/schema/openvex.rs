// SPDX-License-Identifier: Apache-2.0
//! OpenVEX 0.2.0: what its JSON schema demands, and a reader from PyPI.
//!
//! No package of a registry carries the schema (openvex/spec, `openvex_json_schema.json`), so what it demands is said here in
//! our own words: the keys that each structure may and must have, the words of each enumeration, and what goes with a status.

use kakoi_report::render_openvex;
use serde_json::Value;

use crate::sample::{exposures, sample};
use crate::validator::{assert_accepted, assert_refused};

fn render() -> String {
    render_openvex(&sample(), &exposures(), "somebody").unwrap()
}

#[test]
fn openvex_is_read_by_another_tool_and_a_broken_document_is_refused() {
    let text = render();
    assert_accepted("openvex", "sample.openvex.json", &text);
    let mut broken: Value = serde_json::from_str(&text).unwrap();
    broken["statements"][0]["status"] = "probably fine".into();
    assert_refused("openvex", "broken.openvex.json", &broken.to_string());
}

#[test]
fn openvex_has_what_its_schema_demands_and_nothing_else() {
    let vex: Value = serde_json::from_str(&render()).unwrap();
    assert_eq!(faults(&vex), Vec::<String>::new());
}

#[test]
fn each_fault_of_a_document_is_seen() {
    let good: Value = serde_json::from_str(&render()).unwrap();
    type Damage = fn(&mut Value);
    let damages: [Damage; 8] = [
        |vex| vex["statements"] = Value::Array(Vec::new()),
        |vex| vex["version"] = "1".into(),
        |vex| vex["surprise"] = 1.into(),
        |vex| vex["timestamp"] = "yesterday".into(),
        |vex| vex["statements"][3]["justification"] = "it is fine".into(),
        |vex| drop(vex["statements"][0].as_object_mut().unwrap().remove("action_statement")),
        |vex| vex["statements"][0]["products"][0]["subcomponents"][0]["@id"] = "no iri".into(),
        |vex| vex["statements"][1] = vex["statements"][0].clone(),
    ];
    for (at, damage) in damages.iter().enumerate() {
        let mut broken = good.clone();
        damage(&mut broken);
        assert!(!faults(&broken).is_empty(), "damage {at} is not seen");
    }
}

#[test]
fn without_a_statement_there_is_no_document() {
    let error = render_openvex(&sample(), &[], "somebody").unwrap_err();
    assert!(error.to_string().contains("statement"), "{error}");
}

#[test]
fn openvex_has_what_each_status_needs() {
    let vex: Value = serde_json::from_str(&render()).unwrap();
    assert_eq!(vex["@context"], "https://openvex.dev/ns/v0.2.0");
    let statements = vex["statements"].as_array().unwrap();
    let states: Vec<&str> = statements.iter().map(|it| it["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["affected", "fixed", "fixed", "not_affected", "under_investigation"]);
    assert!(statements[0]["action_statement"].as_str().unwrap().contains("device vendor"));
    assert_eq!(statements[3]["justification"], "vulnerable_code_not_present");
    assert!(statements.iter().all(|it| it["status_notes"] == "seen; and seen again"));
    let component = &statements[0]["products"][0]["subcomponents"][0];
    assert_eq!(component["@id"], "pkg:generic/busybox%20%C3%A9%22%3C0");
}

/// What is wrong with a document.
fn faults(vex: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let wanted = ["@context", "@id", "author", "timestamp", "version", "statements"];
    keys(vex, &wanted, &["role", "last_updated", "tooling"], "document", &mut found);
    iri(&vex["@context"], "@context", &mut found);
    iri(&vex["@id"], "@id", &mut found);
    if vex["version"].as_u64().is_none_or(|it| it < 1) {
        found.push("version is no number from 1 on".to_owned());
    }
    let time = vex["timestamp"].as_str().unwrap_or_default().as_bytes();
    let pattern = b"0000-00-00T00:00:00";
    let fits = |(wanted, is): (&u8, &u8)| {
        if *wanted == b'0' { is.is_ascii_digit() } else { wanted == is }
    };
    if time.len() < 20 || !pattern.iter().zip(time).all(fits) {
        found.push("timestamp is none of RFC 3339".to_owned());
    }
    let none = Vec::new();
    let statements = vex["statements"].as_array().unwrap_or(&none);
    if statements.is_empty() {
        found.push("no statements".to_owned());
    }
    unique(statements, "statements", &mut found);
    statements.iter().for_each(|it| statement(it, &mut found));
    found
}

fn statement(it: &Value, found: &mut Vec<String>) {
    let more = [
        "@id",
        "version",
        "timestamp",
        "last_updated",
        "products",
        "supplier",
        "status_notes",
        "justification",
        "impact_statement",
        "action_statement",
        "action_statement_timestamp",
    ];
    keys(it, &["vulnerability", "status"], &more, "statement", found);
    keys(
        &it["vulnerability"],
        &["name"],
        &["@id", "description", "aliases"],
        "vulnerability",
        found,
    );
    let justifications = [
        "component_not_present",
        "vulnerable_code_not_present",
        "vulnerable_code_not_in_execute_path",
        "vulnerable_code_cannot_be_controlled_by_adversary",
        "inline_mitigations_already_exist",
    ];
    if it.get("justification").is_some_and(|it| !justifications.iter().any(|word| it == word)) {
        found.push(format!("justification {}", it["justification"]));
    }
    match it["status"].as_str() {
        Some("not_affected")
            if it.get("justification").or(it.get("impact_statement")).is_none() =>
        {
            found.push("not_affected without a reason".to_owned());
        }
        Some("affected") if !it["action_statement"].is_string() => {
            found.push("affected without what to do".to_owned());
        }
        Some("not_affected" | "affected" | "fixed" | "under_investigation") => {}
        _ => found.push(format!("status {}", it["status"])),
    }
    let none = Vec::new();
    let products = it["products"].as_array().unwrap_or(&none);
    unique(products, "products", found);
    for product in products {
        component(product, &["subcomponents"], found);
        let parts = product["subcomponents"].as_array().unwrap_or(&none);
        unique(parts, "subcomponents", found);
        parts.iter().for_each(|part| component(part, &[], found));
    }
}

fn component(it: &Value, more: &[&str], found: &mut Vec<String>) {
    let may = [&["@id", "identifiers", "hashes"], more].concat();
    keys(it, &[], &may, "component", found);
    if it.get("@id").or(it.get("identifiers")).is_none() {
        found.push("a component that nothing names".to_owned());
    }
    iri(&it["@id"], "@id of a component", found);
    if let Some(names) = it.get("identifiers") {
        keys(names, &[], &["purl", "cpe22", "cpe23"], "identifiers", found);
    }
    if let Some(hashes) = it.get("hashes") {
        let may = ["md5", "sha1", "sha-256", "sha-384", "sha-512", "blake2b-512"];
        keys(hashes, &[], &may, "hashes", found);
    }
}

/// All keys that have to be there, and none that may not.
fn keys(it: &Value, must: &[&str], may: &[&str], what: &str, found: &mut Vec<String>) {
    let Some(object) = it.as_object() else {
        return found.push(format!("{what} is no object"));
    };
    let missing = must.iter().filter(|key| !object.contains_key(**key));
    found.extend(missing.map(|key| format!("{what} lacks {key}")));
    let known = |key: &&String| must.contains(&key.as_str()) || may.contains(&key.as_str());
    let strange = object.keys().filter(|key| !known(key));
    found.extend(strange.map(|key| format!("{what} has {key}")));
}

/// A scheme, a colon, and nothing that RFC 3987 forbids.
fn iri(it: &Value, what: &str, found: &mut Vec<String>) {
    let text = it.as_str().unwrap_or_default();
    let scheme = text.split_once(':').is_some_and(|(scheme, rest)| {
        !rest.is_empty() && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
    });
    if !scheme || text.contains(|c: char| c <= ' ' || "<>\"{}|\\^`".contains(c)) {
        found.push(format!("{what} is no IRI: {text}"));
    }
}

fn unique(items: &[Value], what: &str, found: &mut Vec<String>) {
    let mut known = std::collections::BTreeSet::new();
    if !items.iter().all(|it| known.insert(it.to_string())) {
        found.push(format!("{what} repeat"));
    }
}
