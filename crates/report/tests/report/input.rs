// SPDX-License-Identifier: Apache-2.0
//! The router as the assess crate left it: facts, findings and the catalogue, as files.

use std::path::PathBuf;

use kakoi_model::{Facts, Finding, Reference, RuleDoc, Severity, Theme};
use serde_json::Value;

fn read(name: &str) -> String {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../assess/tests/golden");
    std::fs::read_to_string(directory.join(name)).unwrap()
}

pub(crate) fn facts() -> Facts {
    Facts::from_json_lines(&read("facts.jsonl")).unwrap()
}

pub(crate) fn findings() -> Vec<Finding> {
    serde_json::from_str(&read("findings.json")).unwrap()
}

/// The catalogue. Its texts live as long as the test, which is what `RuleDoc` asks of them.
pub(crate) fn rules() -> Vec<RuleDoc> {
    let docs: Vec<Value> = serde_json::from_str(&read("rules.json")).unwrap();
    docs.iter().map(rule).collect()
}

fn rule(doc: &Value) -> RuleDoc {
    let text = |key: &str| -> &'static str { doc[key].as_str().unwrap().to_owned().leak() };
    let severity = |key: &str| doc[key].as_str().unwrap().parse::<Severity>().unwrap();
    let theme = serde_json::to_value(Theme::ALL).unwrap();
    let position = theme.as_array().unwrap().iter().position(|it| *it == doc["theme"]).unwrap();
    let references: Vec<Reference> =
        doc["references"].as_array().unwrap().iter().map(reference).collect();
    RuleDoc {
        code: text("code"),
        title: text("title"),
        theme: Theme::ALL[position],
        mildest: severity("mildest"),
        worst: severity("worst"),
        how: text("how"),
        false_positives: text("false_positives"),
        false_negatives: text("false_negatives"),
        remedy: text("remedy"),
        references: references.leak(),
    }
}

fn reference(value: &Value) -> Reference {
    let (kind, id) = value.as_object().unwrap().iter().next().unwrap();
    let text = || -> &'static str { id.as_str().unwrap().to_owned().leak() };
    match kind.as_str() {
        "cwe" => Reference::Cwe(u16::try_from(id.as_u64().unwrap()).unwrap()),
        "kspp" => Reference::Kspp(text()),
        "etsi" => Reference::Etsi(text()),
        _ => Reference::Cra(text()),
    }
}
