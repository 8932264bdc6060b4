// SPDX-License-Identifier: Apache-2.0
//! Events as the code writes them against the published schema.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use kakoi_model::{
    Action, Argument, Call, EVENT_SCHEMA_VERSION, Event, SessionStart, Stage, Subject, Timestamp,
    Verdict,
};
use serde_json::{Value, json};

fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/events.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn event(action: Action) -> Event {
    Event {
        time: Timestamp(1_700_000_000_123_456_789),
        session: Some("7f3a".to_owned()),
        line: Some(3),
        domain: Some("remote-session".to_owned()),
        subject: Some(Subject {
            pid: 42,
            parent: Some(41),
            program: "busybox:wget".to_owned(),
            lineage: vec!["sh".to_owned(), "telnetd".to_owned()],
        }),
        action,
        verdict: Some(Verdict::Audit),
        stage: Some(Stage::S4a),
    }
}

fn every_action() -> Vec<Action> {
    let arguments = BTreeMap::from([
        ("path".to_owned(), Argument::Text("/tmp/x".to_owned())),
        ("mode".to_owned(), Argument::Number(0o755)),
        ("flags".to_owned(), Argument::List(vec!["O_CREAT".to_owned()])),
    ]);
    let start = SessionStart {
        schema: EVENT_SCHEMA_VERSION,
        entry: "telnet".to_owned(),
        peer: Some("192.0.2.1".to_owned()),
        architecture: Some("mipsel".to_owned()),
    };
    vec![
        Action::SessionStart(start),
        Action::Input { input: "echo \u{0}\u{fffd}".to_owned() },
        Action::Call(Call { call: "openat".to_owned(), arguments: arguments.clone(), result: -13 }),
        Action::Hook { hook: "file_open".to_owned(), arguments },
        Action::Login { user: "root".to_owned(), password: "x".to_owned(), admitted: false },
        Action::Asked { service: "http".to_owned(), asked: "GET /x HTTP/1.0".to_owned() },
        Action::Sample { path: "/tmp/x".to_owned(), sha256: "ab".repeat(32), size: 7 },
        Action::SessionEnd { lost: 0 },
    ]
}

#[test]
fn every_kind_of_event_meets_the_schema_and_is_read_back() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for action in every_action() {
        let full = event(action.clone());
        let bare = Event {
            session: None,
            line: None,
            domain: None,
            subject: None,
            verdict: None,
            stage: None,
            ..full.clone()
        };
        for event in [full, bare] {
            let line = event.to_json_line().unwrap();
            let value: Value = serde_json::from_str(&line).unwrap();
            assert!(
                validator.is_valid(&value),
                "{line}: {:?}",
                validator.iter_errors(&value).map(|error| error.to_string()).collect::<Vec<_>>()
            );
            assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
            assert!(!line.contains('\n'));
        }
    }
}

#[test]
fn what_is_no_event_is_refused_by_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for value in [
        json!({"event": "input", "input": "id"}),
        json!({"time": "2026-01-01T00:00:00Z", "event": "input"}),
        json!({"time": "2026-01-01T00:00:00Z", "event": "other"}),
        json!({"time": "2026-01-01T00:00:00Z", "event": "input", "input": "id", "stage": "S7"}),
        json!({"time": "2026-01-01T00:00:00Z", "event": "input", "input": "id", "more": 1}),
    ] {
        assert!(!validator.is_valid(&value), "{value}");
    }
}

#[test]
fn names_in_the_schema_are_those_of_the_code() {
    let schema = schema();
    let properties = &schema["properties"];
    let stages: Vec<&str> = Stage::ALL.iter().map(|stage| stage.as_str()).collect();
    let verdicts: Vec<&str> = Verdict::ALL.iter().map(|verdict| verdict.as_str()).collect();
    assert_eq!(properties["stage"]["enum"], json!(stages));
    assert_eq!(properties["verdict"]["enum"], json!(verdicts));
    assert_eq!(
        schema["$defs"]["session-start"]["properties"]["schema"]["const"],
        EVENT_SCHEMA_VERSION
    );
    let written = serde_json::to_value(event(every_action().remove(2))).unwrap();
    let known = |name: &String| {
        properties.get(name).is_some() || schema["$defs"]["call"]["properties"].get(name).is_some()
    };
    assert!(written.as_object().unwrap().keys().all(known));
}
