// SPDX-License-Identifier: Apache-2.0
//! What is kept in an output directory: events, Cowrie's words, terminals, files of the session.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rig;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use kakoi_model::Digest;
use rig::{Client, Honeypot};
use serde_json::Value;

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_session_is_kept_in_every_form_and_its_files_by_digest() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    let honeypot =
        Honeypot::start(&format!("failure_delay_ms = 0\npool = 1\noutput = '{}'\n", out.display()));
    let mut client = Client::log_in(&honeypot);
    // Removed, overwritten, run, left, and a link out of the cell.
    for line in [
        "cd /tmp; echo removed > a; rm a",
        "echo overwritten > b; echo -n > b",
        "cp /bin/true c; echo 'echo hi' > d.sh; chmod 777 d.sh; ./d.sh",
        "echo left > /etc/e; echo deep > /dev/f",
        "ln -s /etc/passwd g; echo x >> g; rm g",
    ] {
        client.type_line(line);
    }
    client.end();
    let events = out.join("events.jsonl");
    let ended = || lines(&events).iter().any(|event| event["event"] == "session-end");
    assert!(rig::wait_until(ended));
    let kept: Vec<Value> =
        lines(&events).into_iter().filter(|event| event["event"] == "sample").collect();
    for (path, content, line) in [
        ("/tmp/a", "removed\n", 1),
        ("/tmp/b", "overwritten\n", 2),
        ("/tmp/d.sh", "echo hi\n", 3),
        ("/etc/e", "left\n", 4),
        ("/dev/f", "deep\n", 4),
    ] {
        let digest = Digest::of(content.as_bytes()).to_string();
        let one = kept.iter().find(|event| event["sha256"] == digest.as_str());
        let one = one.unwrap_or_else(|| panic!("{path} was not kept: {kept:?}"));
        assert_eq!((one["path"].as_str(), one["line"].as_u64()), (Some(path), Some(line)));
        let file = out.join("samples").join(&digest);
        assert_eq!(fs::read_to_string(&file).unwrap(), content);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o440);
    }
    let names: Vec<_> = fs::read_dir(out.join("samples")).unwrap().collect();
    assert!(names.iter().all(|name| name.as_ref().unwrap().file_name().len() == 64));
    let cowrie = lines(&out.join("cowrie.json"));
    let of = |id: &str| cowrie.iter().filter(|event| event["eventid"] == id).count();
    assert_eq!(
        ["session.connect", "login.success", "command.input", "session.closed"]
            .map(|id| of(&format!("cowrie.{id}"))),
        [1, 1, 6, 1]
    );
    assert_eq!(of("cowrie.session.file_download"), kept.len());
    let casts: Vec<_> =
        fs::read_dir(out.join("tty")).unwrap().map(|one| one.unwrap().path()).collect();
    let cast = lines(&casts[0]);
    assert_eq!(cast[0]["version"], 2);
    let shown: String = cast[1..].iter().filter_map(|event| event[2].as_str()).collect();
    assert!(shown.contains("echo removed > a") && shown.contains("hi"), "{shown}");
}
