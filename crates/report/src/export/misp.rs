// SPDX-License-Identifier: Apache-2.0
//! MISP (core format of misp-rfc): one event of a session, with attributes.

use kakoi_model::Event;
use serde_json::{Value, json};

use super::{Seen, milliseconds, uuid};

/// An event that MISP imports.
#[must_use]
pub fn render_misp(name: &str, events: &[Event]) -> Value {
    let seen = Seen::new(name, events);
    let seconds = seen.began.map_or(0, |time| milliseconds(time).div_euclid(1000)).to_string();
    let mut attributes = Vec::new();
    let mut add = |kind: &str, category: &str, value: &str, detects: bool| {
        attributes.push(json!({
            "uuid": uuid(kind, &format!("{name} {value}")), "type": kind, "category": category,
            "value": value, "to_ids": detects, "timestamp": seconds, "distribution": "5",
        }));
    };
    if let Some(peer) = seen.peer {
        add("ip-src", "Network activity", peer, true);
    }
    for url in seen.urls() {
        add("url", "Network activity", &url, true);
    }
    for (path, sha256, _) in &seen.kept {
        let file = path.rsplit('/').next().unwrap_or(path);
        add("filename|sha256", "Payload delivery", &format!("{file}|{sha256}"), true);
    }
    for (user, password, _) in seen.logins.iter().filter(|(.., admitted)| *admitted) {
        add("text", "Other", &format!("login {user} / {password}"), false);
    }
    for line in &seen.lines {
        add("text", "Artifacts dropped", line, false);
    }
    let stages: Vec<Value> = seen
        .stages
        .iter()
        .map(|stage| json!({ "name": format!("kakoi:stage=\"{stage}\"") }))
        .collect();
    let day =
        seen.began.map_or_else(String::new, |time| time.to_string().chars().take(10).collect());
    json!({ "Event": {
        "uuid": uuid("misp-event", name), "info": format!("kakoi honeypot: {} session {name}", seen.entry),
        "date": day, "timestamp": seconds, "threat_level_id": "3", "analysis": "0",
        "distribution": "0", "published": false, "Attribute": attributes, "Tag": stages,
    } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_an_event_with_its_attributes() {
        let event = &render_misp("7f3a", &crate::export::tests::session())["Event"];
        assert_eq!(
            (&event["date"], &event["timestamp"]),
            (&"2023-11-14".into(), &"1700000000".into())
        );
        let values: Vec<(&str, &str)> = event["Attribute"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["type"].as_str().unwrap(), one["value"].as_str().unwrap()))
            .collect();
        let file = format!("x|{}", "ab".repeat(32));
        for wanted in [("ip-src", "192.0.2.7"), ("url", "http://h/x"), ("filename|sha256", &file)] {
            assert!(values.contains(&wanted), "{values:?}");
        }
        assert!(values.contains(&("text", "login root / xc3511")));
    }
}
