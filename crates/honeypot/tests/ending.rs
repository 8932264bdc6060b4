// SPDX-License-Identifier: Apache-2.0
//! How a server ends, and how cells go on from one intruder to the next. Needs what `sessions` needs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rig;

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use rig::{Client, Honeypot, calls_of};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Who logs in, and leaves without a word.
const LOOKERS: usize = 10;

fn count(events: &[Value], name: &str) -> usize {
    events.iter().filter(|event| event["event"] == name).count()
}

fn of_session<'e>(events: &'e [Value], name: &Value) -> Vec<&'e Value> {
    events.iter().filter(|event| event["session"] == *name).collect()
}

#[test]
fn a_signal_ends_sessions_and_their_records_before_the_server() {
    for (recording, signal) in
        [("auto", Signal::INT), ("auto", Signal::HUP), ("ptrace", Signal::TERM)]
    {
        let settings = format!("failure_delay_ms = 0\npool = 1\nrecording = '{recording}'\n");
        let mut honeypot = Honeypot::start(&settings);
        let mut clients = [Client::log_in(&honeypot), Client::log_in(&honeypot)];
        for client in &mut clients {
            client.type_line("setsid sleep 16180339 > /dev/null 2>&1 &");
        }
        // Somebody who is still asked for a name holds nothing up.
        let mut waiting = TcpStream::connect(honeypot.address).unwrap();
        waiting.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        waiting.read_exact(&mut [0; 12]).unwrap();
        let status = honeypot.end_by(signal);
        assert_eq!(status.code(), Some(0), "{recording} {signal:?}");
        let events = honeypot.events();
        assert_eq!(count(&events, "session-start"), 2, "{recording}");
        assert_eq!(count(&events, "session-end"), 2, "{recording} {signal:?}");
        assert_eq!(rig::processes_with("16180339"), 0, "{recording}");
        assert!(rig::groups_of(honeypot.process()).is_empty());
    }
}

#[test]
fn a_server_whose_events_nobody_reads_ends_and_says_so() {
    let mut child = Command::new(rig::program())
        .arg("127.0.0.1:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let address = rig::address_of(&mut stderr);
    drop(child.stdout.take());
    let mut stream = TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut stream, b"root\r\nx\r\nid\r\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert!(said.contains("nobody reads them any more"), "{said}");
}

#[test]
fn a_server_without_its_keeper_ends_and_says_so() {
    let mut honeypot = Honeypot::start("failure_delay_ms = 0\npool = 1\n");
    let server = honeypot.process();
    let children = fs::read_to_string(format!("/proc/{server}/task/{server}/children")).unwrap();
    let keeper = children.split_whitespace().next().unwrap().parse().unwrap();
    // The pool asks for the next cell when one is taken.
    kill_process(Pid::from_raw(keeper).unwrap(), Signal::KILL).unwrap();
    let _ = TcpStream::connect(honeypot.address);
    let client = std::thread::spawn({
        let address = honeypot.address;
        move || {
            let mut stream = TcpStream::connect(address).unwrap();
            let _ = std::io::Write::write_all(&mut stream, b"root\r\nx\r\nid\r\n");
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    assert_eq!(honeypot.wait().code(), Some(1));
    client.join().unwrap();
}

#[test]
fn a_cell_that_nobody_touched_goes_on_and_one_that_was_touched_does_not() {
    let settings = "failure_delay_ms = 0\npool = 1\nearly_cells = true\nrecording = 'bpf'\n";
    let honeypot = Honeypot::start(settings);
    for _ in 0..LOOKERS {
        drop(Client::log_in(&honeypot));
    }
    honeypot.settled(LOOKERS);
    let mut typing = Client::log_in(&honeypot);
    typing.type_line("touch /tmp/mine");
    typing.end();
    for ended in 1..=3 {
        honeypot.settled(LOOKERS + ended);
        let mut other = Client::log_in(&honeypot);
        assert!(other.type_line("ls /tmp/mine").contains("No such file"));
        other.end();
    }
    let events = honeypot.settled(LOOKERS + 4);
    let starts = events.iter().filter(|event| event["event"] == "session-start");
    let sessions: Vec<_> = starts.map(|start| of_session(&events, &start["session"])).collect();
    for session in &sessions {
        assert_eq!(session.iter().filter(|event| event["event"] == "session-end").count(), 1);
        assert_eq!(session.last().unwrap()["event"], "session-end");
    }
    // A shell that begins asks for memory; one that waits at its prompt does not.
    let begins = |event: &&Value| event["call"] == "brk" && event["line"] == 0;
    let (looking, typing) = sessions.split_at(LOOKERS);
    let begun = looking.iter().filter(|session| session.iter().any(begins)).count();
    assert!((1..LOOKERS).contains(&begun), "{begun} shells for {LOOKERS} who typed nothing");
    let line = typing[0].iter().find(|event| event["event"] == "input").unwrap();
    assert_eq!((line["line"].as_u64(), &line["input"]), (Some(1), &"touch /tmp/mine".into()));
    let touched = calls_of(&events, "openat", "/tmp/mine");
    assert!(touched.iter().all(|call| call["session"] == line["session"] && call["line"] == 1));
    assert!(!touched.is_empty());
    // Nobody goes on after somebody typed: there were as many shells at least as people who typed.
    assert!(sessions.iter().filter(|session| session.iter().any(begins)).count() >= typing.len());
}
