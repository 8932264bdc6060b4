// SPDX-License-Identifier: Apache-2.0
//! Recorded sessions in the formats of other tools: STIX 2.1, MISP, OCSF, syslog.

mod misp;
mod ocsf;
mod stix;
mod syslog;

use std::collections::BTreeSet;

use kakoi_model::{Action, Digest, Event, Stage, Timestamp};

pub use misp::render_misp;
pub use ocsf::render_ocsf;
pub use stix::render_stix;
pub use syslog::render_syslog;

/// Command lines of one session that are exported; the rest is in the events.
const MOST_LINES: usize = 1_000;

/// What the formats that speak of sessions need.
#[derive(Debug, Default)]
struct Seen<'e> {
    name: &'e str,
    entry: &'e str,
    /// Address without port.
    peer: Option<&'e str>,
    began: Option<Timestamp>,
    ended: Option<Timestamp>,
    lines: Vec<&'e str>,
    stages: BTreeSet<Stage>,
    logins: Vec<(&'e str, &'e str, bool)>,
    asked: Vec<(&'e str, &'e str)>,
    kept: Vec<(&'e str, &'e str, u64)>,
}

impl<'e> Seen<'e> {
    /// Of the events of one session.
    fn new(name: &'e str, events: &'e [Event]) -> Self {
        let mut seen = Self { name, ..Self::default() };
        for event in events {
            seen.began.get_or_insert(event.time);
            seen.ended = Some(event.time);
            seen.stages.extend(event.stage);
            match &event.action {
                Action::SessionStart(start) => {
                    seen.entry = &start.entry;
                    seen.peer = start.peer.as_deref().map(host);
                }
                Action::Input { input } if seen.lines.len() < MOST_LINES => seen.lines.push(input),
                Action::Login { user, password, admitted } => {
                    seen.logins.push((user.as_str(), password.as_str(), *admitted));
                }
                Action::Asked { service, asked } => {
                    seen.asked.push((service.as_str(), asked.as_str()));
                }
                Action::Sample { path, sha256, size } => {
                    seen.kept.push((path.as_str(), sha256.as_str(), *size));
                }
                _ => {}
            }
        }
        seen
    }

    /// URLs that were asked for over HTTP: `GET /x HTTP/1.1 HOST`.
    fn urls(&self) -> BTreeSet<String> {
        let http = self.asked.iter().filter(|(service, _)| *service == "http");
        http.filter_map(|(_, asked)| {
            let mut words = asked.split_whitespace();
            let (_, path, _, host) = (words.next()?, words.next()?, words.next()?, words.next()?);
            Some(format!("http://{host}{path}"))
        })
        .collect()
    }
}

/// `192.0.2.1:2323` and `[2001:db8::1]:23` without the port.
fn host(peer: &str) -> &str {
    let host = peer.rsplit_once(':').map_or(peer, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

/// An identifier that is the same for the same thing: a UUID (RFC 4122) whose bits are those of a digest, marked as random.
fn uuid(kind: &str, of: &str) -> String {
    let digest = Digest::of(format!("kakoi {kind} {of}").as_bytes()).to_string();
    let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
}

/// Milliseconds since 1970.
fn milliseconds(time: Timestamp) -> i64 {
    time.0.div_euclid(1_000_000)
}

#[cfg(test)]
pub(crate) mod tests {
    use kakoi_model::{SessionStart, Subject};

    use super::*;

    fn call() -> kakoi_model::Call {
        kakoi_model::Call {
            call: "execve".to_owned(),
            arguments: [(
                "arguments".to_owned(),
                kakoi_model::Argument::List(vec!["wget".to_owned(), "http://h/x".to_owned()]),
            )]
            .into(),
            result: 0,
        }
    }

    /// A short session with one of everything that is exported.
    pub(crate) fn session() -> Vec<Event> {
        let event = |second: i64, line: Option<u32>, action: Action, stage: Option<Stage>| Event {
            time: Timestamp((1_700_000_000 + second) * 1_000_000_000),
            session: Some("7f3a".to_owned()),
            line,
            domain: None,
            subject: line.map(|_| Subject {
                pid: 9,
                parent: Some(4),
                program: "busybox:wget".to_owned(),
                lineage: vec!["sh".to_owned(), "telnetd".to_owned()],
            }),
            action,
            verdict: None,
            stage,
        };
        let login = |password: &str, admitted| Action::Login {
            user: "root".to_owned(),
            password: password.to_owned(),
            admitted,
        };
        vec![
            event(0, None, login("wrong\"]", false), None),
            event(1, None, login("xc3511", true), None),
            event(
                2,
                None,
                Action::SessionStart(SessionStart {
                    schema: 2,
                    entry: "telnet".to_owned(),
                    peer: Some("192.0.2.7:40000".to_owned()),
                    architecture: Some("mips".to_owned()),
                }),
                None,
            ),
            event(3, Some(1), Action::Input { input: "wget http://h/x\n".to_owned() }, None),
            event(4, Some(1), Action::Call(call()), Some(Stage::S4a)),
            event(
                5,
                None,
                Action::Asked { service: "http".to_owned(), asked: "GET /x HTTP/1.1 h".to_owned() },
                None,
            ),
            event(
                6,
                Some(1),
                Action::Sample { path: "/tmp/x".to_owned(), sha256: "ab".repeat(32), size: 7 },
                None,
            ),
            event(7, None, Action::SessionEnd { lost: 0 }, None),
        ]
    }

    #[test]
    fn the_same_thing_has_the_same_identifier_of_the_form_of_a_uuid() {
        let one = uuid("file", "x");
        assert_eq!((one.len(), &one, one.split('-').count()), (36, &uuid("file", "x"), 5));
        assert_ne!(one, uuid("url", "x"));
        assert_eq!(one.as_bytes()[14], b'4');
    }

    #[test]
    fn ports_are_no_part_of_addresses() {
        assert_eq!(host("192.0.2.7:40000"), "192.0.2.7");
        assert_eq!(host("[2001:db8::1]:23"), "2001:db8::1");
    }
}
