// SPDX-License-Identifier: Apache-2.0
//! Lines of logs: our events, Cowrie's JSON, or plain text.

use std::borrow::Cow;

use kakoi_model::{Call, Timestamp};
use serde::Deserialize;

/// One line of a log, as far as stages are concerned.
#[derive(Debug, Clone, PartialEq)]
pub enum Record<'t> {
    /// A command line that somebody typed.
    Input {
        /// Which session; empty for a plain transcript, which is one.
        session: Cow<'t, str>,
        /// When, if the log says.
        time: Option<Timestamp>,
        /// Which command line of the session, from 1, if the log says.
        line: Option<u32>,
        /// The line.
        text: Cow<'t, [u8]>,
    },
    /// A system call under a command line.
    Call {
        /// Which session.
        session: Cow<'t, str>,
        /// The command line, counted from 1.
        line: u32,
        /// The process.
        pid: u32,
        /// The call.
        call: Call,
    },
    /// A session ended.
    End {
        /// Which session.
        session: Cow<'t, str>,
    },
    /// Something else that belongs into such a log.
    Other,
    /// An object that is not whole, or of no known kind.
    Broken,
}

/// The fields of both kinds of JSON that matter here.
#[derive(Deserialize)]
struct Fields<'t> {
    #[serde(borrow, default)]
    eventid: Option<Cow<'t, str>>,
    #[serde(borrow, default)]
    event: Option<Cow<'t, str>>,
    #[serde(borrow, default)]
    session: Option<Cow<'t, str>>,
    #[serde(borrow, default, alias = "timestamp")]
    time: Option<Cow<'t, str>>,
    #[serde(default)]
    line: Option<u32>,
    #[serde(borrow, default)]
    input: Option<Cow<'t, str>>,
}

/// What a system call's line has beside those.
#[derive(Deserialize)]
struct CallFields {
    #[serde(default)]
    line: u32,
    #[serde(default)]
    subject: Option<kakoi_model::Subject>,
    #[serde(flatten)]
    call: Call,
}

/// Reads one line. A line that begins as an object of JSON does is one; any other is a command line,
/// `{ id; }` too.
#[must_use]
pub fn parse_record(line: &[u8]) -> Record<'_> {
    let object = line.trim_ascii_start().strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    if object.is_none_or(|rest| !rest.is_empty() && !rest.starts_with(b"\"") && rest != b"}") {
        return Record::Input { session: "".into(), time: None, line: None, text: line.into() };
    }
    match serde_json::from_slice::<Fields<'_>>(line) {
        Ok(fields) => record(fields, line),
        Err(_) => Record::Broken,
    }
}

fn record<'t>(fields: Fields<'t>, line: &[u8]) -> Record<'t> {
    let session = fields.session.unwrap_or_default();
    let kind = fields.eventid.or(fields.event).unwrap_or_default();
    match kind.as_ref() {
        "cowrie.command.input" | "input" => match fields.input {
            Some(input) => Record::Input {
                session,
                line: fields.line,
                time: fields.time.and_then(|time| time.parse().ok()),
                text: bytes(input),
            },
            None => Record::Broken,
        },
        "cowrie.session.closed" | "session-end" => Record::End { session },
        "call" => match serde_json::from_slice::<CallFields>(line) {
            Ok(call) => Record::Call {
                session,
                line: call.line,
                pid: call.subject.map_or(0, |subject| subject.pid),
                call: call.call,
            },
            Err(_) => Record::Broken,
        },
        "" => Record::Broken,
        _ => Record::Other,
    }
}

fn bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_cowrie_and_of_our_own_are_read() {
        let cowrie = br#"{"eventid":"cowrie.command.input","input":"cd \"/tmp\"","session":"a1","timestamp":"2024-10-31T00:00:01.5Z","src_ip":"192.0.2.1"}"#;
        let Record::Input { session, time, text, .. } = parse_record(cowrie) else { panic!() };
        assert_eq!((session.as_ref(), text.as_ref()), ("a1", &b"cd \"/tmp\""[..]));
        assert_eq!(time, "2024-10-31T00:00:01.5Z".parse().ok());
        let own = br#"{"time":"2026-01-02T03:04:05Z","session":"s","line":1,"event":"input","input":"id"}"#;
        assert!(matches!(parse_record(own), Record::Input { text, .. } if text.as_ref() == b"id"));
    }

    #[test]
    fn other_events_broken_objects_and_plain_lines_are_told_apart() {
        assert_eq!(parse_record(br#"{"eventid":"cowrie.login.success"}"#), Record::Other);
        assert_eq!(parse_record(br#"{"eventid":"cowrie.command.input"}"#), Record::Broken);
        assert_eq!(parse_record(b"{\"a\":"), Record::Broken);
        assert_eq!(parse_record(b"{}"), Record::Broken);
        assert!(matches!(parse_record(b"{ id; }"), Record::Input { .. }));
        let Record::Input { session, text, .. } = parse_record(b"echo {}\n") else { panic!() };
        assert_eq!((session.as_ref(), text.as_ref()), ("", &b"echo {}\n"[..]));
    }
}
