// SPDX-License-Identifier: Apache-2.0
//! OCSF 1.3 (schema.ocsf.io): logins as Authentication, programs as Process Activity, questions to the network as Network
//! Activity, files that were kept as File System Activity. Other calls have no class of their own and stay out.

use kakoi_model::{Action, Argument, Event};
use serde_json::{Value, json};

use super::milliseconds;

/// One object; none for an event that OCSF has no class for. `peer` is the address of the intruder.
#[must_use]
pub fn render_ocsf(event: &Event, peer: Option<&str>) -> Option<Value> {
    // Class, its category, activity, and fields of the class.
    let (class, category, activity, fields) = match &event.action {
        Action::Login { user, admitted, .. } => {
            let (status, id) = if *admitted { ("Success", 1) } else { ("Failure", 2) };
            (3002, 3, 1, json!({ "user": { "name": user }, "status": status, "status_id": id }))
        }
        Action::Call(call) if call.call.starts_with("execve") && call.result >= 0 => {
            let words = match call.arguments.get("arguments") {
                Some(Argument::List(words)) => words.join(" "),
                _ => String::new(),
            };
            let subject = event.subject.as_ref()?;
            let process = json!({ "pid": subject.pid, "name": subject.program, "cmd_line": words });
            (
                1007,
                1,
                1,
                json!({ "process": process, "actor": { "process": { "pid": subject.parent } } }),
            )
        }
        Action::Asked { service, asked } => {
            (4001, 4, 6, json!({ "app_name": service, "message": asked }))
        }
        Action::Sample { path, sha256, size } => {
            let hashes = json!([{ "algorithm": "SHA-256", "algorithm_id": 3, "value": sha256 }]);
            let name = path.rsplit('/').next().unwrap_or(path);
            let file =
                json!({ "name": name, "path": path, "size": size, "type_id": 1, "hashes": hashes });
            (1001, 1, 1, json!({ "file": file }))
        }
        _ => return None,
    };
    let mut object = json!({
        "class_uid": class, "category_uid": category, "activity_id": activity,
        "type_uid": class * 100 + activity, "time": milliseconds(event.time), "severity_id": 1,
        "metadata": {
            "version": "1.3.0", "correlation_uid": event.session,
            "product": { "name": "kakoi honeypot", "vendor_name": "kakoi" },
        },
        "unmapped": { "line": event.line, "stage": event.stage },
    });
    if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), fields) {
        object.extend(fields);
        if let Some(peer) = peer {
            object.insert("src_endpoint".to_owned(), json!({ "ip": super::host(peer) }));
        }
    }
    Some(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_made_of_class_and_activity() {
        let events = crate::export::tests::session();
        let objects: Vec<Value> =
            events.iter().filter_map(|event| render_ocsf(event, Some("192.0.2.7:1"))).collect();
        let types: Vec<&Value> = objects.iter().map(|object| &object["type_uid"]).collect();
        assert_eq!(types, [300_201, 300_201, 100_701, 400_106, 100_101]);
        assert_eq!(objects[0]["status_id"], 2);
        assert_eq!(objects[2]["process"]["cmd_line"], "wget http://h/x");
        assert_eq!(objects[3]["src_endpoint"]["ip"], "192.0.2.7");
        assert_eq!(objects[4]["time"], 1_700_000_006_000_i64);
    }
}
