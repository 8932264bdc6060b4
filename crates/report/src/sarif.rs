// SPDX-License-Identifier: Apache-2.0
//! SARIF 2.1.0 (OASIS Standard, 27 March 2020), for code scanning services and editors.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kakoi_model::{Date, Evidence, Facts, FileRef, Finding, Reference, RuleDoc, Severity};
use serde_json::{Map, Value, json};

/// Name of the fingerprint; its number rises when fingerprints are computed in another way.
const FINGERPRINT: &str = "kakoi/v1";
/// Evidence that a result carries.
const MOST_EVIDENCE: usize = 8;

/// The log, with one run; it ends with a line break. Rules that no `rules` entry describes are
/// described by their code alone.
///
/// # Errors
/// A value that JSON cannot hold (none of the model's types has one).
pub fn render_sarif(
    facts: &Facts,
    findings: &[Finding],
    rules: &[RuleDoc],
) -> Result<String, serde_json::Error> {
    let mut descriptors: Vec<Value> = rules.iter().map(descriptor).collect();
    let mut index: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, doc) in rules.iter().enumerate() {
        index.entry(doc.code).or_insert(number);
    }
    for finding in findings {
        index.entry(&finding.rule).or_insert_with(|| {
            descriptors.push(json!({ "id": finding.rule }));
            descriptors.len() - 1
        });
    }
    let formats = formats(facts);
    let result = |finding| result(finding, &index, &formats);
    let log = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver(facts, descriptors) },
            "invocations": [invocation(facts)],
            "columnKind": "unicodeCodePoints",
            "properties": image_properties(facts),
            "results": findings.iter().map(result).collect::<Vec<_>>(),
        }],
    });
    let mut text = serde_json::to_string_pretty(&log)?;
    text.push('\n');
    Ok(text)
}

fn driver(facts: &Facts, rules: Vec<Value>) -> Value {
    let tool = facts.image().map_or("kakoi", |image| image.tool.as_str());
    let mut driver = json!({ "name": "kakoi", "rules": rules });
    if let Some((_, version)) = tool.split_once(' ') {
        driver["version"] = json!(version);
    }
    driver
}

fn invocation(facts: &Facts) -> Value {
    let mut invocation = json!({ "executionSuccessful": true });
    let at = facts.image().and_then(|image| image.scanned_at);
    if let Some((seconds, day)) = at.and_then(|at| Some((at.rem_euclid(86_400), Date::of(at)?)))
        && (1..=9999).contains(&day.0)
    {
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let time = format!("{day}T{hours:02}:{minutes:02}:{seconds:02}Z");
        invocation["endTimeUtc"] = json!(time);
    }
    let notifications: Vec<Value> = facts
        .problems()
        .map(|problem| {
            json!({
                "level": "note",
                "descriptor": { "id": problem.code.as_str() },
                "message": { "text": problem.to_string() },
            })
        })
        .collect();
    if !notifications.is_empty() {
        invocation["toolExecutionNotifications"] = json!(notifications);
    }
    invocation
}

fn image_properties(facts: &Facts) -> Value {
    match facts.image() {
        Some(image) => json!({
            "image": image.name, "sha256": image.digest, "size": image.size,
            "confined": image.confined,
        }),
        None => json!({}),
    }
}

fn descriptor(doc: &RuleDoc) -> Value {
    let references: Vec<String> = doc.references.iter().map(ToString::to_string).collect();
    let help = format!(
        "{}\n\nFalse positives: {}\n\nFalse negatives: {}\n\nRemedy: {}\n\nReferences: {}",
        doc.how,
        doc.false_positives,
        doc.false_negatives,
        doc.remedy,
        references.join("; ")
    );
    let markdown = format!(
        "{}\n\n**False positives.** {}\n\n**False negatives.** {}\n\n**Remedy.** {}\n\n**References.** {}",
        doc.how,
        doc.false_positives,
        doc.false_negatives,
        doc.remedy,
        references.join("; ")
    );
    json!({
        "id": doc.code,
        "name": pascal_case(doc.code),
        "shortDescription": { "text": doc.title },
        "fullDescription": { "text": doc.how },
        "help": { "text": help, "markdown": markdown },
        "defaultConfiguration": { "level": level(doc.worst) },
        "properties": {
            "tags": tags(doc), "precision": "high", "security-severity": score(doc.worst),
        },
    })
}

fn tags(doc: &RuleDoc) -> Vec<String> {
    let mut tags = vec!["security".to_owned()];
    tags.extend(doc.references.iter().filter_map(|reference| match reference {
        Reference::Cwe(number) => Some(format!("external/cwe/cwe-{number}")),
        _ => None,
    }));
    tags
}

fn result(
    finding: &Finding,
    index: &BTreeMap<&str, usize>,
    formats: &BTreeMap<u32, &str>,
) -> Value {
    let mut result = json!({
        "ruleId": finding.rule,
        "level": level(finding.severity),
        "message": { "text": format!("{}: {}", finding.subject, finding.message) },
        "locations": [location(finding, formats)],
        "partialFingerprints": { FINGERPRINT: finding.fingerprint },
        "properties": {
            "severity": finding.severity, "subject": finding.subject,
            "startsAtBoot": finding.starts_at_boot, "remedy": finding.remedy,
        },
    });
    if let Some(index) = index.get(finding.rule.as_ref()) {
        result["ruleIndex"] = json!(index);
    }
    let related: Vec<Value> =
        finding.evidence.iter().take(MOST_EVIDENCE).map(|it| related(it, finding)).collect();
    if !related.is_empty() {
        result["relatedLocations"] = json!(related);
    }
    result
}

fn location(finding: &Finding, formats: &BTreeMap<u32, &str>) -> Value {
    let mut location = Map::new();
    let name = match &finding.file {
        Some(file) => {
            let own =
                finding.evidence.iter().find(|it| it.file.as_ref().is_none_or(|it| it == file));
            location.insert("physicalLocation".into(), physical(file, own));
            let format = formats.get(&file.container.0).copied().unwrap_or("image");
            format!("{format}#{}!{}", file.container.0, file.path.absolute())
        }
        None => finding.subject.clone(),
    };
    location.insert(
        "logicalLocations".into(),
        json!([{ "fullyQualifiedName": name, "kind": "resource" }]),
    );
    Value::Object(location)
}

fn related(evidence: &Evidence, finding: &Finding) -> Value {
    let what = match &evidence.excerpt {
        Some(excerpt) => format!("{}: {excerpt}", evidence.what),
        None => evidence.what.clone(),
    };
    let mut location = json!({ "message": { "text": what } });
    if let Some(file) = evidence.file.as_ref().or(finding.file.as_ref()) {
        location["physicalLocation"] = physical(file, Some(evidence));
    }
    location
}

fn physical(file: &FileRef, evidence: Option<&Evidence>) -> Value {
    let mut place = json!({ "artifactLocation": { "uri": percent_encode(file.path.as_bytes()) } });
    if let Some(line) = evidence.and_then(|it| it.line).filter(|line| *line > 0) {
        place["region"] = json!({ "startLine": line });
    } else if let Some(offset) = evidence.and_then(|it| it.offset)
        && i64::try_from(offset).is_ok()
    {
        place["region"] = json!({ "byteOffset": offset, "byteLength": 0 });
    }
    place
}

/// A relative reference of RFC 3986: unreserved characters and `/` stand, each other byte is `%XX`.
fn percent_encode(path: &[u8]) -> String {
    let mut uri = String::with_capacity(path.len());
    for &byte in path {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            other => {
                let _ = write!(uri, "%{other:02X}");
            }
        }
    }
    uri
}

fn formats(facts: &Facts) -> BTreeMap<u32, &str> {
    facts.containers().map(|container| (container.id.0, container.format.as_str())).collect()
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// The number by which GitHub sorts: within its ranges for the five words.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "3.0",
        Severity::Info => "0.0",
    }
}

fn pascal_case(code: &str) -> String {
    let mut name = String::with_capacity(code.len());
    for word in code.split('-') {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_hold_no_byte_that_has_a_meaning_there() {
        assert_eq!(percent_encode(b"bin/a b%#?:\xff<"), "bin/a%20b%25%23%3F%3A%FF%3C");
        assert_eq!(pascal_case("no-stack-protector"), "NoStackProtector");
    }
}
