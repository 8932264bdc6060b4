// SPDX-License-Identifier: Apache-2.0
//! `kakoi honeypot`: served, looked at again, and told what is wrong. The sessions themselves are tested in crates/honeypot.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{command, kakoi, stderr, stdout, text};

/// A service was asked, and a shell that it started did something.
const REQUESTS: &str = r#"{"time":"2026-01-01T00:00:00Z","session":"s1","event":"session-start","schema":2,"entry":"httpd","peer":"192.0.2.7:1"}
{"time":"2026-01-01T00:00:01Z","session":"s1","line":1,"subject":{"pid":3,"parent":2,"program":"/usr/sbin/httpd"},"event":"asked","service":"httpd","asked":"GET /a?<b> HTTP/1.0\r\nHost: router\r\n\r\n"}
{"time":"2026-01-01T00:00:02Z","session":"s1","line":1,"subject":{"pid":3,"parent":2,"program":"/usr/sbin/httpd"},"event":"call","call":"openat","arguments":{"path":"a"},"result":3}
{"time":"2026-01-01T00:00:03Z","session":"s1","event":"asked","service":"dns","asked":"a.example"}
{"time":"2026-01-01T00:00:04Z","session":"s1","event":"session-end","lost":0}
"#;

#[test]
fn a_request_is_the_text_of_its_line() {
    let place = tempfile::tempdir().unwrap();
    let (log, page) = (place.path().join("events.jsonl"), place.path().join("page.html"));
    std::fs::write(&log, REQUESTS).unwrap();
    let told = stdout(&kakoi(&["honeypot", "replay", text(&log)]));
    assert!(told.contains("1.000s    1            GET /a?<b> HTTP/1.0\n"), "{told}");
    assert!(told.contains("asked  dns: a.example") && !told.contains("asked  httpd"), "{told}");
    let output = kakoi(&["honeypot", "replay", text(&log), "--html", text(&page)]);
    assert!(output.status.success(), "{}", stderr(&output));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains(">GET /a?&lt;b&gt; HTTP/1.0</code>"));
}

#[test]
fn what_is_wrong_with_the_input_is_said_and_is_no_failure_of_kakoi() {
    let place = tempfile::tempdir().unwrap();
    let log = place.path().join("events.jsonl");
    std::fs::write(&log, REQUESTS).unwrap();
    let (missing, page) = (place.path().join("missing"), place.path().join("page.html"));
    let empty = place.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    let (missing, log, page, empty) = (text(&missing), text(&log), text(&page), text(&empty));
    for (arguments, word) in [
        (vec!["--config", missing], "No such file"),
        (vec!["--persona", missing], "no persona"),
        (vec!["--rootfs", missing], "No such file"),
        (vec!["--rootfs", text(place.path())], "neither bin/busybox nor bin/sh"),
        (vec!["replay", missing], "cannot open"),
        (vec!["replay", empty], "no event"),
        (vec!["replay", empty, "--html", page], "no event"),
        (
            vec!["replay", log, "--session", "other", "--html", page],
            "no session other; there are s1",
        ),
        (vec!["export", empty, "--format", "stix"], "no event"),
        (vec!["summarize", empty], "no command line"),
    ] {
        let output = kakoi(&[vec!["honeypot"], arguments.clone()].concat());
        assert!(stderr(&output).contains(word), "{arguments:?}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        assert!(!Path::new(page).exists(), "{arguments:?}");
    }
}

#[test]
fn a_log_that_was_cut_is_told_as_far_as_it_goes() {
    let place = tempfile::tempdir().unwrap();
    let log = place.path().join("events.jsonl");
    std::fs::write(&log, &REQUESTS[..REQUESTS.len() - 170]).unwrap();
    let output = kakoi(&["honeypot", "replay", text(&log)]);
    assert!(stdout(&output).contains("GET /a?<b> HTTP/1.0"), "{}", stdout(&output));
    assert!(stderr(&output).contains("1 lines are no whole event"), "{}", stderr(&output));
    assert!(output.status.success());
}

/// Until this was shown.
fn wait_for(stream: &mut impl Read, mark: &str) {
    let (mut shown, mut byte) = (Vec::new(), [0]);
    while !shown.ends_with(mark.as_bytes()) {
        assert_eq!(stream.read(&mut byte).expect("the server went silent"), 1, "it hung up");
        shown.push(byte[0]);
    }
}

/// Needs what the sessions of crates/honeypot need.
#[test]
fn a_session_is_served_recorded_to_its_end_and_told_again() {
    let place = tempfile::tempdir().unwrap();
    let arguments = ["honeypot", "--telnet", "127.0.0.1:0", "--output", text(place.path())];
    let mut child = command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
    let address = said.trim().strip_prefix("kakoi: Telnet at ").unwrap_or_else(|| panic!("{said}"));
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    for (prompt, line) in [("login: ", "root"), ("assword: ", "x"), ("# ", "echo it > /tmp/f; id")]
    {
        wait_for(&mut stream, prompt);
        stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    }
    wait_for(&mut stream, "uid=0(root) gid=0(root)");
    // Ctrl-C, with the intruder still there.
    let interrupt = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &interrupt]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    let log = place.path().join("events.jsonl");
    let events = std::fs::read_to_string(&log).unwrap();
    assert!(events.lines().last().unwrap().contains("\"event\":\"session-end\""), "{events}");
    let told = stdout(&kakoi(&["honeypot", "replay", text(&log)]));
    assert!(told.contains("echo it > /tmp/f; id") && told.contains("getgroups 1"), "{told}");
    let kept = std::fs::read_dir(place.path().join("samples")).unwrap().count();
    assert_eq!(kept, 1, "{told}");
    let cowrie = std::fs::read_to_string(place.path().join("cowrie.json")).unwrap();
    assert!(cowrie.contains("cowrie.session.closed"), "{cowrie}");
}
