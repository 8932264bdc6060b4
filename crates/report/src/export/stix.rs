// SPDX-License-Identifier: Apache-2.0
//! STIX 2.1 (OASIS standard, 10 June 2021): one bundle of a session, with what was observed and what indicates it again.

use kakoi_model::{Event, Stage};
use serde_json::{Value, json};

use super::{Seen, uuid};

/// A bundle: the address, the files, the URLs, the command lines as observed data; indicators of files and URLs.
#[must_use]
pub fn render_stix(name: &str, events: &[Event]) -> Value {
    let seen = Seen::new(name, events);
    let mut observed: Vec<Value> = Vec::new();
    if let Some(peer) = seen.peer {
        let kind = if peer.contains(':') { "ipv6-addr" } else { "ipv4-addr" };
        observed.push(object(kind, peer, json!({ "value": peer })));
    }
    observed.extend(seen.urls().iter().map(|url| object("url", url, json!({ "value": url }))));
    for (path, sha256, size) in &seen.kept {
        let file = path.rsplit('/').next().unwrap_or(path);
        let fields = json!({ "hashes": { "SHA-256": sha256 }, "size": size, "name": file });
        observed.push(object("file", &format!("{sha256} {file}"), fields));
    }
    for (number, line) in seen.lines.iter().enumerate() {
        let fields = json!({ "command_line": line });
        observed.push(object("process", &format!("{name} {number}"), fields));
    }
    let mut objects = vec![identity()];
    objects.extend(indicators(&seen));
    if !observed.is_empty() {
        objects.push(observation(&seen, &observed));
    }
    objects.extend(observed);
    json!({ "type": "bundle", "id": format!("bundle--{}", uuid("bundle", name)), "objects": objects })
}

/// A cyber-observable object.
fn object(kind: &str, key: &str, fields: Value) -> Value {
    let mut object = json!({
        "type": kind, "spec_version": "2.1", "id": format!("{kind}--{}", uuid(kind, key)),
    });
    merge(&mut object, fields);
    object
}

fn merge(object: &mut Value, fields: Value) {
    if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), fields) {
        object.extend(fields);
    }
}

fn identity() -> Value {
    let id = format!("identity--{}", uuid("identity", "honeypot"));
    json!({
        "type": "identity", "spec_version": "2.1", "id": id, "name": "kakoi honeypot",
        "identity_class": "system", "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
    })
}

fn time(seen: &Seen<'_>) -> (String, String) {
    let text = |time: Option<kakoi_model::Timestamp>| {
        let time = time.unwrap_or(kakoi_model::Timestamp(0));
        // To the millisecond, as the standard has it in its examples.
        kakoi_model::Timestamp(time.0 - time.0.rem_euclid(1_000_000)).to_string()
    };
    (text(seen.began), text(seen.ended))
}

fn observation(seen: &Seen<'_>, observed: &[Value]) -> Value {
    let (began, ended) = time(seen);
    let references: Vec<&Value> = observed.iter().filter_map(|object| object.get("id")).collect();
    let stages: Vec<&str> = seen.stages.iter().map(|stage: &Stage| stage.as_str()).collect();
    json!({
        "type": "observed-data", "spec_version": "2.1",
        "id": format!("observed-data--{}", uuid("observed-data", seen.name)),
        "created_by_ref": identity()["id"], "created": ended, "modified": ended,
        "first_observed": began, "last_observed": ended, "number_observed": 1,
        "object_refs": references, "labels": stages,
    })
}

fn indicators(seen: &Seen<'_>) -> Vec<Value> {
    let (began, ended) = time(seen);
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    let files = seen.kept.iter().map(|(path, sha256, _)| {
        (format!("[file:hashes.'SHA-256' = '{sha256}']"), format!("file {path} of an intruder"))
    });
    let urls = seen.urls().into_iter().map(|url| {
        (format!("[url:value = '{}']", quoted(&url)), "asked for by an intruder".to_owned())
    });
    files
        .chain(urls)
        .map(|(pattern, name)| {
            json!({
                "type": "indicator", "spec_version": "2.1",
                "id": format!("indicator--{}", uuid("indicator", &pattern)),
                "created_by_ref": identity()["id"], "created": ended, "modified": ended,
                "name": name, "indicator_types": ["malicious-activity"], "pattern": pattern,
                "pattern_type": "stix", "valid_from": began,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_of_a_bundle_is_in_it() {
        let bundle = render_stix("7f3a", &crate::export::tests::session());
        let objects = bundle["objects"].as_array().unwrap();
        let ids: Vec<&Value> = objects.iter().map(|object| &object["id"]).collect();
        for object in objects {
            let id = object["id"].as_str().unwrap();
            assert!(id.starts_with(&format!("{}--", object["type"].as_str().unwrap())), "{id}");
            let references = object["object_refs"].as_array().into_iter().flatten();
            assert!(references.chain(object.get("created_by_ref")).all(|one| ids.contains(&one)));
        }
        let kinds: Vec<&str> =
            objects.iter().filter_map(|object| object["type"].as_str()).collect();
        for kind in ["ipv4-addr", "url", "file", "process", "observed-data", "indicator"] {
            assert!(kinds.contains(&kind), "{kind}");
        }
        let pattern = objects.iter().find_map(|object| object["pattern"].as_str()).unwrap();
        assert_eq!(pattern, format!("[file:hashes.'SHA-256' = '{}']", "ab".repeat(32)));
    }
}
